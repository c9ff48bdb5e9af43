//! Frames for tests: valid ones of every protocol that filters ask about, and broken ones.
//! The same seed gives the same frames.
//!
//! Values are drawn from small sets that filters are written with too, so that a
//! random filter has a fair chance to match.

use crate::LinkType;

/// A small generator of pseudo-random numbers (xorshift64*).
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// Any seed does.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// From 0 up to, but not including, the bound.
    pub fn below(&mut self, bound: usize) -> usize {
        ((self.next_u64() >> 33) as usize) % bound.max(1)
    }

    /// True once in so many times.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of them.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next_u64() as u8).collect()
    }
}

/// That many frames. The first ones are short prefixes of others, down to nothing.
pub fn pool(link: LinkType, seed: u64, count: usize) -> Vec<Vec<u8>> {
    let mut rng = Rng::new(seed);
    let mut frames = Vec::with_capacity(count);
    // Every prefix of a few frames.
    while frames.len() < count / 8 {
        let frame = frame(&mut rng, link);
        frames.extend((0..frame.len().min(160)).map(|end| frame[..end].to_vec()));
    }
    while frames.len() < count {
        let mut frame = frame(&mut rng, link);
        if rng.one_in(4) {
            damage(&mut rng, &mut frame);
        }
        frames.push(frame);
    }
    frames.truncate(count);
    frames
}

/// Changes some bytes, or leaves the end away.
fn damage(rng: &mut Rng, frame: &mut Vec<u8>) {
    match rng.below(3) {
        0 => frame.truncate(rng.below(frame.len() + 1)),
        1 => {
            for _ in 0..=rng.below(4) {
                let at = rng.below(frame.len().min(96));
                if let Some(byte) = frame.get_mut(at) {
                    *byte = rng.next_u64() as u8;
                }
            }
        }
        _ => {
            let at = rng.below(frame.len().min(64));
            if let Some(byte) = frame.get_mut(at) {
                *byte ^= 1 << rng.below(8);
            }
        }
    }
}

fn frame(rng: &mut Rng, link: LinkType) -> Vec<u8> {
    match link {
        LinkType::Ethernet => ethernet(rng, 0),
        LinkType::Raw if rng.one_in(2) => ipv4(rng, 0),
        LinkType::Raw => ipv6(rng, 0),
        LinkType::Ipv4 => ipv4(rng, 0),
        LinkType::Ipv6 => ipv6(rng, 0),
        LinkType::LinuxSll | LinkType::LinuxSll2 => cooked(rng, link),
        LinkType::Null | LinkType::Loop => loopback(rng, link),
        LinkType::Ppp | LinkType::PppSerial => {
            let mut frame = rng.pick(&[[0xff, 0x03], [0xff, 0x03], [0x0f, 0], [0, 0x03]]).to_vec();
            frame.extend(ppp(rng, 0));
            frame
        }
        LinkType::PppEther => pppoe(rng, 0),
    }
}

/// Linux's cooked headers.
fn cooked(rng: &mut Rng, link: LinkType) -> Vec<u8> {
    let (protocol, packet) = match rng.below(8) {
        0 => (4, llc(rng)),
        1 => (1, rng.bytes(30)),
        _ => ethernet_payload(rng, 0),
    };
    let kind = rng.pick(&[0, 1, 2, 3, 4, 4, 5]);
    let address = rng.pick(&MACS);
    let length = rng.pick(&[6, 6, 6, 0, 8]);
    let hardware = rng.pick(&[1, 1, 772, 512, 803]);
    let mut frame = Vec::new();
    if link == LinkType::LinuxSll {
        [kind, hardware, length].iter().for_each(|&field| half(&mut frame, field));
    } else {
        half(&mut frame, protocol);
        half(&mut frame, 0);
        word(&mut frame, rng.pick(&[1, 2, 3, 0x0100_0000]));
        half(&mut frame, hardware);
        frame.extend([kind as u8, length as u8]);
    }
    frame.extend(address);
    frame.extend([0, 0]);
    if link == LinkType::LinuxSll {
        half(&mut frame, protocol);
    }
    frame.extend(packet);
    frame
}

