//! Rules that change while frames come at full rate.

use std::{collections::BTreeMap, thread};

use testbed::{
    CLIENT_LINK, CLIENT_V4, CLIENT_V6, Frame, FrameSender, Pace, SERVER_LINK, SERVER_V4, SERVER_V6,
    Tcp, pin_to_cpu, requirements::met, tcp_flags,
};

use super::{Service, last, rule, value};
use crate::rig::{LIMIT, NEEDS, alone, quiet_pair};

/// More than are sent before the last reload is over.
const MANY: u64 = 1 << 40;

/// One frame for each rule that may be there: UDP to ports from 1000 on; and a SYN of either IP.
fn mix() -> Vec<Vec<u8>> {
    let syn = Tcp { source: 1024, destination: 80, flags: tcp_flags::SYN, ..Tcp::default() };
    let udp = |port| Frame::ipv4(CLIENT_V4, SERVER_V4).udp(1024, port).build();
    let syns = [
        Frame::ipv4(CLIENT_V4, SERVER_V4).tcp(syn.clone()).build(),
        Frame::ipv6(CLIENT_V6, SERVER_V6).tcp(syn).build(),
    ];
    (1000..1006).map(udp).chain(syns).collect()
}

const SHARED: [(&str, &str); 3] =
    [("syn", "@syn"), ("syn6", "ip6 and @syn"), ("udp-0", "udp dst port 1000")];
const FIRST: [(&str, &str); 3] =
    [("udp-1", "udp dst port 1001"), ("udp-2", "udp dst port 1002"), ("all", "")];
/// The name of a rule of the first set with another text is another rule.
const SECOND: [(&str, &str); 3] =
    [("udp-3", "udp dst port 1003"), ("udp-2", "udp dst port 1004"), ("v4", "ip")];

fn rules(own: &[(&str, &str)], shared_first: bool) -> String {
    let all = if shared_first { [&SHARED[..], own] } else { [own, &SHARED[..]] };
    all.concat().iter().map(|(name, filter)| rule(name, filter)).collect()
}

