//! The rig of all floods: a veth pair of its own for each observer, sender and receive
//! path on the first CPU, the observer on the last.

use std::slice;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testbed::{
    CLIENT_LINK, CLIENT_V4, CLIENT_V6, Frame, FrameSender, LinkCounters, Pair, SERVER_LINK,
    SERVER_V4, SERVER_V6, Sent, Tcp, pin_to_cpu, tcp_flags,
};

use crate::observer::{Observer, Summary, Watching};
use crate::stats::median;

/// One observer in one round.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Nanoseconds a packet, sender and receive path together.
    pub ns: f64,
    /// What the observer counted and what it cost itself.
    pub summary: Summary,
    /// Frames sent in all, those of the warm-up with them.
    pub frames: u64,
    /// Of them, those that match.
    pub matching: u64,
}

/// What is sent past an observer.
#[derive(Clone, Debug)]
pub struct Flood {
    /// Tells floods apart: what an observer adds is taken against nothing in the same flood.
    pub name: String,
    /// The frames, in turn. Where there are more than go into a piece, each piece has other ones.
    pub frames: Arc<Vec<Vec<u8>>>,
    /// How many, behind the warm-up.
    pub packets: u64,
    /// The share of them that an exact observer has to count: so many of so many.
    pub share: (u64, u64),
}

/// Frames sent before the measured ones, so that caches, branch predictors and the
/// observer's buffers are in their stride.
pub const WARM_UP: u64 = 20_000;

/// A flood is timed in pieces of so many frames, about a millisecond, and the median piece
/// stands for it: a piece in which another process took the CPU then says nothing.
const PIECE: u64 = 1000;

/// Another machine's address: the stack lets go of the frame right behind the hooks,
/// and no answer comes back to disturb the measurement.
pub const STRANGER: [u8; 6] = [0x02, 0, 0, 0, 0, 0x77];

/// An Ethernet frame without FCS has at least 60 bytes.
pub const SMALLEST: usize = 60;

/// The largest frame of an ordinary link, without FCS.
pub const FULL: usize = 1514;

/// A SYN to port 80 of a frame's length.
pub fn syn(length: usize) -> Vec<u8> {
    let mut frame = Frame::ipv4(CLIENT_V4, SERVER_V4).tcp(segment(tcp_flags::SYN));
    frame.destination = STRANGER;
    padded(&frame, length)
}

/// The same over IPv6.
pub fn syn6(length: usize) -> Vec<u8> {
    let mut frame = Frame::ipv6(CLIENT_V6, SERVER_V6).tcp(segment(tcp_flags::SYN));
    frame.destination = STRANGER;
    padded(&frame, length)
}

/// A segment of an established connection: no SYN.
pub fn ack(length: usize) -> Vec<u8> {
    let mut frame = Frame::ipv4(CLIENT_V4, SERVER_V4).tcp(segment(tcp_flags::ACK));
    frame.destination = STRANGER;
    padded(&frame, length)
}

/// A SYN that the stack takes as far as its routing: to the server's MAC address, and to an
/// IP address that is nobody's (TEST-NET-2, RFC 5737).
pub fn syn_to_router(length: usize) -> Vec<u8> {
    let nobody = std::net::Ipv4Addr::new(198, 51, 100, 1);
    padded(&Frame::ipv4(CLIENT_V4, nobody).tcp(segment(tcp_flags::SYN)), length)
}

fn segment(flags: u8) -> Tcp {
    Tcp { source: 40_000, destination: 80, flags, window: 64_240, ..Tcp::default() }
}

/// The frame with a payload that gives it `length` bytes; short of that, with Ethernet's padding.
fn padded(frame: &Frame, length: usize) -> Vec<u8> {
    let bare = frame.build().len();
    let mut bytes = if length > SMALLEST.max(bare) {
        frame.clone().payload(&vec![b'x'; length - bare]).build()
    } else {
        frame.build()
    };
    bytes.resize(length.max(bytes.len()), 0);
    bytes
}

impl Flood {
    /// Smallest SYNs, all of which match.
    pub fn of_syns(packets: u64) -> Self {
        Self::of("SYNs", syn(SMALLEST), packets)
    }

    /// One frame, again and again, which matches.
    pub fn of(name: &str, frame: Vec<u8>, packets: u64) -> Self {
        Self { name: name.to_owned(), frames: Arc::new(vec![frame]), packets, share: (1, 1) }
    }

    /// Smallest frames of which so many percent are SYNs, the others segments of a connection.
    pub fn of_share(percent: u64, packets: u64) -> Self {
        /// Divides the warm-up and each piece, which begin with the first frame.
        const TURN: u64 = 20;
        let wanted = percent * TURN / 100;
        // Spread over the turn: the n-th is one where the share passes a whole number.
        let is_syn = |n: u64| (n + 1) * wanted / TURN > n * wanted / TURN;
        let frame = |n| if is_syn(n) { syn(SMALLEST) } else { ack(SMALLEST) };
        let name = format!("{percent} % SYNs");
        let frames = Arc::new((0..TURN).map(frame).collect());
        Self { name, frames, packets, share: (wanted, TURN) }
    }