/// BSD's loopback: an address family in front.
fn loopback(rng: &mut Rng, link: LinkType) -> Vec<u8> {
    let (family, packet) = match rng.below(8) {
        0..=2 => (2, ipv4(rng, 0)),
        3..=6 => (rng.pick(&[24, 28, 30]), ipv6(rng, 0)),
        _ => (rng.pick(&[6, 7, 10, 16, 23, 0x0200]), rng.bytes(40)),
    };
    // Some in the other order.
    let little = (link == LinkType::Null) != rng.one_in(8);
    let mut frame =
        if little { u32::to_le_bytes(family) } else { u32::to_be_bytes(family) }.to_vec();
    frame.extend(packet);
    frame
}

const MACS: [[u8; 6]; 5] = [
    [0, 0x11, 0x22, 0x33, 0x44, 0x55],
    [2, 0, 0, 0, 0, 1],
    [0xff; 6],
    [1, 0, 0x5e, 0, 0, 0xfb],
    [0x33, 0x33, 0, 0, 0, 1],
];

fn ethernet(rng: &mut Rng, depth: usize) -> Vec<u8> {
    let mut frame = rng.pick(&MACS).to_vec();
    frame.extend(rng.pick(&MACS));
    let tags = if rng.one_in(4) { 1 + rng.below(3) } else { 0 };
    for _ in 0..tags {
        half(&mut frame, rng.pick(&[0x8100, 0x88a8, 0x9100]));
        half(
            &mut frame,
            rng.pick(&[0, 1, 5, 100, 200, 300, 4095]) | rng.pick(&[0, 0x2000, 0x1000]),
        );
    }
    let (ethertype, packet) = ethernet_payload(rng, depth);
    half(&mut frame, ethertype);
    frame.extend(packet);
    frame
}

/// An EtherType, or a length, and what follows it.
fn ethernet_payload(rng: &mut Rng, depth: usize) -> (u16, Vec<u8>) {
    match rng.below(24) {
        0..=7 => (0x0800, ipv4(rng, depth)),
        8..=13 => (0x86dd, ipv6(rng, depth)),
        14 => (rng.pick(&[0x0806, 0x8035]), arp(rng)),
        15 => (0x8847, mpls(rng, depth)),
        16 => (0x8864, pppoe(rng, depth)),
        17 => (0x8863, rng.bytes(20)),
        18 | 19 => {
            let packet = llc(rng);
            (rng.pick(&[packet.len() as u16, 1500, 0, 1501]), packet)
        }
        20 => (rng.pick(&[0x8137, 0x809b, 0x80f3]), rng.bytes(30)),
        21 => (0x6003, decnet(rng)),
        22 => (rng.pick(&[0x6001, 0x6002, 0x6004, 0x6007, 0x9000, 0x6558, 0x0600]), rng.bytes(30)),
        _ => (rng.next_u64() as u16, rng.bytes(40)),
    }
}

fn half(bytes: &mut Vec<u8>, value: u16) {
    bytes.extend(value.to_be_bytes());
}

fn word(bytes: &mut Vec<u8>, value: u32) {
    bytes.extend(value.to_be_bytes());
}

const ADDRESSES: [u32; 10] = [
    0x7f00_0001,
    0xc000_0201,
    0xc000_0202,
    0x0a00_0001,
    0x0a01_0203,
    0xc0a8_0001,
    0xc0a8_98fe,
    0xe000_0001,
    0xffff_ffff,
    0x0a00_0000,
];

const ADDRESSES6: [u128; 6] = [
    1,
    0x2001_0db8_0000_0000_0000_0000_0000_0001,
    0x2001_0db8_0000_0001_0000_0000_0000_0002,
    0xfe80_0000_0000_0000_0000_0000_0000_0001,
    0xff02_0000_0000_0000_0000_0000_0000_0001,
    0,
];

