//! The scenarios held against what the client's kernel says of each attempt.

use std::io;

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use testbed::requirements::{Requirement, met};
use testbed::scenario::{Host, Protocol, Reason, Routed, SLOW_ANSWER, Scenario, Truth, Version};

const NEEDS: [Requirement; 3] =
    [Requirement::Root, Requirement::Tool("ip"), Requirement::Tool("nft")];

#[test]
fn the_clients_kernel_says_the_truth_of_each() -> Result<()> {
    if !met(&NEEDS) {
        return Ok(());
    }
    let network = &Routed::new()?;
    // Those that stay without an answer take seconds, so all are tried at once.
    std::thread::scope(|scope| {
        let attempts: Vec<_> = Scenario::cases()
            .map(|(scenario, version)| {
                let attempt = move || {
                    let said = network.attempt(scenario, version)?;
                    judge(scenario, version, said)
                        .with_context(|| format!("{scenario:?} by {version:?}"))
                };
                scope.spawn(attempt)
            })
            .collect();
        let tried = attempts.len();
        let judged = attempts.into_iter().map(|one| one.join().expect("an attempt does not panic"));
        let wrong: Vec<_> =
            (judged.filter_map(Result::err).map(|error| format!("{error:#}\n"))).collect();
        ensure!(wrong.is_empty(), "{}", wrong.concat());
        // 11 once, 4 of each protocol, and of each protocol and host 7 reasons of IPv4 and 6 of IPv6.
        ensure!(tried == 2 * (11 + 2 * 4) + 2 * 2 * (7 + 6), "{tried} cases");
        Ok(())
    })
}

/// Whether what the kernel said agrees with the truth.
fn judge(scenario: Scenario, version: Version, said: io::Result<String>) -> Result<()> {
    let udp = scenario.protocol() == Protocol::Udp;
    let right = match (scenario.truth(), &said) {
        (Truth::Answered, Ok(answer)) if udp => answer == "probe's testbed",
        (Truth::Answered, Ok(answer)) => answer == "HTTP/1.1 200 Status",
        (Truth::HalfOpen, Ok(answer)) => answer.is_empty(),
        (Truth::Refused, Err(error)) => is(error, &[Errno::ECONNREFUSED]),
        (Truth::Rejected(_, reason), Err(error)) => is(error, &[errno(reason, version)]),
        (Truth::Unanswered, Err(error)) => {
            matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
        }
        // A dropped SYN is sent again as if it had been lost; a dropped datagram is an error.
        (Truth::NotSent, Err(error)) => match scenario {
            Scenario::ClientDrops(Protocol::Tcp) => error.kind() == io::ErrorKind::TimedOut,
            Scenario::ClientDrops(Protocol::Udp) => is(error, &[Errno::EPERM]),
            Scenario::NoRouteHere => is(error, &[Errno::ENETUNREACH]),
            _ => is(error, &[Errno::EHOSTUNREACH]),
        },
        _ => false,
    };
    ensure!(right, "{:?}, but the kernel says {said:?}", scenario.truth());
    Ok(())
}

fn is(error: &io::Error, wanted: &[Errno]) -> bool {
    error.raw_os_error().is_some_and(|code| wanted.contains(&Errno::from_raw(code)))
}

/// What the kernel makes of an ICMP error (icmp_err_convert in net/ipv4/icmp.c, icmpv6_err_convert in
/// net/ipv6/icmp.c).
fn errno(reason: Reason, version: Version) -> Errno {
    match (reason, version) {
        (Reason::NetUnreachable, _) => Errno::ENETUNREACH,
        (Reason::NetProhibited, _) => Errno::ENETUNREACH,
        (Reason::HostUnreachable | Reason::HostProhibited, _) => Errno::EHOSTUNREACH,
        (Reason::ProtocolUnreachable, _) => Errno::ENOPROTOOPT,
        (Reason::PortUnreachable, _) => Errno::ECONNREFUSED,
        (Reason::AdminProhibited, Version::V4) => Errno::EHOSTUNREACH,
        (Reason::AdminProhibited, Version::V6) => Errno::EACCES,
        (Reason::PolicyFailed | Reason::RejectRoute, _) => Errno::EACCES,
    }
}

#[test]
fn the_server_answers_with_the_status_that_is_asked_for() -> Result<()> {
    if !met(&NEEDS) {
        return Ok(());
    }
    let network = Routed::new()?;
    for version in Version::ALL {
        for status in ["204", "404", "503"] {
            let line = network.get(Scenario::Open, version, &format!("/{status}"))?;
            assert_eq!(line, format!("HTTP/1.1 {status} Status"));
        }
    }
    let start = std::time::Instant::now();
    network.get(Scenario::Slow, Version::V4, "/")?;
    assert!(start.elapsed() >= SLOW_ANSWER, "it takes its time");
    assert_eq!(Host::Server.address(Version::V4), Scenario::Slow.address(Version::V4));
    Ok(())
}
