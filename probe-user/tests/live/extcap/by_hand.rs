//! Captures asked for by hand, as Wireshark does it: signals, readers, pipes and parents
//! that go.

use std::{fs, os::unix::fs::PermissionsExt as _, thread, time::Duration};

use probe_pcap::Reader;
use testbed::{Running, SCRATCH_DIR, run};

use super::{Desk, USER, frames, ready, send};
use crate::rig::{LIMIT, beside_others, probe, quiet_pair};

/// `sudo wireshark`: the pipe is root's, and nobody else's.
#[test]
fn root_stays_root_whoever_called_sudo() {
    if !ready() {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let fifo = format!("{SCRATCH_DIR}/fifo");
    let mut mkfifo = pair.server.command("mkfifo");
    mkfifo.args(["-m", "600", &fifo]);
    run(mkfifo, LIMIT).unwrap();
    let mut reader = pair.server.command("cat");
    reader.arg(&fifo);
    let reader = Running::spawn(reader).unwrap();
    let capture = ["--capture", "--extcap-interface", "probe-srv0", "--fifo", &fifo];
    let mut capture = probe(&pair.server, &capture);
    capture.env("SUDO_UID", USER).env("SUDO_GID", USER);
    let capture = Running::spawn(capture).unwrap();
    wait_for_output(&reader);
    send(&pair, &frames(10));
    capture.signal(libc::SIGTERM).unwrap();
    let finished = capture.wait(LIMIT).unwrap();
    assert_eq!((finished.status.code(), finished.stderr.as_str()), (Some(0), ""));
    let read = reader.wait(LIMIT).unwrap().stdout;
    let mut file = Reader::new("fifo".into(), Box::new(std::io::Cursor::new(read))).unwrap();
    for expected in frames(10) {
        assert_eq!(file.next().unwrap().unwrap().bytes, expected);
    }
    assert!(file.next().unwrap().is_none());
}

#[test]
fn it_ends_when_wireshark_does() {
    if !ready() {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let desk = Desk::new(&pair.server);
    let (fifo, log) = (format!("{SCRATCH_DIR}/tmp/fifo"), format!("{SCRATCH_DIR}/tmp/log"));
    let program = format!("{SCRATCH_DIR}/extcap/probe");
    let start_with = |more: &[&str]| {
        let cleared = pair.server.enter(|| {
            fs::write(&log, "")?;
            Ok(fs::set_permissions(&log, fs::Permissions::from_mode(0o666))?)
        });
        cleared.unwrap();
        let capture = ["--capture", "--extcap-interface", "probe-srv0", "--fifo", &fifo];
        let arguments = [&capture[..], &["--log-file", &log], more].concat();
        let running = Running::spawn(desk.command(&program, &arguments)).unwrap();
        desk.wait_for_log("probe: attached to");
        running
    };
    let start = || start_with(&[]);
    let make = || {
        run(desk.command("mkfifo", &[&fifo]), LIMIT).unwrap();
    };
    let ended = |running: Running, code: i32, said: &str| {
        let finished = running.wait(LIMIT).unwrap();
        assert_eq!(finished.status.code(), Some(code), "{}", finished.stderr);
        assert_eq!((finished.stderr.as_str(), finished.text().as_str()), (said, ""));
    };
    let remove = || pair.server.enter(|| Ok(fs::remove_file(&fifo)?)).unwrap();

    // Told to end, before there is a reader and after.
    make();
    let capture = start();
    send(&pair, &frames(10));
    capture.signal(libc::SIGTERM).unwrap();
    ended(capture, 0, "");
    assert_eq!(desk.account()["sampled"], 10);
    let capture = start();
    let reader = Running::spawn(desk.command("cat", &[&fifo])).unwrap();
    wait_for_output(&reader);
    send(&pair, &frames(10));
    capture.signal(libc::SIGTERM).unwrap();
    ended(capture, 0, "");
    // What the reader got is a whole file, the account at its end included.
    let read = reader.wait(LIMIT).unwrap().stdout;
    let mut file = Reader::new("fifo".into(), Box::new(std::io::Cursor::new(read))).unwrap();
    for expected in frames(10) {
        assert_eq!(file.next().unwrap().unwrap().bytes, expected);
    }
    assert!(file.next().unwrap().is_none());
    assert_eq!(desk.account()["captured"], 10);

    // The reader closes the pipe.
    let capture = start();
    let reader = Running::spawn(desk.command("cat", &[&fifo])).unwrap();
    wait_for_output(&reader);
    send(&pair, &frames(10));
    reader.signal(libc::SIGKILL).unwrap();
    reader.wait(LIMIT).unwrap();
    ended(capture, 0, "");

    // What was lost is an error to show: the ring is small, and its reader was held.
    let capture = start_with(&["--buffer-size", "4"]);
    let reader = Running::spawn(desk.command("cat", &[&fifo])).unwrap();
    wait_for_output(&reader);
    capture.signal(libc::SIGSTOP).unwrap();
    send(&pair, &frames(20_000));
    capture.signal(libc::SIGTERM).unwrap();
    capture.signal(libc::SIGCONT).unwrap();
    let finished = capture.wait(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    let account = desk.account();
    let lost = account[crate::rig::LOST];
    assert_eq!(account["captured"] + lost, 20_000, "{}", desk.log());
    assert!(lost > 0, "{}", desk.log());
    assert!(
        finished.stderr.starts_with(&format!("probe: {lost} frames were lost: try")),
        "{}",
        finished.stderr
    );
    reader.wait(LIMIT).unwrap();

    // Wireshark removes the pipe without having read from it; no file comes in its place.
    let capture = start();
    remove();
    let gone = format!("probe: opening {fifo}: No such file or directory (os error 2)\n");
    ended(capture, 1, &gone);
    assert!(!pair.server.enter(|| Ok(fs::exists(&fifo)?)).unwrap());

    // Wireshark is killed before it has opened the pipe, which stays.
    make();
    pair.server.enter(|| Ok(fs::remove_file(&log)?)).unwrap();
    let capture = ["--capture", "--extcap-interface", "probe-srv0", "--fifo", &fifo];
    let script = ["-c", "\"$@\" & exec sleep 1000", "sh", &program];
    let arguments = [&script[..], &capture, &["--log-file", &log]].concat();
    let wireshark = Running::spawn(desk.command("sh", &arguments)).unwrap();
    desk.wait_for_log("probe: waiting for a reader on");
    wireshark.signal(libc::SIGKILL).unwrap();
    assert_eq!(desk.account()["captured"], 0);
    wireshark.wait(LIMIT).unwrap();
    remove();

    // The interface goes: that is an error to show.
    make();
    let capture = start();
    let _reader = Running::spawn(desk.command("cat", &[&fifo])).unwrap();
    pair.server.ip(&["link delete srv0"]).unwrap();
    ended(capture, 1, "probe: srv0 is gone: no interface left to watch\n");
}

/// Waits until the pipe's reader has something: both ends are open.
fn wait_for_output(reader: &Running) {
    for _ in 0..LIMIT.as_millis() / 10 {
        if !reader.stdout().is_empty() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("nothing comes through the pipe");
}
