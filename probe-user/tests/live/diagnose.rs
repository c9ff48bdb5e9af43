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

use crate::rig::{LIMIT, alone, attached, beside_others, probe, times};

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
    let cases: Vec<_> = Scenario::cases().collect();
    let (next, all) = (&AtomicUsize::new(0), cases.len() * times());
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

/// Nothing is sent: the server's side of what a client does, and the client's side of what is dropped.
#[test]
fn others_are_listened_to() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let network = &Routed::new().unwrap();
    let listen = |namespace, scenario: Scenario, more: &[&str]| {
        let target = target(scenario, Version::V4);
        attached(namespace, &[&["diagnose", "--listen-only"], more, &[target.as_str()]].concat())
    };
    // Without -i, by the interface that has the address.
    let listener = listen(&network.server, Scenario::Open, &[]);
    network.get(Scenario::Open, Version::V4, "/").unwrap();
    let finished = listener.wait(LIMIT).unwrap();
    let line = finished.text();
    assert!(line.starts_with("80/tcp OPEN: handshake "), "{line}");
    assert!(line.ends_with("closed by the server\n"), "{line}");
    assert_eq!(finished.status.code(), Some(0));

    let dropped = Scenario::Dropped(Protocol::Tcp);
    let listener = listen(&network.client, dropped, &["--timeout", "1.5s", "--format", "json"]);
    assert!(network.attempt(dropped, Version::V4).unwrap().is_err());
    let finished = listener.wait(LIMIT).unwrap();
    let object: serde_json::Value = serde_json::from_str(&finished.text()).unwrap();
    assert_eq!((&object["verdict"], &object["outcome"]), (&"DROPPED".into(), &"unanswered".into()));
    assert_eq!((&object["client"], &object["interface"]), (&"192.0.2.1".into(), &"cli0".into()));
    assert_eq!(object["syn_times_us"].as_array().unwrap().len(), 2);
    assert_eq!(finished.status.code(), Some(1));

    // Ctrl-C before anybody came.
    let finished = listen(&network.server, Scenario::Slow, &[]).interrupt(LIMIT).unwrap();
    let expected = "81/tcp UNCLEAR: no connection to 198.51.100.2 at this port was seen at srv0\n";
    assert_eq!((finished.text().as_str(), finished.status.code()), (expected, Some(1)));
}

#[test]
fn what_is_said_is_answered() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let network = &Routed::new().unwrap();
    let target = target(Scenario::Slow, Version::V6);
    let request = "GET /204 HTTP/1.1\\r\\nConnection: close\\r\\n\\r\\n";
    let finished = diagnose(&network.client, &["--explain", "--send", request, &target]);
    let text = finished.text();
    for step in [
        "handshake, 1 of 3: the client asks",
        "handshake, 2 of 3: the server agrees",
        "handshake, 3 of 3: the client confirms",
        "the client sends 40 bytes",
        "teardown, 1 of 4: the server has no more to say",
        "teardown, 3 of 4: the client has no more to say",
        "teardown, 4 of 4: the server has heard that",
    ] {
        assert!(text.contains(step), "{step}: {text}");
    }
    assert!(text.ends_with("closed by the server\n"), "{text}");
    assert_eq!(finished.status.code(), Some(0));
}
