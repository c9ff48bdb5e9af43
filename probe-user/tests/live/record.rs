//! The flight recorder on live traffic: what came before something happened is in the file, without a
//! gap and without a frame twice, up to the end of what followed.

use std::{
    fs,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use probe_frame::WallTime;
use testbed::{
    CLIENT_LINK, CLIENT_V4, Finished, Frame, FrameSender, Pair, Running, SERVER_LINK, pin_to_cpu,
    requirements::met, run,
};

use crate::{
    matrix::{capture::frames, record::overwritten},
    rig::{LIMIT, NEEDS, alone, attached, quiet_pair},
    scattered::NOBODY_V4,
};

const FILE: &str = "/dev/shm/incident.pcapng";
const MILLISECOND: u64 = 1_000_000;
/// Nanoseconds between the stamps of two programs, at most.
const MARGIN: i64 = 20 * MILLISECOND as i64;

/// Datagrams with their numbers, which nobody answers.
pub fn numbered(count: u32) -> Vec<Vec<u8>> {
    let frame = |number: u32| {
        let payload = [&number.to_be_bytes()[..], &[0; 40]].concat();
        Frame::ipv4(CLIENT_V4, NOBODY_V4).udp(9, 9).payload(&payload).build()
    };
    (0..count).map(frame).collect()
}

fn recorder(pair: &Pair, arguments: &[&str]) -> Running {
    let all = [&["record", "-i", SERVER_LINK, "-Q", "in"], arguments, &["udp dst port 9"]];
    attached(&pair.server, &all.concat())
}

/// The frames of a recording: when they came, and their numbers.
pub fn numbers(pair: &Pair, file: &str) -> Vec<(WallTime, u32)> {
    let number = |bytes: &[u8]| u32::from_be_bytes(*bytes[42..].first_chunk().unwrap());
    frames(&pair.server, file).iter().map(|(time, bytes, _)| (*time, number(bytes))).collect()
}

fn succeeded(recorder: Running) -> Finished {
    let finished = recorder.wait(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    finished
}

/// Each number once and in order.
pub fn assert_no_gap(numbers: &[(WallTime, u32)]) {
    for pair in numbers.windows(2) {
        assert_eq!(pair[0].1 + 1, pair[1].1, "a gap, or a frame twice");
        assert!(pair[0].0 <= pair[1].0, "time goes back");
    }
}

/// When it was triggered, as the file says.
fn triggered(pair: &Pair, file: &str) -> WallTime {
    let mut capinfos = pair.server.command("capinfos");
    capinfos.arg(file);
    let said = run(capinfos, LIMIT).unwrap().text();
    let time = said.split_once(", at ").and_then(|(_, rest)| rest.lines().next()).unwrap();
    let time: jiff::Timestamp = time.trim().parse().unwrap();
    WallTime(time.as_nanosecond() as u64)
}

/// A quiet link, then a flood: what a capture beside it has of the 2 seconds before the alarm and of the
/// second after it is in the recording, and nothing else.
#[test]
fn what_came_before_a_flood_and_after_it() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    let all = "/dev/shm/all.pcapng";
    let witness = ["capture", "-i", SERVER_LINK, "-Q", "in", "-w", all, "udp dst port 9"];
    let witness = attached(&pair.server, &witness);
    let arguments = [
        "--last",
        "2s",
        "--when",
        "rate > 5k/s for 400ms",
        "--after",
        "1s",
        "-s",
        "96",
        "-w",
        FILE,
    ];
    let recorder = recorder(&pair, &arguments);
    // Four seconds of 500 a second; then 20 times as many, until the recorder has ended.
    let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
    let frames = numbered(60_000);
    let (quiet, flood) = frames.split_at(2_000);
    sender.send_paced(quiet, quiet.len() as u64, Some(500.0)).unwrap();
    sender.send_paced(flood, flood.len() as u64, Some(10_000.0)).unwrap();
    let finished = succeeded(recorder);
    assert_eq!(overwritten(&finished.stderr), None, "{}", finished.stderr);
    witness.interrupt(LIMIT).unwrap();

    let (recorded, all) = (numbers(&pair, FILE), numbers(&pair, all));
    assert_no_gap(&recorded);
    assert_eq!(all.len(), frames.len());
    // Two programs stamp a frame, one after the other, and the alarm says its time in milliseconds.
    let triggered = triggered(&pair, FILE).0;
    let of = |margin: i64| -> Vec<u32> {
        let from = (triggered - 2_000 * MILLISECOND).saturating_add_signed(-margin);
        let to = (triggered + 1_000 * MILLISECOND).saturating_add_signed(margin);
        let within = all.iter().filter(|(time, _)| (from..to).contains(&time.0));
        within.map(|(_, number)| *number).collect()
    };
    let (surely, perhaps) = (of(-MARGIN), of(MARGIN));
    let (first, last) = (recorded[0].1, recorded[recorded.len() - 1].1);
    let said = &finished.stderr;
    assert!(perhaps[0] <= first && first <= surely[0], "{first} {}: {said}", surely[0]);
    let (least, most) = (surely[surely.len() - 1], perhaps[perhaps.len() - 1]);
    assert!(least <= last && last <= most, "{least} {last} {most}: {said}");
    // The alarm came in the flood, and what was before it is there.
    assert!(first < 2_000 && last > 2_000, "from {first} to {last}: {said}");
}

/// As long as a flood goes on, from the first frame that the memory holds to the last one after the
/// trigger.
#[test]
fn a_flood_that_is_more_than_the_memory_holds() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    // A rate at which an unoptimized build on a busy machine writes them, too.
    let (frames, rate) = (numbered(60_000), 30_000.0);
    let arguments = ["--after", "300ms", "-s", "96", "-B", "2M", "-w", FILE];
    let recorder = recorder(&pair, &arguments);
    let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
    let before = pair.server.counters(SERVER_LINK).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            // Received on the CPU of the sender: one ring has all of them.
            pin_to_cpu(0).unwrap();
            sender.send_paced(&frames, 60_000, Some(rate)).unwrap();
        });
        // In the middle of it, wherever that is.
        let end = Instant::now() + LIMIT;
        let received = || pair.server.counters(SERVER_LINK).unwrap().rx_packets - before.rx_packets;
        while received() < 30_000 && Instant::now() < end {
            thread::sleep(Duration::from_millis(1));
        }
        recorder.signal(libc::SIGUSR2).unwrap();
    });
    let finished = succeeded(recorder);
    let numbers = numbers(&pair, FILE);
    assert_no_gap(&numbers);
    // Exactly so many came before the first one that is there.
    let first = u64::from(numbers[0].1);
    assert_eq!(overwritten(&finished.stderr), Some(first), "{}", finished.stderr);
    assert!(!finished.stderr.contains("overwritten before they were read"), "{}", finished.stderr);
    // A slot has 8 + 40 + 86 bytes, up to a multiple of eight.
    let held = numbers.len() * 136;
    assert!(held > (2 << 20) * 95 / 100, "{held} bytes: {}", finished.stderr);
}

