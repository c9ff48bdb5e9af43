//! Capture files of all kinds, made from a seed, and what is in them: pcap in both byte orders, with
//! micro- and nanoseconds; pcapng with sections of either order, interfaces with clocks of their
//! own, options, and frames in every kind of block, among blocks that have none.

use crate::Random;

/// A frame in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFrame {
    /// Nanoseconds since 1970; 0 where the file does not say.
    pub time: u64,
    /// Bytes it had on the wire.
    pub wire_len: u32,
    /// What the file has of it.
    pub bytes: Vec<u8>,
    /// The number of its link type (tcpdump.org/linktypes.html), as a little-endian file has it.
    pub link: u16,
    /// The direction, where the file says it.
    pub outbound: Option<bool>,
    /// It is in an obsolete packet block (pcapng's type 2), which not every reader takes.
    pub obsolete: bool,
}

/// A record of pcap or a block of pcapng; the head of a pcap file is one, too.
#[derive(Clone, Debug)]
pub struct Record {
    /// Where in the file it ends.
    pub end: usize,
    /// Its frame, if it has one.
    pub frame: Option<FileFrame>,
}

/// A capture file.
#[derive(Clone, Debug, Default)]
pub struct CaptureFile {
    /// All of it.
    pub bytes: Vec<u8>,
    /// What it consists of.
    pub records: Vec<Record>,
}

/// Numbers of link types: Ethernet, raw IP (with the `DLT_RAW` of two systems), BSD's loopback, PPP
/// and Linux's cooked headers.
const LINKS: [u16; 13] = [1, 101, 12, 14, 228, 229, 0, 108, 9, 50, 51, 113, 276];
/// BSD's loopback, whose address family is in the byte order of the file, and OpenBSD's, where it is
/// big-endian.
const NULL: u16 = 0;
const LOOP: u16 = 108;

const SECOND: u64 = 1_000_000_000;
/// Frames have fewer bytes.
const LONGEST: usize = 200;

impl CaptureFile {
    /// A file of either format.
    pub fn random(random: &mut Random) -> Self {
        if random.one_in(3) { Self::pcap(random) } else { Self::pcapng(random) }
    }

    /// The frames in it.
    pub fn frames(&self) -> impl Iterator<Item = &FileFrame> {
        self.records.iter().filter_map(|record| record.frame.as_ref())
    }

    /// A pcap file.
    pub fn pcap(random: &mut Random) -> Self {
        let nano = random.one_in(2);
        let mut file = File { big: random.one_in(2), made: Self::default() };
        file.word(if nano { 0xa1b2_3c4d } else { 0xa1b2_c3d4 });
        file.half(2).half(4).word(0).word(0);
        // As libpcap has it, 0 and negative numbers are no limit.
        let snaplen = random.pick(&[0, 64, 96, 65_535, 262_144, u32::MAX]);
        let link = random.pick(&LINKS);
        // Above the link type may stand how long a frame check sequence is.
        let fcs = random.pick(&[0, 0x1400_0000]);
        file.word(snaplen).word(u32::from(link) | fcs).end(None);
        let limit = if snaplen == 64 || snaplen == 96 { snaplen as usize } else { usize::MAX };
        for _ in 0..random.below(8) {
            let fractions = if nano { SECOND } else { SECOND / 1_000 };
            let (seconds, fraction) = (random.number() as u32, random.number() % fractions);
            let length = random.below(LONGEST);
            let bytes = random.bytes(length);
            let wire_len = length as u32 + random.below(2_000) as u32;
            file.word(seconds).word(fraction as u32).word(length as u32).word(wire_len);
            file.bytes(&bytes);
            file.end(Some(FileFrame {
                time: u64::from(seconds) * SECOND + fraction * (SECOND / fractions),
                wire_len,
                // What is beyond the snapshot length is not the frame's, for libpcap.
                bytes: bytes[..length.min(limit)].to_vec(),
                link: file.meant(link),
                outbound: None,
                obsolete: false,
            }));
        }
        file.made
    }

