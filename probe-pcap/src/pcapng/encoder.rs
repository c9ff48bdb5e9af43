//! Frames as pcapng: one section that says which machine and program wrote it, a block for each
//! interface with its name and filter, a block for each frame, and the account of the capture at
//! the end.

use probe_frame::{Frame, LinkType, WallTime};

use super::numbers::{
    BYTE_ORDER_MAGIC, COMMENT, END_OF_OPTIONS, ENHANCED_PACKET, EPB_FLAGS, IF_DESCRIPTION,
    IF_FILTER, IF_NAME, IF_TSRESOL, INBOUND, INTERFACE, INTERFACE_STATISTICS, ISB_ENDTIME,
    ISB_FILTERACCEPT, ISB_IFDROP, ISB_IFRECV, ISB_OSDROP, ISB_STARTTIME, ISB_USRDELIV, OUTBOUND,
    SECTION, SHB_HARDWARE, SHB_OS, SHB_USERAPPL,
};
use crate::{
    contents::{Interface, Origin, Statistics},
    link,
};

const VERSION: [u16; 2] = [1, 0];
/// The section's length, not known while it is written.
const UNKNOWN_LENGTH: u64 = u64::MAX;

/// Bytes of a frame's block before those of the frame: type, length, interface, time in two
/// halves, captured length, length on the wire.
const FRAME_HEAD: usize = 28;

/// Time stamps count units of 10 to the minus 9 seconds.
const NANOSECONDS: u8 = 9;
/// The filter is text as libpcap has it, and not compiled.
const FILTER_IS_TEXT: u8 = 0;

/// Turns frames into blocks. Numbers are little-endian on every machine; the byte-order magic
/// says so.
pub(crate) struct Encoder {
    snaplen: u32,
    origin: Origin,
    /// Frames of each interface so far.
    frames: Vec<u64>,
    /// Times of the first and the last frame.
    span: Option<(WallTime, WallTime)>,
}

impl Encoder {
    pub(crate) fn new(link: LinkType, snaplen: u32, mut origin: Origin) -> Self {
        // A frame belongs to an interface, be it one of which nothing is known.
        if origin.interfaces.is_empty() {
            origin.interfaces.push(Interface { link, ..Interface::default() });
        }
        let frames = vec![0; origin.interfaces.len()];
        Self { snaplen, origin, frames, span: None }
    }

    /// The section header, and a block for each interface.
    pub(crate) fn head(&self, out: &mut Vec<u8>) {
        block(out, u32::from_le_bytes(SECTION), |out| {
            word(out, BYTE_ORDER_MAGIC);
            VERSION.into_iter().for_each(|number| half(out, number));
            long(out, UNKNOWN_LENGTH);
            text(out, SHB_HARDWARE, &self.origin.hardware);
            text(out, SHB_OS, &self.origin.os);
            text(out, SHB_USERAPPL, &self.origin.application);
            for comment in &self.origin.comments {
                text(out, COMMENT, comment);
            }
            end_options(out);
        });
        for interface in &self.origin.interfaces {
            self.interface(interface, out);
        }
    }

    fn interface(&self, interface: &Interface, out: &mut Vec<u8>) {
        block(out, INTERFACE, |out| {
            half(out, link::number(interface.link));
            half(out, 0);
            word(out, self.snaplen);
            text(out, IF_NAME, &interface.name);
            text(out, IF_DESCRIPTION, &interface.description);
            option(out, IF_TSRESOL, &[NANOSECONDS]);
            if !self.origin.filter.is_empty() {
                let filter = [&[FILTER_IS_TEXT], self.origin.filter.as_bytes()].concat();
                option(out, IF_FILTER, &filter);
            }
            end_options(out);
        });
    }

    /// An interface that frames may be of from here on. It takes the place of one with its index,
    /// which the kernel has given away again.
    pub(crate) fn add_interface(&mut self, interface: Interface, out: &mut Vec<u8>) {
        self.interface(&interface, out);
        for known in &mut self.origin.interfaces {
            if known.index == interface.index {
                known.index = 0;
            }
        }
        self.origin.interfaces.push(interface);
        self.frames.push(0);
    }

