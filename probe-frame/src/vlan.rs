//! VLAN tags that are held outside the frame.

/// Bytes of the destination and the source address.
const ADDRESSES: usize = 12;

/// A VLAN tag that the kernel holds outside the frame's bytes (IEEE 802.1Q).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VlanTag {
    /// EtherType of the tag: 0x8100 or 0x88a8.
    pub tpid: u16,
    /// Tag control information: priority, DEI, VLAN id.
    pub tci: u16,
}

impl VlanTag {
    /// Bytes of a tag in a frame.
    pub const LEN: usize = 4;

    /// Takes the outermost tag out of a frame, where it has one, as the kernel does with what it receives
    /// (skb_vlan_untag). `out` is overwritten with the frame without it.
    pub fn take_out(frame: &[u8], out: &mut Vec<u8>) -> Option<Self> {
        out.clear();
        let (addresses, rest) = frame.split_first_chunk::<ADDRESSES>()?;
        let (&[high, low, first, second], rest) = rest.split_first_chunk::<{ Self::LEN }>()?;
        let tpid = u16::from_be_bytes([high, low]);
        if !matches!(tpid, 0x8100 | 0x88a8) {
            return None;
        }
        out.extend_from_slice(addresses);
        out.extend_from_slice(rest);
        Some(Self { tpid, tci: u16::from_be_bytes([first, second]) })
    }

    /// Puts the tag back where it was on the wire, behind the two addresses. `out` is
    /// overwritten; a frame too short to have both addresses stays as it is.
    pub fn put_back(self, frame: &[u8], out: &mut Vec<u8>) {
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

    #[test]
    fn what_was_put_back_is_taken_out() {
        let frame: Vec<u8> = (0..20).collect();
        let (mut tagged, mut out) = (Vec::new(), Vec::new());
        for tpid in [0x8100, 0x88a8] {
            let tag = VlanTag { tpid, tci: 0x2005 };
            tag.put_back(&frame, &mut tagged);
            assert_eq!(VlanTag::take_out(&tagged, &mut out), Some(tag));
            assert_eq!(out, frame);
            assert_eq!(VlanTag::take_out(&tagged[..15], &mut out), None, "the tag is cut");
        }
        assert_eq!(VlanTag::take_out(&frame, &mut out), None);
        assert!(out.is_empty());
    }
}