fn ipv4(rng: &mut Rng, depth: usize) -> Vec<u8> {
    let options = match rng.below(4) {
        0 => 4 * (1 + rng.below(10)),
        _ => 0,
    };
    let (protocol, carried) = transport(rng, depth, false);
    let words = if rng.one_in(16) { rng.below(16) } else { 5 + options / 4 };
    let version = if rng.one_in(32) { rng.pick(&[0, 5, 6, 0xf]) } else { 4 };
    let mut packet = vec![version << 4 | words as u8, rng.next_u64() as u8];
    let length = 20 + options + carried.len();
    half(&mut packet, if rng.one_in(8) { rng.next_u64() as u16 } else { length as u16 });
    half(&mut packet, rng.next_u64() as u16);
    half(
        &mut packet,
        match rng.below(8) {
            0 => 0x2000,
            1 => rng.next_u64() as u16 & 0x3fff,
            2 => rng.below(4) as u16,
            _ => rng.pick(&[0, 0x4000]),
        },
    );
    packet.extend([rng.pick(&[1, 64, 255]), protocol]);
    half(&mut packet, rng.next_u64() as u16);
    word(&mut packet, rng.pick(&ADDRESSES));
    word(&mut packet, rng.pick(&ADDRESSES));
    packet.extend(rng.bytes(options));
    packet.extend(carried);
    packet
}

fn ipv6(rng: &mut Rng, depth: usize) -> Vec<u8> {
    let (mut next, mut carried) = transport(rng, depth, true);
    let extensions = if rng.one_in(3) { 1 + rng.below(4) } else { 0 };
    for _ in 0..extensions {
        let kind = rng.pick(&[0, 43, 44, 51, 60, 59, 135]);
        let mut header = vec![next];
        match kind {
            44 => {
                header.push(0);
                half(&mut header, rng.pick(&[0, 1, 0, 8, 0x1231]));
                header.extend(rng.bytes(4));
            }
            51 => {
                let words = rng.below(6);
                header.push(words as u8);
                header.extend(rng.bytes(4 * (words + 2) - 2));
            }
            _ => {
                let units = rng.below(3);
                header.push(if rng.one_in(16) { rng.next_u64() as u8 } else { units as u8 });
                header.extend(rng.bytes(8 * (units + 1) - 2));
            }
        }
        header.extend(carried);
        (next, carried) = (kind, header);
    }
    let version = if rng.one_in(32) { rng.pick(&[0x40, 0, 0xf0]) } else { 0x60 };
    let mut packet = vec![version, 0, 0, 0];
    half(&mut packet, if rng.one_in(8) { rng.next_u64() as u16 } else { carried.len() as u16 });
    packet.extend([next, 64]);
    packet.extend(rng.pick(&ADDRESSES6).to_be_bytes());
    packet.extend(rng.pick(&ADDRESSES6).to_be_bytes());
    packet.extend(carried);
    packet
}

const PORTS: [u16; 14] = [0, 21, 22, 25, 53, 80, 81, 90, 123, 443, 587, 6081, 8080, 65535];

/// A protocol number and what it announces.
fn transport(rng: &mut Rng, depth: usize, over_ipv6: bool) -> (u8, Vec<u8>) {
    match rng.below(16) {
        0..=5 => (6, tcp(rng)),
        6..=7 => (17, udp(rng)),
        8 if depth < 2 => (17, geneve(rng, depth)),
        9 => {
            let mut sctp = ports(rng);
            sctp.extend(rng.bytes(16));
            (132, sctp)
        }
        10 => {
            (if over_ipv6 { 58 } else { rng.pick(&[1, 1, 58]) }, icmp_error(rng, depth, over_ipv6))
        }
        11 => {
            let mut icmp =
                vec![rng.pick(&[0, 3, 8, 11, 12, 128, 129, 134, 135]), rng.pick(&[0, 1, 3])];
            icmp.extend(rng.bytes(14));
            (if over_ipv6 { 58 } else { rng.pick(&[1, 1, 58]) }, icmp)
        }
        12 => {
            // Authentication, and what it covers.
            let (next, carried) = transport(rng, 2, over_ipv6);
            let words = rng.below(5);
            let mut header = vec![next, words as u8];
            header.extend(rng.bytes(4 * (words + 2) - 2));
            header.extend(carried);
            (51, header)
        }
        13 => (rng.pick(&[2, 9, 50, 103, 112, 47, 59]), rng.bytes(24)),
        14 => (rng.next_u64() as u8, rng.bytes(24)),
        _ => (rng.pick(&[6, 17, 1, 132]), rng.bytes(12)),
    }
}

