//! `probe diagnose` on each scenario of the testbed: the right word, for the right reason.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use testbed::{
    Finished, Namespace,
    requirements::{Requirement, met},
    scenario::{Protocol, Reason, Routed, Scenario, Truth, Version},
};

use crate::rig::{LIMIT, alone, probe};

const NEEDS: &[Requirement] = &[
    Requirement::Root,
    Requirement::Kernel(6, 6),
    Requirement::Tool("ip"),
    Requirement::Tool("nft"),
];

/// Diagnoses that run at once: each has a program at the same hook, which takes 64.
const AT_ONCE: usize = 12;

fn target(scenario: Scenario, version: Version) -> String {
    let (address, port) = (scenario.address(version), scenario.port());
    let udp = if scenario.protocol() == Protocol::Udp { "/udp" } else { "" };
    match version {
        Version::V4 => format!("{address}:{port}{udp}"),
        Version::V6 => format!("[{address}]:{port}{udp}"),
    }
}

fn diagnose(namespace: &Namespace, arguments: &[&str]) -> Finished {
    let arguments: Vec<&str> = ["diagnose"].iter().chain(arguments).copied().collect();
    testbed::Running::spawn(probe(namespace, &arguments)).unwrap().wait(LIMIT).unwrap()
}

/// The word for it, and a part of the evidence.
fn expected(scenario: Scenario, version: Version) -> (&'static str, String) {
    let server = scenario.address(version);
    let udp = scenario.protocol() == Protocol::Udp;
    match scenario.truth() {
        // Its listener answers whoever completes the handshake.
        Truth::HalfOpen => ("OPEN", "handshake ".into()),
        Truth::Answered if udp => ("OPEN", "answered after ".into()),
        Truth::Answered => ("OPEN", "handshake ".into()),
        Truth::Refused if udp => ("CLOSED", ", nobody listens".into()),
        Truth::Refused => ("REFUSED", "RST after ".into()),
        Truth::Rejected(by, reason) => {
            let from = by.address(version);
            ("REJECTED", format!("ICMP {} from {from} after ", words(reason, version)))
        }
        Truth::Unanswered if udp => ("UNCLEAR", "3 datagrams in ".into()),
        Truth::Unanswered => ("DROPPED", format!("nothing came back from {server}")),
        Truth::NotSent => match scenario {
            Scenario::ClientDrops(Protocol::Tcp) => ("DROPPED", "no SYN left by cli0 in ".into()),
            Scenario::ClientDrops(Protocol::Udp) => {
                ("DROPPED", "this host's own firewall (output) let no datagram out".into())
            }
            Scenario::NoRouteHere => ("UNCLEAR", format!("it has no route to {server}")),
            _ => ("UNCLEAR", format!("nobody has {server} on cli0: ")),
        },
    }
}

/// What RFC 792, RFC 1812 and RFC 4443 call it.
fn words(reason: Reason, version: Version) -> &'static str {
    match (reason, version) {
        (Reason::NetUnreachable, Version::V4) => "net unreachable",
        (Reason::NetUnreachable, Version::V6) => "no route to destination",
        (Reason::HostUnreachable, Version::V4) => "host unreachable",
        (Reason::HostUnreachable, Version::V6) => "address unreachable",
        (Reason::ProtocolUnreachable, _) => "protocol unreachable",
        (Reason::PortUnreachable, _) => "port unreachable",
        (Reason::NetProhibited, _) => "net administratively prohibited",
        (Reason::HostProhibited, _) => "host administratively prohibited",
        (Reason::AdminProhibited, _) => "administratively prohibited",
        (Reason::PolicyFailed, _) => "source address failed policy",
        (Reason::RejectRoute, _) => "reject route to destination",
    }
}

/// What is wrong with a diagnosis, if anything is.
fn mistake(
    network: &Routed,
    scenario: Scenario,
    version: Version,
    longest: &Mutex<Duration>,
) -> Option<String> {
    let target = target(scenario, version);
    let start = Instant::now();
    let finished = diagnose(&network.client, &[&target]);
    let took = start.elapsed();
    let mut longest = longest.lock().unwrap();
    *longest = took.max(*longest);
    drop(longest);
    let (word, evidence) = expected(scenario, version);
    let protocol = if scenario.protocol() == Protocol::Udp { "udp" } else { "tcp" };
    let line = finished.text();
    let head = format!("{}/{protocol} {word}: ", scenario.port());
    let code = i32::from(word != "OPEN");
    let right = line.starts_with(&head)
        && line.contains(&evidence)
        && line.ends_with('\n')
        && finished.status.code() == Some(code)
        && finished.stderr.is_empty();
    (!right).then(|| {
        format!(
            "{scenario:?} {version:?}, {target}: {line:?}, expected {head}...{evidence}; {}\n",
            finished.stderr
        )
    })
}

/// `PROBE_TEST_TIMES=100` does all of it a hundred times, and `--nocapture` says how long the longest took.
#[test]
fn each_scenario_gets_its_word() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let network = &Routed::new().unwrap();
    let times = std::env::var("PROBE_TEST_TIMES").ok().and_then(|times| times.parse().ok());
    let cases: Vec<_> = Scenario::cases().collect();
    let (next, all) = (&AtomicUsize::new(0), cases.len() * times.unwrap_or(1));
    let longest = &Mutex::new(Duration::ZERO);
    let wrong: Vec<String> = thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                let cases = &cases;
                scope.spawn(move || {
                    let mut wrong = Vec::new();
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        if at >= all {
                            break wrong;
                        }
                        let (scenario, version) = cases[at % cases.len()];
                        wrong.extend(mistake(network, scenario, version, longest));
                    }
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{} of {all}:\n{}", wrong.len(), wrong.concat());
    println!("{all} diagnoses, the longest took {:.1?}", longest.lock().unwrap());
}
