//! A host that is far away: what it sends and what it is sent takes its time.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::{CLIENT_V4, CLIENT_V6, Namespace, Pair, SERVER_LINK, Tun};

/// The far host's address (TEST-NET-2, RFC 5737).
pub const FAR_V4: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
/// The far host's address (documentation prefix, RFC 3849).
pub const FAR_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 7);

/// The device at either end of the long wire.
const LINK: &str = "far0";
/// How long the thread that is the wire waits for packets before it looks whether it is to end.
const TURN: Duration = Duration::from_millis(10);

/// A host behind the client of a [`Pair`], which forwards for it. Every packet between the two is on its way
/// for the same time. (netem does that as well; not every kernel has it.)
#[derive(Debug)]
pub struct Far {
    /// Holds [`FAR_V4`] and [`FAR_V6`].
    pub host: Namespace,
    ended: Arc<AtomicBool>,
    wire: Option<JoinHandle<Result<()>>>,
}

impl Far {
    /// Makes it, with a wire on which a packet takes so long.
    pub fn behind(pair: &Pair, delay: Duration) -> Result<Self> {
        let host = Namespace::new()?;
        let ends = [Tun::new(&pair.client, LINK)?, Tun::new(&host, LINK)?];
        host.ip(&[
            format!("address add {FAR_V4}/32 dev {LINK}"),
            format!("address add {FAR_V6}/128 dev {LINK} nodad"),
            format!("route add default dev {LINK}"),
            format!("route add ::/0 dev {LINK}"),
        ])?;
        pair.client.set(&[("ipv4/ip_forward", "1"), ("ipv6/conf/all/forwarding", "1")])?;
        pair.client.ip(&[
            format!("route add {FAR_V4}/32 dev {LINK}"),
            format!("route add {FAR_V6}/128 dev {LINK}"),
        ])?;
        pair.server.ip(&[
            format!("route add {FAR_V4}/32 via {CLIENT_V4} dev {SERVER_LINK}"),
            format!("route add {FAR_V6}/128 via {CLIENT_V6} dev {SERVER_LINK}"),
        ])?;
        let ended = Arc::new(AtomicBool::new(false));
        let wire = thread::spawn({
            let ended = Arc::clone(&ended);
            move || carry(&ends, delay, &ended)
        });
        Ok(Self { host, ended, wire: Some(wire) })
    }

    /// Ends the wire, and says whether it worked until then.
    pub fn end(mut self) -> Result<()> {
        self.ended.store(true, Ordering::Relaxed);
        let Some(wire) = self.wire.take() else { return Ok(()) };
        wire.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

/// Takes each packet from one end to the other, so long after it was sent.
fn carry(ends: &[Tun; 2], delay: Duration, ended: &AtomicBool) -> Result<()> {
    // As all take as long, they arrive in the order in which they were sent.
    let mut under_way: VecDeque<(Instant, usize, Vec<u8>)> = VecDeque::new();
    while !ended.load(Ordering::Relaxed) {
        let next = under_way.front().map(|(due, ..)| due.saturating_duration_since(Instant::now()));
        wait(ends, next.map_or(TURN, |next| next.min(TURN)))?;
        for (from, end) in ends.iter().enumerate() {
            while let Some(packet) = end.sent()? {
                under_way.push_back((Instant::now() + delay, 1 - from, packet));
            }
        }
        while under_way.front().is_some_and(|(due, ..)| *due <= Instant::now()) {
            let Some((_, to, packet)) = under_way.pop_front() else { break };
            ends[to].send(&[packet])?;
        }
    }
    Ok(())
}

/// Until one of them has sent something, but not longer than this.
fn wait(ends: &[Tun; 2], limit: Duration) -> Result<()> {
    let mut ready = ends.each_ref().map(|end| PollFd::new(end.as_fd(), PollFlags::POLLIN));
    // Whole milliseconds: what is due in less is waited for by coming again at once.
    match poll(&mut ready, PollTimeout::try_from(limit.as_millis())?) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(error) => Err(error).context("waiting for tun devices"),
    }
}
