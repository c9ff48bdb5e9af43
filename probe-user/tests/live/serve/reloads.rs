//! Rules that change while frames come at full rate.

use std::{collections::BTreeMap, thread};

use serde_json::Value;
use testbed::{
    CLIENT_LINK, CLIENT_V4, CLIENT_V6, Frame, FrameSender, Pace, SERVER_LINK, SERVER_V4, SERVER_V6,
    Tcp, pin_to_cpu, requirements::met, tcp_flags,
};

use super::{Service, last, named, rule, sums, value};
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

/// A rule: its name, its text, and its lists as the configuration has them.
type Rule = (&'static str, &'static str, &'static str);

/// Rules of both sets, which count on. The last one has a list more in the first set, so that it goes on
/// from one counter to another at each reload.
const SHARED: [Rule; 2] = [
    ("syn", "@syn", "by = [\"src\", \"vlan\"]\ndistinct = \"src\"\n"),
    ("syn6", "ip6 and @syn", "distinct = \"src\"\n"),
];
const SHARED_FIRST: Rule =
    ("udp-0", "udp dst port 1000", "by = [\"dport\", \"src\"]\ntop = 3\ndistinct = \"dport\"\n");
const SHARED_SECOND: Rule =
    ("udp-0", "udp dst port 1000", "by = \"dport\"\ndistinct = \"dport\"\n");
const FIRST: [Rule; 3] = [
    ("udp-1", "udp dst port 1001", "by = \"src\"\n"),
    ("udp-2", "udp dst port 1002", ""),
    ("all", "", "by = \"proto\"\n"),
];
/// The name of a rule of the first set with another text is another rule.
const SECOND: [Rule; 3] = [
    ("udp-3", "udp dst port 1003", ""),
    ("udp-2", "udp dst port 1004", "by = \"dport\"\n"),
    ("v4", "ip", "by = [\"src\", \"proto\"]\n"),
];

/// The rules of both sets, as one of them has them.
fn shared(is_first: bool) -> Vec<Rule> {
    [&SHARED[..], &[if is_first { SHARED_FIRST } else { SHARED_SECOND }]].concat()
}

fn rules(own: &[Rule], shared: &[Rule], shared_first: bool) -> String {
    let all = if shared_first { [shared, own] } else { [own, shared] };
    all.concat().iter().map(|(name, filter, lists)| rule(name, filter) + lists).collect()
}

/// Fifty reloads, ten of them of a bad file, between two sets of rules that share half of them, while
/// two CPUs send as fast as they can: each frame is seen once, and a shared rule and its lists count on.
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
        let service =
            Service::start(&pair.server, &head, &rules(&FIRST, &shared(true), true), &["--json"]);
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
        for rule in last["rules"].as_array().unwrap() {
            let (packets, lists) = sums(rule);
            assert!(lists.iter().all(|sum| *sum == packets), "{hook}: {rule}");
        }
        // Few keys are counted exactly: those of lists that went on, from the first frame.
        let keys = |name: &str, list: usize| -> BTreeMap<String, u64> {
            let top = &named(&last, name)["top"][list];
            assert_eq!(top["other"]["packets"], 0, "{hook}: {top}");
            let keys = top["keys"].as_array().unwrap().iter().map(|key| {
                assert_eq!(key["low"], key["high"], "{hook}: {top}");
                (key["key"].as_str().unwrap().to_owned(), key["packets"].as_u64().unwrap())
            });
            keys.collect()
        };
        let sources = [(CLIENT_V4.to_string(), of(&[6])), (CLIENT_V6.to_string(), of(&[7]))];
        assert_eq!(keys("syn", 0), BTreeMap::from(sources), "{hook}");
        assert_eq!(keys("udp-0", 0), BTreeMap::from([("1000".into(), of(&[0]))]), "{hook}");
        let syn = named(&last, "syn");
        assert_eq!(syn["top"][1]["without"], of(&[6, 7]), "{hook}");
        assert_eq!(syn["distinct"][0]["estimate"], 2, "{hook}");
        // The list of the first set alone began with the last reload.
        let late = &named(&last, "udp-0")["top"][1];
        let before = late["before"].as_u64().unwrap();
        assert!(before > 0 && before <= of(&[0]), "{hook}: {late}");
        let key = (CLIENT_V4.to_string(), of(&[0]) - before);
        assert_eq!(keys("udp-0", 1), BTreeMap::from([key]), "{hook}");
        println!("{hook}: {total} frames, 50 reloads");
    }
}

