//! A capture of many kinds of frames, built here byte by byte.

mod found;

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::{Frame, Network, Tcp, Transport, tcp_flags};

const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const CLIENT6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const SERVER6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);

/// A frame and its length on the wire.
pub type Sample = (Vec<u8>, u32);

fn both() -> [Frame; 2] {
    [Frame::ipv4(CLIENT, SERVER), Frame::ipv6(CLIENT6, SERVER6)]
}

fn tcp(source: u16, destination: u16, flags: u8, sequence: u32, acknowledgment: u32) -> Tcp {
    Tcp { source, destination, sequence, acknowledgment, flags, window: 64_240, ..Tcp::default() }
}

/// A conversation over both versions of IP, in both directions, with relative numbers.
fn conversation(frames: &mut Vec<Vec<u8>>) {
    let syn_options = [2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7];
    let stamps = [1, 1, 8, 10, 0, 0, 1, 0, 0, 0, 2, 0];
    let sack = [1, 1, 5, 18, 0, 0, 3, 0xe9, 0, 0, 3, 0xf3, 0, 0, 4, 0, 0, 0, 4, 8];
    use tcp_flags::{ACK, FIN, PSH, RST, SYN, URG};
    for (there, back) in [
        (Frame::ipv4(CLIENT, SERVER), Frame::ipv4(SERVER, CLIENT)),
        (Frame::ipv6(CLIENT6, SERVER6), Frame::ipv6(SERVER6, CLIENT6)),
    ] {
        let mut add = |frame: &Frame, tcp: Tcp, options: &[u8], payload: &[u8]| {
            let tcp = Tcp { options: options.to_vec(), ..tcp };
            frames.push(frame.clone().tcp(tcp).payload(payload).build());
        };
        add(&there, tcp(40_000, 80, SYN, 1000, 0), &syn_options, b"");
        add(&back, tcp(80, 40_000, SYN | ACK, 5000, 1001), &syn_options, b"");
        add(&there, tcp(40_000, 80, ACK, 1001, 5001), &stamps, b"");
        let request = b"GET /index.html HTTP/1.1\r\nHost: example.org\r\n\r\n";
        add(&there, tcp(40_000, 80, PSH | ACK, 1001, 5001), &stamps, request);
        let response = b"HTTP/1.1 200 OK\r\nServer: x\x1b[31m\r\n\r\nhello";
        add(&back, tcp(80, 40_000, PSH | ACK, 5001, 1048), &stamps, response);
        add(&back, tcp(80, 40_000, ACK, 5041, 1048), &sack, b"");
        add(&there, tcp(40_000, 80, FIN | ACK, 1048, 5041), &[], b"");
        add(&there, tcp(40_000, 80, RST, 1049, 0), &[], b"");
        add(&there, tcp(40_000, 80, RST | ACK, 1049, 5041), &[], b"go away\n");
        add(&there, tcp(40_001, 22, PSH | ACK, 7, 8), &[], b"SSH-2.0-OpenSSH_9.2\r\n");
        add(&there, tcp(40_002, 25, PSH | ACK, 7, 8), &[], b"EHLO example.org\r\nx");
        add(&there, tcp(40_003, 5000, URG | ACK, 7, 8), &[], b"binary\0\xff");
        // Options that are wrong: a length past the header, an unknown kind, an odd SACK.
        add(&there, tcp(40_004, 81, SYN, 1, 0), &[2, 40, 0, 0], b"");
        add(&there, tcp(40_005, 81, SYN, 1, 0), &[77, 4, 1, 2, 0, 0, 0, 0], b"");
        add(&there, tcp(40_006, 81, ACK, 1, 1), &[5, 6, 1, 2, 3, 4, 1, 1], b"");
        add(&there, tcp(40_007, 81, SYN, 1, 0), &[34, 2, 28, 4, 0, 5, 34, 6, 1, 2, 3, 4], b"");
        let digest = [[19, 18].as_slice(), &[0xab; 16], &[1, 1]].concat();
        add(&there, tcp(40_008, 81, ACK, 1, 1), &digest, b"signed");
        add(&there, tcp(40_008, 81, 0xff, 1, 1), &[], b"xmas");
        add(&there, tcp(40_009, 81, 0, 1, 0), &[], b"");
    }
}

