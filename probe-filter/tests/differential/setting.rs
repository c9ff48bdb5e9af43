//! One way to compile and the frames that go with it.

use std::fmt;
use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};

use pcap::{Active, BpfProgram, Capture, Dead, Linktype, Offline};
use probe_filter::testing::frames::{Rng, pool};
use probe_filter::{Filter, Frame, LinkType, Options, SystemResolver, VlanTag, VlanView, compile};
use test_support::expressions::pieces;
use test_support::shrink;

use crate::oracle::{IFINDEX, Program, Verdict};

const FRAMES: usize = 20_000;
/// Set by CI: a test that cannot run is a failure.
const REQUIRED: &str = "PROBE_REQUIRE_KERNEL_TESTS";

/// What compiles on libpcap's side.
enum Handle {
    Dead(Capture<Dead>),
    Active(Box<Capture<Active>>),
    /// What tcpdump compiles for a file: other words are refused, and IPv6 on a BSD's loopback has
    /// other numbers.
    Offline(Capture<Offline>),
}

impl Handle {
    fn compile(&self, text: &str) -> Result<BpfProgram, pcap::Error> {
        match self {
            Self::Dead(capture) => capture.compile(text, false),
            Self::Active(capture) => capture.compile(text, false),
            Self::Offline(capture) => capture.compile(text, false),
        }
    }
}

/// A frame with what the kernel knows of it.
#[derive(Clone, Debug)]
pub struct Sample {
    pub bytes: Vec<u8>,
    pub wire_len: u32,
    pub vlan: Option<VlanTag>,
    pub outbound: Option<bool>,
}

impl Sample {
    pub fn frame(&self) -> Frame<'_> {
        Frame {
            bytes: &self.bytes,
            wire_len: self.wire_len,
            vlan: self.vlan,
            outbound: self.outbound,
        }
    }
}

pub struct Setting {
    pub name: &'static str,
    handle: Handle,
    options: Options<'static>,
    pub samples: Vec<Sample>,
}

#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub accepted: usize,
    pub refused: usize,
    pub compared: usize,
    pub matched: usize,
    pub undefined: usize,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { accepted, refused, compared, matched, undefined } = self;
        write!(f, "{accepted} filters accepted, {refused} refused by both; {compared} verdicts, ")?;
        write!(f, "{matched} of them matches; {undefined} undefined in libpcap")
    }
}

impl Setting {
    pub fn all() -> Vec<Self> {
        let mut settings = vec![Self::dead(LinkType::Ethernet), Self::dead(LinkType::Raw)];
        settings.extend(Self::live());
        settings.extend(Self::files());
        settings
    }

    /// Whether it is one of [`files`](Self::files).
    pub fn is_file(&self) -> bool {
        matches!(self.handle, Handle::Offline(_))
    }

    /// Files of each other link type.
    pub fn files() -> Vec<Self> {
        let others = LinkType::ALL.into_iter();
        others
            .filter(|link| !matches!(link, LinkType::Ethernet | LinkType::Raw))
            .map(Self::file)
            .collect()
    }

    pub fn dead(link: LinkType) -> Self {
        // Ethernet has the first.
        let seed = 11 + LinkType::ALL.iter().position(|&one| one == link).unwrap_or(0) as u64;
        let samples = pool(link, seed, FRAMES).into_iter().enumerate().map(|(at, bytes)| Sample {
            wire_len: bytes.len() as u32 + [0, 0, 0, 1, 1000][at % 5],
            bytes,
            vlan: None,
            outbound: Some(at % 3 == 0),
        });
        Self { samples: samples.collect(), ..Self::without_frames(link) }
    }

