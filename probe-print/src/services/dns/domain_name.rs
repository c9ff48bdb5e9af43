//! Domain names in their wire form: labels, pointers (RFC 1035, 4.1.4), and the
//! bit-string labels that nobody uses any more (RFC 2673).

use crate::{
    bytes::{Bytes, Stop},
    text::{Text, put},
};

/// Longest name that is shown whole.
const MAX_NAME: usize = 255;
/// Labels and pointers that are read behind a name's first pointer: as many as the longest
/// message has room for. A message of names that all point into the same run of pointers would
/// take minutes otherwise; tcpdump, which has no such bound, says the same of any name that ends.
const MAX_STEPS: usize = 1 << 15;

/// Where a name ends; too [short](Stop::Short) if it is cut or no name. Each label takes at
/// least a byte.
pub(crate) fn skip(p: Bytes<'_>, mut at: usize) -> Result<usize, Stop> {
    loop {
        let label = p.u8(at).or(Err(Stop::Short))?;
        at += 1;
        match label & 0xc0 {
            _ if label == 0 => return Ok(at),
            0xc0 => return Ok(at + 1),
            0x00 => at += usize::from(label),
            0x40 if label == 0x41 => {
                at += 1 + bit_label(p.u8(at).or(Err(Stop::Short))?).div_ceil(8);
            }
            _ => return Err(Stop::Short),
        }
    }
}

/// Length in bits of a bit-string label (RFC 2673), where 0 stands for 256.
fn bit_label(length: u8) -> usize {
    if length == 0 { 256 } else { usize::from(length) }
}

/// Prints a name that begins at `start`, and says where it ends; too [short](Stop::Short) if
/// it is cut or no name. Pointers must lead towards the front, so that the walk ends.
pub(crate) fn name(t: &mut Text<'_>, p: Bytes<'_>, start: usize) -> Result<usize, Stop> {
    name_from(t, p, start, 0)
}

/// As [`name`], with pointers counted from `base` on. Where other protocols carry names, tcpdump
/// counts from the end of the field that holds them: a first pointer then leads anywhere behind it.
pub(crate) fn name_from(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    start: usize,
    base: usize,
) -> Result<usize, Stop> {
    let mut at = start;
    let mut limit = start.checked_sub(base).unwrap_or(usize::MAX);
    let mut end = None;
    let mut shown = 0;
    let mut steps = 0;
    let mut label = self::label(t, p, at)?;
    at += 1;
    if label == 0 {
        put!(t, ".");
        return Ok(at);
    }
    // As in tcpdump, a label at the very end of the bytes ends a name.
    while label != 0 && at < p.len() {
        steps += usize::from(end.is_some());
        if steps > MAX_STEPS {
            put!(t, "<BAD PTR>");
            return Err(Stop::Short);
        }
        match label & 0xc0 {
            0xc0 => {
                let low = p.u8(at).or(Err(Stop::Short))?;
                end.get_or_insert(at + 1);
                let target = usize::from(label & 0x3f) << 8 | usize::from(low);
                if target >= limit {
                    put!(t, "<BAD PTR>");
                    return Err(Stop::Short);
                }
                limit = target;
                at = base + target;
                label = self::label(t, p, at)?;
                at += 1;
                continue;
            }
            0x40 => at += bit_string(t, p, at)?,
            _ => {
                let size = usize::from(label);
                let room = MAX_NAME.saturating_sub(shown);
                let text = p.from(at).limit(size.min(room));
                t.characters(text.all());
                if text.len() < size.min(room) {
                    return Err(Stop::Short);
                }
                shown += size;
                at += size;
            }
        }
        if shown <= MAX_NAME {
            put!(t, ".");
        }
        shown += 1;
        label = self::label(t, p, at)?;
        at += 1;
    }
    if shown > MAX_NAME {
        put!(t, "<DOMAIN NAME TOO LONG>");
    }
    match label & 0xc0 {
        // A pointer that is cut, but for one that is the whole name, is passed over.
        0xc0 if at == start + 1 => Err(Stop::Short),
        0xc0 => Ok(end.unwrap_or(at)),
        // Where the label would end, that is at its very beginning where it is none.
        0x40 => Ok(end.unwrap_or(at + 1)),
        _ => Ok(end.unwrap_or(at + usize::from(label))),
    }
}

/// The first byte of a label, of a kind that is known; complains of others.
fn label(t: &mut Text<'_>, p: Bytes<'_>, at: usize) -> Result<u8, Stop> {
    let label = p.u8(at).or(Err(Stop::Short))?;
    match label & 0xc0 {
        0x40 if label != 0x41 => put!(t, "<ELT {}>", label & 0x3f),
        0x80 => put!(t, "<BAD LABEL TYPE>"),
        0x40 if !p.has(at + 1, 1) => {}
        _ => return Ok(label),
    }
    Err(Stop::Short)
}

/// Prints a bit-string label, and says how many bytes it takes.
fn bit_string(t: &mut Text<'_>, p: Bytes<'_>, at: usize) -> Result<usize, Stop> {
    let length = bit_label(p.u8(at)?);
    put!(t, "\\[x");
    let (whole, rest) = (length / 8, length % 8);
    t.hex(p.from(at + 1).limit(whole).all());
    p.slice(at + 1, whole)?;
    if rest > 4 {
        put!(t, "{:02x}", p.u8(at + 1 + whole)? & (0xffu16 << (8 - rest)) as u8);
    } else if rest > 0 {
        put!(t, "{:x}", p.u8(at + 1 + whole)? >> 4 & (0xfu8 << (4 - rest)) & 0xf);
    }
    put!(t, "/{length}]");
    Ok(1 + length.div_ceil(8))
}
