//! The sentences that give the evidence of a verdict.

use std::time::Duration;

use super::{Facts, Outcomes, Rejection, Times, listener};
use crate::{
    health::{
        host::{Counters, Settings},
        service::Protocol,
    },
    kernel::sock_diag::Listener,
    text::{grouped, si},
};

/// Nothing was asked for.
pub(super) fn nothing(facts: &Facts<'_>) -> String {
    let what = match facts.service.protocol {
        Protocol::Tcp => "SYN",
        Protocol::Udp => "datagram",
    };
    format!("no {what} in {:.0} s", facts.span.as_secs_f64())
}

/// What was asked for may still be answered.
pub(super) fn too_early(facts: &Facts<'_>) -> String {
    let what = match facts.service.protocol {
        Protocol::Tcp => "SYN",
        Protocol::Udp => "datagram",
    };
    let s = if facts.asked == 1 { "" } else { "s" };
    format!("{} {what}{s}, none older than a second", many(facts.asked))
}

pub(super) fn overload(overflows: u64, listener: &Listener, settings: &Settings) -> String {
    let Listener { waiting, backlog, .. } = *listener;
    let somaxconn = settings.somaxconn;
    // Whichever of the two is smaller is the bound (listen(2)).
    let remedy = if u64::from(backlog) < somaxconn {
        format!("listen(2) asked for no more, net.core.somaxconn = {somaxconn} would allow it")
    } else {
        format!("net.core.somaxconn = {somaxconn} allows no more")
    };
    format!(
        "the program accepts too slowly: ListenOverflows rose by {}; {waiting} connections wait, \
         backlog {backlog} ({remedy})",
        many(overflows)
    )
}

pub(super) fn flood(facts: &Facts<'_>) -> String {
    let outcomes = &facts.outcomes;
    let rate = si(per_second(facts.asked, facts.span));
    let all = outcomes.decided() + outcomes.young;
    let share = 100.0 * outcomes.completed as f64 / all as f64;
    let mut why = format!("{rate} SYN/s, {} % completed", percent(share));
    if facts.clients > 0 {
        why += &format!(", from {} or more sources", many(facts.clients));
    }
    let Some(host) = facts.host else { return why };
    let Settings { syncookies, max_syn_backlog, synack_retries, .. } = host.settings;
    let Counters { cookies_sent, cookies_received, listen_drops, .. } = host.counters;
    if cookies_sent > 0 {
        let (sent, back) = (many(cookies_sent), many(cookies_received));
        why += &format!(
            "; the kernel answers with SYN cookies: {sent} sent, {back} came back \
             (net.ipv4.tcp_syncookies = {syncookies})"
        );
    } else if syncookies == 0 {
        let drops = many(listen_drops);
        why += &format!(
            "; no SYN cookies: net.ipv4.tcp_syncookies = 0; ListenDrops rose by {drops} \
             (net.ipv4.tcp_max_syn_backlog = {max_syn_backlog})"
        );
    } else {
        why += &format!(
            "; no SYN cookies yet: the queue of half-open connections has room \
             (net.ipv4.tcp_max_syn_backlog = {max_syn_backlog}, net.ipv4.tcp_synack_retries = \
             {synack_retries})"
        );
    }
    why
}

pub(super) fn refusal(facts: &Facts<'_>) -> String {
    let by = match facts.service.protocol {
        Protocol::Tcp => "RST",
        Protocol::Udp => "ICMP port unreachable",
    };
    let share = of(facts.outcomes.refused, facts.outcomes.decided());
    match listener(facts) {
        Some(Some(_)) => format!("{share} refused by {by}, though a socket listens: a firewall's"),
        Some(None) => format!("nobody listens: {share} refused by {by}"),
        None => format!("{share} refused by {by}: nobody listens"),
    }
}

pub(super) fn rejection(facts: &Facts<'_>) -> String {
    let share = of(facts.outcomes.rejected, facts.outcomes.decided());
    match facts.rejection {
        Some(Rejection { reason, from }) => format!("{share} rejected: ICMP {reason} from {from}"),
        None => format!("{share} rejected by ICMP errors"),
    }
}

/// Nothing came back.
pub(super) fn silence(facts: &Facts<'_>) -> String {
    let share = of(facts.outcomes.unanswered, facts.outcomes.decided());
    let guess = match (facts.service.protocol, listener(facts)) {
        (Protocol::Tcp, Some(Some(_))) => {
            ", though a socket listens: a firewall of this host drops them"
        }
        (Protocol::Tcp, Some(None)) => ", not even RST: a firewall of this host drops them",
        (Protocol::Tcp, None) => ": a firewall drops them, or the host is not there",
        (Protocol::Udp, Some(Some(_))) => {
            ": dropped, or a service that does not answer (a socket of this host is bound to it)"
        }
        (Protocol::Udp, Some(None)) => {
            ", not even an ICMP error: a firewall of this host drops them"
        }
        (Protocol::Udp, None) => ": dropped, or a service that does not answer",
    };
    format!("{share} got no answer{guess}")
}

pub(super) fn slowness(what: &str, times: &Times, slow_us: f64) -> String {
    let (p50, p90, limit) = (time(times.p50_us), time(times.p90_us), time(slow_us));
    format!("{what}: p90 {p90}, above {limit} (p50 {p50}, n {})", times.n)
}

pub(super) fn health(facts: &Facts<'_>) -> String {
    let Facts { outcomes, handshake, first_byte, http, .. } = facts;
    let (done, answer) = match facts.service.protocol {
        Protocol::Tcp => ("completed", "first byte"),
        Protocol::Udp => ("answered", "answer"),
    };
    let mut why = format!("{} {done}", of(outcomes.completed, outcomes.decided()));
    for (times, what) in [(handshake, "handshake"), (first_byte, answer)] {
        if times.n > 0 {
            why += &format!("; {what} p50 {}", time(times.p50_us));
        }
    }
    let Outcomes { refused, rejected, unanswered, uncompleted, retransmitted, .. } = *outcomes;
    for (number, what) in [
        (refused, "refused"),
        (rejected, "rejected"),
        (unanswered, "unanswered"),
        (uncompleted, "half-open"),
        (retransmitted, "retransmitted"),
    ] {
        if number > 0 {
            why += &format!("; {} {what}", many(number));
        }
    }
    let (answers, failed) = *http;
    if failed > 0 {
        why += &format!("; {} HTTP answers 5xx", of(failed, answers));
    }
    why
}

/// `3 of 5`.
fn of(part: u64, all: u64) -> String {
    format!("{} of {}", many(part), many(all))
}

/// A number with all of its digits, or with three or four and a factor.
fn many(number: u64) -> String {
    if number < 100_000 { grouped(number) } else { si(number as f64) }
}

pub(super) fn per_second(number: u64, span: Duration) -> f64 {
    let seconds = span.as_secs_f64();
    if seconds > 0.0 { number as f64 / seconds } else { 0.0 }
}

/// A time for people, from microseconds.
pub(in crate::health) fn time(us: f64) -> String {
    if us >= 1e6 {
        format!("{:.2} s", us / 1e6)
    } else if us >= 10_000.0 {
        format!("{:.0} ms", us / 1e3)
    } else {
        format!("{:.2} ms", us / 1e3)
    }
}

/// A share with as many digits as tell it from 0 and from 100.
fn percent(share: f64) -> String {
    let is_edge = share > 0.0 && share < 0.1 || share > 99.9 && share < 100.0;
    if is_edge { format!("{share:.3}") } else { format!("{share:.1}") }
}
