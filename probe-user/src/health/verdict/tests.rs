//! Facts, and the verdict and sentence that each of them deserves.

use std::net::Ipv4Addr;

use super::{
    super::{
        host::{Counters, Settings},
        service::{Protocol, Service},
    },
    *,
};
use crate::kernel::sock_diag::Listener;

fn tcp(outcomes: Outcomes) -> Facts<'static> {
    Facts {
        service: Service { protocol: Protocol::Tcp, port: 80 },
        span: Duration::from_secs(10),
        asked: outcomes.decided() + outcomes.retransmitted,
        outcomes,
        clients: 0,
        handshake: Times::default(),
        first_byte: Times::default(),
        http: (0, 0),
        rejection: None,
        host: None,
        slow: Duration::from_millis(800),
    }
}

fn udp(outcomes: Outcomes) -> Facts<'static> {
    Facts { service: Service { protocol: Protocol::Udp, port: 53 }, ..tcp(outcomes) }
}

fn host(waiting: u32, backlog: u32, counters: Counters) -> HostView {
    let address = Ipv4Addr::UNSPECIFIED.into();
    HostView {
        counters,
        settings: Settings {
            syncookies: 1,
            max_syn_backlog: 512,
            synack_retries: 5,
            somaxconn: 4096,
        },
        listener: Some(Some(Listener { address, port: 80, waiting, backlog })),
        other_queue_full: false,
    }
}

fn times(p50_us: f64, p90_us: f64) -> Times {
    Times { n: 10, p50_us, p90_us, p99_us: p90_us }
}

#[track_caller]
fn check(facts: &Facts<'_>, verdict: Verdict, why: &str) {
    assert_eq!(judge(facts), (verdict, why.to_owned()));
}

#[test]
fn nothing_to_judge_is_quiet() {
    check(&tcp(Outcomes::default()), Verdict::Quiet, "no SYN in 10 s");
    check(&udp(Outcomes::default()), Verdict::Quiet, "no datagram in 10 s");
    let young = Facts { asked: 1, ..tcp(Outcomes::default()) };
    check(&young, Verdict::Quiet, "1 SYN, none older than a second");
}

#[test]
fn completed_connections_are_healthy() {
    let mut facts = tcp(Outcomes { completed: 10, ..Outcomes::default() });
    check(&facts, Verdict::Healthy, "10 of 10 completed");
    (facts.handshake, facts.first_byte) = (times(43.0, 61.0), times(980.0, 2_000.0));
    let why = "10 of 10 completed; handshake p50 0.04 ms; first byte p50 0.98 ms";
    check(&facts, Verdict::Healthy, why);
    facts.outcomes = Outcomes { unanswered: 2, retransmitted: 3, ..facts.outcomes };
    facts.http = (2_000, 7);
    let why = "10 of 12 completed; handshake p50 0.04 ms; first byte p50 0.98 ms; 2 unanswered; \
               3 retransmitted; 7 of 2,000 HTTP answers 5xx";
    check(&facts, Verdict::Healthy, why);
}

#[test]
fn a_tenth_that_takes_too_long_is_slow() {
    let mut facts = tcp(Outcomes { completed: 10, ..Outcomes::default() });
    facts.first_byte = times(300_000.0, 1_200_000.0);
    let why = "first byte: p90 1.20 s, above 800 ms (p50 300 ms, n 10)";
    check(&facts, Verdict::Slow, why);
    facts.first_byte = times(300_000.0, 800_000.0);
    assert_eq!(judge(&facts).0, Verdict::Healthy);
    facts.handshake = times(300_000.0, 900_000.0);
    let why = "handshake: p90 900 ms, above 800 ms (p50 300 ms, n 10)";
    check(&facts, Verdict::Slow, why);
}

