//! What becomes of the whole machine while probe runs: a CPU comes online, the clock is set, it
//! sleeps. Nobody wants that on a machine with other work, so these tests run in virtual machines
//! alone.

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use testbed::{CLIENT_LINK, CLIENT_V4, Frame, Pair, Running, SERVER_LINK, requirements::met};

use super::{HOOKS, NEEDS, capture::frames, transfer_on, watching};
use crate::{
    rig::{CHOSEN, DELIVERED, LIMIT, Totals, alone, ledger, quiet_pair},
    scattered::NOBODY_V4,
};

/// Set where the machine is there for the tests alone (`xtask/src/test/kernel/image.rs`).
const OWN_MACHINE: &str = "PROBE_OWN_MACHINE";

/// What probe may be off, from the clock's own readings around it: less counts as no step.
const SLACK: Duration = Duration::from_millis(2);

/// Whether the requirements are met. On any other machine the test fails before it does harm.
fn own_machine() -> bool {
    assert!(
        std::env::var_os(OWN_MACHINE).is_some(),
        "this test changes the machine: {OWN_MACHINE}"
    );
    met(NEEDS)
}

fn frame(number: u16) -> Vec<u8> {
    Frame::ipv4(CLIENT_V4, NOBODY_V4).udp(number, 7).payload(b"a").build()
}

fn send(pair: &Pair, cpu: usize, frames: &[Vec<u8>]) {
    transfer_on(cpu, (&pair.client, CLIENT_LINK), (&pair.server, SERVER_LINK), frames);
}

fn set_online(online: bool) {
    let value = if online { "1" } else { "0" };
    fs::write("/sys/devices/system/cpu/cpu1/online", value).unwrap();
}

/// Runs a command that begins with one CPU, which sees 7 frames; another one, which comes online
/// then, sees 14.
fn with_a_cpu_more(pair: &Pair, hook: &str, arguments: &[&str]) -> Running {
    let frames = [1, 2, 3, 4, 5, 6, 7].map(frame);
    set_online(false);
    let running = watching(pair, hook, arguments);
    send(pair, 0, &frames);
    set_online(true);
    send(pair, 1, &frames);
    send(pair, 1, &frames);
    running
}