/// Fifty reloads, ten of them of a bad file, between two sets of rules that share half of them, while
/// two CPUs send as fast as they can: each frame is seen once, and a shared rule counts on.
#[test]
fn fifty_reloads_under_a_flood() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    for hook in ["tcx", "xdp-native"] {
        let pair = quiet_pair();
        let head =
            format!("interfaces = \"{SERVER_LINK}\"\nhook = \"{hook}\"\ninterval = \"200ms\"\n");
        let service = Service::start(&pair.server, &head, &rules(&FIRST, true), &["--json"]);
        let before = pair.server.counters(SERVER_LINK).unwrap();
        let (frames, pace) = (mix(), Pace::default());
        let senders = [0, 1].map(|_| FrameSender::open(&pair.client, CLIENT_LINK).unwrap());
        let sent: Vec<u64> = thread::scope(|scope| {
            let threads: Vec<_> = (senders.iter().enumerate())
                .map(|(cpu, sender)| {
                    let (frames, pace) = (&frames, &pace);
                    scope.spawn(move || {
                        pin_to_cpu(cpu).unwrap();
                        sender.send_until(frames, MANY, None, pace).unwrap().frames
                    })
                })
                .collect();
            reload_often(&service, &head);
            pace.stop();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let total: u64 = sent.iter().sum();
        pair.server.wait_for_received(SERVER_LINK, before, total, LIMIT).unwrap();
        let finished = service.end();
        assert_eq!(finished.stderr.matches("not reloaded").count(), 10, "{}", finished.stderr);
        let last = last(&finished);
        // Which frame of the mix is number N does not change, so the shares are known.
        let of = |kinds: &[usize]| -> u64 {
            let each = frames.len() as u64;
            let one = |sent: u64, kind| sent / each + u64::from(sent % each > kind as u64);
            sent.iter().flat_map(|&sent| kinds.iter().map(move |&kind| one(sent, kind))).sum()
        };
        assert_eq!(last["seen"]["packets"], total, "{hook}");
        let counted: BTreeMap<&str, u64> = (last["rules"].as_array().unwrap().iter())
            .map(|rule| (rule["name"].as_str().unwrap(), rule["packets"].as_u64().unwrap()))
            .collect();
        assert_eq!(counted["syn"], of(&[6, 7]), "{hook}");
        assert_eq!(counted["syn6"], of(&[7]), "{hook}");
        assert_eq!(counted["udp-0"], of(&[0]), "{hook}");
        println!("{hook}: {total} frames, 50 reloads");
    }
}

/// Goes from one set to the other and back, and holds the counters against one another meanwhile.
fn reload_often(service: &Service, head: &str) {
    let mut before: BTreeMap<String, f64> = BTreeMap::new();
    let mut is_first = true;
    for round in 0..50 {
        let is_bad = round % 5 == 4;
        let own = if is_first ^ !is_bad { &FIRST } else { &SECOND };
        let mut text = rules(own, round % 2 == 0);
        if is_bad {
            text.push_str(&rule("bad", "udp prot 53"));
        }
        service.write(head, &text);
        let (status, said) = service.reload();
        assert_eq!(status, if is_bad { 422 } else { 200 }, "{said}");
        is_first ^= !is_bad;
        let metrics = service.request("GET", "/metrics", "").body;
        let of_rule =
            |name: &str| value(&metrics, &format!("probe_rule_packets_total{{rule=\"{name}\"}}"));
        let seen = value(&metrics, "probe_seen_packets_total");
        for (name, now) in
            SHARED.map(|(name, _)| (name, of_rule(name))).into_iter().chain([("seen", seen)])
        {
            let last = before.insert(name.into(), now).unwrap_or_default();
            assert!(now >= last && now <= seen, "{name}: {last}, {now} of {seen}");
        }
        // A rule that came with this reload began at nothing.
        let (own, _) = if is_first { (FIRST, SECOND) } else { (SECOND, FIRST) };
        for (name, _) in own {
            assert!(of_rule(name) <= seen, "{name}");
        }
    }
    assert_eq!(service.metric("probe_reloads_total{result=\"success\"}"), 40.0);
    assert_eq!(service.metric("probe_reloads_total{result=\"failure\"}"), 10.0);
}

/// A rule that comes back, and one that takes the counter of another, begin at nothing; what is
/// counted then is exact.
#[test]
fn counters_are_given_away_clean() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    let head = format!("interfaces = \"{SERVER_LINK}\"\n");
    let service = Service::start(&pair.server, &head, &rules(&FIRST, true), &[]);
    let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
    let (frames, mut rounds) = (mix(), 0);
    let mut expected: BTreeMap<(&str, &str), f64> = BTreeMap::new();
    let mut counted_before: Vec<(&str, &str)> = Vec::new();
    for round in 0..12 {
        let own = [&FIRST[..], &SECOND[..2], &FIRST[1..], &SECOND[..]][round % 4];
        service.write(&head, &rules(own, round % 3 == 0));
        assert_eq!(service.reload(), (200, "reloaded\n".into()));
        let now: Vec<(&str, &str)> = own.iter().chain(&SHARED).copied().collect();
        expected.retain(|rule, _| now.contains(rule));
        let before = pair.server.counters(SERVER_LINK).unwrap();
        sender.send(&frames).unwrap();
        pair.server.wait_for_received(SERVER_LINK, before, frames.len() as u64, LIMIT).unwrap();
        rounds += 1;
        for rule in &now {
            let matched = match rule.1 {
                "" => 8.0,
                "ip" => 7.0,
                "@syn" => 2.0,
                _ => 1.0,
            };
            *expected.entry(*rule).or_insert(0.0) += matched;
        }
        let metrics = service.request("GET", "/metrics", "").body;
        for (rule, expected) in &expected {
            let series = format!("probe_rule_packets_total{{rule=\"{}\"}}", rule.0);
            assert_eq!(value(&metrics, &series), *expected, "round {round}: {rule:?}");
        }
        assert_eq!(value(&metrics, "probe_seen_packets_total"), f64::from(rounds * 8));
        counted_before = now;
    }
    assert!(!counted_before.is_empty());
    service.end();
}

/// What cannot change while programs count is refused, with the key's name; so is SIGHUP without the
/// rights, and all goes on.
#[test]
fn what_takes_a_restart_is_refused() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    let head = format!("interfaces = \"{SERVER_LINK}\"\n");
    let rules = rules(&FIRST, true);
    let service = Service::start(&pair.server, &head, &rules, &[]);
    for (line, said) in [
        ("hook = \"xdp\"\n", "hook is another one, which takes a restart"),
        ("direction = \"inout\"\n", "direction is another one"),
        ("user = \"nobody\"\n", "user is another one"),
        ("[health]\nports = [80]\n", "not in this version of probe serve: [health]"),
    ] {
        // A table stands behind the keys of the whole.
        let (head, rules) = if line.starts_with('[') {
            (head.clone(), format!("{rules}{line}"))
        } else {
            (format!("{head}{line}"), rules.clone())
        };
        service.write(&head, &rules);
        let (status, text) = service.reload();
        assert!(status == 422 && text.contains(said), "{status} {text}");
    }
    service.end();
    let service = Service::start(&pair.server, &head, &rules, &["--no-reload"]);
    let (status, text) = service.reload();
    assert!(status == 422 && text.contains("--no-reload gave up the rights"), "{status} {text}");
    service.running.signal(libc::SIGHUP).unwrap();
    service.running.wait_for_line("not reloaded, all goes on as before", LIMIT).unwrap();
    service.end();
}