    /// A frame's block, without its bytes where they are lent. Returns where those belong. Before
    /// the first frame of a link type that no interface has, one is described that has it.
    pub(crate) fn frame(&mut self, frame: &Frame<'_>, lent: bool, out: &mut Vec<u8>) -> usize {
        let number = self.number(frame, out);
        if let Some(count) = self.frames.get_mut(number) {
            *count += 1;
        }
        let first = self.span.map_or(frame.time, |(first, _)| first);
        self.span = Some((first, frame.time));
        let bytes_at = out.len() + FRAME_HEAD;
        let more = if lent { frame.bytes.len() } else { 0 };
        block_with(out, ENHANCED_PACKET, more, |out| {
            word(out, number as u32);
            time(out, frame.time);
            word(out, frame.bytes.len() as u32);
            word(out, frame.wire_len);
            if !lent {
                out.extend_from_slice(frame.bytes);
            }
            pad(out, frame.bytes.len());
            let comment = self.origin.comment.as_deref().unwrap_or_default();
            text(out, COMMENT, comment);
            if let Some(outbound) = frame.outbound {
                let flags = if outbound { OUTBOUND } else { INBOUND };
                option(out, EPB_FLAGS, &flags.to_le_bytes());
            }
            if !comment.is_empty() || frame.outbound.is_some() {
                end_options(out);
            }
        });
        bytes_at
    }

    fn number(&mut self, frame: &Frame<'_>, out: &mut Vec<u8>) -> usize {
        let interfaces = &self.origin.interfaces;
        let has_link = |interface: &&Interface| interface.link == frame.link;
        let named = |interface: &Interface| interface.index == frame.ifindex;
        let own = interfaces.iter().position(|interface| named(interface) && has_link(&interface));
        let any = || interfaces.iter().position(|interface| has_link(&interface));
        if let Some(number) = own.or_else(any) {
            return number;
        }
        let like = interfaces.iter().find(|interface| named(interface)).or(interfaces.first());
        let interface = Interface { link: frame.link, ..like.cloned().unwrap_or_default() };
        self.interface(&interface, out);
        self.origin.interfaces.push(interface);
        self.frames.push(0);
        self.frames.len() - 1
    }

    /// A statistics block for each interface.
    pub(crate) fn tail(&self, statistics: Option<&Statistics>, out: &mut Vec<u8>) {
        let last = self.span.map_or(WallTime::default(), |(_, last)| last);
        let at = statistics.map_or(last, |statistics| statistics.time);
        for (number, &frames) in self.frames.iter().enumerate() {
            block(out, INTERFACE_STATISTICS, |out| {
                word(out, number as u32);
                time(out, at);
                if let Some(statistics) = statistics {
                    text(out, COMMENT, &self.words(statistics));
                }
                if let Some((first, last)) = self.span {
                    for (code, moment) in [(ISB_STARTTIME, first), (ISB_ENDTIME, last)] {
                        let mut value = Vec::with_capacity(8);
                        time(&mut value, moment);
                        option(out, code, &value);
                    }
                }
                for (code, count) in self.counts(frames, statistics) {
                    option(out, code, &count.to_le_bytes());
                }
                end_options(out);
            });
        }
    }

    /// The counts of an interface, as far as they are known.
    fn counts(&self, frames: u64, statistics: Option<&Statistics>) -> Vec<(u16, u64)> {
        let Some(s) = statistics else { return vec![(ISB_USRDELIV, frames)] };
        let counts = |matched, lost, all| {
            vec![
                (ISB_IFRECV, matched),
                (ISB_IFDROP, all),
                (ISB_FILTERACCEPT, matched),
                (ISB_OSDROP, lost),
                (ISB_USRDELIV, frames),
            ]
        };
        if self.frames.len() == 1 {
            return counts(s.matched, s.lost, s.lost + s.dropped);
        }
        // The kernel counts all interfaces together. Where nothing was lost and nothing
        // sampled, what came of one interface is all that there was of it.
        match (s.lost + s.dropped, s.chosen == s.matched) {
            (0, true) => counts(frames, 0, 0),
            (0, false) => vec![(ISB_IFDROP, 0), (ISB_OSDROP, 0), (ISB_USRDELIV, frames)],
            (_, _) => vec![(ISB_USRDELIV, frames)],
        }
    }

    /// The account in words: that of all interfaces.
    fn words(&self, statistics: &Statistics) -> String {
        match self.frames.len() {
            1 => statistics.words.clone(),
            count => format!("{count} interfaces together: {}", statistics.words),
        }
    }
}