/// It counts as every other one does; a ring it has none, and the ledger says so.
#[test]
#[ignore = "takes a CPU offline: cargo xtask test --kernel 6.1"]
fn a_cpu_comes_online() {
    if !own_machine() {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    for hook in HOOKS {
        let count = with_a_cpu_more(&pair, hook, &["count", "--format", "json"]);
        assert_eq!(Totals::of(count).seen.0, 21, "{hook}");

        let file = "/dev/shm/cpus.pcap";
        let capture = with_a_cpu_more(&pair, hook, &["capture", "-w", file]);
        let finished = capture.interrupt(LIMIT).unwrap();
        let said = &finished.stderr;
        assert_eq!(finished.status.code(), Some(0), "{hook}: {said}");
        let ledger = ledger(said);
        let counts = [CHOSEN, DELIVERED, "refused by kernel"].map(|name| ledger[name]);
        assert_eq!(counts, [21, 7, 14], "{hook}: {said}");
        assert!(said.contains("a CPU that came online after the start"), "{hook}: {said}");
        assert_eq!(frames(&pair.server, file).len(), 7, "{hook}");
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

/// Steps the time of day.
fn step(seconds: i64) {
    let now = now();
    let time = libc::timespec {
        tv_sec: now.as_secs() as i64 + seconds,
        tv_nsec: now.subsec_nanos().into(),
    };
    // SAFETY: the structure lives through the call, which reads it.
    assert_eq!(unsafe { libc::clock_settime(libc::CLOCK_REALTIME, &raw const time) }, 0);
}

/// A live capture with a line a frame, whose stamps are seconds.
struct Lines<'p> {
    pair: &'p Pair,
    capture: Running,
    /// For each frame, when it was sent and when its line was there, by the time of day.
    right: Vec<(Duration, Duration)>,
}

impl<'p> Lines<'p> {
    fn start(pair: &'p Pair, hook: &str) -> Self {
        let capture = watching(pair, hook, &["capture", "-nn", "-tt", "-l"]);
        Self { pair, capture, right: Vec::new() }
    }

    /// Sends a frame and waits for its line.
    fn frame(&mut self) {
        let number = self.right.len() as u16 + 1;
        let before = now();
        send(self.pair, 0, &[frame(number)]);
        self.capture.wait_for_output(&format!(".{number} > "), LIMIT).unwrap();
        self.right.push((before, now()));
    }

    fn check(self, hook: &str) {
        let finished = self.capture.interrupt(LIMIT).unwrap();
        assert_eq!(finished.status.code(), Some(0), "{hook}: {}", finished.stderr);
        let text = finished.text();
        assert_eq!(text.lines().count(), self.right.len(), "{hook}: {text}");
        for (line, (from, to)) in text.lines().zip(&self.right) {
            let stamp = line.split(' ').next().unwrap().parse().unwrap();
            let stamp = Duration::from_secs_f64(stamp);
            let right = *from - SLACK..*to + SLACK;
            assert!(right.contains(&stamp), "{hook}: {stamp:?} is not in {right:?}: {text}");
        }
    }
}

/// Stamps follow the clock from the next frame on, forwards and backwards.
#[test]
#[ignore = "sets the clock: cargo xtask test --kernel 6.1"]
fn the_clock_is_set() {
    if !own_machine() {
        return;
    }
    let _alone = alone();
    for hook in HOOKS {
        let pair = quiet_pair();
        let mut lines = Lines::start(&pair, hook);
        lines.frame();
        for seconds in [3_600, -7_200, 86_400 * 365, -86_400 * 365] {
            step(seconds);
            lines.frame();
        }
        lines.check(hook);
        step(3_600);
    }
}

/// Files of a minute each: a step forwards ends the minute, after one backwards it begins again.
#[test]
#[ignore = "sets the clock: cargo xtask test --kernel 6.1"]
fn files_by_time_follow_the_clock() {
    if !own_machine() {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    let folder = "/dev/shm/by-time";
    pair.server.enter(|| Ok(fs::create_dir(folder)?)).unwrap();
    let pattern = format!("{folder}/%s.pcap");
    let capture = watching(&pair, "auto", &["capture", "-w", &pattern, "-G", "60", "-U"]);
    let lengths = || {
        let mut files: Vec<(String, u64)> = (pair.server)
            .enter(|| {
                let entry = |entry: std::io::Result<fs::DirEntry>| {
                    let entry = entry?;
                    Ok((entry.file_name().into_string().unwrap(), entry.metadata()?.len()))
                };
                fs::read_dir(folder)?.map(entry).collect()
            })
            .unwrap();
        files.sort();
        files
    };
    // Each frame is in its file before the clock is set again.
    let sent = |number: u64| {
        send(&pair, 0, &[frame(number as u16)]);
        let frames = |files: Vec<(String, u64)>| -> u64 {
            let record = 16 + frame(1).len() as u64;
            files.iter().map(|(_, length)| length.saturating_sub(24) / record).sum()
        };
        let start = std::time::Instant::now();
        while frames(lengths()) < number {
            assert!(start.elapsed() < LIMIT, "{number}: {:?}", lengths());
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    sent(1);
    step(61);
    sent(2);
    step(-3_600);
    sent(3);
    step(61);
    sent(4);
    let finished = capture.interrupt(LIMIT).unwrap();
    step(3_600 - 2 * 61);
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    assert_eq!(ledger(&finished.stderr)[DELIVERED], 4);
    // By their names, which are the times at which they were begun: the last one is the earliest.
    let port = |bytes: &[u8]| u16::from_be_bytes([bytes[34], bytes[35]]);
    let ports = |name: &str| -> Vec<u16> {
        let frames = frames(&pair.server, &format!("{folder}/{name}"));
        frames.iter().map(|(_, bytes, _)| port(bytes)).collect()
    };
    let ports: Vec<_> = lengths().iter().map(|(name, _)| ports(name)).collect();
    assert_eq!(ports, [vec![4], vec![1], vec![2, 3]]);
}

/// How long the machine has slept since it started: the one clock goes on meanwhile, the other
/// does not.
fn slept() -> Duration {
    let read = |clock| {
        // SAFETY: all zeroes is a valid value of this C structure.
        let mut time: libc::timespec = unsafe { std::mem::zeroed() };
        // SAFETY: the structure is ours and lives through the call, which writes it.
        assert_eq!(unsafe { libc::clock_gettime(clock, &raw mut time) }, 0);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    };
    let monotonic = read(libc::CLOCK_MONOTONIC);
    read(libc::CLOCK_BOOTTIME) - monotonic
}

/// Sends the machine to sleep; its clock wakes it.
fn sleep() {
    let alarm = Path::new("/sys/class/rtc/rtc0/wakealarm");
    fs::write(alarm, "0").unwrap();
    fs::write(alarm, "+3").unwrap();
    // Returns when it is awake again.
    fs::write("/sys/power/state", "mem").unwrap();
}

/// Kernel time stands while the machine sleeps, and the time of day does not.
#[test]
#[ignore = "sends the machine to sleep: cargo xtask test --kernel 6.1"]
fn the_machine_sleeps() {
    if !own_machine() {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    let mut lines = Lines::start(&pair, "auto");
    lines.frame();
    let before = slept();
    sleep();
    let slept = slept() - before;
    assert!(slept >= Duration::from_secs(1), "it slept for {slept:?}");
    lines.frame();
    lines.frame();
    lines.check("auto");
}
