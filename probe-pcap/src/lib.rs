//! Capture files: pcap and pcapng, read and written.
//!
//! A [`Reader`] takes a file, a pipe or any stream, packed by gzip or zstd or not, and hands out
//! [`Frame`]s one after the other in constant memory. Whatever the bytes are, the answer is a
//! frame, the end, or a [`ReadError`] that names the place.
//!
//! A [`Writer`] puts frames into a file whole or not at all: where a write fails half-way, the file
//! is cut back to its last whole block. Frames that stay where they are may be [`Lent`]: the bytes
//! of long ones go from there to the output (writev(2)) without a copy in between.
//!
//! ```
//! use std::io::Cursor;
//!
//! use probe_pcap::{Contents, Format, Frame, LinkType, Precision, Reader, WallTime, Writer};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::env::temp_dir().join(format!("probe-pcap-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! # let path = folder.join("a.pcap");
//! let format = Format::Pcap(Precision::Nano);
//! let contents = Contents { link: LinkType::Ethernet, snaplen: 65_535, format };
//! let mut writer = Writer::create(&path, &contents)?;
//! let time = WallTime::new(1_700_000_000, 5);
//! let frame = Frame { time, wire_len: 60, bytes: &[0; 60], link: LinkType::Ethernet, ifindex: 0, outbound: None };
//! writer.write(&frame)?;
//! writer.finish(None)?;
//!
//! let mut reader = Reader::open(&path)?;
//! assert_eq!(reader.next()?, Some(frame));
//! assert_eq!(reader.next()?, None);
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok(())
//! # }
//! ```
//!
//! No threads, no clock, and of the system only files and pipes. Each file of the crate uses those
//! below it:
//!
//! ```text
//! reader                writer
//! pcap/decoder          pcap/encoder
//! pcapng/decoder        pcapng/encoder
//! input                 output
//! source, unpack        contents
//! error, link, and the numbers of the formats: pcap/mod, pcapng/mod
//! ```

#![forbid(unsafe_code)]
// That no bytes can make a reader fail otherwise than by an error is a lint here, and not a hope.
#![deny(clippy::indexing_slicing, clippy::string_slice)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable)]

mod contents;
mod error;
mod input;
mod link;
mod output;
mod pcap;
mod pcapng;
mod reader;
mod source;
mod unpack;
mod writer;

pub use probe_frame::{Frame, LinkType, Precision, WallTime};

pub use contents::{Contents, Format, Interface, Origin, Statistics};
pub use error::ReadError;
pub use output::write_all;
pub use reader::{Batch, Reader};
pub use source::{Position, ReadEvent, ReadHandler};
pub use writer::{Lent, MixedLinkTypes, Writer};
