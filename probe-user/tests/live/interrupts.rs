//! Ctrl-C while frames pour in: whatever the output is, and however slow whoever reads
//! it, the end comes and the account is right.

use std::{
    fs::File,
    io::{PipeReader, Read as _, pipe},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use testbed::{
    CLIENT_LINK, CLIENT_V4, Frame, FrameSender, Pair, Running, SERVER_LINK, SERVER_V4, Tcp,
    requirements::met, tcp_flags,
};

use crate::{
    rig::{CHOSEN, DELIVERED, LIMIT, NEEDS, alone, ledger, probe, quiet_pair},
    stalls::records,
};

/// What the user waits for at most: a second on a machine that has time for it. Here only
/// waiting for ever is told from ending.
const WAIT: Duration = Duration::from_secs(10);

/// Frames of the flood: it lasts longer than anybody looks at it.
const FLOOD: u64 = 4_000_000;

/// Who reads the output.
#[derive(Clone, Copy, Debug)]
enum Reader {
    /// The kernel throws it away: `> /dev/null`.
    Null,
    /// Everything is read at once.
    Quick,
    /// As in `| (sleep 1000)`: the pipe stays open, nobody reads.
    Asleep,
}

/// How it was ended, and how long that took.
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
    /// What lies in the pipe of a reader that sleeps.
    unread: Vec<u8>,
    took: Duration,
}

/// Starts probe, floods its link, and interrupts it in the middle.
fn interrupted(pair: &Pair, arguments: &[&str], reader: Reader) -> Ended {
    let (asleep, stdout): (Option<PipeReader>, Stdio) = match reader {
        Reader::Null => (None, File::create("/dev/null").unwrap().into()),
        Reader::Quick => (None, Stdio::piped()),
        Reader::Asleep => {
            let (reader, writer) = pipe().unwrap();
            (Some(reader), writer.into())
        }
    };
    let running = Running::spawn_to(probe(&pair.server, arguments), stdout).unwrap();
    running.wait_for_line("probe: attached to", LIMIT).unwrap();
    let tcp = Tcp { source: 1, destination: 80, flags: tcp_flags::SYN, ..Tcp::default() };
    let syn = Frame::ipv4(CLIENT_V4, SERVER_V4).tcp(tcp).build();
    let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
    let finished = thread::scope(|scope| {
        let flood = scope.spawn(|| {
            let frames = vec![syn; 64];
            let end = Instant::now() + Duration::from_millis(2500);
            let mut sent = 0;
            while sent < FLOOD && Instant::now() < end {
                sent += sender.send(&frames).unwrap().frames;
            }
        });
        thread::sleep(Duration::from_millis(1000));
        let start = Instant::now();
        let finished = running.interrupt(LIMIT).unwrap();
        let took = start.elapsed();
        assert!(!flood.is_finished(), "the flood was over before the end");
        flood.join().unwrap();
        (finished, took)
    });
    let (finished, took) = finished;
    let (code, stdout) = (finished.status.code(), finished.text());
    // The figure, for whoever runs this with --nocapture.
    println!("{arguments:?} {reader:?}: {took:?}; {}", finished.stderr.trim());
    assert!(took < WAIT, "{arguments:?} {reader:?} took {took:?}: {}", finished.stderr);
    let mut unread = Vec::new();
    if let Some(mut asleep) = asleep {
        asleep.read_to_end(&mut unread).unwrap();
    }
    Ended { code, stdout, stderr: finished.stderr, unread, took }
}