/// A DNS name in its wire form.
fn dns_name(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(label.len() as u8);
        bytes.extend(label.bytes());
    }
    bytes.push(0);
    bytes
}

fn dns(flags: u16, counts: [u16; 4], rest: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x12, 0x34];
    bytes.extend(flags.to_be_bytes());
    bytes.extend(counts.iter().flat_map(|count| count.to_be_bytes()));
    bytes.extend(rest);
    bytes
}

fn dns_messages() -> Vec<Vec<u8>> {
    let question =
        |name, kind: u16| [dns_name(name), kind.to_be_bytes().to_vec(), vec![0, 1]].concat();
    let record = |kind: u16, data: &[u8]| {
        let mut bytes = vec![0xc0, 12];
        bytes.extend(kind.to_be_bytes());
        bytes.extend([0, 1, 0, 0, 0x0e, 0x10]);
        bytes.extend((data.len() as u16).to_be_bytes());
        bytes.extend(data);
        bytes
    };
    let www = question("www.example.org", 1);
    let soa = [vec![0xc0, 16], dns_name("host.example.org"), vec![0; 20]].concat();
    vec![
        dns(0x0100, [1, 0, 0, 0], &www),
        dns(
            0x0120,
            [1, 0, 0, 1],
            &[www.clone(), vec![0, 0, 41, 4, 208, 0, 0, 128, 0, 0, 0]].concat(),
        ),
        dns(
            0x8180,
            [1, 2, 0, 0],
            &[www.clone(), record(5, &[0xc0, 16]), record(1, &[192, 0, 2, 9])].concat(),
        ),
        dns(0x8583, [1, 0, 1, 0], &[www.clone(), record(6, &soa)].concat()),
        dns(0x8180, [1, 1, 0, 0], &[question("x.org", 28), record(28, &SERVER6.octets())].concat()),
        dns(
            0x8180,
            [1, 2, 0, 0],
            &[question("x.org", 16), record(16, b"\x05a\x1bb\"c"), record(15, &[0, 10, 0xc0, 12])]
                .concat(),
        ),
        dns(
            0x8180,
            [1, 1, 0, 0],
            &[question("_sip._udp.x.org", 33), record(33, &[0, 1, 0, 2, 0x13, 0xc4, 0xc0, 12])]
                .concat(),
        ),
        // Names that are no names: a pointer to itself, a pointer past the end.
        dns(0x0100, [1, 0, 0, 0], &[0xc0, 12, 0, 1, 0, 1]),
        dns(0x0100, [1, 0, 0, 0], &[0xc0, 200, 0, 1, 0, 1]),
        dns(0x0100, [1, 0, 0, 0], b"\x05ab"),
        dns(0x2800, [0, 0, 0, 0], b""),
    ]
}

fn dns_over_all(frames: &mut Vec<Vec<u8>>) {
    for frame in both() {
        for message in dns_messages() {
            frames.push(frame.clone().udp(40_000, 53).payload(&message).build());
            frames.push(frame.clone().udp(5353, 5353).payload(&message).build());
            let prefixed = [(message.len() as u16).to_be_bytes().to_vec(), message].concat();
            let segment = tcp(53, 40_100, tcp_flags::ACK | tcp_flags::PSH, 1, 1);
            frames.push(frame.clone().tcp(segment).payload(&prefixed).build());
        }
    }
}

