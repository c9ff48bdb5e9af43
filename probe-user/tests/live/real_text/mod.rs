//! Real traffic, printed by probe and by tcpdump: every line the same, whatever the flags.
//!
//! | file | what it makes |
//! | --- | --- |
//! | `network` | a client, a router and a server that know nothing of each other's addresses |
//! | `traffic` | programs that talk: curl, nginx, dig, dnsmasq, ssh, sshd, ping, udhcpc |
//! | `mail` | a mail server, for want of a small one in the distribution |

mod mail;
mod network;
mod traffic;

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use testbed::{
    Running,
    requirements::{Requirement::Tool, met},
    run,
};

use crate::rig::{LIMIT, NEEDS, alone, end_tcpdump, tcpdump};
use network::{CLIENT_LINK, Network, SERVER_LINK};

/// tcpdump's flags that change its text, each alone and some together.
const FLAGS: &[&str] = &[
    "",
    "-v",
    "-vv",
    "-vvv",
    "-e",
    "-q",
    "-S",
    "-K",
    "-t",
    "-tt",
    "-ttt",
    "-tttt",
    "-ttttt",
    "-x",
    "-xx",
    "-X",
    "-XX",
    "-A",
    "-AA",
    "--number",
    "-e -v -X",
    "-e -q",
    "-q -v -S",
    "-vv -tt -XX",
];

/// What must be in the text, so that all that was meant to happen did happen.
const SHOWN: &[(&str, &str)] = &[
    ("an HTTP request", "HTTP: GET /"),
    ("an HTTP answer", "HTTP/1.1 200 OK"),
    ("HTTP over IPv6", "IP6 2001:db8:2::2.80 > "),
    ("A", " A 198.51.100.2"),
    ("AAAA", " AAAA 2001:db8:2::2"),
    ("PTR", " PTR www.example.test."),
    ("MX", " MX mail.example.test. 10"),
    ("TXT", " TXT \"v=spf1 -all\""),
    ("SRV", " SRV www.example.test.:80 "),
    ("no such name", " NXDomain"),
    ("EDNS", " [1au] A? "),
    ("DNS over TCP", ".53 > 192.0.2.2."),
    ("multicast DNS", " > 224.0.0.251.5353: "),
    ("ping", "ICMP echo request, id "),
    ("ping6", "ICMP6, echo reply, id "),
    ("ARP", "ARP, Request who-has "),
    ("an answer to ARP", "ARP, Reply "),
    ("neighbours", "ICMP6, neighbor advertisement"),
    ("routers", "ICMP6, router advertisement"),
    ("an ssh banner", "SSH: SSH-2.0-OpenSSH"),
    ("a mail server's greeting", "SMTP: 220 mail.example.test"),
    ("a mail client's", "SMTP: EHLO "),
    ("a refusal", "Flags [R.], seq 0, ack "),
    ("a rejection", "tcp port 7002 unreachable"),
    ("a rejection over IPv6", "ICMP6, destination unreachable, unreachable port"),
    ("a rejection by an administrator", "unreachable - admin prohibited filter"),
    ("a port without a listener", "udp port 33434 unreachable"),
    ("a packet too big", "unreachable - need to frag (mtu 1400)"),
    ("a packet too big for IPv6", "ICMP6, packet too big, mtu 1400"),
    ("a time exceeded", "ICMP time exceeded in-transit"),
    ("a time exceeded over IPv6", "ICMP6, time exceeded in-transit"),
    ("a fragment", "ip-proto-1"),
    ("a fragment of IPv6", "frag ("),
    ("DHCP", "BOOTP/DHCP, Reply"),
    ("a group joined", "igmp v3 report"),
    ("an IPv6 group joined", "ICMP6, multicast listener report v2"),
    ("TFTP", "TFTP, length "),
    ("a tunnel", "VXLAN, flags [I] (0x08), vni 5"),
];

#[test]
fn every_line_of_real_traffic_is_tcpdumps() {
    let tools = [Tool("dnsmasq"), Tool("dig"), Tool("sshd"), Tool("ssh"), Tool("ssh-keygen")];
    let tools = [&tools[..], &[Tool("ping"), Tool("udhcpc"), Tool("nft")]].concat();
    if !met(NEEDS) || !met(&tools) {
        return;
    }
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let network = Network::new().unwrap();
    let ends = [(&network.client, CLIENT_LINK), (&network.server, SERVER_LINK)];
    let files = ends.map(|(_, link)| folder.path().join(format!("{link}.pcap")));
    let start = |end: usize| tcpdump(ends[end].0, ends[end].1, &files[end]);
    let (client, server) = (start(0), start(1));
    network.up().unwrap();
    traffic::make(&network, folder.path()).unwrap();
    end_tcpdump(&network.client, client, &files[0]);
    end_tcpdump(&network.server, server, &files[1]);

    // The same conversations with VLAN tags, one and two deep.
    let tagged = folder.path().join("tagged.pcap");
    let capture = tcpdump(&network.server, SERVER_LINK, &tagged);
    traffic::replay_tagged(&network, &files[0]).unwrap();
    end_tcpdump(&network.server, capture, &tagged);

    let [client, server] = &files;
    let mut text = theirs(client, "") + &theirs(server, "");
    let missing: Vec<_> = SHOWN.iter().filter(|(_, part)| !text.contains(part)).collect();
    assert!(missing.is_empty(), "not in the text: {missing:?}");
    text = theirs(&tagged, "-e");
    for part in ["vlan 42, p 3, ", "802.1Q-QinQ", "vlan 7, p 0, ethertype"] {
        assert!(text.contains(part), "no '{part}'");
    }

    for file in [client, server, &tagged] {
        FLAGS.iter().for_each(|flags| compare(file, flags));
    }
}

fn theirs(file: &Path, flags: &str) -> String {
    text("tcpdump", &[], file, flags)
}

fn text(program: &str, first: &[&str], file: &Path, flags: &str) -> String {
    let mut command = Command::new(program);
    command.args(first).arg("-nn").args(flags.split_whitespace()).arg("-r").arg(file);
    run(command, LIMIT).unwrap().text()
}

/// Line by line; the file is kept where lines differ.
fn compare(file: &Path, flags: &str) {
    let theirs = theirs(file, flags);
    let ours = text(env!("CARGO_BIN_EXE_probe"), &["capture"], file, flags);
    if ours == theirs {
        return;
    }
    let kept = std::env::temp_dir().join("probe-real-text.pcap");
    std::fs::copy(file, &kept).unwrap();
    let differ: Vec<String> = (ours.lines().zip(theirs.lines()))
        .filter(|(ours, theirs)| ours != theirs)
        .take(8)
        .map(|(ours, theirs)| format!("probe:   {ours}\ntcpdump: {theirs}\n"))
        .collect();
    let lines = (ours.lines().count(), theirs.lines().count());
    panic!("'{flags}' of {}: {lines:?} lines\n{}", kept.display(), differ.concat());
}

/// Waits until something holds.
fn wait_until(what: &str, mut holds: impl FnMut() -> bool) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        anyhow::ensure!(Instant::now() < deadline, "{what}: not within 20 s");
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// A program that goes on, and what it says when it is ready.
fn ready(command: Command, line: &str) -> anyhow::Result<Running> {
    let running = Running::spawn(command)?;
    running.wait_for_line(line, LIMIT)?;
    Ok(running)
}