#[test]
fn refused_is_closed() {
    let outcomes = Outcomes { refused: 5, completed: 1, ..Outcomes::default() };
    check(&tcp(outcomes), Verdict::Closed, "5 of 6 refused by RST: nobody listens");
    let mut view = host(0, 0, Counters::default());
    let why = "5 of 6 refused by RST, though a socket listens: a firewall's";
    check(&Facts { host: Some(&view), ..tcp(outcomes) }, Verdict::Closed, why);
    view.listener = Some(None);
    let why = "nobody listens: 5 of 6 refused by RST";
    check(&Facts { host: Some(&view), ..tcp(outcomes) }, Verdict::Closed, why);
    view.listener = None;
    let why = "5 of 6 refused by RST: nobody listens";
    check(&Facts { host: Some(&view), ..tcp(outcomes) }, Verdict::Closed, why);
    let why = "5 of 6 refused by ICMP port unreachable: nobody listens";
    check(&udp(outcomes), Verdict::Closed, why);
}

#[test]
fn rejected_and_dropped_is_firewalled() {
    let outcomes = Outcomes { rejected: 5, ..Outcomes::default() };
    let from = Ipv4Addr::new(192, 0, 2, 254).into();
    let error = Rejection { reason: "administratively prohibited".into(), from };
    let why = "5 of 5 rejected: ICMP administratively prohibited from 192.0.2.254";
    let facts = Facts { rejection: Some(&error), ..tcp(outcomes) };
    check(&facts, Verdict::Firewalled, why);
    check(&Facts { rejection: Some(&error), ..udp(outcomes) }, Verdict::Firewalled, why);
    let outcomes = Outcomes { unanswered: 5, retransmitted: 10, ..Outcomes::default() };
    let why = "5 of 5 got no answer: a firewall drops them, or the host is not there";
    check(&tcp(outcomes), Verdict::Firewalled, why);
    let mut view = host(0, 128, Counters::default());
    let why = "5 of 5 got no answer, though a socket listens: a firewall of this host drops them";
    check(&Facts { host: Some(&view), ..tcp(outcomes) }, Verdict::Firewalled, why);
    view.listener = Some(None);
    let why = "5 of 5 got no answer, not even RST: a firewall of this host drops them";
    check(&Facts { host: Some(&view), ..tcp(outcomes) }, Verdict::Firewalled, why);
    let why = "5 of 5 got no answer, not even an ICMP error: a firewall of this host drops them";
    check(&Facts { host: Some(&view), ..udp(outcomes) }, Verdict::Firewalled, why);
}

#[test]
fn a_service_that_does_not_answer_is_not_judged() {
    let outcomes = Outcomes { unanswered: 5, ..Outcomes::default() };
    let why = "5 of 5 got no answer: dropped, or a service that does not answer";
    check(&udp(outcomes), Verdict::Quiet, why);
    let view = host(0, 0, Counters::default());
    let why = format!("{why} (a socket of this host is bound to it)");
    check(&Facts { host: Some(&view), ..udp(outcomes) }, Verdict::Quiet, &why);
}

#[test]
fn a_full_listen_queue_is_overloaded() {
    let outcomes = Outcomes { unanswered: 2, completed: 8, ..Outcomes::default() };
    let overflows = Counters { listen_overflows: 12, listen_drops: 12, ..Counters::default() };
    let mut view = host(2, 1, overflows);
    let why = "the program accepts too slowly: ListenOverflows rose by 12; 2 connections wait, \
               backlog 1 (listen(2) asked for no more, net.core.somaxconn = 4096 would allow it)";
    check(&Facts { host: Some(&view), ..tcp(outcomes) }, Verdict::Overloaded, why);
    view.settings.somaxconn = 1;
    let (_, why) = judge(&Facts { host: Some(&view), ..tcp(outcomes) });
    assert!(why.ends_with("backlog 1 (net.core.somaxconn = 1 allows no more)"), "{why}");
    // It has drained since; but where another one is full, that one overflowed.
    view = host(0, 128, overflows);
    let overloaded = Facts { host: Some(&view), ..tcp(outcomes) };
    assert_eq!(judge(&overloaded).0, Verdict::Overloaded);
    view.other_queue_full = true;
    assert_eq!(judge(&Facts { host: Some(&view), ..tcp(outcomes) }).0, Verdict::Healthy);
    // Nobody waited here.
    let completed = Outcomes { completed: 8, ..Outcomes::default() };
    view.other_queue_full = false;
    assert_eq!(judge(&Facts { host: Some(&view), ..tcp(completed) }).0, Verdict::Healthy);
}

