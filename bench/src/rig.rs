//! The rig of all floods: a veth pair of its own for each observer, sender and receive
//! path on the first CPU, the observer on the last.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testbed::{
    CLIENT_LINK, CLIENT_V4, CLIENT_V6, Frame, FrameSender, Pair, SERVER_LINK, SERVER_V4, SERVER_V6,
    Tcp, pin_to_cpu, tcp_flags,
};

use crate::observer::{Observer, Summary};
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
    measure_on(Pair::new()?, observer, flood)
        .with_context(|| format!("measuring: {}", observer.name))
}

fn measure_on(pair: Pair, observer: &Observer, flood: &Flood) -> Result<Sample> {
    let sender = FrameSender::open(&pair.client, CLIENT_LINK)?.linear()?;
    let watching = observer.start(&pair.server)?;
    let before = pair.server.counters(SERVER_LINK)?;
    let send = || -> Result<Vec<f64>> {
        pin_to_cpu(0)?;
        sender.send_paced(&flood.frames, WARM_UP, None)?;
        let mut pieces = Vec::new();
        for start in (0..flood.packets).step_by(PIECE as usize) {
            let count = PIECE.min(flood.packets - start);
            let sent = sender.send_paced(flood.piece(start), count, None)?;
            ensure!(sent.frames == count, "{} of {count} frames were sent", sent.frames);
            pieces.push(sent.elapsed.as_nanos() as f64 / count as f64);
        }
        Ok(pieces)
    };
    let pieces = thread::scope(|scope| scope.spawn(send).join().expect("no panic in a flood"))?;
    let all = WARM_UP + flood.packets;
    pair.server.wait_for_received(SERVER_LINK, before, all, Duration::from_secs(10))?;
    let summary = watching.end(&pair.server)?;
    let expected = all * flood.share.0 / flood.share.1;
    ensure!(
        !observer.exact || summary.counts.counted == expected,
        "counted {} of {expected} frames",
        summary.counts.counted
    );
    Ok(Sample { ns: median(pieces.into_iter()), summary, frames: all, matching: expected })
}