    /// As tcpdump has it for a file.
    fn file(link: LinkType) -> Self {
        let number = names_and_numbers(link).1;
        // Tests run side by side: each call has a file of its own.
        static CALLS: AtomicU32 = AtomicU32::new(0);
        let (process, call) = (std::process::id(), CALLS.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(format!("probe-filter-{process}-{call}.pcap"));
        let words = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 262_144, number];
        std::fs::write(&path, words.map(u32::to_le_bytes).as_flattened())
            .expect("a file can be written");
        let capture = Capture::from_file(&path);
        std::fs::remove_file(&path).expect("it is ours");
        let setting = Self::dead(link);
        Self {
            handle: Handle::Offline(capture.expect("libpcap has this link type")),
            options: setting.options.direction(false).ifindex(None),
            ..setting
        }
    }

    /// As a file of this link type has it.
    pub fn of_link(link: LinkType) -> Self {
        match link {
            LinkType::Ethernet | LinkType::Raw => Self::dead(link),
            _ => Self::file(link),
        }
    }

    /// What filters are compiled for.
    pub fn options(&self) -> Options<'static> {
        self.options
    }

    fn without_frames(link: LinkType) -> Self {
        let (name, number) = names_and_numbers(link);
        // On handles without a file it is DLT_RAW, of which the number is another one.
        let linktype = Linktype(if link == LinkType::Raw { 12 } else { number as i32 });
        Self {
            name,
            handle: Handle::Dead(Capture::dead(linktype).expect("libpcap has this link type")),
            options: Options::default()
                .link(link)
                // The pcap crate says that the netmask is 0.
                .netmask(0)
                .direction(true)
                .ifindex(IFINDEX)
                .resolver(&SystemResolver),
            samples: Vec::new(),
        }
    }

    /// The frames of a capture file, if its link type is one of ours.
    pub fn of_capture(path: &std::path::Path) -> Option<Self> {
        let mut capture = Capture::from_file(path).ok()?;
        let link = match capture.get_datalink() {
            Linktype::ETHERNET => LinkType::Ethernet,
            // DLT_RAW, and LINKTYPE_RAW where a file says it so.
            Linktype(12 | 101) => LinkType::Raw,
            Linktype(number) => {
                let has_it = |link: &LinkType| names_and_numbers(*link).1 == number as u32;
                LinkType::ALL.into_iter().find(has_it)?
            }
        };
        let mut samples = Vec::new();
        while let Ok(packet) = capture.next_packet() {
            let (bytes, wire_len) = (packet.data.to_vec(), packet.header.len);
            samples.push(Sample { bytes, wire_len, vlan: None, outbound: Some(false) });
        }
        let mut setting = match link {
            LinkType::Ethernet | LinkType::Raw => Self::without_frames(link),
            _ => Self::file(link),
        };
        (setting.name, setting.samples) = ("a capture", samples);
        Some(setting)
    }

    /// What tcpdump compiles on a live link. Only a live handle makes libpcap do so,
    /// and only root has one.
    pub fn live() -> Option<Self> {
        let capture = Capture::from_device("lo").and_then(|capture| capture.open());
        let capture = match capture {
            Ok(capture) => capture,
            Err(error) => {
                assert!(!is_required(), "the live setting needs root: {error}");
                skipped(&format!("the live setting needs root: {error}"));
                return None;
            }
        };
        let mut setting = Self::dead(LinkType::Ethernet);
        setting.name = "live Ethernet";
        setting.handle = Handle::Active(Box::new(capture));
        setting.options.vlan = VlanView::Live;
        setting.samples.iter_mut().for_each(take_tag_off);
        Some(setting)
    }

    pub fn ours(&self, text: &str) -> Result<Filter, probe_filter::Error> {
        compile(text, &self.options)
    }

    pub fn theirs(&self, text: &str) -> Result<Program, pcap::Error> {
        self.handle.compile(text).map(|program| Program::new(&program))
    }

    /// Their program, where their own interpreter can run it over frames of a file.
    pub fn plain_program(&self, text: &str) -> Option<(Program, BpfProgram)> {
        let theirs = self.handle.compile(text).ok()?;
        let program = Program::new(&theirs);
        program.is_plain().then_some((program, theirs))
    }

    /// Panics, with the smallest case it finds, where the two sides differ.
    pub fn check(&self, text: &str, frames: usize, rng: &mut Rng, tally: &mut Tally) {
        let (ours, theirs) = match (self.ours(text), self.theirs(text)) {
            (Ok(ours), Ok(theirs)) => (ours, theirs),
            (Err(_), Err(_)) => {
                tally.refused += 1;
                return;
            }
            (ours, _) => {
                let text = shrink::text(text, pieces, |text| {
                    self.ours(text).is_ok() != self.theirs(text).is_ok()
                        && self.ours(text).is_ok() == ours.is_ok()
                });
                panic!(
                    "{}: one side refuses {text:?}\nours: {}\nlibpcap: {}",
                    self.name,
                    self.ours(&text).map_or_else(|error| error.to_string(), |_| "accepted".into()),
                    self.theirs(&text)
                        .map_or_else(|error| error.to_string(), |_| "accepted".into()),
                );
            }
        };
        tally.accepted += 1;
        for _ in 0..frames {
            let sample = &self.samples[rng.below(self.samples.len())];
            let verdict = theirs.run(&sample.frame());
            let matches = ours.matches(&sample.frame());
            match verdict {
                Verdict::Undefined => tally.undefined += 1,
                _ if (verdict == Verdict::Match) == matches => {
                    tally.compared += 1;
                    tally.matched += usize::from(matches);
                }
                _ => self.report(text, sample),
            }
        }
    }

    fn differs(&self, text: &str, sample: &Sample) -> bool {
        let (Ok(ours), Ok(theirs)) = (self.ours(text), self.theirs(text)) else { return false };
        match theirs.run(&sample.frame()) {
            Verdict::Undefined => false,
            verdict => (verdict == Verdict::Match) != ours.matches(&sample.frame()),
        }
    }

    fn report(&self, text: &str, sample: &Sample) {
        let text = shrink::text(text, pieces, |text| self.differs(text, sample));
        let mut sample = sample.clone();
        sample.bytes = shrink::bytes(&sample.bytes, 0, |bytes| {
            self.differs(&text, &Sample { bytes: bytes.to_vec(), ..sample.clone() })
        });
        panic!(
            "{}: {text:?} differs: libpcap says {:?}, we say {}\nframe {:02x?}\n{:?} wire {} outbound {:?}",
            self.name,
            self.theirs(&text).map(|program| program.run(&sample.frame())),
            self.ours(&text).is_ok_and(|filter| filter.matches(&sample.frame())),
            sample.bytes,
            sample.vlan,
            sample.wire_len,
            sample.outbound,
        );
    }
}

