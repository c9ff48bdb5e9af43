//! `[health]`: what can become of a connection, as metrics and as JSON; over reloads, and when its
//! process ends.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use testbed::{
    SERVER_LINK,
    requirements::{Requirement, met},
    scenario::{Protocol, Routed, Scenario, Version},
};

use super::{Service, children, value};
use crate::{
    ending::attachments,
    rig::{LIMIT, beside_others},
};

/// What these tests need.
pub(super) const NEEDS: &[Requirement] = &[
    Requirement::Root,
    Requirement::Kernel(6, 6),
    Requirement::Tool("ip"),
    Requirement::Tool("nft"),
    Requirement::Tool("promtool"),
];

/// Attempts of each scenario by each version of IP.
const TIMES: u64 = 3;

/// Ports, what is tried there, the outcome of all attempts, and the verdict.
const TRIED: [(Scenario, &str, &str); 5] = [
    (Scenario::Open, "completed", "healthy"),
    (Scenario::Closed(Protocol::Tcp), "refused", "closed"),
    (Scenario::Dropped(Protocol::Tcp), "unanswered", "firewalled"),
    (Scenario::Slow, "completed", "slow"),
    (Scenario::FullQueue, "unanswered", "overloaded"),
];

const OUTCOMES: [&str; 5] = ["completed", "refused", "rejected", "unanswered", "abandoned"];

/// `probe serve` on the server's link; `section` is what is in `[health]`.
pub(super) fn start(network: &Routed, section: &str, flags: &[&str]) -> Service {
    let service = Service::start(&network.server, HEAD, &health(section), flags);
    wait_for_reports(&service);
    service
}

/// A process has begun to follow connections once it has reported.
fn wait_for_reports(service: &Service) {
    wait(service, "a report", |service| service.metric("probe_health_up") == 1.0);
}

const HEAD: &str = "interfaces = \"srv0\"\ninterval = \"100ms\"\n";

fn health(section: &str) -> String {
    format!("[health]\n{section}\n")
}

pub(super) fn wait(service: &Service, what: &str, mut is: impl FnMut(&Service) -> bool) {
    let start = Instant::now();
    while !is(service) {
        assert!(start.elapsed() < LIMIT, "{what}: {}", service.request("GET", "/metrics", "").body);
        thread::sleep(Duration::from_millis(50));
    }
}

/// The series of a TCP port; `more` are labels behind the port's, each after a comma.
fn series(name: &str, port: u16, more: &str) -> String {
    format!("probe_health_{name}{{port=\"{port}\",protocol=\"tcp\"{more}}}")
}

fn outcome(port: u16, outcome: &str) -> String {
    series("connections_total", port, &format!(",outcome=\"{outcome}\""))
}

/// Makes attempts by both versions of IP, all at once: those without an answer take seconds.
pub(super) fn attempt(network: &Routed, scenarios: &[Scenario], times: u64) {
    thread::scope(|scope| {
        for &scenario in scenarios {
            for version in Version::ALL {
                for _ in 0..times {
                    scope.spawn(move || network.attempt(scenario, version).unwrap());
                }
            }
        }
    });
}

/// What the last interval said of a port.
fn port(service: &Service, number: u16) -> Value {
    let snapshot = service.request("GET", "/api/v1/snapshot", "").body;
    let snapshot: Value = serde_json::from_str(&snapshot).unwrap();
    let ports = snapshot["ports"].as_array().unwrap();
    ports.iter().find(|port| port["port"] == number).unwrap().clone()
}

