//! Any frame through the evaluator, behind filters that look everywhere.

use std::sync::LazyLock;

use probe_filter::{Filter, Frame, Options, compile};

/// Loops, walks, variable offsets, arithmetic: whatever follows bytes of the frame.
pub const EXPRESSIONS: [&str; 12] = [
    "@http or @tls-hello or @dns",
    "payload[0:4] = 0x47455420",
    "payload \"SSH-\"",
    "ip protochain 6 or ip6 protochain 17",
    "tcp[((tcp[12] & 0xf0) >> 2):4] = 0x47455420",
    "vlan and vlan and tcp port 80",
    "mpls and mpls and host 192.0.2.1",
    "pppoes and ip6",
    "geneve and icmp[icmptype] = icmp-echo",
    "ether[ether[14]:4] > ether[ether[15]:2] / ether[16]",
    "net 2001:db8::/32 or portrange 1-1024",
    "iso or stp or ipx or netbeui or llc u",
];

static FILTERS: LazyLock<Vec<Filter>> = LazyLock::new(|| {
    let options = Options::default();
    EXPRESSIONS
        .iter()
        .map(|text| compile(text, &options).unwrap_or_else(|error| panic!("{error}")))
        .collect()
});

/// Asks every filter about the input, twice.
pub fn run(bytes: &[u8]) {
    let frame = Frame { bytes, wire_len: bytes.len() as u32, vlan: None, outbound: None };
    for filter in FILTERS.iter() {
        let first = filter.matches(&frame);
        assert_eq!(first, filter.matches(&frame));
    }
}
