//! The pcapng format (draft-ietf-opsawg-pcapng): blocks of a type, a length, a body and
//! the length again. Sections may differ in byte order, interfaces in clock and link type.

mod decoder;
mod encoder;
mod numbers;

pub(crate) use decoder::Decoder;
pub(crate) use encoder::Encoder;
pub(crate) use numbers::SECTION;