fn datagrams(frames: &mut Vec<Vec<u8>>) {
    for frame in both() {
        frames.push(frame.clone().udp(40_000, 9).payload(b"discard me").build());
        frames.push(frame.clone().udp(40_000, 9).build());
    }
    let sctp = [&[0x13, 0x88, 0x13, 0x89, 0, 0, 0, 1, 0, 0, 0, 0][..], &[4, 0, 0, 8, 0, 1, 0, 4]];
    frames.push(other(&sctp.concat(), 132));
}

/// What servers hear on their own network.
fn services(frames: &mut Vec<Vec<u8>>) {
    for frame in both() {
        frames.push(frame.clone().udp(123, 123).payload(&[0x23; 48]).build());
        frames.push(frame.clone().udp(123, 123).payload(&[0x24; 68]).build());
        frames.push(frame.clone().udp(123, 123).payload(&[0x16; 16]).build());
        // sysUpTime.0 asked for, and answered.
        let name = [0x06, 0x08, 0x2b, 6, 1, 2, 1, 1, 3, 0];
        for (pdu, value) in [(0xa0, &[5, 0][..]), (0xa2, &[0x43, 2, 0x30, 0x39])] {
            let wrap = |tag: u8, body: &[u8]| [&[tag, body.len() as u8], body].concat();
            let binding = wrap(0x30, &[&name[..], value].concat());
            let fields = [&[2, 1, 7, 2, 1, 0, 2, 1, 0][..], &wrap(0x30, &binding)].concat();
            let body = [&[2, 1, 1, 4, 3][..], b"abc", &wrap(pdu, &fields)].concat();
            frames.push(frame.clone().udp(4000, 161).payload(&wrap(0x30, &body)).build());
        }
        let syslog = b"<34>su: 'su root' failed \x1b[2J";
        frames.push(frame.clone().udp(4000, 514).payload(syslog).build());
        let sip = b"INVITE sip:bob@example.org SIP/2.0\r\n";
        frames.push(frame.clone().udp(5060, 5060).payload(sip).build());
        frames.push(frame.udp(4000, 69).payload(b"\0\x01boot.img\0octet\0").build());
    }
    let options = [
        &[0x63, 0x82, 0x53, 0x63, 53, 1, 1][..],
        &[61, 7, 1, 2, 0, 0, 0, 0, 1],
        &[55, 5, 1, 3, 6, 15, 119, 12, 4],
        b"host",
        &[50, 4, 192, 0, 2, 9, 121, 8, 24, 192, 0, 2, 192, 0, 2, 1, 255],
    ];
    let head = [&[1, 1, 6, 0][..], &[0; 24], &[2, 0, 0, 0, 0, 1], &[0; 202]].concat();
    for dhcp in [head.clone(), [&head[..], &options.concat()].concat()] {
        frames.push(Frame::ipv4(CLIENT, SERVER).udp(68, 67).payload(&dhcp).build());
    }
}

