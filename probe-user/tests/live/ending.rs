//! How it ends: whatever ends it, nothing stays attached, and what it says adds up.

use std::{thread, time::Duration};

use probe::kernel::{tcx_occupants, xdp_occupant};
use testbed::{
    CLIENT_LINK, CLIENT_V4, Frame, FrameSender, Namespace, SERVER_LINK, SERVER_V4, Tcp,
    requirements::met, run, tcp_flags,
};

use crate::rig::{CHOSEN, LIMIT, NEEDS, alone, attached, ledger, probe, quiet_pair};

fn syn() -> Vec<u8> {
    let tcp = Tcp { source: 1, destination: 80, flags: tcp_flags::SYN, ..Tcp::default() };
    Frame::ipv4(CLIENT_V4, SERVER_V4).tcp(tcp).build()
}

/// What is attached to the server's link, as the kernel lists it.
pub fn attachments(namespace: &Namespace) -> String {
    let index = format!("/sys/class/net/{SERVER_LINK}/ifindex");
    let occupants = namespace.enter(|| {
        let xdp = xdp_occupant(std::fs::read_to_string(index)?.trim().parse()?)?;
        Ok(xdp.into_iter().chain(tcx_occupants(SERVER_LINK)?).collect::<Vec<_>>())
    });
    occupants.unwrap().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[test]
fn nothing_stays_attached() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    for hook in ["xdp-native", "xdp-generic", "tcx"] {
        for signal in [libc::SIGKILL, libc::SIGTERM, libc::SIGINT] {
            let pair = quiet_pair();
            let direction = if hook == "tcx" { "inout" } else { "in" };
            let arguments = ["count", "-i", SERVER_LINK, "--hook", hook, "-Q", direction];
            let running = attached(&pair.server, &arguments);
            assert!(attachments(&pair.server).contains("probe_"), "{hook}");
            running.signal(signal).unwrap();
            let finished = running.wait(LIMIT).unwrap();
            let clean = (signal != libc::SIGKILL).then_some(0);
            assert_eq!(finished.status.code(), clean, "{hook}: {}", finished.stderr);
            // The kernel frees a killed process's links a little after the process.
            for _ in 0..100 {
                if attachments(&pair.server).is_empty() {
                    break;
                }
                thread::sleep(Duration::from_millis(20));
            }
            assert_eq!(attachments(&pair.server), "", "{hook} {signal}");
        }
    }
}

#[test]
fn a_rate_is_measured_until_it_is_interrupted() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    let rate = attached(&pair.server, &["rate", "-i", SERVER_LINK, "--format", "json", "@syn"]);
    FrameSender::open(&pair.client, CLIENT_LINK).unwrap().send(&vec![syn(); 700]).unwrap();
    let finished = rate.interrupt(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    let report: serde_json::Value = serde_json::from_str(&finished.text()).unwrap();
    assert_eq!(report["ended_by"], "interrupted");
    assert_eq!(report["packets"], 700);
}

#[test]
fn an_interrupt_in_a_flood_ends_with_a_right_ledger() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    let capture = attached(
        &pair.server,
        &["capture", "-i", SERVER_LINK, "--hook", "tcx", "-w", "/dev/shm/flood.pcap", "@syn"],
    );
    let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
    let finished = thread::scope(|scope| {
        let flood = scope.spawn(|| sender.send_paced(&[syn()], 1_000_000, None));
        thread::sleep(Duration::from_millis(300));
        let finished = capture.interrupt(LIMIT).unwrap();
        flood.join().unwrap().unwrap();
        finished
    });
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    let ledger = ledger(&finished.stderr);
    assert!(ledger[CHOSEN] > 0);
    let written = crate::rig::tcpdump_count(
        &pair.server,
        std::path::Path::new("/dev/shm/flood.pcap"),
        "tcp[tcpflags] = tcp-syn",
    );
    assert_eq!(written, ledger[crate::rig::DELIVERED], "{}", finished.stderr);
}

#[test]
fn a_full_disk_leaves_a_readable_file() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    pair.server.enter(|| Ok(std::fs::create_dir("/dev/shm/small")?)).unwrap();
    let mut mount = pair.server.command("mount");
    mount.args(["-t", "tmpfs", "-o", "size=64k", "none", "/dev/shm/small"]);
    run(mount, LIMIT).unwrap();
    let file = "/dev/shm/small/full.pcap";
    let capture = attached(
        &pair.server,
        &["capture", "-i", SERVER_LINK, "--hook", "tcx", "-w", file, "@syn"],
    );
    let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
    sender.send(&vec![syn(); 5_000]).unwrap();
    let finished = capture.wait(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(1), "{}", finished.stderr);
    assert!(finished.stderr.contains("No space left on device"), "{}", finished.stderr);
    assert!(finished.stderr.contains(file), "{}", finished.stderr);
    let ledger = ledger(&finished.stderr);
    let mut read = pair.server.command("tcpdump");
    read.args(["-nn", "-r", file]);
    let read = run(read, LIMIT).unwrap();
    assert!(!read.stderr.contains("truncated"), "{}", read.stderr);
    let whole = read.text().lines().count() as u64;
    assert!(whole > 100, "{whole} frames");
    assert_eq!(whole, ledger[crate::rig::DELIVERED], "{}", finished.stderr);
}

#[test]
fn a_closed_pipe_is_success() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    let mut shell = pair.server.command("sh");
    let line = format!(
        "{{ {} capture -i {SERVER_LINK} --hook tcx -l @syn; echo \"exit $?\" >&2; }} | head -n 2",
        probe::<&str>(&pair.server, &[]).get_program().to_string_lossy()
    );
    shell.args(["-c", &line]);
    let shell = testbed::Running::spawn(shell).unwrap();
    shell.wait_for_line("probe: attached to", LIMIT).unwrap();
    let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
    sender.send_paced(&[syn()], 200, Some(100.0)).unwrap();
    let finished = shell.wait(LIMIT).unwrap();
    assert_eq!(finished.text().lines().count(), 2);
    assert!(finished.stderr.contains("exit 0"), "{}", finished.stderr);
}
