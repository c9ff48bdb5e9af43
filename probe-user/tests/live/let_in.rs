//! What others put in the way of root: links for names that rotation makes up, files in place of
//! pipes; and what is left of root's rights once programs are attached.

use std::{fs, os::unix::fs::symlink};

use testbed::{
    CLIENT_LINK, CLIENT_V4, Frame, FrameSender, Pair, Running, SERVER_LINK, SERVER_V4, Tcp,
    requirements::met, tcp_flags,
};

use crate::{
    ending::attachments,
    rig::{LIMIT, NEEDS, attached, beside_others, probe, quiet_pair},
};

fn send(pair: &Pair, count: usize) {
    let tcp = Tcp { source: 1, destination: 80, flags: tcp_flags::SYN, ..Tcp::default() };
    let syn = Frame::ipv4(CLIENT_V4, SERVER_V4).tcp(tcp).build();
    FrameSender::open(&pair.client, CLIENT_LINK).unwrap().send(&vec![syn; count]).unwrap();
}

/// NoNewPrivs of every thread of a process (proc_pid_status(5)).
fn no_new_privs(process: u32) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let read = |thread: fs::DirEntry| {
        let status = fs::read_to_string(thread.path().join("status")).unwrap();
        status
            .lines()
            .find_map(|line| line.strip_prefix("NoNewPrivs:\t").map(str::to_owned))
            .unwrap()
    };
    threads.map(|thread| read(thread.unwrap())).collect()
}

#[test]
fn programs_give_no_rights_back_after_the_drop() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let file = "/dev/shm/rights.pcap";
    let commands = [
        &["count", "-i", SERVER_LINK][..],
        &["rate", "-i", SERVER_LINK, "-t", "1h"],
        &["capture", "-i", SERVER_LINK, "-w", file],
        // The command of -z may be one that gains rights.
        &["capture", "-i", SERVER_LINK, "-w", file, "-C", "1000", "-z", "true"],
    ];
    for arguments in commands {
        let running = attached(&pair.server, arguments);
        let wanted = if arguments.contains(&"-z") { "0" } else { "1" };
        let found = no_new_privs(running.id());
        assert!(
            !found.is_empty() && found.iter().all(|bit| bit == wanted),
            "{arguments:?}: {found:?}"
        );
        running.interrupt(LIMIT).unwrap();
    }
}

#[test]
fn extcap_leaves_a_file_alone_that_is_no_pipe() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("victim");
    fs::write(&file, "untouched").unwrap();
    let interface = format!("probe-{SERVER_LINK}");
    let path = file.to_str().unwrap();
    let arguments = ["extcap", "--capture", "--extcap-interface", &interface, "--fifo", path];
    let finished = Running::spawn(probe(&pair.server, &arguments)).unwrap().wait(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(1), "{}", finished.stderr);
    assert!(finished.stderr.contains("is not a named pipe"), "{}", finished.stderr);
    assert_eq!(fs::read(&file).unwrap(), b"untouched");
    assert_eq!(attachments(&pair.server), "");
}

/// The user's own name may be a link; a name that is made from it is never one.
#[test]
fn rotation_follows_no_links() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("victim"), "untouched").unwrap();
    symlink(path("first"), path("f")).unwrap();
    symlink(path("victim"), path("f1")).unwrap();
    let base = path("f");
    let arguments =
        ["capture", "-i", SERVER_LINK, "-w", base.to_str().unwrap(), "-C", "1k", "@syn"];
    let capture = attached(&pair.server, &arguments);
    send(&pair, 100);
    let finished = capture.wait(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(1), "{}", finished.stderr);
    assert!(finished.stderr.contains("f1: it exists already"), "{}", finished.stderr);
    assert_eq!(fs::read(path("victim")).unwrap(), b"untouched");
    assert!(fs::metadata(path("first")).unwrap().len() > 1000);
}

/// A filter of 64 KiB takes the verifier half a minute on XDP.
#[test]
fn an_interrupt_ends_a_long_verification() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let ports: Vec<String> = (1..4000).map(|port| format!("port {port}")).collect();
    let filter = ports.join(" or ");
    let arguments = ["count", "-i", SERVER_LINK, "--hook", "xdp-generic", &filter];
    let count = Running::spawn(probe(&pair.server, &arguments)).unwrap();
    count.wait_for_line("the kernel's verifier is still checking", LIMIT).unwrap();
    count.signal(libc::SIGINT).unwrap();
    let finished = count.wait(LIMIT).unwrap();
    assert!(!finished.status.success(), "{}", finished.stderr);
    assert!(!finished.stderr.contains("attached to"), "{}", finished.stderr);
    assert_eq!(attachments(&pair.server), "");
}

/// The kernel's own limit on programs at one tcx hook (BPF_MPROG_MAX).
#[test]
fn one_program_too_many_is_told() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let arguments = ["count", "-i", SERVER_LINK, "--hook", "tcx", "--interval", "1h"];
    let mut running = Vec::new();
    for _ in 0..70 {
        let one = Running::spawn(probe(&pair.server, &arguments)).unwrap();
        if one.wait_for_line("probe: attached to", LIMIT).is_err() {
            let finished = one.wait(LIMIT).unwrap();
            assert_eq!(finished.status.code(), Some(1), "{}", finished.stderr);
            assert!(
                finished.stderr.contains("64 programs are attached there"),
                "{}",
                finished.stderr
            );
            return;
        }
        running.push(one);
    }
    panic!("{} programs are attached", running.len());
}