#[test]
fn each_outcome_is_counted_once() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let network = &Routed::new().unwrap();
    let ports: Vec<String> = TRIED.iter().map(|(it, ..)| it.port().to_string()).collect();
    let section = format!("ports = [{}, \"53/udp\"]\nslow = \"200ms\"", ports.join(", "));
    let service = start(network, &section, &[]);
    // All series are there from the start.
    let text = service.request("GET", "/metrics", "").body;
    for (scenario, ..) in TRIED {
        for of in OUTCOMES {
            assert_eq!(value(&text, &outcome(scenario.port(), of)), 0.0);
        }
        assert_eq!(value(&text, &series("syn_total", scenario.port(), "")), 0.0);
        assert_eq!(value(&text, &series("handshake_seconds_count", scenario.port(), "")), 0.0);
    }
    assert_eq!(value(&text, r#"probe_health_syn_total{port="53",protocol="udp"}"#), 0.0);

    let scenarios = TRIED.map(|(scenario, ..)| scenario);
    let attempts = (2 * TIMES) as f64;
    // A verdict is about the last ten seconds: each is awaited while the attempts go on.
    let mut pending = TRIED.to_vec();
    let mut fullest = 0.0;
    thread::scope(|scope| {
        scope.spawn(|| attempt(network, &scenarios, TIMES));
        wait(&service, "verdicts", |service| {
            let text = service.request("GET", "/metrics", "").body;
            fullest = value(&text, "probe_health_ring_used_bytes").max(fullest);
            pending.retain(|(scenario, _, verdict)| {
                let label = format!(",verdict=\"{verdict}\"");
                let holds = value(&text, &series("verdict", scenario.port(), &label)) == 1.0;
                !(holds && port(service, scenario.port())["verdict"] == *verdict)
            });
            pending.is_empty()
        });
    });
    // Each interval says how full the rings became in it.
    let size = service.metric("probe_health_ring_size_bytes");
    assert!(0.0 < fullest && fullest < size, "{fullest} of {size}");
    wait(&service, "all outcomes", |service| {
        let text = service.request("GET", "/metrics", "").body;
        TRIED
            .iter()
            .all(|(scenario, of, _)| value(&text, &outcome(scenario.port(), of)) == attempts)
    });
    let text = service.request("GET", "/metrics", "").body;
    for (scenario, became, _) in TRIED {
        let number = scenario.port();
        let of = |name: &str, more: &str| value(&text, &series(name, number, more));
        for one in OUTCOMES {
            let expected = if one == became { attempts } else { 0.0 };
            assert_eq!(value(&text, &outcome(number, one)), expected, "{scenario:?} {one}");
        }
        assert_eq!(of("connections_started_total", ""), attempts, "{scenario:?}");
        assert_eq!((of("half_open", ""), of("waiting", "")), (0.0, 0.0), "{scenario:?}");
        let completed = if became == "completed" { attempts } else { 0.0 };
        assert_eq!(of("handshake_seconds_count", ""), completed, "{scenario:?}");
        assert_eq!(of("first_byte_seconds_count", ""), completed, "{scenario:?}");
        assert_eq!(of("handshake_seconds_bucket", ",le=\"+Inf\""), completed, "{scenario:?}");
        assert_eq!(of("http_responses_total", ",class=\"2xx\""), completed, "{scenario:?}");
        if became == "completed" {
            assert_eq!(of("syn_total", ""), attempts, "{scenario:?}");
            assert_eq!(of("synack_total", ""), attempts, "{scenario:?}");
            assert_eq!(of("fin_total", ""), 2.0 * attempts, "{scenario:?}");
        }
        // What was sent again is what there was beside the first SYNs.
        let again = of("syn_total", "") - attempts;
        assert_eq!(of("retransmitted_total", ""), again, "{scenario:?}");
    }
    // 300 ms are between 0.25 and 0.5 s.
    let slow = Scenario::Slow.port();
    for (bound, expected) in [("0.25", 0.0), ("0.5", attempts)] {
        let bucket = series("first_byte_seconds_bucket", slow, &format!(",le=\"{bound}\""));
        assert_eq!(value(&text, &bucket), expected, "{bucket}");
    }
    assert_eq!(value(&text, "probe_health_followed_one_in"), 1.0);
    assert_eq!(value(&text, "probe_health_lost_segments_total"), 0.0);
    super::http::promtool_is_content(&network.server, &text);

    let snapshot = port(&service, Scenario::Open.port());
    for (field, metric) in [
        ("completed", outcome(80, "completed")),
        ("connections", series("connections_started_total", 80, "")),
        ("syn", series("syn_total", 80, "")),
    ] {
        assert_eq!(snapshot[field].as_f64().unwrap(), value(&text, &metric), "{field}");
    }
    let finished = service.end();
    assert!(!finished.stderr.contains("goes without"), "{}", finished.stderr);
}

/// The process that follows connections for another one.
fn part(of: u32) -> Option<u32> {
    let is_it = |id: &u32| {
        let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains("serve-health")
    };
    children(of).into_iter().find(is_it)
}

#[test]
fn its_process_has_no_right_and_nothing_is_left_of_it() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    for (flags, user) in [(&[][..], ""), (&["--no-reload"], ""), (&[], "user = \"nobody\"\n")] {
        let network = Routed::new().unwrap();
        let rules = format!("{user}{}", health("ports = 80"));
        let service = Service::start(&network.server, HEAD, &rules, flags);
        let counting = service.running.id();
        let part = part(counting).expect("the process of [health]");
        for set in ["CapPrm", "CapEff", "CapInh", "CapBnd", "CapAmb"] {
            let has = u64::from_str_radix(&super::rights::status(part, set), 16).unwrap();
            assert_eq!(has, 0, "{set} {flags:?} {user}");
        }
        assert_eq!(super::rights::status(part, "NoNewPrivs"), "1");
        assert_eq!(super::rights::status(part, "Seccomp"), "2");
        let is_root = super::rights::status(part, "Uid").starts_with("0\t");
        assert_eq!(is_root, user.is_empty());
        // Whatever ends the one that counts, the other one goes, and its programs.
        let other: Vec<u32> = children(counting);
        service.running.signal(libc::SIGKILL).unwrap();
        let Service { running, folder: _folder } = service;
        running.wait(LIMIT).unwrap();
        let start = Instant::now();
        let exists = |id: &u32| Path::new(&format!("/proc/{id}")).exists();
        while !attachments(&network.server).is_empty() || other.iter().any(exists) {
            assert!(start.elapsed() < LIMIT, "{flags:?} {user}");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Counters go on where they were: in the same process where the section is the same, and in another
/// one where it is not, or where that was killed.
#[test]
fn counters_never_step_back() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let network = &Routed::new().unwrap();
    let service = start(network, "ports = [80, 86]", &[]);
    let counting = service.running.id();
    let counted = |service: &Service| {
        let text = service.request("GET", "/metrics", "").body;
        let of = |name: &str| value(&text, &series(name, 80, ""));
        [
            value(&text, &outcome(80, "completed")),
            of("syn_total"),
            of("handshake_seconds_count"),
            of("first_byte_seconds_count"),
        ]
    };
    let mut expected = 0.0;
    // Tries two connections more, and waits until they are counted; nothing may be less meanwhile.
    let mut two_more = || {
        attempt(network, &[Scenario::Open], 1);
        let mut before = counted(&service);
        expected += 2.0;
        wait(&service, "two more", |service| {
            let now = counted(service);
            assert!(now.iter().zip(before).all(|(now, before)| *now >= before));
            before = now;
            now == [expected; 4]
        });
    };
    two_more();
    let first = part(counting).unwrap();
    for (section, stays) in [
        ("ports = [80, 86]", true),
        ("ports = [80, 443]", false),
        ("ports = [80, 443]\nslow = \"1s\"", false),
    ] {
        let before = part(counting);
        service.write(HEAD, &(super::rule("all", "") + &health(section)));
        assert_eq!(service.reload().0, 200);
        wait_for_reports(&service);
        assert_eq!(part(counting) == before, stays, "{section}");
        two_more();
    }
    assert_ne!(part(counting), Some(first));
    // A section that cannot be read changes nothing.
    let before = part(counting);
    service.write(HEAD, &health("ports = [80, \"http\"]"));
    assert_eq!(service.reload().0, 422);
    assert_eq!(part(counting), before);
    two_more();

    let killed = before.unwrap().cast_signed();
    // SAFETY: kill(2) only sends a signal, to a process that this test has started.
    assert_eq!(unsafe { libc::kill(killed, libc::SIGKILL) }, 0);
    wait(&service, "another process", |service| {
        service.metric("probe_health_restarts_total") == 1.0
            && part(counting).is_some_and(|it| Some(it) != before)
    });
    wait_for_reports(&service);
    two_more();

    // Without the section there is no such process, and no series.
    service.write(HEAD, &super::rule("all", ""));
    assert_eq!(service.reload().0, 200);
    wait(&service, "its end", |_| part(counting).is_none());
    assert!(!service.request("GET", "/metrics", "").body.contains("health"));
    service.end();
}

/// The end of a run is reported, with what came last.
#[test]
fn the_last_line_has_all() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let network = &Routed::new().unwrap();
    let head = format!("interfaces = \"{SERVER_LINK}\"\ninterval = \"1h\"\n");
    let service = Service::start(&network.server, &head, &health(""), &["--json"]);
    wait_for_reports(&service);
    attempt(network, &[Scenario::Open], TIMES);
    let last = super::last(&service.end());
    let [port] = &last["ports"].as_array().unwrap()[..] else { panic!("{last}") };
    assert_eq!((&port["port"], &port["completed"]), (&80.into(), &(2 * TIMES).into()));
    assert_eq!(port["verdict"], "healthy", "{port}");
}