fn icmp(frames: &mut Vec<Vec<u8>>) {
    let [v4, v6] = both();
    let quoted =
        |frame: &Frame| frame.clone().udp(40_000, 33_434).payload(b"probe").build()[14..].to_vec();
    for kind in [0, 8] {
        frames.push(v4.clone().icmp(kind, 0, [0, 7, 0, 1]).payload(&[0x55; 56]).build());
    }
    for code in 0..=17 {
        let frame = v4.clone().icmp(3, code, [0, 0, 5, 0x78]).payload(&quoted(&v4));
        frames.push(frame.build());
    }
    for (kind, code) in
        [(4, 0), (5, 0), (5, 1), (5, 7), (11, 0), (11, 1), (11, 9), (12, 0), (12, 1)]
    {
        frames.push(v4.clone().icmp(kind, code, [192, 0, 2, 3]).payload(&quoted(&v4)).build());
    }
    for kind in [9, 10, 13, 14, 17, 18, 42] {
        frames.push(v4.clone().icmp(kind, 0, [1, 2, 7, 8]).payload(&[9; 12]).build());
    }
    for kind in [1, 2, 3, 4, 128, 129] {
        for code in 0..6 {
            frames.push(v6.clone().icmp(kind, code, [0, 0, 5, 0]).payload(&quoted(&v6)).build());
        }
    }
    let link = [1, 1, 2, 0, 0, 0, 0, 1];
    let prefix =
        [&[3, 4, 64, 0xc0][..], &[0, 0, 14, 16], &[0xff; 4], &[0; 4], &SERVER6.octets()].concat();
    let target = SERVER6.octets();
    frames.push(v6.clone().icmp(133, 0, [0; 4]).payload(&link).build());
    let advert =
        [&[0, 0, 0, 1, 0, 0, 0, 2][..], &link, &prefix, &[5, 1, 0, 0, 0, 0, 5, 220]].concat();
    frames.push(v6.clone().icmp(134, 0, [64, 0xc8, 7, 8]).payload(&advert).build());
    frames.push(v6.clone().icmp(135, 0, [0; 4]).payload(&[&target[..], &link].concat()).build());
    frames.push(
        v6.clone().icmp(136, 0, [0xe0, 0, 0, 0]).payload(&[&target[..], &link].concat()).build(),
    );
    frames.push(v6.clone().icmp(137, 0, [0; 4]).payload(&[target, target].concat()).build());
    frames.push(v6.clone().icmp(130, 0, [39, 16, 0, 0]).payload(&target).build());
    frames.push(
        v6.clone()
            .icmp(130, 0, [39, 16, 0, 0])
            .payload(&[&target[..], &[2, 125, 0, 0]].concat())
            .build(),
    );
    let report = [&[4, 0, 0, 0][..], &target].concat();
    frames.push(
        v6.clone()
            .extension(0, &[5, 2, 0, 0, 1, 0])
            .icmp(143, 0, [0, 0, 0, 1])
            .payload(&report)
            .build(),
    );
    frames.push(v6.icmp(77, 0, [0; 4]).payload(b"unknown").build());
}

fn other(payload: &[u8], protocol: u8) -> Vec<u8> {
    let mut frame = Frame::ipv4(CLIENT, SERVER).payload(payload);
    frame.transport = Transport::Other(protocol);
    frame.build()
}

fn ethernet(frames: &mut Vec<Vec<u8>>) {
    let syn = tcp(1, 2, tcp_flags::SYN, 9, 0);
    frames.push(Frame::other(0x4242).payload(b"what is this?").build());
    for frame in both() {
        let tagged = frame.clone().tagged(0x8100, 0x2005).tcp(syn.clone());
        frames.push(tagged.build());
        frames.push(tagged.tagged(0x88a8, 0x1fff).build());
    }
    let inner = Frame::ipv4(SERVER, CLIENT).icmp(8, 0, [0; 4]).build();
    let session = [&[0x11, 0, 0, 7, 0, 30, 0, 0x21][..], &inner[14..]].concat();
    frames.push(Frame::other(0x8864).payload(&session).build());
    frames.push(Frame::other(0x8863).payload(&[0x11, 9, 0, 0, 0, 4, 1, 1, 0, 0]).build());
    // Spanning tree (IEEE 802.1D): a length in place of the type, then LLC.
    let root = [0x80, 0, 2, 0, 0, 0, 0, 1];
    let times = [0x80, 1, 0, 0, 20, 0, 2, 0, 15, 0];
    let bridge = [&[0x42, 0x42, 3, 0, 0, 0, 0, 1][..], &root, &[0; 4], &root, &times].concat();
    frames.push(Frame::other(bridge.len() as u16).payload(&bridge).build());
}