/// About a packet, of which often no more than eight bytes follow the IP header.
fn icmp_error(rng: &mut Rng, depth: usize, over_ipv6: bool) -> Vec<u8> {
    let kinds: &[u8] = if over_ipv6 { &[1, 1, 2, 3, 4, 5] } else { &[3, 3, 4, 5, 11, 12, 13] };
    let mut icmp = vec![rng.pick(kinds), rng.pick(&[0, 1, 3, 4])];
    icmp.extend(rng.bytes(6));
    let mut quoted = match (depth < 2, rng.one_in(16)) {
        (false, _) => rng.bytes(28),
        // The other one, which such a message cannot be about.
        (true, wrong) if wrong != over_ipv6 => ipv6(rng, depth + 1),
        (true, _) => ipv4(rng, depth + 1),
    };
    if rng.one_in(3) {
        let header = if over_ipv6 { 40 } else { usize::from(quoted[0] & 15) * 4 };
        quoted.truncate(header + 8);
    }
    icmp.extend(quoted);
    icmp
}

fn ports(rng: &mut Rng) -> Vec<u8> {
    let mut header = Vec::new();
    half(&mut header, rng.pick(&PORTS));
    half(&mut header, rng.pick(&PORTS));
    header
}

const PAYLOADS: [&[u8]; 12] = [
    b"",
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /x HTTP/1.1\r\n",
    b"HTTP/1.1 200 OK\r\n",
    b"\x16\x03\x01\x00\x2a\x01\x00\x00\x26\x03\x03",
    b"SSH-2.0-x\r\n",
    b"MAIL FROM:<a@b>\r\n",
    b"220 mail\r\n",
    b"EHLO x\r\n",
    b"\0\0\0\0",
    b"G",
    b"GE",
];

fn tcp(rng: &mut Rng) -> Vec<u8> {
    let mut segment = ports(rng);
    word(&mut segment, rng.next_u64() as u32);
    word(&mut segment, rng.next_u64() as u32);
    let options = if rng.one_in(3) { 4 * (1 + rng.below(10)) } else { 0 };
    let words = if rng.one_in(16) { rng.below(16) } else { 5 + options / 4 };
    let flags = rng.pick(&[0x02, 0x12, 0x10, 0x18, 0x11, 0x04, 0x14, 0x00, 0xff]);
    segment.extend([(words << 4) as u8, if rng.one_in(8) { rng.next_u64() as u8 } else { flags }]);
    segment.extend(rng.bytes(6));
    segment.extend(rng.bytes(options));
    segment.extend(rng.pick(&PAYLOADS));
    segment
}

fn udp(rng: &mut Rng) -> Vec<u8> {
    let mut datagram = ports(rng);
    let payload = rng.pick(&PAYLOADS);
    half(&mut datagram, 8 + payload.len() as u16);
    half(&mut datagram, rng.next_u64() as u16);
    datagram.extend(payload);
    datagram
}

fn geneve(rng: &mut Rng, depth: usize) -> Vec<u8> {
    let mut datagram = Vec::new();
    half(&mut datagram, rng.pick(&PORTS));
    half(&mut datagram, 6081);
    datagram.extend(rng.bytes(4));
    let options = rng.below(4);
    let version = if rng.one_in(8) { 0x40 } else { 0 };
    datagram.extend([version | options as u8, 0]);
    let (protocol, inner) = match rng.below(5) {
        0..=2 => (0x6558, ethernet(rng, depth + 1)),
        3 => (0x0800, ipv4(rng, depth + 1)),
        _ => (0x86dd, ipv6(rng, depth + 1)),
    };
    half(&mut datagram, protocol);
    word(&mut datagram, rng.pick(&[0, 1, 10, 0xff_ffff]) << 8);
    datagram.extend(rng.bytes(4 * options));
    datagram.extend(inner);
    datagram
}

