//! The pcap format (draft-ietf-opsawg-pcap): a head of 24 bytes, then for each frame a
//! head of 16 bytes and the frame. Either byte order, micro- or nanoseconds.

mod decoder;
mod encoder;
mod numbers;

pub(crate) use decoder::Decoder;
pub(crate) use encoder::Encoder;
