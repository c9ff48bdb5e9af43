//! The program in another system's root: its version, a file, and counts on a loopback.

use std::net::UdpSocket;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use testbed::{Namespace, Running, run};
use xtask::shell::root;

use super::System;
use crate::dist::{Release, Target};

/// Enough for a program that starts, and loads another one into the kernel.
const LIMIT: Duration = Duration::from_secs(20);
/// Of the golden texts: TCP, both versions of IP.
const CAPTURE: &str = "probe-print/tests/golden/transport/tcp.pcap";
/// The port of discard (RFC 863): nobody answers.
const PORT: u16 = 9;
/// Datagrams that are sent to it.
const SENT: u64 = 5;

/// Runs it there, and says what came of it.
pub fn run_in(system: &System, release: &Release) -> Result<String> {
    let program = release.program(Target::X86_64);
    let capture = root().join(CAPTURE);
    system.put(&program)?;
    system.put(&capture)?;

    let version = run(system.command(&["/probe", "--version"]), LIMIT)?.text();
    ensure!(version.trim() == format!("probe {}", release.version), "version: {version}");

    let file = format!("/{}", capture.file_name().context("a name")?.to_string_lossy());
    let count = ["count", "--format", "json", "-r"];
    let there = [&["/probe"], &count[..], &[&file, "tcp"]].concat();
    let there = run(system.command(&there), LIMIT)?.text();
    let mut here = Command::new(&program);
    here.args(count).arg(&capture).arg("tcp");
    let here = run(here, LIMIT)?.text();
    let packets = packets(&there)?;
    ensure!(packets > 0 && packets == self::packets(&here)?, "{there} there, {here} here");

    let counted = counted_on_a_loopback(system)?;
    ensure!(counted == SENT, "{counted} datagrams counted of {SENT}");
    Ok(format!("{packets} frames of a file, {counted} of {SENT} datagrams on a loopback"))
}

fn counted_on_a_loopback(system: &System) -> Result<u64> {
    let namespace = Namespace::new()?;
    let filter = format!("udp dst port {PORT}");
    let words = ["/probe", "count", "-i", "lo", "--format", "json", &filter];
    let running = Running::spawn(system.command_on(&namespace, &words)?)?;
    running.wait_for_line("probe: attached to lo", LIMIT)?;
    namespace.enter(|| {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        for _ in 0..SENT {
            // What comes back is that nobody listens, by ICMP; a socket that is not connected is
            // not told.
            socket.send_to(b"x", ("127.0.0.1", PORT))?;
        }
        Ok(())
    })?;
    let finished = running.interrupt(LIMIT)?;
    ensure!(finished.status.success(), "probe count: {}", finished.stderr);
    packets(&finished.text())
}

/// Frames of the only rule, by the last line.
fn packets(text: &str) -> Result<u64> {
    let last = text.lines().last().context("no output")?;
    let last: Value = serde_json::from_str(last)?;
    last["rules"][0]["packets"].as_u64().with_context(|| format!("no count in {last}"))
}
