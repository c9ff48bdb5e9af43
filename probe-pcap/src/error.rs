//! What can be wrong with a capture file.

use std::{error::Error, fmt, io};

/// Why a capture file cannot be read (any further). Of what the system says, [`source`](Error::source)
/// has the text, and not this error's own.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// The file does not open.
    Open {
        /// Which file.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// Reading failed half-way.
    Read {
        /// Which file.
        name: String,
        /// How many bytes had been read.
        offset: u64,
        /// Why.
        source: io::Error,
    },
    /// The file ends inside a record.
    Cut {
        /// Which file.
        name: String,
        /// Where the record begins.
        offset: u64,
    },
    /// The file is not a capture file.
    Foreign {
        /// Which file.
        name: String,
    },
    /// A field makes no sense.
    Damaged {
        /// Which file.
        name: String,
        /// Where the record begins.
        offset: u64,
        /// What makes no sense.
        what: String,
    },
    /// It was [ended](crate::Reader::attended) before it was known what it holds.
    Ended {
        /// Which file.
        name: String,
    },
    /// A version of the format that nobody has described, or that nobody writes any more.
    Version {
        /// Which file.
        name: String,
        /// The number before the dot.
        major: u16,
        /// The number behind it.
        minor: u16,
    },
    /// A link type that probe does not understand.
    LinkType {
        /// Which file.
        name: String,
        /// The number in the file.
        number: u32,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { name, .. } => write!(f, "opening {name}"),
            Self::Read { name, offset, .. } => write!(f, "reading {name} at byte {offset}"),
            Self::Cut { name, offset } => {
                write!(f, "{name} ends inside the record that begins at byte {offset}")
            }
            Self::Foreign { name } => write!(f, "{name} is neither a pcap nor a pcapng file"),
            Self::Damaged { name, offset, what } => {
                write!(f, "{name} is damaged at byte {offset}: {what}")
            }
            Self::Ended { name } => {
                write!(f, "{name}: no capture had begun when a signal ended the reading")
            }
            Self::LinkType { name, number } => write!(
                f,
                "{name} has frames of link type {number}; probe reads Ethernet (1), raw IP (101, 228, \
                 229), Linux cooked (113, 276), BSD loopback (0, 108) and PPP (9, 50, 51)"
            ),
            Self::Version { name, major, minor } => write!(
                f,
                "{name} is of version {major}.{minor} of its format; probe reads pcap 2.0 to 2.4 and \
                 543.0, and pcapng 1.0 and 1.2"
            ),
        }
    }
}

impl Error for ReadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Open { source, .. } | Self::Read { source, .. } => Some(source),
            Self::Cut { .. }
            | Self::Foreign { .. }
            | Self::Damaged { .. }
            | Self::Ended { .. }
            | Self::Version { .. }
            | Self::LinkType { .. } => None,
        }
    }
}