    /// How many frames pass in all, those of the warm-up with them, and how many of them match.
    const fn frames_and_matches(&self) -> (u64, u64) {
        let all = WARM_UP + self.packets;
        (all, all * self.share.0 / self.share.1)
    }

    /// The frames of the piece that begins with this one.
    fn piece(&self, start: u64) -> &[Vec<u8>] {
        let (all, piece) = (&self.frames[..], PIECE as usize);
        if all.len() <= piece {
            return all;
        }
        let start = start as usize % all.len();
        &all[start..all.len().min(start + piece)]
    }
}

/// Floods one observer, on a rig of its own.
pub fn measure(observer: &Observer, flood: &Flood) -> Result<Sample> {
    let samples = measure_in_turn(slice::from_ref(observer), flood)?;
    let (summary, pieces) = samples.into_iter().next().context("no sample")?;
    let (all, matching) = flood.frames_and_matches();
    Ok(Sample { ns: median(pieces.into_iter()), summary, frames: all, matching })
}

/// Floods several, each on a rig of its own, and goes from one to the next with every piece: what
/// changes on the machine then changes for all of them. Gives ns a packet of each one's pieces, of
/// which those with the same place are neighbours in time.
pub fn measure_in_turn(observers: &[Observer], flood: &Flood) -> Result<Vec<(Summary, Vec<f64>)>> {
    let rigs: Vec<Rig> = observers.iter().map(Rig::new).collect::<Result<_>>()?;
    let send = || -> Result<Vec<Vec<f64>>> {
        pin_to_cpu(0)?;
        for rig in &rigs {
            rig.sender.send_paced(&flood.frames, WARM_UP, None)?;
        }
        let mut pieces = vec![Vec::new(); rigs.len()];
        // Behind the others one finds the caches as they left them, not as in its own flood.
        let lead = if rigs.len() > 1 { PIECE } else { 0 };
        for (turn, start) in (0..flood.packets).step_by((lead + PIECE) as usize).enumerate() {
            let lead = lead.min(flood.packets - start);
            let timed = PIECE.min(flood.packets - start - lead);
            // Each is the first as often as the others.
            for place in 0..rigs.len() {
                let who = (turn + place) % rigs.len();
                let send = |start, count| -> Result<Sent> {
                    let sent = rigs[who].sender.send_paced(flood.piece(start), count, None)?;
                    ensure!(sent.frames == count, "{} of {count} frames were sent", sent.frames);
                    Ok(sent)
                };
                if lead > 0 {
                    send(start, lead)?;
                }
                if timed > 0 {
                    let taken = send(start + lead, timed)?.elapsed;
                    pieces[who].push(taken.as_nanos() as f64 / timed as f64);
                }
            }
        }
        Ok(pieces)
    };
    let pieces = thread::scope(|scope| scope.spawn(send).join().expect("no panic in a flood"))?;
    rigs.into_iter().zip(pieces).map(|(rig, pieces)| Ok((rig.end(flood)?, pieces))).collect()
}

/// A veth pair whose one end is watched.
struct Rig<'a> {
    observer: &'a Observer,
    sender: FrameSender,
    watching: Watching<'a>,
    /// The watched link's counters before anything was sent.
    before: LinkCounters,
    pair: Pair,
}

impl<'a> Rig<'a> {
    fn new(observer: &'a Observer) -> Result<Self> {
        let start = || -> Result<Self> {
            let pair = Pair::new()?;
            let sender = FrameSender::open(&pair.client, CLIENT_LINK)?.linear()?;
            let watching = observer.start(&pair.server)?;
            let before = pair.server.counters(SERVER_LINK)?;
            Ok(Self { observer, sender, watching, before, pair })
        };
        start().with_context(|| format!("starting: {}", observer.name))
    }

    /// Waits until all of the flood has passed, and ends the observer.
    fn end(self, flood: &Flood) -> Result<Summary> {
        let Self { observer, watching, before, pair, .. } = self;
        let (all, matching) = flood.frames_and_matches();
        let end = || -> Result<Summary> {
            pair.server.wait_for_received(SERVER_LINK, before, all, Duration::from_secs(10))?;
            let summary = watching.end(&pair.server)?;
            let counted = summary.counts.counted;
            ensure!(
                !observer.exact || counted == matching,
                "counted {counted} of {matching} frames"
            );
            Ok(summary)
        };
        end().with_context(|| format!("measuring: {}", observer.name))
    }
}