#[test]
fn a_signal_a_command_and_names() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
    let frames = numbered(30);

    // Two recordings by hand: both have all of the last 30 seconds; -z runs on each.
    let folder = "/dev/shm";
    let base = format!("{folder}/i.pcapng");
    let several = recorder(&pair, &["--max-files", "2", "-z", "gzip", "-w", &base]);
    for part in [&frames[..10], &frames[10..]] {
        let before = pair.server.counters(SERVER_LINK).unwrap();
        sender.send(part).unwrap();
        pair.server.wait_for_received(SERVER_LINK, before, part.len() as u64, LIMIT).unwrap();
        let recorded = format!("{} frames; rule match", if part.len() == 10 { 10 } else { 30 });
        several.signal(libc::SIGUSR2).unwrap();
        several.wait_for_line(&recorded, LIMIT).unwrap();
    }
    succeeded(several);
    let names = || -> Vec<String> {
        let list = pair.server.enter(|| Ok(fs::read_dir(folder)?.collect::<Vec<_>>())).unwrap();
        let names = list.into_iter().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name.starts_with("i-")).collect();
        names.sort();
        names
    };
    let end = Instant::now() + LIMIT;
    while !names().iter().all(|name| name.ends_with("Z-match.pcapng.gz")) && Instant::now() < end {
        thread::sleep(Duration::from_millis(10));
    }
    let names = names();
    assert_eq!(names.len(), 2, "{names:?}");
    for (name, count) in names.iter().zip([10, 30]) {
        assert!(name.ends_with("Z-match.pcapng.gz"), "{name}");
        let mut gunzip = pair.server.command("gunzip");
        gunzip.arg(PathBuf::from(folder).join(name));
        run(gunzip, LIMIT).unwrap();
        let file = format!("{folder}/{}", name.trim_end_matches(".gz"));
        assert_eq!(self::numbers(&pair, &file).len(), count);
    }

    // The end of a command, whatever its status; the recorder has no other work then.
    let command = "read line < /dev/shm/fifo; exit 7";
    let mut mkfifo = pair.server.command("mkfifo");
    mkfifo.arg("/dev/shm/fifo");
    run(mkfifo, LIMIT).unwrap();
    let during = recorder(&pair, &["--while", command, "-w", FILE]);
    let before = pair.server.counters(SERVER_LINK).unwrap();
    sender.send(&frames).unwrap();
    pair.server.wait_for_received(SERVER_LINK, before, 30, LIMIT).unwrap();
    pair.server.enter(|| Ok(fs::write("/dev/shm/fifo", "now\n")?)).unwrap();
    let finished = succeeded(during);
    assert!(
        finished.stderr.contains("the command has ended, exit status: 7"),
        "{}",
        finished.stderr
    );
    let numbers = numbers(&pair, FILE);
    assert_eq!(numbers.len(), 30);
    assert_no_gap(&numbers);
}

