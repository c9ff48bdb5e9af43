//! What can go wrong when a capture file is read.

use std::{error::Error, fmt, io};

/// Why a capture file cannot be read (any further). The system's reason is in
/// [`source`](Error::source), not in this error's own text.
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
    /// Reading failed.
    Read {
        /// Which file.
        name: String,
        /// How many bytes had been read.
        offset: u64,
        /// Why.
        source: io::Error,
    },
    /// The file ends in the middle of a record.
    Truncated {
        /// Which file.
        name: String,
        /// Where the record begins.
        offset: u64,
    },
    /// The file is neither pcap nor pcapng.
    UnknownFormat {
        /// Which file.
        name: String,
    },
    /// A field has an invalid value.
    Damaged {
        /// Which file.
        name: String,
        /// Where the record begins.
        offset: u64,
        /// What is invalid.
        what: String,
    },
    /// The [handler](crate::ReadHandler) stopped the reading before the file's first header was
    /// complete.
    Stopped {
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
    /// A link type that is not supported.
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
            Self::Truncated { name, offset } => {
                write!(f, "{name} is truncated: the record at byte {offset} is incomplete")
            }
            Self::UnknownFormat { name } => write!(f, "{name} is neither a pcap nor a pcapng file"),
            Self::Damaged { name, offset, what } => {
                write!(f, "{name} is damaged at byte {offset}: {what}")
            }
            Self::Stopped { name } => {
                write!(f, "{name}: stopped before the header of the file was complete")
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
            Self::Truncated { .. }
            | Self::UnknownFormat { .. }
            | Self::Damaged { .. }
            | Self::Stopped { .. }
            | Self::Version { .. }
            | Self::LinkType { .. } => None,
        }
    }
}