#[test]
fn captures() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let text: &[&str] = &["capture", "-i", SERVER_LINK, "--hook", "tcx", "-nn", "@syn"];
    let pcap: &[&str] = &["capture", "-i", SERVER_LINK, "--hook", "tcx", "-w", "-", "@syn"];
    let file: &[&str] =
        &["capture", "-i", SERVER_LINK, "--hook", "tcx", "-w", "/dev/shm/flood.pcap", "@syn"];
    let generic: &[&str] = &["capture", "-i", SERVER_LINK, "--hook", "xdp-generic", "-nn", "tcp"];
    for (arguments, reader) in [
        (text, Reader::Null),
        (text, Reader::Quick),
        (text, Reader::Asleep),
        (generic, Reader::Null),
        (file, Reader::Null),
        (pcap, Reader::Quick),
        (pcap, Reader::Asleep),
    ] {
        let pair = quiet_pair();
        let ended = interrupted(&pair, arguments, reader);
        let ledger = ledger(&ended.stderr);
        assert!(ledger[CHOSEN] > 10_000, "{}", ended.stderr);
        if let Reader::Asleep = reader {
            assert_eq!(ended.code, Some(1), "{}", ended.stderr);
            assert!(ended.stderr.contains("has stopped reading"), "{}", ended.stderr);
            // The pipe holds what the account has as captured, and perhaps a part of one more.
            let whole = if arguments == pcap {
                records(&ended.unread)
            } else {
                ended.unread.iter().filter(|&&byte| byte == b'\n').count() as u64
            };
            assert!(whole > 0);
            assert_eq!(whole, ledger[DELIVERED], "{}", ended.stderr);
            continue;
        }
        // Lines that a busy machine does not get out in time are given up, and said to be.
        let given_up = ended.stderr.contains("has stopped reading");
        assert!(!given_up || arguments.contains(&"-nn"), "{}", ended.stderr);
        assert_eq!(ended.code, Some(i32::from(given_up)), "{}", ended.stderr);
        assert!(ledger[DELIVERED] > 0, "{}", ended.stderr);
        if arguments == text && matches!(reader, Reader::Quick) {
            assert_eq!(ended.stdout.lines().count() as u64, ledger[DELIVERED]);
        }
    }
}

/// All frames are in the rings, nobody attached any more, and the reader sleeps: probe waits
/// for it, but not for ever once the user does not want to.
#[test]
fn a_backlog_after_the_duration() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    let arguments =
        ["capture", "-i", SERVER_LINK, "--hook", "tcx", "--duration", "1s", "-w", "-", "@syn"];
    let (_asleep, writer) = pipe().unwrap();
    let running = Running::spawn_to(probe(&pair.server, &arguments), writer.into()).unwrap();
    running.wait_for_line("probe: attached to", LIMIT).unwrap();
    let tcp = Tcp { source: 1, destination: 80, flags: tcp_flags::SYN, ..Tcp::default() };
    let frames = vec![Frame::ipv4(CLIENT_V4, SERVER_V4).tcp(tcp).build(); 64];
    let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
    for _ in 0..2_000 {
        sender.send(&frames).unwrap();
    }
    thread::sleep(Duration::from_millis(1500));
    let start = Instant::now();
    let finished = running.interrupt(LIMIT).unwrap();
    let took = start.elapsed();
    assert!(took < WAIT, "{took:?}: {}", finished.stderr);
    assert_eq!(finished.status.code(), Some(1), "{}", finished.stderr);
    assert!(finished.stderr.contains("has stopped reading"), "{}", finished.stderr);
    let ledger = ledger(&finished.stderr);
    assert!(ledger[CHOSEN] > 100_000 && ledger[DELIVERED] < ledger[CHOSEN], "{}", finished.stderr);
    assert!(!finished.stderr.contains("are unaccounted for"), "{}", finished.stderr);
}

#[test]
fn counts_and_rates() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let json: &[&str] = &["count", "-i", SERVER_LINK, "--hook", "tcx", "--format", "json", "@syn"];
    let table: &[&str] = &["count", "-i", SERVER_LINK, "--hook", "tcx", "@syn"];
    // A thousand lines a second fill a pipe before the interrupt.
    let busy: &[&str] = &[
        "count",
        "-i",
        SERVER_LINK,
        "--hook",
        "tcx",
        "--format",
        "json",
        "--interval",
        "1ms",
        "@syn",
    ];
    let rate: &[&str] = &["rate", "-i", SERVER_LINK, "--hook", "tcx", "-t", "1h", "@syn"];
    for (arguments, reader) in [
        (json, Reader::Quick),
        (table, Reader::Null),
        (busy, Reader::Quick),
        (busy, Reader::Asleep),
        (rate, Reader::Quick),
    ] {
        let pair = quiet_pair();
        let ended = interrupted(&pair, arguments, reader);
        let asleep = matches!(reader, Reader::Asleep);
        assert_eq!(ended.code, Some(i32::from(asleep)), "{}", ended.stderr);
        if arguments[0] == "rate" {
            assert!(ended.stdout.contains(" packets, "), "{}", ended.stdout);
        }
        if matches!(reader, Reader::Quick) && arguments != rate {
            let last = ended.stdout.lines().last().unwrap();
            let last: serde_json::Value = serde_json::from_str(last).unwrap();
            assert_eq!(last["final"], true);
            assert!(last["rules"][0]["packets"].as_u64().unwrap() > 10_000, "{last}");
            assert_eq!(last["rules"][0]["packets"], last["seen"]["packets"]);
        }
        assert!(ended.took < WAIT);
    }
}