/// Goes from one set to the other and back, and holds the counters against one another meanwhile.
fn reload_often(service: &Service, head: &str) {
    let mut before: BTreeMap<String, f64> = BTreeMap::new();
    let mut is_first = true;
    for round in 0..50 {
        let is_bad = round % 5 == 4;
        let to_first = is_first ^ !is_bad;
        let own = if to_first { &FIRST } else { &SECOND };
        let mut text = rules(own, &shared(to_first), round % 2 == 0);
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
        let document: Value =
            serde_json::from_str(&service.request("GET", "/api/v1/snapshot", "").body).unwrap();
        for rule in document["rules"].as_array().unwrap() {
            let (packets, lists) = sums(rule);
            assert!(lists.iter().all(|sum| *sum == packets), "{rule}");
        }
        let of_shared = shared(true).into_iter().map(|(name, ..)| (name, of_rule(name)));
        let keyed = value(&metrics, "probe_rule_keyed_packets_total{rule=\"syn\",key=\"src\"}");
        for (name, now) in of_shared.chain([("seen", seen), ("syn by src", keyed)]) {
            let last = before.insert(name.into(), now).unwrap_or_default();
            assert!(now >= last && now <= seen, "{name}: {last}, {now} of {seen}");
        }
        // A rule that came with this reload began at nothing.
        let (own, _) = if is_first { (FIRST, SECOND) } else { (SECOND, FIRST) };
        for (name, ..) in own {
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
    let service = Service::start(&pair.server, &head, &rules(&FIRST, &shared(true), true), &[]);
    let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
    let (frames, mut rounds) = (mix(), 0);
    let mut expected: BTreeMap<(&str, &str), f64> = BTreeMap::new();
    let mut counted_before: Vec<(&str, &str)> = Vec::new();
    for round in 0..12 {
        let own = [&FIRST[..], &SECOND[..2], &FIRST[1..], &SECOND[..]][round % 4];
        let shared = shared(round % 2 == 0);
        service.write(&head, &rules(own, &shared, round % 3 == 0));
        assert_eq!(service.reload(), (200, "reloaded\n".into()));
        let now: Vec<(&str, &str)> =
            own.iter().chain(&shared).map(|(name, filter, _)| (*name, *filter)).collect();
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
    let rules = rules(&FIRST, &shared(true), true);
    let service = Service::start(&pair.server, &head, &rules, &[]);
    for (line, said) in [
        ("hook = \"xdp\"\n", "hook is another one, which takes a restart"),
        ("direction = \"inout\"\n", "direction is another one"),
        ("user = \"nobody\"\n", "user is another one"),
        (
            "[[record]]\nrule = \"syn\"\nlast = \"1s\"\ndirectory = \"/nowhere\"\n",
            "directory /nowhere: No such file or directory",
        ),
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

/// A list that a reload brings begins then; one that goes away and comes back is another one; how many keys
/// are shown changes none.
#[test]
fn lists_begin_and_end_with_reloads() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    let head = format!("interfaces = \"{SERVER_LINK}\"\n");
    let service = Service::start(&pair.server, &head, &rule("all", "udp"), &["--json"]);
    let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
    let frame = Frame::ipv4(CLIENT_V4, SERVER_V4).udp(1024, 1000).build();
    let send = |frames: usize| {
        let before = pair.server.counters(SERVER_LINK).unwrap();
        sender.send(&vec![frame.clone(); frames]).unwrap();
        pair.server.wait_for_received(SERVER_LINK, before, frames as u64, LIMIT).unwrap();
    };
    let keyed = |key: &str| {
        let metrics = service.request("GET", "/metrics", "").body;
        let series = format!("probe_rule_keyed_packets_total{{rule=\"all\",key=\"{key}\"}} ");
        metrics.lines().find_map(|line| line.strip_prefix(&series)?.parse::<f64>().ok())
    };
    send(1);
    // The lists, the frames sent then, and what the lists by src and dport have of them.
    let steps = [
        ("by = \"src\"\n", 2, Some(2.0), None),
        ("by = \"src\"\ntop = 3\n", 4, Some(6.0), None),
        ("by = [\"dport\", \"src\"]\n", 8, Some(14.0), Some(8.0)),
        ("by = \"dport\"\n", 16, None, Some(24.0)),
        ("by = \"dport\"\ndistinct = [\"src\", \"dport\"]\n", 32, Some(32.0), Some(32.0)),
        ("", 64, None, None),
        ("by = \"src\"\n", 128, Some(128.0), None),
    ];
    for (lists, frames, by_source, by_port) in steps {
        service.write(&head, &(rule("all", "udp") + lists));
        assert_eq!(service.reload(), (200, "reloaded\n".into()), "{lists}");
        send(frames);
        assert_eq!((keyed("src"), keyed("dport")), (by_source, by_port), "{lists}");
    }
    let last = last(&service.end());
    let rule = named(&last, "all");
    assert_eq!(sums(rule), (255, vec![255]));
    let top = &rule["top"][0];
    assert_eq!(
        (top["keys"][0]["packets"].as_u64(), top["before"].as_u64()),
        (Some(128), Some(127))
    );
}
