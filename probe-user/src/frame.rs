//! One frame on its way from a ring or a file to a sink.

use crate::clock::WallTime;

/// A captured frame. `bytes` may be fewer than the frame had on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// When the kernel saw it.
    pub time: WallTime,
    /// Length on the wire in bytes, without FCS.
    pub wire_len: u32,
    /// What was captured of it.
    pub bytes: &'a [u8],
    /// Index of the interface in the kernel, 0 where that is not known.
    pub ifindex: u32,
    /// Whether it was being sent; `None` where that is not known.
    pub outbound: Option<bool>,
}

/// Puts a VLAN tag that the kernel holds outside the frame back where it was on the
/// wire, behind the two addresses. `out` is overwritten.
pub fn with_tag(bytes: &[u8], tpid: u16, tci: u16, out: &mut Vec<u8>) {
    /// Destination and source address.
    const ADDRESSES: usize = 12;
    out.clear();
    let (addresses, rest) = bytes.split_at(ADDRESSES.min(bytes.len()));
    out.extend_from_slice(addresses);
    if addresses.len() == ADDRESSES {
        out.extend_from_slice(&tpid.to_be_bytes());
        out.extend_from_slice(&tci.to_be_bytes());
        out.extend_from_slice(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_goes_behind_the_addresses() {
        let mut out = Vec::new();
        with_tag(&[1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 8, 0, 9], 0x8100, 0x2005, &mut out);
        assert_eq!(out, [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 0x81, 0, 0x20, 5, 8, 0, 9]);
        with_tag(&[1, 2, 3], 0x8100, 0, &mut out);
        assert_eq!(out, [1, 2, 3]);
    }
}
