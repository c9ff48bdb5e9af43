//! Interface and direction of a frame, as tcpdump shows them for `any` (print-sll.c):
//! `eth0  In `, where In is for this host, B and M for more than it, P for others.

use super::text::put;
use probe_frame::Frame;

/// An interface that frames may be of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Its index in the kernel.
    pub index: u32,
    /// Its name, [visible](probe_frame::visible).
    pub name: String,
    /// Its address, where its frames begin with Ethernet ones.
    pub address: Option<[u8; 6]>,
}

/// Appends name and direction; nothing where there are no places to tell apart.
pub(super) fn print(places: &[Place], frame: &Frame<'_>, out: &mut Vec<u8>) {
    if places.is_empty() {
        return;
    }
    let place = places.iter().find(|place| place.index == frame.ifindex);
    let name = place.map_or("?", |place| place.name.as_str());
    let way = match frame.outbound {
        Some(true) => "Out",
        Some(false) | None => way_in(place.and_then(|place| place.address), frame.bytes),
    };
    put!(out, "{name:<5} {way:<3} ");
}

/// For whom a frame received is: as eth_type_trans() of the kernel has it.
fn way_in(address: Option<[u8; 6]>, bytes: &[u8]) -> &'static str {
    /// The bit of an address that is more than one's.
    const GROUP: u8 = 1;
    let (Some(own), Some(destination)) = (address, bytes.first_chunk::<6>()) else {
        return "In";
    };
    match destination {
        to if *to == own => "In",
        [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] => "B",
        [first, ..] if first & GROUP != 0 => "M",
        _ => "P",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probe_frame::{LinkType, WallTime};

    fn shown(ifindex: u32, outbound: bool, bytes: &[u8]) -> String {
        let ours = [2, 0, 0, 0, 0, 1];
        let places = [
            Place { index: 2, name: "eth0".into(), address: Some(ours) },
            Place { index: 3, name: "wg0-long".into(), address: None },
        ];
        let time = WallTime(0);
        let frame = Frame {
            time,
            wire_len: 60,
            link: LinkType::Ethernet,
            bytes,
            ifindex,
            outbound: Some(outbound),
        };
        let mut out = Vec::new();
        print(&places, &frame, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn golden() {
        assert_eq!(shown(2, false, &[2, 0, 0, 0, 0, 1, 9]), "eth0  In  ");
        assert_eq!(shown(2, true, &[2, 0, 0, 0, 0, 1, 9]), "eth0  Out ");
        assert_eq!(shown(2, false, &[0xff; 14]), "eth0  B   ");
        assert_eq!(shown(2, false, &[0x33, 0x33, 0, 0, 0, 1, 9]), "eth0  M   ");
        assert_eq!(shown(2, false, &[2, 0, 0, 0, 0, 2, 9]), "eth0  P   ");
        assert_eq!(shown(2, false, &[2, 0]), "eth0  In  ");
        assert_eq!(shown(3, false, &[0x45, 0, 0, 0, 0, 0]), "wg0-long In  ");
        assert_eq!(shown(9, true, &[]), "?     Out ");
    }
}