/// What a link type is called here, and its number in files.
fn names_and_numbers(link: LinkType) -> (&'static str, u32) {
    match link {
        LinkType::Ethernet => ("Ethernet", 1),
        LinkType::Raw => ("raw IP", 101),
        LinkType::Ipv4 => ("raw IPv4", 228),
        LinkType::Ipv6 => ("raw IPv6", 229),
        LinkType::LinuxSll => ("Linux cooked", 113),
        LinkType::LinuxSll2 => ("Linux cooked v2", 276),
        LinkType::Null => ("BSD loopback", 0),
        LinkType::Loop => ("OpenBSD loopback", 108),
        LinkType::Ppp => ("PPP", 9),
        LinkType::PppSerial => ("PPP over serial", 50),
        LinkType::PppEther => ("PPPoE", 51),
    }
}

/// Whether a test that cannot run is a failure.
pub fn is_required() -> bool {
    std::env::var_os(REQUIRED).is_some_and(|value| value == "1")
}

/// Says it where the test harness does not swallow it.
pub fn skipped(what: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED, NOT TESTED: {what}");
}

/// What the kernel does before a packet socket sees a frame.
fn take_tag_off(sample: &mut Sample) {
    let bytes = &mut sample.bytes;
    let half = |at: usize| Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
    let (Some(tpid @ (0x8100 | 0x88a8)), Some(tci)) = (half(12), half(14)) else { return };
    if bytes.len() < 18 {
        return;
    }
    bytes.drain(12..16);
    sample.wire_len -= 4;
    sample.vlan = Some(VlanTag { tpid, tci });
}
