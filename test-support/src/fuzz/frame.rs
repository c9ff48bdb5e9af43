//! Any frame through the evaluator and the machine, behind filters that look everywhere: both
//! say the same.

use std::cell::RefCell;

use probe_filter::{Filter, Frame, Machine, Options, compile};

/// Loops, walks, variable offsets, arithmetic: whatever follows bytes of the frame.
pub const EXPRESSIONS: [&str; 13] = [
    "@http or @tls-hello or @dns",
    "payload[0:4] = 0x47455420",
    "payload \"SSH-\"",
    "ip protochain 6 or ip6 protochain 17",
    "tcp[((tcp[12] & 0xf0) >> 2):4] = 0x47455420",
    "vlan and vlan and tcp port 80",
    "mpls and mpls and host 192.0.2.1",
    "pppoes and ip6",
    "@unreachable and (@rst or port 80 or ip[ip[8]] = 1)",
    "geneve and icmp[icmptype] = icmp-echo",
    "ether[ether[14]:4] > ether[ether[15]:2] / ether[16]",
    "net 2001:db8::/32 or portrange 1-1024",
    "iso or stp or ipx or netbeui or llc u",
];

/// The filters, and all of them at once.
struct Both {
    filters: Vec<Filter>,
    machine: Machine,
}

thread_local! {
    static BOTH: RefCell<Both> = {
        let options = Options::default();
        let compiled = |text: &&str| compile(text, &options).unwrap_or_else(|error| panic!("{error}"));
        let filters: Vec<Filter> = EXPRESSIONS.iter().map(compiled).collect();
        let machine = Machine::new(&filters.iter().map(Filter::graph).collect::<Vec<_>>());
        RefCell::new(Both { filters, machine })
    };
}

/// Asks every filter about the input, by itself and together with the others.
pub fn run(bytes: &[u8]) {
    let frame = Frame { bytes, wire_len: bytes.len() as u32, vlan: None, outbound: None };
    BOTH.with_borrow_mut(|Both { filters, machine }| {
        let mut counted = vec![0; filters.len()];
        machine.run(&frame, |rule| counted[rule] += 1);
        for (filter, counted) in filters.iter().zip(counted) {
            assert_eq!(counted, u32::from(filter.matches(&frame)), "{}", filter.text());
        }
    });
}
