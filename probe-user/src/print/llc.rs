//! IEEE 802.2 LLC in 802.3 frames: SNAP leads to an EtherType, the rest is shown as it is.

use super::{
    address::Link,
    bytes::{Bytes, Cut},
    ethernet,
    text::{Text, put},
};

const SNAP: u8 = 0xaa;
const UNNUMBERED_INFORMATION: u8 = 3;
const SNAP_HEADER: usize = 8;

/// Prints the payload of an 802.3 frame; says how long the LLC header is.
pub(super) fn print(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    length: usize,
    (source, destination): (Link<'_>, Link<'_>),
) -> Result<usize, Cut> {
    t.protocol = "llc";
    if p.len() < 3 || length < 3 {
        t.truncated();
        return Ok(p.len());
    }
    let snap = p.u8(0)? == SNAP && p.u8(1)? == SNAP && p.u8(2)? == UNNUMBERED_INFORMATION;
    if snap && p.has(0, SNAP_HEADER) && p.u24(3)? == 0 {
        let rest = length.saturating_sub(SNAP_HEADER);
        if ethernet::by_type(t, p.u16(6)?, p.from(SNAP_HEADER), rest)? {
            return Ok(SNAP_HEADER);
        }
    }
    if !t.style.link_header {
        put!(t, "{} > {}, ", source, destination);
        put!(t, "802.3, length {length}: ");
    }
    ethernet::default(t, p);
    Ok(3)
}