fn arp(frames: &mut Vec<Vec<u8>>) {
    let arp = |operation: u8, target_mac: u8| {
        let body = [
            &[0, 1, 8, 0, 6, 4, 0, operation, 2, 0, 0, 0, 0, 1][..],
            &CLIENT.octets(),
            &[target_mac; 6],
            &SERVER.octets(),
        ];
        Frame::other(0x0806).payload(&body.concat()).build()
    };
    frames.extend([arp(1, 0), arp(1, 9), arp(2, 2), arp(3, 1), arp(4, 1), arp(8, 1), arp(9, 1)]);
    frames.push(Frame::other(0x0806).payload(&[0, 1, 0x86, 0xdd, 6, 16, 0, 1]).build());
}

fn ip(frames: &mut Vec<Vec<u8>>) {
    frames.push(Frame::other(0x0800).payload(&[0x65; 40]).build());
    let syn = tcp(1, 2, tcp_flags::SYN, 9, 0);
    let options = [7, 7, 4, 1, 2, 3, 4, 1];
    frames.push(Frame::ipv4(CLIENT, SERVER).ipv4_options(&options).tcp(syn.clone()).build());
    frames
        .push(Frame::ipv4(CLIENT, SERVER).ipv4_options(&[148, 4, 0, 0]).icmp(8, 0, [0; 4]).build());
    for (kind, body) in
        [(0, [1, 4, 0, 0, 0, 0]), (60, [1, 4, 0, 0, 0, 0]), (43, [2, 0, 0, 0, 0, 0])]
    {
        frames.push(Frame::ipv6(CLIENT6, SERVER6).extension(kind, &body).tcp(syn.clone()).build());
        frames.push(Frame::ipv6(CLIENT6, SERVER6).extension(kind, &body).udp(1, 2).build());
    }
    for fragment in [0x2000, 0x2010, 0x0010, 0x4000, 0x8000] {
        let mut frame = Frame::ipv4(CLIENT, SERVER).udp(1, 2).payload(&[7; 24]);
        if let Network::Ipv4(ipv4) = &mut frame.network {
            (ipv4.fragment, ipv4.tos, ipv4.ttl) = (fragment, 3, 0);
        }
        frames.push(frame.build());
    }
    frames.push(other(b"nothing known", 200));
    frames
        .push(other(&[4, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3], 51));
    frames.push(other(&[0, 0, 1, 0, 0, 0, 0, 9, 1, 2, 3, 4, 5, 6], 50));
}

fn igmp(frames: &mut Vec<Vec<u8>>) {
    for kind in [0x11, 0x12, 0x16, 0x17, 0x22, 0x99] {
        frames.push(other(&[kind, 100, 0, 0, 224, 0, 0, 251], 2));
        frames.push(other(&[kind, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0, 224, 0, 0, 251], 2));
    }
}

fn tunnels(frames: &mut Vec<Vec<u8>>) {
    let syn = tcp(1, 2, tcp_flags::SYN, 9, 0);
    let inner = Frame::ipv4(SERVER, CLIENT).tcp(syn.clone()).build();
    let inner6 = Frame::ipv6(SERVER6, CLIENT6).tcp(syn).build();
    frames.push(other(&inner[14..], 4));
    frames.push(other(&inner6[14..], 41));
    frames.push(other(&[&[0, 0, 8, 0][..], &inner[14..]].concat(), 47));
    frames.push(other(&[&[0x30, 0, 0x65, 0x58, 0, 0, 0, 1, 0, 0, 0, 2][..], &inner6].concat(), 47));
    for frame in both() {
        let vxlan = [&[8, 0, 0, 0, 0, 0, 9, 0][..], &inner].concat();
        frames.push(frame.clone().udp(4000, 4789).payload(&vxlan).build());
        let geneve = [&[0, 0, 0x65, 0x58, 0, 0, 9, 0][..], &inner].concat();
        frames.push(frame.clone().udp(4000, 6081).payload(&geneve).build());
    }
    let inner = Frame::ipv4(SERVER, CLIENT).icmp(8, 0, [0; 4]).build();
    let labels = [&[0, 6, 0x40, 64, 0, 1, 1, 64][..], &inner[14..]].concat();
    frames.push(Frame::other(0x8847).payload(&labels).build());
}

