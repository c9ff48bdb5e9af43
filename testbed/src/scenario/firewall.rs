//! The rules of nftables that the scenarios need.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Result;

use super::{Host, Protocol, Reason, Routed, Scenario, Version};
use crate::{Namespace, run};

const LIMIT: Duration = Duration::from_secs(20);

/// Loads the rules of all scenarios into the three hosts.
pub(super) fn load(network: &Routed) -> Result<()> {
    // tcx and packet sockets of the client see what its output hook lets through, those of the server
    // what its input hook may then drop.
    load_into(&network.client, "output", Host::Client)?;
    load_into(&network.router, "forward", Host::Router)?;
    load_into(&network.server, "input", Host::Server)
}

fn load_into(namespace: &Namespace, hook: &str, host: Host) -> Result<()> {
    let mut rules = format!("add table inet probe\nadd chain inet probe {hook} ");
    writeln!(rules, "{{ type filter hook {hook} priority 0; }}")?;
    for (scenario, version) in Scenario::cases() {
        if let Some(verdict) = verdict(scenario, host, version) {
            let (family, protocol) = (family(version), protocol(scenario.protocol()));
            let port = scenario.port();
            writeln!(
                rules,
                "add rule inet probe {hook} meta nfproto {family} {protocol} dport {port} {verdict}"
            )?;
        }
    }
    let mut nft = namespace.command("nft");
    nft.arg(rules);
    run(nft, LIMIT).map(drop)
}

/// What this host's firewall does in a scenario, where it does anything.
fn verdict(scenario: Scenario, host: Host, version: Version) -> Option<String> {
    let drops = match scenario {
        Scenario::Dropped(_) => Host::Server,
        Scenario::RouterDrops(_) => Host::Router,
        Scenario::ClientDrops(_) => Host::Client,
        Scenario::Reset if host == Host::Server => return Some("reject with tcp reset".into()),
        Scenario::Rejected(_, by, reason) if by == host => {
            let icmp = match version {
                Version::V4 => "icmp",
                Version::V6 => "icmpv6",
            };
            return Some(format!("reject with {icmp} type {}", nft_name(reason, version)?));
        }
        _ => return None,
    };
    (drops == host).then(|| "drop".to_owned())
}

fn family(version: Version) -> &'static str {
    match version {
        Version::V4 => "ipv4",
        Version::V6 => "ipv6",
    }
}

fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    }
}

/// The word of nft(8) for an error, where the version of IP has it.
fn nft_name(reason: Reason, version: Version) -> Option<&'static str> {
    reason.icmp(version)?;
    Some(match (reason, version) {
        (Reason::NetUnreachable, Version::V4) => "net-unreachable",
        (Reason::NetUnreachable, Version::V6) => "no-route",
        (Reason::HostUnreachable, Version::V4) => "host-unreachable",
        (Reason::HostUnreachable, Version::V6) => "addr-unreachable",
        (Reason::ProtocolUnreachable, _) => "prot-unreachable",
        (Reason::PortUnreachable, _) => "port-unreachable",
        (Reason::NetProhibited, _) => "net-prohibited",
        (Reason::HostProhibited, _) => "host-prohibited",
        (Reason::AdminProhibited, _) => "admin-prohibited",
        (Reason::PolicyFailed, _) => "policy-fail",
        (Reason::RejectRoute, _) => "reject-route",
    })
}
