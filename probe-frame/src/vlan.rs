//! VLAN tags that are held outside the frame.

/// A VLAN tag that the kernel holds outside the frame's bytes (IEEE 802.1Q).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VlanTag {
    /// EtherType of the tag: 0x8100 or 0x88a8.
    pub tpid: u16,
    /// Tag control information: priority, DEI, VLAN id.
    pub tci: u16,
}

impl VlanTag {
    /// Puts the tag back where it was on the wire, behind the two addresses. `out` is
    /// overwritten; a frame too short to have both addresses stays as it is.
    pub fn put_back(self, frame: &[u8], out: &mut Vec<u8>) {
        /// Destination and source address.
        const ADDRESSES: usize = 12;
        out.clear();
        match frame.split_at_checked(ADDRESSES) {
            Some((addresses, rest)) => {
                out.extend_from_slice(addresses);
                out.extend_from_slice(&self.tpid.to_be_bytes());
                out.extend_from_slice(&self.tci.to_be_bytes());
                out.extend_from_slice(rest);
            }
            None => out.extend_from_slice(frame),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_goes_behind_the_addresses() {
        let mut out = Vec::new();
        VlanTag { tpid: 0x8100, tci: 0x2005 }
            .put_back(&[1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 8, 0, 9], &mut out);
        assert_eq!(out, [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 0x81, 0, 0x20, 5, 8, 0, 9]);
        VlanTag { tpid: 0x8100, tci: 0 }.put_back(&[1, 2, 3], &mut out);
        assert_eq!(out, [1, 2, 3]);
    }
}
