//! The verdict on a port, and the sentence that gives its evidence. Pure: facts in, words out.

mod words;

use std::{fmt, net::IpAddr, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    host::{Counters, Settings},
    service::{Protocol, Service},
};
use crate::kernel::sock_diag::Listener;
pub(super) use words::time;

/// How a port does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Connections are answered and completed, in time.
    Healthy,
    /// Nobody listens.
    Closed,
    /// A firewall rejects or drops.
    Firewalled,
    /// Connections are asked for, answered and not completed: a SYN flood, or half-open clients.
    Flooded,
    /// The program does not accept fast enough: its listen queue is full.
    Overloaded,
    /// Answers take longer than they may.
    Slow,
    /// There is nothing to judge.
    Quiet,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Healthy,
        Self::Closed,
        Self::Firewalled,
        Self::Flooded,
        Self::Overloaded,
        Self::Slow,
        Self::Quiet,
    ];

    /// The word in tables and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Closed => "closed",
            Self::Firewalled => "firewalled",
            Self::Flooded => "flooded",
            Self::Overloaded => "overloaded",
            Self::Slow => "slow",
            Self::Quiet => "quiet",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// What became of connections in a span of time. Of UDP a connection is an exchange of datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// The handshake was completed; of UDP: an answer came.
    pub completed: u64,
    /// RST, of UDP port unreachable from the server itself.
    pub refused: u64,
    /// ICMP errors.
    pub rejected: u64,
    /// No answer for a second or longer.
    pub unanswered: u64,
    /// Answered, and for a second or longer not completed.
    pub uncompleted: u64,
    /// Answered a moment ago: they may still be completed.
    pub young: u64,
    /// SYNs and SYN-ACKs that were sent again.
    pub retransmitted: u64,
}

impl Outcomes {
    /// Those of which it is clear what became of them.
    pub fn decided(&self) -> u64 {
        self.completed + self.refused + self.rejected + self.unanswered + self.uncompleted
    }
}

/// Quantiles of times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// How many there are.
    pub n: u64,
    /// The median, in microseconds.
    pub p50_us: f64,
    /// Nine of ten take no longer.
    pub p90_us: f64,
    /// 99 of 100 take no longer.
    pub p99_us: f64,
}

/// An ICMP error that rejected connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// What it says, in words.
    pub reason: String,
    /// Who sent it.
    pub from: IpAddr,
}

/// What the host says, where the server is this host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostView {
    /// Counted in the span.
    pub counters: Counters,
    /// As they are now.
    pub settings: Settings,
    /// The port's socket: the one with the longest queue. `None`: it has none. Outer `None`: not known.
    pub listener: Option<Option<Listener>>,
    /// Whether the queue of another port is full right now, which would explain overflows.
    pub other_queue_full: bool,
}

/// What is known of a port over a span of time.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The port.
    pub service: Service,
    /// How long the span is.
    pub span: Duration,
    /// SYNs, of UDP datagrams to the port: all of them.
    pub asked: u64,
    /// What became of the connections.
    pub outcomes: Outcomes,
    /// Different clients that were followed, at least.
    pub clients: u64,
    /// From a SYN to the ACK that completes the handshake.
    pub handshake: Times,
    /// From the first byte of the request to the first of the response.
    pub first_byte: Times,
    /// Answers of HTTP, and those among them with a status of 5xx.
    pub http: (u64, u64),
    /// The most frequent error.
    pub rejection: Option<&'a Rejection>,
    /// Where the server is this host.
    pub host: Option<&'a HostView>,
    /// A tenth of the answers, or of the handshakes, may take longer than this, but no more.
    pub slow: Duration,
}

/// Connections a second that make a flood, where nothing but their number shows it.
const FLOOD: f64 = 1_000.0;

/// The verdict and its reason.
pub fn judge(facts: &Facts<'_>) -> (Verdict, String) {
    let outcomes = &facts.outcomes;
    let all = outcomes.decided();
    let most = |part: u64| part * 2 > all;
    let slow_us = facts.slow.as_micros() as f64;
    let is_udp = facts.service.protocol == Protocol::Udp;
    let answer = if is_udp { "answer" } else { "first byte" };
    if facts.asked == 0 && all == 0 {
        return (Verdict::Quiet, words::nothing(facts));
    }
    if let Some(why) = overload(facts) {
        return (Verdict::Overloaded, why);
    }
    if !is_udp && is_flood(facts) {
        return (Verdict::Flooded, words::flood(facts));
    }
    if all == 0 {
        return (Verdict::Quiet, words::too_early(facts));
    }
    if most(outcomes.refused) {
        return (Verdict::Closed, words::refusal(facts));
    }
    if most(outcomes.rejected) {
        return (Verdict::Firewalled, words::rejection(facts));
    }
    if most(outcomes.unanswered) {
        // A datagram does not have to be answered, unless nobody is there to take it.
        let is_normal = is_udp && !matches!(listener(facts), Some(None));
        let verdict = if is_normal { Verdict::Quiet } else { Verdict::Firewalled };
        return (verdict, words::silence(facts));
    }
    for (times, what) in [(&facts.first_byte, answer), (&facts.handshake, "handshake")] {
        if times.n > 0 && times.p90_us > slow_us {
            return (Verdict::Slow, words::slowness(what, times, slow_us));
        }
    }
    (Verdict::Healthy, words::health(facts))
}

/// The port's socket, if it is known whether there is one.
fn listener<'a>(facts: &Facts<'a>) -> Option<Option<&'a Listener>> {
    facts.host.and_then(|host| host.listener.as_ref()).map(Option::as_ref)
}

/// The listen queue was full, and connections of this port had to wait for it.
fn overload(facts: &Facts<'_>) -> Option<String> {
    let host = facts.host?;
    let listener = listener(facts)??;
    let overflows = host.counters.listen_overflows;
    let Outcomes { unanswered, retransmitted, uncompleted, .. } = facts.outcomes;
    let waited = unanswered + retransmitted + uncompleted;
    let explained = host.other_queue_full && !listener.is_full();
    if facts.service.protocol == Protocol::Udp || overflows == 0 || waited == 0 || explained {
        return None;
    }
    Some(words::overload(overflows, listener, &host.settings))
}

/// Many connections are asked for, and few are completed.
fn is_flood(facts: &Facts<'_>) -> bool {
    let outcomes = &facts.outcomes;
    let decided = outcomes.decided();
    if outcomes.uncompleted * 2 > decided {
        return true;
    }
    // Of clients that are far away there are always some that have not completed, but not most.
    let (all, unanswered) = (decided + outcomes.young, outcomes.unanswered);
    let pending = outcomes.uncompleted + outcomes.young;
    if pending * 2 > all && words::per_second(pending, facts.span) >= FLOOD {
        return true;
    }
    // The kernel dropped SYNs for want of room, and not because the program does not accept.
    let no_room = facts.host.is_some_and(|host| {
        let Counters { listen_drops, listen_overflows, full_do_cookies, .. } = host.counters;
        listen_drops > listen_overflows || full_do_cookies > 0
    });
    // Whoever wants a connection asks again after a second; who floods does not.
    let asks_again = outcomes.retransmitted * 4 >= unanswered;
    let is_fast = words::per_second(unanswered, facts.span) >= FLOOD;
    unanswered * 2 > all && is_fast && (no_room || facts.host.is_none() && !asks_again)
}

#[cfg(test)]
mod tests;
