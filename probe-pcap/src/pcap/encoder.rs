//! Frames as pcap, in the byte order of this machine.

use probe_frame::{Frame, LinkType, Precision};

use super::numbers::{MICRO, NANO};
use crate::link;

/// Version 2.4, which has been the last one since 1998.
const VERSION: [u16; 2] = [2, 4];

pub(crate) struct Encoder {
    link: LinkType,
    snaplen: u32,
    precision: Precision,
}

impl Encoder {
    /// The one type of all frames.
    pub(crate) fn link(&self) -> LinkType {
        self.link
    }

    pub(crate) fn new(link: LinkType, snaplen: u32, precision: Precision) -> Self {
        Self { link, snaplen, precision }
    }

    pub(crate) fn head(&self, out: &mut Vec<u8>) {
        let magic = match self.precision {
            Precision::Micro => MICRO,
            Precision::Nano => NANO,
        };
        word(out, magic);
        for number in VERSION {
            out.extend_from_slice(&number.to_ne_bytes());
        }
        // Time zone and accuracy: reserved, and zero.
        word(out, 0);
        word(out, 0);
        word(out, self.snaplen);
        word(out, link::number(self.link).into());
    }

    /// A frame's record, without its bytes where they are lent. Returns where those belong.
    pub(crate) fn frame(&self, frame: &Frame<'_>, lent: bool, out: &mut Vec<u8>) -> usize {
        let fraction = match self.precision {
            Precision::Micro => frame.time.nanoseconds() / 1_000,
            Precision::Nano => frame.time.nanoseconds(),
        };
        // 32 bits of seconds last until 2106; the format has no more.
        let seconds = frame.time.seconds() as u32;
        let head = [seconds, fraction, frame.bytes.len() as u32, frame.wire_len];
        out.extend_from_slice(head.map(u32::to_ne_bytes).as_flattened());
        let bytes_at = out.len();
        if !lent {
            out.extend_from_slice(frame.bytes);
        }
        bytes_at
    }
}

fn word(out: &mut Vec<u8>, word: u32) {
    out.extend_from_slice(&word.to_ne_bytes());
}
