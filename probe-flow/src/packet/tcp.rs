//! A TCP header (RFC 9293, section 3.1).

use std::fmt;

use super::{Data, Skipped};
use crate::cursor::Cursor;

/// The flags of a TCP header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    const FIN: u8 = 0x01;
    const SYN: u8 = 0x02;
    const RST: u8 = 0x04;
    const ACK: u8 = 0x10;

    /// No more data from the sender.
    pub fn fin(self) -> bool {
        self.0 & Self::FIN != 0
    }

    /// Synchronise sequence numbers.
    pub fn syn(self) -> bool {
        self.0 & Self::SYN != 0
    }

    /// Reset the connection.
    pub fn rst(self) -> bool {
        self.0 & Self::RST != 0
    }

    /// The acknowledgment number is significant.
    pub fn ack(self) -> bool {
        self.0 & Self::ACK != 0
    }
}

/// The names of those that are set, as `SYN ACK`; `none` without any.
impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 8] = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];
        let mut set = NAMES.iter().enumerate().filter(|(bit, _)| self.0 >> bit & 1 == 1);
        let Some((_, first)) = set.next() else { return f.write_str("none") };
        f.write_str(first)?;
        set.try_for_each(|(_, name)| write!(f, " {name}"))
    }
}

/// The numbers of a TCP segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// Number of its first byte, or of its SYN.
    pub sequence: u32,
    /// The number that the sender awaits next, where the flag ACK is set.
    pub acknowledgment: u32,
    /// Its flags.
    pub flags: Flags,
    /// The window as it stands there, not scaled.
    pub window: u16,
    /// Bytes of payload on the wire.
    pub payload: u32,
}

/// A segment with the ports that it is from and to, and its payload.
pub(super) fn read(rest: Data<'_>) -> Result<(u16, u16, Segment, Data<'_>), Skipped> {
    let mut cursor = Cursor::new(rest.bytes);
    let source = cursor.u16().ok_or(Skipped::Cut)?;
    let destination = cursor.u16().ok_or(Skipped::Cut)?;
    let sequence = cursor.u32().ok_or(Skipped::Cut)?;
    let acknowledgment = cursor.u32().ok_or(Skipped::Cut)?;
    let [offset, flags] = cursor.take().ok_or(Skipped::Cut)?;
    let window = cursor.u16().ok_or(Skipped::Cut)?;
    let header_len = usize::from(offset >> 4) * 4;
    if header_len < 20 {
        return Err(Skipped::Malformed);
    }
    let payload = rest.behind(header_len).ok_or(Skipped::Malformed)?;
    let segment = Segment {
        sequence,
        acknowledgment,
        flags: Flags(flags),
        window,
        payload: payload.len as u32,
    };
    Ok((source, destination, segment, payload))
}