/// Type, length, body, length.
fn block(out: &mut Vec<u8>, kind: u32, body: impl FnOnce(&mut Vec<u8>)) {
    block_with(out, kind, 0, body);
}

/// A block with so many bytes more than `body` puts there.
fn block_with(out: &mut Vec<u8>, kind: u32, more: usize, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    word(out, kind);
    word(out, 0);
    body(out);
    let length = ((out.len() - start + more + 4) as u32).to_le_bytes();
    out.extend_from_slice(&length);
    if let Some(place) = out.get_mut(start + 4..start + 8) {
        place.copy_from_slice(&length);
    }
}

fn half(out: &mut Vec<u8>, number: u16) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn word(out: &mut Vec<u8>, number: u32) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn long(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_le_bytes());
}

/// A time stamp: the upper half first, whatever the byte order.
fn time(out: &mut Vec<u8>, time: WallTime) {
    word(out, (time.0 >> 32) as u32);
    word(out, time.0 as u32);
}

fn padded(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(bytes);
    pad(out, bytes.len());
}

/// Fills up to a multiple of four what has so many bytes.
fn pad(out: &mut Vec<u8>, len: usize) {
    out.resize(out.len() + len.next_multiple_of(4) - len, 0);
}

/// An option. One longer than its length field can say is cut.
fn option(out: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = value.get(..usize::from(u16::MAX)).unwrap_or(value);
    half(out, code);
    half(out, value.len() as u16);
    padded(out, value);
}

/// An option of text, if there is any.
fn text(out: &mut Vec<u8>, code: u16, text: &str) {
    if !text.is_empty() {
        option(out, code, text.as_bytes());
    }
}

