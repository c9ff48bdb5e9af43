use super::*;
use crate::{Options, compile};

fn found(text: &str) -> Option<Example> {
    let filter = compile(text, &Options::default().direction(true).netmask(0)).unwrap();
    example(filter.graph(), LinkType::Ethernet, VlanView::AsFrame)
}

#[test]
fn a_usual_frame_is_left_as_it_is() {
    let syn = found("tcp").unwrap();
    assert_eq!(syn.bytes.len(), 54);
    // The header's checksum by RFC 1071, worked out by hand.
    assert_eq!(syn.bytes[24..26], [0xb6, 0xcb]);
    for text in ["@syn", "ip", "", "tcp port 80", "tcp[13] = 2", "not udp", "not port 22"] {
        assert_eq!(found(text).unwrap(), syn, "{text}");
    }
}

#[test]
fn bits_are_changed_until_it_matches() {
    for text in [
        "src net 10.1.0.0/16 and dst port 8080",
        "not port 40000 and tcp port 443",
        "ip[2:2] > 576",
        "(tcp[12] & 0xf0) >> 2 = 32",
        "tcp[12] & 0xf0 > 0x50",
        "((ip[2:2] - ((ip[0] & 0xf) << 2)) - ((tcp[12] & 0xf0) >> 2)) = 17",
        "len > 1000 and len < 1100",
        "ip6 protochain 51",
        "payload[10:4] = 0xdeadbeef",
        "vlan 5 and vlan 6 and icmp",
        "@unreachable and udp port 53",
        "@http and tcp src portrange 8000-8100",
        "ip[8] * 3 >> 2 = 5",
        "ip[8] - 3 >> 2 = 5",
        "5 - ip[8] >> 1 = 1",
        "ip[8] * 3 = 21 and ip[4:2] % 7 = 3",
    ] {
        let filter = compile(text, &Options::default()).unwrap();
        let found = found(text).unwrap_or_else(|| panic!("{text}"));
        assert!(filter.matches(&found.frame()), "{text}");
    }
}

/// On a live link no frame comes with its outermost tag in place.
#[test]
fn a_tag_is_where_the_kernel_keeps_it() {
    for (text, tci, inner) in [("vlan 5", 5, 0x0800), ("vlan 6 and vlan 7", 6, 0x8100_u16)] {
        let filter = compile(text, &Options::default().vlan(VlanView::Live)).unwrap();
        let found = example(filter.graph(), LinkType::Ethernet, VlanView::Live).unwrap();
        assert_eq!(found.vlan.map(|tag| tag.tci), Some(tci), "{text}");
        assert_eq!(found.bytes[12..14], inner.to_be_bytes(), "{text}");
    }
}

#[test]
fn where_nothing_matches_nothing_is_found() {
    for text in ["tcp and udp", "1 = 2", "ip and ip6", "less 10 and greater 20", "ip[8] = 300"] {
        assert_eq!(found(text), None, "{text}");
    }
}