fn mpls(rng: &mut Rng, depth: usize) -> Vec<u8> {
    let labels = 1 + rng.below(3);
    let mut packet = Vec::new();
    for label in 1..=labels {
        let bottom = u32::from(label == labels || rng.one_in(8)) << 8;
        word(&mut packet, rng.pick(&[0, 16, 1024, 100_000, 0xf_ffff]) << 12 | bottom | 64);
    }
    packet.extend(if rng.one_in(2) { ipv4(rng, depth) } else { ipv6(rng, depth) });
    packet
}

fn pppoe(rng: &mut Rng, depth: usize) -> Vec<u8> {
    let inner = ppp(rng, depth);
    let mut packet = vec![0x11, 0];
    half(&mut packet, rng.pick(&[0, 1, 5, 0xffff]));
    half(&mut packet, inner.len() as u16);
    packet.extend(inner);
    packet
}

/// PPP's protocol field and what it announces.
fn ppp(rng: &mut Rng, depth: usize) -> Vec<u8> {
    let (protocol, inner) = match rng.below(8) {
        0..=2 => (0x0021, ipv4(rng, depth)),
        3 | 4 => (0x0057, ipv6(rng, depth)),
        5 => (0x0281, mpls(rng, depth)),
        6 => (0xc021, rng.bytes(12)),
        _ => (rng.pick(&[0x0023, 0x0027, 0x0029, 0x002b, 0x0031]), rng.bytes(24)),
    };
    let mut packet = Vec::new();
    half(&mut packet, protocol);
    packet.extend(inner);
    packet
}

fn arp(rng: &mut Rng) -> Vec<u8> {
    let mut packet = vec![0, 1, 8, 0, 6, 4, 0, rng.pick(&[1, 2, 3])];
    packet.extend(rng.pick(&MACS));
    word(&mut packet, rng.pick(&ADDRESSES));
    packet.extend(rng.pick(&MACS));
    word(&mut packet, rng.pick(&ADDRESSES));
    packet
}

fn llc(rng: &mut Rng) -> Vec<u8> {
    let control =
        rng.pick(&[0x00, 0x01, 0x05, 0x09, 0x03, 0x63, 0x43, 0x0f, 0x6f, 0xe3, 0xaf, 0x87]);
    let mut packet = match rng.below(8) {
        0 => vec![0x42, 0x42, 0x03],
        1 => vec![0xf0, 0xf0, control],
        2 => vec![0xe0, 0xe0, control],
        3 => vec![0xff, 0xff, 0x00],
        4 => {
            let mut snap = vec![0xaa, 0xaa, 0x03];
            let (organisation, ethertype) = rng.pick(&[
                ([8, 0, 7], 0x809b),
                ([0, 0, 0], 0x80f3),
                ([0, 0, 0], 0x8137),
                ([0, 0, 0], 0x0800),
            ]);
            snap.extend(organisation);
            half(&mut snap, ethertype);
            snap
        }
        5 | 6 => {
            let mut iso = vec![0xfe, 0xfe, 0x03, rng.pick(&[0x81, 0x82, 0x83, 0x83]), 27, 1, 0];
            iso.push(rng.pick(&[15, 16, 17, 18, 20, 24, 25, 26, 27]));
            iso
        }
        _ => vec![rng.pick(&[0x06, 0xaa, 0x00]), 0x06, control],
    };
    packet.extend(rng.bytes(24));
    packet
}

fn decnet(rng: &mut Rng) -> Vec<u8> {
    let mut packet = vec![20, 0];
    let padded = rng.one_in(2);
    if padded {
        packet.push(0x81);
    }
    let address = rng.pick(&[[0x2a, 0x04], [1, 0], [0xff, 0xff]]);
    if rng.one_in(2) {
        packet.push(0x06);
        packet.extend([0, 0, 0xaa, 0, 4, 0]);
        packet.extend(address);
        packet.extend([0, 0, 0xaa, 0, 4, 0]);
        packet.extend(address);
    } else {
        packet.push(0x02);
        packet.extend(address);
        packet.extend(rng.pick(&[[0x2a, 0x04], [1, 0]]));
    }
    packet.extend(rng.bytes(12));
    packet
}
