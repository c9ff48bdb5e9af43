//! MACsec (IEEE 802.1AE): the tag of a frame that is protected, and the frame if it can be read.

use super::llc::Ends;
use crate::{
    bytes::{Bytes, Stop},
    text::{Text, bits, put},
};

const TAG: usize = 6;
const TAG_WITH_CHANNEL: usize = 14;
/// The check value behind the frame.
pub(super) const CHECK: usize = 16;

const VERSION: u8 = 0x80;
const CHANNEL: u8 = 0x20;
const ENCRYPTED: u8 = 0x08;
const CHANGED: u8 = 0x04;
const ASSOCIATION: u8 = 0x03;
const SHORT: u8 = 0x3f;
const FLAGS: &[(u32, &str)] = &[(0x08, "E"), (0x04, "C"), (0x40, "S"), (0x10, "B"), (0x20, "I")];

/// What is behind a tag.
pub(super) enum Protected {
    /// Nothing more can be read.
    Cut,
    /// What is encrypted, behind a tag of so many bytes.
    Secret(usize),
    /// A type and a payload behind a tag of so many bytes, of which so many are the frame's.
    Readable(usize, usize),
}

pub(super) fn print(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    length: usize,
    ends: Ends<'_>,
) -> Result<Protected, Stop> {
    let before = std::mem::replace(&mut t.protocol, "macsec");
    let found = tag(t, p, length, ends);
    t.protocol = before;
    found
}

fn tag(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    length: usize,
    (source, destination): Ends<'_>,
) -> Result<Protected, Stop> {
    let there = length.min(p.len());
    if there < TAG {
        t.truncated();
        return Ok(Protected::Cut);
    }
    let (control, short) = (p.u8(0)?, p.u8(1)?);
    let size = if control & CHANNEL == 0 { TAG } else { TAG_WITH_CHANNEL };
    if there < size {
        t.truncated();
        return Ok(Protected::Cut);
    }
    if control & VERSION != 0 || short & !SHORT != 0 {
        t.invalid();
        return Ok(Protected::Cut);
    }
    let secret = control & (ENCRYPTED | CHANGED) != 0;
    if secret && !t.style.link_header {
        put!(t, "{source} > {destination} 802.1AE MACsec, ");
    }
    if secret || t.style.link_header {
        put!(t, "an {}, pn {}", control & ASSOCIATION, p.u32(2)?);
        put!(t, ", flags {}", bits(FLAGS, u32::from(control & 0x7c), "", "none"));
        if short != 0 {
            put!(t, ", sl {short}");
        }
        if control & CHANNEL != 0 {
            put!(t, ", sci {:016x}", p.u64(TAG)?);
        }
        put!(t, ", ");
    }
    if secret {
        return Ok(Protected::Secret(size));
    }
    let (Some(left), Some(captured)) =
        ((length - size).checked_sub(CHECK), (p.len() - size).checked_sub(CHECK))
    else {
        t.truncated();
        return Ok(Protected::Cut);
    };
    match usize::from(short) {
        0 => Ok(Protected::Readable(size, left)),
        short if short > left || short > captured => {
            t.truncated();
            Ok(Protected::Cut)
        }
        short => Ok(Protected::Readable(size, short)),
    }
}