fn end_options(out: &mut Vec<u8>) {
    option(out, END_OF_OPTIONS, &[]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(interfaces: Vec<Interface>) -> Origin {
        Origin {
            hardware: "cpu".into(),
            os: "Linux".into(),
            application: "probe 1".into(),
            interfaces,
            filter: "tcp".into(),
            comment: Some("rule a: 1 in 9".into()),
            comments: vec!["why".into(), "and how".into()],
        }
    }

    fn interface(index: u32, name: &str) -> Interface {
        let description = "tcx".to_string();
        Interface { index, name: name.into(), description, link: LinkType::Ethernet }
    }

    fn encoder(interfaces: Vec<Interface>) -> Encoder {
        Encoder::new(LinkType::Ethernet, 96, origin(interfaces))
    }

    #[test]
    fn golden_head() {
        let mut out = Vec::new();
        encoder(vec![interface(7, "eth0")]).head(&mut out);
        #[rustfmt::skip]
        let expected = [
            b"\x0a\x0d\x0d\x0a\x54\0\0\0", &b"\x4d\x3c\x2b\x1a\x01\0\0\0"[..],
            b"\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x02\0\x03\0cpu\0", b"\x03\0\x05\0Linux\0\0\0", b"\x04\0\x07\0probe 1\0",
            b"\x01\0\x03\0why\0", b"\x01\0\x07\0and how\0",
            b"\0\0\0\0", b"\x54\0\0\0",
            b"\x01\0\0\0\x38\0\0\0", b"\x01\0\0\0\x60\0\0\0",
            b"\x02\0\x04\0eth0", b"\x03\0\x03\0tcx\0", b"\x09\0\x01\0\x09\0\0\0",
            b"\x0b\0\x04\0\0tcp", b"\0\0\0\0", b"\x38\0\0\0",
        ]
        .concat();
        assert_eq!(out, expected);
    }

    #[test]
    fn golden_frame() {
        let mut encoder = encoder(vec![interface(7, "eth0"), interface(9, "eth1")]);
        let time = WallTime(0x0102_0304_0506_0708);
        let frame = Frame {
            time,
            wire_len: 60,
            bytes: b"abcde",
            link: LinkType::Ethernet,
            ifindex: 9,
            outbound: Some(true),
        };
        let mut out = Vec::new();
        encoder.frame(&frame, false, &mut out);
        #[rustfmt::skip]
        let expected = [
            b"\x06\0\0\0\x48\0\0\0", &b"\x01\0\0\0\x04\x03\x02\x01\x08\x07\x06\x05"[..],
            b"\x05\0\0\0\x3c\0\0\0", b"abcde\0\0\0",
            b"\x01\0\x0e\0rule a: 1 in 9\0\0", b"\x02\0\x04\0\x02\0\0\0",
            b"\0\0\0\0", b"\x48\0\0\0",
        ]
        .concat();
        assert_eq!(out, expected);

        // Of nothing known, nothing is said.
        let mut plain = Encoder::new(LinkType::Ethernet, 96, Origin::default());
        out.clear();
        plain.frame(&Frame { outbound: None, ifindex: 0, ..frame }, false, &mut out);
        assert_eq!(out.len(), 28 + 8 + 4);
    }

    #[test]
    fn golden_statistics() {
        let words = "seen 9, matched 8, sampled 8, of which lost in the kernel 2, dropped in user \
                     space 1";
        let statistics = Statistics {
            time: WallTime(0x0102_0304_0506_0708),
            matched: 8,
            chosen: 8,
            lost: 2,
            dropped: 1,
            words: words.into(),
        };
        let mut encoder = encoder(vec![interface(7, "eth0")]);
        let frame = Frame {
            time: WallTime(5),
            wire_len: 1,
            bytes: b"a",
            link: LinkType::Ethernet,
            ifindex: 7,
            outbound: None,
        };
        for _ in 0..5 {
            encoder.frame(&frame, false, &mut Vec::new());
        }
        let mut out = Vec::new();
        encoder.tail(Some(&statistics), &mut out);
        let mut expected = b"\x05\0\0\0\xc8\0\0\0\0\0\0\0\x04\x03\x02\x01\x08\x07\x06\x05".to_vec();
        expected.extend_from_slice(b"\x01\0\x54\0");
        expected.extend_from_slice(words.as_bytes());
        for (code, count) in [(2u8, [0, 5]), (3, [0, 5])] {
            expected.extend_from_slice(&[code, 0, 8, 0]);
            count.iter().for_each(|half: &u32| expected.extend_from_slice(&half.to_le_bytes()));
        }
        for (code, count) in [(4u8, 8u64), (5, 3), (6, 8), (7, 2), (8, 5)] {
            expected.extend_from_slice(&[code, 0, 8, 0]);
            expected.extend_from_slice(&count.to_le_bytes());
        }
        expected.extend_from_slice(b"\0\0\0\0\xc8\0\0\0");
        assert_eq!(words.len(), 0x54);
        assert_eq!(out, expected);
    }

    #[test]
    fn an_interface_may_come_later() {
        let mut encoder = encoder(vec![interface(7, "eth0")]);
        let mut out = Vec::new();
        encoder.add_interface(interface(9, "veth1"), &mut out);
        assert_eq!(out[..4], INTERFACE.to_le_bytes());
        let number = |encoder: &mut Encoder, ifindex| {
            let frame = Frame {
                time: WallTime(5),
                wire_len: 1,
                bytes: b"a",
                link: LinkType::Ethernet,
                ifindex,
                outbound: None,
            };
            let mut out = Vec::new();
            encoder.frame(&frame, false, &mut out);
            out[8]
        };
        assert_eq!([7, 9].map(|index| number(&mut encoder, index)), [0, 1]);
        // An index may be given away again.
        encoder.add_interface(interface(9, "veth2"), &mut Vec::new());
        assert_eq!([7, 9].map(|index| number(&mut encoder, index)), [0, 2]);
        assert_eq!(encoder.frames, [2, 1, 1]);
    }

    /// The kernel counts interfaces together: what is not known of one is not said.
    #[test]
    fn several_interfaces_say_what_is_known() {
        let encoder = encoder(vec![interface(7, "eth0"), interface(9, "eth1")]);
        let all = Statistics { matched: 9, chosen: 9, ..Statistics::default() };
        let known = encoder.counts(4, Some(&all));
        assert!(known.contains(&(ISB_FILTERACCEPT, 4)) && known.contains(&(ISB_IFDROP, 0)));
        let lossy = Statistics { lost: 1, ..all.clone() };
        assert_eq!(encoder.counts(4, Some(&lossy)), [(ISB_USRDELIV, 4)]);
        let sampled = encoder.counts(4, Some(&Statistics { chosen: 3, ..all }));
        assert!(sampled.contains(&(ISB_IFDROP, 0)) && !sampled.contains(&(ISB_IFRECV, 4)));
        assert_eq!(encoder.counts(4, None), [(ISB_USRDELIV, 4)]);
    }
}
