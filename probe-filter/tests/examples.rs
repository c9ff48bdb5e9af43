//! The examples at work: what they print of known frames, to the last one.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use testbed::requirements::{Requirement::*, met};
use testbed::{
    CLIENT_LINK, CLIENT_V4, CLIENT_V6, Frame, FrameSender, Pair, Running, SERVER_LINK, SERVER_V4,
    SERVER_V6, Tcp, run, tcp_flags,
};

const LIMIT: Duration = Duration::from_secs(30);

/// Where cargo puts an example that it builds for the tests.
fn example(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("this test's path");
    let profile = own.ancestors().nth(2).expect("target/PROFILE/deps/TEST");
    let path = profile.join("examples").join(name);
    // `cargo test --test NAME` builds that test alone.
    assert!(path.is_file(), "{} is not built: cargo build --examples", path.display());
    path
}

/// Seven frames: SYNs to port 80 over IPv4 (tagged, too) and IPv6, an ACK, and UDP.
fn frames() -> Vec<Vec<u8>> {
    let tcp = |flags| Tcp { source: 40_000, destination: 80, flags, ..Tcp::default() };
    let syn = Frame::ipv4(CLIENT_V4, SERVER_V4).tcp(tcp(tcp_flags::SYN));
    let mut tagged = syn.clone().build();
    tagged.splice(12..12, [0x81, 0x00, 0x00, 0x05]);
    vec![
        syn.build(),
        syn.build(),
        tagged,
        Frame::ipv6(CLIENT_V6, SERVER_V6).tcp(tcp(tcp_flags::SYN)).build(),
        Frame::ipv4(CLIENT_V4, SERVER_V4).tcp(tcp(tcp_flags::ACK)).build(),
        Frame::ipv4(CLIENT_V4, SERVER_V4).udp(1, 53).build(),
        Frame::ipv6(CLIENT_V6, SERVER_V6).udp(1, 53).build(),
    ]
}

#[test]
fn match_pcap_names_the_frames_that_match() -> Result<()> {
    let path = std::env::temp_dir().join(format!("probe-filter-{}.pcap", std::process::id()));
    let mut file = std::fs::File::create(&path)?;
    // pcap-savefile(5), in this machine's byte order: Ethernet.
    for word in [0xa1b2_c3d4_u32, 2 | 4 << 16, 0, 0, 262_144, 1] {
        file.write_all(&word.to_ne_bytes())?;
    }
    for bytes in frames() {
        let length = bytes.len() as u32;
        for word in [0, 0, length, length] {
            file.write_all(&word.to_ne_bytes())?;
        }
        file.write_all(&bytes)?;
    }
    let mut command = Command::new(example("match_pcap"));
    command.arg(&path).arg("@syn and dst port 80");
    let said = run(command, LIMIT);
    std::fs::remove_file(&path)?;
    let said = said?.text();
    let numbers: Vec<&str> = said.lines().filter_map(|line| line.split(':').next()).collect();
    // tcpdump's `dst port` looks behind no tag that the filter does not name.
    assert_eq!(numbers, ["frame 1", "frame 2", "frame 4"], "{said}");
    Ok(())
}

#[test]
fn iptables_prints_code_for_it() -> Result<()> {
    let mut command = Command::new(example("iptables"));
    command.arg("ip and tcp[13] = 2");
    let said = run(command, LIMIT)?.text();
    let (count, code) = said.trim_end().split_once(',').expect("a count, then instructions");
    let instructions: Vec<&str> = code.split(',').collect();
    assert_eq!(count, instructions.len().to_string(), "{said}");
    for one in instructions {
        let numbers: Vec<u32> = one.split(' ').map(|word| word.parse().expect(&said)).collect();
        assert_eq!(numbers.len(), 4, "{one:?} of {said}");
    }
    Ok(())
}

#[test]
fn attach_counts_in_the_kernel() -> Result<()> {
    if !met(&[Root, Kernel(6, 6), Tool("ip"), Tool("ethtool")]) {
        return Ok(());
    }
    let pair = Pair::new()?;
    let mut command = pair.server.command(example("attach"));
    command.args([SERVER_LINK, "tcp port 80 and @syn"]);
    let attached = Running::spawn(command)?;
    attached.wait_for_line("attached to", LIMIT)?;
    let before = pair.server.counters(SERVER_LINK)?;
    let sent = FrameSender::open(&pair.client, CLIENT_LINK)?.send_paced(&frames(), 700, None)?;
    assert_eq!(sent.frames, 700);
    pair.server.wait_for_received(SERVER_LINK, before, 700, LIMIT)?;
    // Four of seven: the kernel keeps the tag beside the frame, and the filter looks behind it.
    attached.wait_for_output("400 frames matched", LIMIT)?;
    Ok(())
}