fn routing(frames: &mut Vec<Vec<u8>>) {
    frames.push(other(&[0x21, 7, 100, 1, 0, 1, 0xba, 0x52, 192, 0, 2, 7, 0, 0, 0, 0], 112));
    // RIP (RFC 2453): a route answered.
    let route = [0, 2, 0, 0, 198, 51, 100, 0, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let rip = [&[2, 2, 0, 0][..], &route].concat();
    frames.push(Frame::ipv4(CLIENT, SERVER).udp(520, 520).payload(&rip).build());
    // OSPF (RFC 2328): a hello without neighbours.
    let ospf = [
        &[2, 1, 0, 44, 192, 0, 2, 1, 0, 0, 0, 0, 0xf9, 0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..],
        &[255, 255, 255, 0, 0, 10, 2, 1, 0, 0, 0, 40, 192, 0, 2, 1, 0, 0, 0, 0],
    ];
    frames.push(other(&ospf.concat(), 89));
    // BGP (RFC 4271): an open with a capability, a keepalive, a notification.
    let bgp = |kind: u8, body: &[u8]| {
        let length = (19 + body.len() as u16).to_be_bytes();
        [&[0xff; 16][..], &length, &[kind], body].concat()
    };
    let open = [4, 0xfd, 0xe8, 0, 180, 192, 0, 2, 1, 8, 2, 6, 1, 4, 0, 1, 0, 1];
    let messages = [bgp(1, &open), bgp(4, &[]), bgp(3, &[6, 2])].concat();
    let segment = tcp(40_000, 179, tcp_flags::ACK | tcp_flags::PSH, 1, 1);
    frames.push(Frame::ipv4(CLIENT, SERVER).tcp(segment).payload(&messages).build());
}

/// Frames of one kind, whole.
#[derive(Clone, Debug)]
pub struct Capture {
    /// The layer that they are about, such as `transport`.
    pub layer: &'static str,
    /// What they are.
    pub name: &'static str,
    /// The frames.
    pub frames: Vec<Vec<u8>>,
}

/// All frames, by layer.
pub fn captures() -> Vec<Capture> {
    type Fill = fn(&mut Vec<Vec<u8>>);
    let captures: [(_, _, Fill); 14] = [
        ("transport", "tcp", conversation),
        ("services", "dns", dns_over_all),
        ("transport", "datagrams", datagrams),
        ("network", "icmp", icmp),
        ("network", "arp", arp),
        ("network", "ip", ip),
        ("network", "igmp", igmp),
        ("link", "ethernet", ethernet),
        ("tunnel", "tunnels", tunnels),
        ("routing", "routing", routing),
        ("services", "services", services),
        ("link", "lldp", found::lldp),
        ("tunnel", "pptp", found::pptp),
        ("services", "cut", found::cut),
    ];
    let filled = |fill: Fill| {
        let mut frames = Vec::new();
        fill(&mut frames);
        frames
    };
    captures.map(|(layer, name, fill)| Capture { layer, name, frames: filled(fill) }).into()
}

/// All samples: each frame whole, and with its end cut off at many places.
pub fn all() -> Vec<Sample> {
    let frames: Vec<_> = captures().into_iter().flat_map(|capture| capture.frames).collect();
    let mut samples: Vec<Sample> =
        frames.iter().map(|frame| (frame.clone(), frame.len() as u32)).collect();
    // An Ethernet link pads short frames.
    samples.push(([frames[0].clone(), vec![0; 6]].concat(), frames[0].len() as u32 + 6));
    for (index, frame) in frames.iter().enumerate() {
        // Cutting each frame at every byte would make a capture of megabytes; so every
        // frame is cut somewhere, and over all of them everywhere.
        for cut in (1 + index % 7..frame.len()).step_by(7) {
            samples.push((frame[..cut].to_vec(), frame.len() as u32));
        }
    }
    samples
}