/// Nothing is attached after SIGKILL, and no file is there that was not begun.
#[test]
fn sigkill_leaves_nothing() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    let recorder = recorder(&pair, &["-w", FILE]);
    recorder.signal(libc::SIGKILL).unwrap();
    recorder.wait(LIMIT).unwrap();
    let there = pair.server.enter(|| Ok(fs::exists(FILE)?)).unwrap();
    assert!(!there, "a file that was not begun");
    // Whoever comes now is alone, and sees all.
    let again = self::recorder(&pair, &["-w", FILE, "--hook", "xdp"]);
    let finished = again.interrupt(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    assert!(finished.stderr.contains("nothing happened in "), "{}", finished.stderr);
}

/// The exit code of a condition, and its sentence with the value.
#[test]
fn a_count_that_fails_if() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
    let frames = numbered(300);
    for (condition, code, said) in [
        ("udp > 299", 3, "probe: --fail-if udp > 299: 300 packets in "),
        ("udp > 300", 0, ""),
        ("share of udp < 100%", 0, ""),
    ] {
        let arguments = ["count", "-i", SERVER_LINK, "--rule", "udp=udp", "-c", "300", "--fail-if"];
        let count = attached(&pair.server, &[&arguments[..], &[condition]].concat());
        sender.send(&frames).unwrap();
        let finished = count.wait(LIMIT).unwrap();
        assert_eq!(finished.status.code(), Some(code), "{condition}: {}", finished.stderr);
        assert!(finished.stderr.contains(said), "{}", finished.stderr);
    }
    // One that lasts ends the run before its time.
    let arguments =
        ["--interval", "50ms", "--duration", "100s", "--fail-if", "udp < 1/s for 200ms"];
    let count = [&["count", "-i", SERVER_LINK, "--rule", "udp=udp"], &arguments[..]].concat();
    let finished = attached(&pair.server, &count).wait(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(3), "{}", finished.stderr);
}
