//! Each scenario, seen from the server's link: counts to the connection, and the verdict.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use testbed::{
    SERVER_LINK,
    requirements::met,
    scenario::{Host, Protocol, Routed, Scenario, Truth, Version},
};

use super::{NEEDS, health, last_report, port};
use crate::rig::{alone, times};

/// Attempts of each scenario by each version of IP.
const TIMES: u64 = 2;

/// What reaches the server's link: the router's firewall and the client's are before it.
fn reaches_the_server(scenario: Scenario) -> bool {
    !matches!(
        scenario,
        Scenario::Rejected(_, Host::Router, _)
            | Scenario::RouterDrops(_)
            | Scenario::ClientDrops(_)
            | Scenario::Nobody
            | Scenario::NobodyBehind
            | Scenario::NoRoute
            | Scenario::NoRouteHere
    )
}

fn word(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    }
}

/// The verdict that a scenario deserves.
fn verdict(scenario: Scenario) -> &'static str {
    match (scenario, scenario.truth()) {
        _ if !reaches_the_server(scenario) => "quiet",
        (Scenario::Slow, _) => "slow",
        (Scenario::FullQueue, _) => "overloaded",
        // A datagram that is not answered says nothing, where somebody may have taken it.
        (Scenario::UdpSilent, _) => "quiet",
        (_, Truth::Answered) => "healthy",
        (_, Truth::Refused) => "closed",
        (_, Truth::HalfOpen) => "flooded",
        (_, Truth::Rejected(..) | Truth::Unanswered | Truth::NotSent) => "firewalled",
    }
}

/// The field that counts what becomes of its connections.
fn field(scenario: Scenario) -> Option<&'static str> {
    match scenario.truth() {
        Truth::Answered => Some("completed"),
        Truth::Refused => Some("refused"),
        Truth::Rejected(..) => Some("rejected"),
        Truth::Unanswered => Some("unanswered"),
        Truth::HalfOpen => Some("half_open"),
        Truth::NotSent => None,
    }
}

/// `PROBE_TEST_TIMES=100` does all of it a hundred times.
#[test]
fn each_is_told_right() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    for _ in 0..times() {
        all_at_once(&Routed::new().unwrap());
    }
}

fn all_at_once(network: &Routed) {
    let mut scenarios: BTreeMap<(&str, u16), (Scenario, u64)> = BTreeMap::new();
    for (scenario, _) in Scenario::cases() {
        let key = (word(scenario.protocol()), scenario.port());
        // Those at other addresses have port 80, where the open one is.
        if scenario.port() != 80 || scenario == Scenario::Open {
            scenarios.entry(key).or_insert((scenario, 0)).1 += TIMES;
        }
    }
    let ports: Vec<String> =
        scenarios.keys().map(|(protocol, number)| format!("{number}/{protocol}")).collect();
    let ports = ports.join(",");
    let running = health(&network.server, SERVER_LINK, &["--port", &ports, "--slow", "200ms"]);
    // Those that stay without an answer take seconds, so all are tried at once.
    std::thread::scope(|scope| {
        for (scenario, version) in Scenario::cases() {
            for _ in 0..TIMES {
                scope.spawn(move || network.attempt(scenario, version).unwrap());
            }
        }
    });
    let report = last_report(running);
    assert_eq!(report["followed"]["one_in"], 1);
    let mut wrong = Vec::new();
    for ((protocol, number), (scenario, attempts)) in scenarios {
        let said = port(&report, protocol, number);
        // A kernel that connects may not take the first error for an answer, and asks once more.
        let asked = said["packets"]["syn"].as_u64().unwrap();
        if let Scenario::Rejected(Protocol::Tcp, Host::Server, _) = scenario {
            assert!((attempts..=2 * attempts).contains(&asked), "{scenario:?}: {said}");
            assert_eq!(said["packets"]["icmp_errors"], asked, "{scenario:?}: {said}");
        }
        let expected = expected(scenario, attempts);
        let counted: Value = expected
            .as_object()
            .unwrap()
            .keys()
            .map(|key| (key.clone(), said[key].clone()))
            .collect::<serde_json::Map<_, _>>()
            .into();
        if counted != expected {
            wrong.push(format!("{scenario:?}: {expected}\n  but {said}\n"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

/// What a report has to say.
fn expected(scenario: Scenario, attempts: u64) -> Value {
    let arrived = if reaches_the_server(scenario) { attempts } else { 0 };
    let mut expected = json!({
        "verdict": verdict(scenario), "connections": arrived, "completed": 0, "refused": 0,
        "rejected": 0, "unanswered": 0, "half_open": 0,
    });
    if let Some(field) = field(scenario) {
        expected[field] = arrived.into();
    }
    if scenario.truth() == Truth::Answered && scenario.protocol() == Protocol::Tcp {
        expected["http"] = json!({"2xx": arrived});
        expected["syn"] = arrived.into();
        expected["packets"] = json!({"syn": arrived, "synack": arrived, "fin": 2 * arrived,
            "rst": 0, "icmp_errors": 0, "exact": true});
    }
    expected
}

/// One attempt of each, and the reports of the next seconds: within five the verdict is there.
#[test]
fn verdicts_come_within_seconds() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let network = &Routed::new().unwrap();
    let port_of = Scenario::Dropped(Protocol::Tcp).port();
    let arguments = ["--port", &port_of.to_string(), "--duration", "4s"];
    let running = health(&network.server, SERVER_LINK, &arguments);
    std::thread::scope(|scope| {
        for version in Version::ALL {
            scope
                .spawn(move || network.attempt(Scenario::Dropped(Protocol::Tcp), version).unwrap());
        }
    });
    let finished = running.wait(crate::rig::LIMIT).unwrap();
    let said = super::report_of(&finished);
    let said = port(&said, "tcp", port_of);
    assert_eq!(said["verdict"], "firewalled", "{said}");
}