    /// A pcapng file.
    pub fn pcapng(random: &mut Random) -> Self {
        let mut file = File { big: false, made: Self::default() };
        for _ in 0..=random.below(3) {
            file.big = random.one_in(2);
            file.section(random);
            let mut interfaces = Vec::new();
            for _ in 0..random.below(12) {
                match random.below(8) {
                    0 => file.block_without_a_frame(random),
                    1 | 2 => interfaces.push(file.interface(random)),
                    3 if !interfaces.is_empty() => file.simple_packet(random, interfaces[0]),
                    4 if !interfaces.is_empty() => file.packet(random, &interfaces, true),
                    _ if !interfaces.is_empty() => file.packet(random, &interfaces, false),
                    _ => interfaces.push(file.interface(random)),
                }
            }
        }
        file.made
    }
}

/// An interface of pcapng.
#[derive(Clone, Copy)]
struct Interface {
    link: u16,
    snaplen: u32,
    /// Units of its clock in a second.
    per_second: u64,
    /// Seconds to add to its times.
    offset: i64,
}

/// A file while it is made.
struct File {
    big: bool,
    made: CaptureFile,
}

impl File {
    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.made.bytes.extend_from_slice(bytes);
        self
    }

    fn half(&mut self, n: u16) -> &mut Self {
        self.bytes(&if self.big { n.to_be_bytes() } else { n.to_le_bytes() })
    }

    fn word(&mut self, n: u32) -> &mut Self {
        self.bytes(&if self.big { n.to_be_bytes() } else { n.to_le_bytes() })
    }

    fn long(&mut self, n: u64) -> &mut Self {
        self.bytes(&if self.big { n.to_be_bytes() } else { n.to_le_bytes() })
    }

    fn padded(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes(bytes).bytes(&[0; 3][..bytes.len().next_multiple_of(4) - bytes.len()])
    }

    fn option(&mut self, code: u16, value: &[u8]) -> &mut Self {
        self.half(code).half(value.len() as u16).padded(value)
    }

    fn number_option(&mut self, code: u16, value: u64) -> &mut Self {
        self.half(code).half(8).long(value)
    }

    /// What a number of a link type means in this byte order.
    fn meant(&self, link: u16) -> u16 {
        if link == NULL && self.big { LOOP } else { link }
    }

    /// The end of options, which may be left out.
    fn end_options(&mut self, random: &mut Random) -> &mut Self {
        if random.one_in(4) { self } else { self.option(0, b"") }
    }

    fn end(&mut self, frame: Option<FileFrame>) {
        let end = self.made.bytes.len();
        self.made.records.push(Record { end, frame });
    }

    /// Type, length, body, length.
    fn block(&mut self, kind: u32, body: impl FnOnce(&mut Self)) {
        let start = self.made.bytes.len();
        self.word(kind).word(0);
        body(self);
        let length = (self.made.bytes.len() - start + 4) as u32;
        self.word(length);
        let at_end = self.made.bytes.len() - 4;
        self.made.bytes.copy_within(at_end.., start + 4);
    }

    fn section(&mut self, random: &mut Random) {
        self.block(0x0a0d_0d0a, |file| {
            file.word(0x1a2b_3c4d).half(1).half(random.pick(&[0, 2])).long(u64::MAX);
            if random.one_in(2) {
                file.option(2, b"a machine").option(3, b"a system").option(4, b"a program");
                file.option(1, b"a comment").end_options(random);
            }
        });
        self.end(None);
    }

    fn interface(&mut self, random: &mut Random) -> Interface {
        let link = random.pick(&LINKS);
        let snaplen = random.pick(&[0, 65, 262_144]);
        let mut interface =
            Interface { link: self.meant(link), snaplen, per_second: 1_000_000, offset: 0 };
        self.block(1, |file| {
            file.half(link).half(0).word(interface.snaplen);
            if random.one_in(2) {
                file.option(2, b"eth0").option(3, b"the first").option(4, &[0; 8]);
                file.number_option(8, 1_000_000_000).option(11, b"\0tcp port 80");
            }
            if random.one_in(2) {
                // Powers of ten, and with the highest bit of two.
                let (code, per_second) = random.pick(&[
                    (0, 1),
                    (3, 1_000),
                    (6, 1_000_000),
                    (9, 1_000_000_000),
                    (12, 1_000_000_000_000),
                    (0x80 | 10, 1 << 10),
                    (0x80 | 20, 1 << 20),
                    (0x80 | 32, 1 << 32),
                ]);
                interface.per_second = per_second;
                file.option(9, &[code]);
            }
            if random.one_in(4) {
                interface.offset = random.pick(&[-1_000, 3_600, 1_700_000_000]);
                file.number_option(14, interface.offset as u64);
            }
            file.end_options(random);
        });
        self.end(None);
        interface
    }

    fn simple_packet(&mut self, random: &mut Random, interface: Interface) {
        let limit = if interface.snaplen == 0 { u32::MAX } else { interface.snaplen };
        let wire_len = random.below(LONGEST) as u32;
        let bytes = random.bytes(wire_len.min(limit) as usize);
        self.block(3, |file| {
            file.word(wire_len).padded(&bytes);
        });
        let link = interface.link;
        let (outbound, obsolete) = (None, false);
        self.end(Some(FileFrame { time: 0, wire_len, bytes, link, outbound, obsolete }));
    }

    /// An enhanced packet block, or an obsolete one.
    fn packet(&mut self, random: &mut Random, interfaces: &[Interface], obsolete: bool) {
        let number = random.below(interfaces.len());
        let Interface { link, per_second, offset, .. } = interfaces[number];
        // A thousand seconds at least, since an offset may take as many away.
        let most = (u64::MAX / per_second).min(4_000_000_000);
        let (seconds, fraction) = (1_000 + random.number() % (most - 1_000), random.number());
        let fraction = fraction % per_second;
        let nanoseconds = u128::from(fraction) * u128::from(SECOND) / u128::from(per_second);
        let time = seconds.saturating_add_signed(offset) * SECOND + nanoseconds as u64;
        let ticks = seconds * per_second + fraction;

        let length = random.below(LONGEST);
        let bytes = random.bytes(length);
        let wire_len = length as u32 + random.below(2_000) as u32;
        let direction = random.below(4) as u32;
        let flagged = !obsolete && random.one_in(2);
        self.block(if obsolete { 2 } else { 6 }, |file| {
            if obsolete {
                // 0xffff: how many were dropped is not known.
                file.half(number as u16).half(0xffff);
            } else {
                file.word(number as u32);
            }
            file.word((ticks >> 32) as u32).word(ticks as u32).word(length as u32).word(wire_len);
            file.padded(&bytes);
            if random.one_in(3) {
                file.option(1, b"a remark").option(0x7001, b"whatever");
            }
            if flagged {
                // Beside the direction: a frame check sequence of four bytes, an error.
                file.half(2).half(4).word(direction | 4 << 5 | 1 << 24);
            }
            if random.one_in(3) {
                file.number_option(4, 7).end_options(random);
            }
        });
        let outbound = match direction {
            1 if flagged => Some(false),
            2 if flagged => Some(true),
            _ => None,
        };
        self.end(Some(FileFrame { time, wire_len, bytes, link, outbound, obsolete }));
    }

    /// Names, statistics, secrets, and blocks that nobody knows.
    fn block_without_a_frame(&mut self, random: &mut Random) {
        match random.below(4) {
            0 => self.block(4, |file| {
                // A record of an IPv4 address with its name, and the end of the records.
                file.half(1).half(9).padded(b"\xc0\0\x02\x01host\0").word(0);
            }),
            1 => self.block(5, |file| {
                file.word(0).word(1).word(2).number_option(4, 9).number_option(5, 1);
                file.end_options(random);
            }),
            2 => self.block(10, |file| {
                // Secrets of TLS.
                file.word(0x544c_534b).word(5).padded(b"abcde");
            }),
            _ => {
                let length = 4 * random.below(9);
                let body = random.bytes(length);
                self.block(0x7777, |file| {
                    file.bytes(&body);
                });
            }
        }
        self.end(None);
    }
}