#[test]
fn connections_that_are_not_completed_are_a_flood() {
    let outcomes = Outcomes { completed: 100, uncompleted: 4_000_000, ..Outcomes::default() };
    let mut facts = Facts { clients: 90_000, ..tcp(outcomes) };
    let why = "400k SYN/s, 0.002 % completed, from 90,000 or more sources";
    check(&facts, Verdict::Flooded, why);
    let sent = Counters { cookies_sent: 3_999_000, cookies_received: 100, ..Counters::default() };
    let view = host(0, 128, sent);
    facts.host = Some(&view);
    let cookies = format!(
        "{why}; the kernel answers with SYN cookies: 3999k sent, 100 came back \
         (net.ipv4.tcp_syncookies = 1)"
    );
    check(&facts, Verdict::Flooded, &cookies);
    let view = host(0, 128, Counters::default());
    let room = format!(
        "{why}; no SYN cookies yet: the queue of half-open connections has room \
         (net.ipv4.tcp_max_syn_backlog = 512, net.ipv4.tcp_synack_retries = 5)"
    );
    check(&Facts { host: Some(&view), ..facts.clone() }, Verdict::Flooded, &room);
}

#[test]
fn a_flood_shows_in_its_first_second() {
    let outcomes = Outcomes { completed: 100, young: 20_000, ..Outcomes::default() };
    let facts = Facts { span: Duration::from_millis(500), ..tcp(outcomes) };
    assert_eq!(judge(&facts).0, Verdict::Flooded);
    // As many clients that are 200 ms away, after a second.
    let outcomes = Outcomes { completed: 8_000, young: 2_000, ..Outcomes::default() };
    let facts = Facts { span: Duration::from_secs(1), ..tcp(outcomes) };
    assert_eq!(judge(&facts).0, Verdict::Healthy);
    // A few that are on their way.
    let outcomes = Outcomes { young: 3, ..Outcomes::default() };
    let facts = Facts { asked: 3, span: Duration::from_secs(1), ..tcp(outcomes) };
    check(&facts, Verdict::Quiet, "3 SYNs, none older than a second");
}

#[test]
fn a_flood_that_is_not_answered() {
    let outcomes = Outcomes { completed: 100, unanswered: 1_000_000, ..Outcomes::default() };
    // From packets alone: many, and none asks again.
    assert_eq!(judge(&tcp(outcomes)).0, Verdict::Flooded);
    let again = Outcomes { retransmitted: 2_000_000, ..outcomes };
    assert_eq!(judge(&tcp(again)).0, Verdict::Firewalled);
    // The kernel had no room for them.
    let drops = Counters { listen_drops: 900_000, ..Counters::default() };
    let mut view = host(0, 128, drops);
    view.settings.syncookies = 0;
    let (verdict, why) = judge(&Facts { host: Some(&view), ..tcp(outcomes) });
    assert_eq!(verdict, Verdict::Flooded);
    let end = "; no SYN cookies: net.ipv4.tcp_syncookies = 0; ListenDrops rose by 900k \
               (net.ipv4.tcp_max_syn_backlog = 512)";
    assert!(why.ends_with(end), "{why}");
    // This host dropped none: a firewall did.
    let view = host(0, 128, Counters::default());
    let facts = Facts { host: Some(&view), ..tcp(outcomes) };
    assert_eq!(judge(&facts).0, Verdict::Firewalled);
}

#[test]
fn udp_that_is_answered() {
    let mut facts = udp(Outcomes { completed: 5, ..Outcomes::default() });
    facts.first_byte = times(120.0, 200.0);
    check(&facts, Verdict::Healthy, "5 of 5 answered; answer p50 0.12 ms");
    facts.first_byte = times(120.0, 2e6);
    check(&facts, Verdict::Slow, "answer: p90 2.00 s, above 800 ms (p50 0.12 ms, n 10)");
}
