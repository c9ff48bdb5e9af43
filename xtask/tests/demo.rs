//! The demonstration, ended early in all the ways a user ends it: nothing of it stays, no
//! process, no namespace with its links, no program in the kernel.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use testbed::requirements::{Requirement, met};
use testbed::{CLIENT_LINK, Running, SERVER_LINK};

/// Longer than the whole demonstration takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);
/// How long the kernel may take to free what nobody holds any more.
const FREEING: Duration = Duration::from_secs(20);

/// In the environment of everything that one run starts.
const MARK: &str = "PROBE_DEMO_RUN";

/// Moments of the demonstration, by what it prints then, and the programs that are
/// attached by that time at least.
const MOMENTS: [(&str, usize); 7] = [
    ("Two network namespaces", 0),
    ("probe: attached", 1),
    ("$ probe capture", 2),
    ("Now curl asks", 4),
    ("requests over IPv4", 4),
    ("DNS queries", 0),
    ("What came in", 0),
];

/// Two at once would only be slower.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The binary that is shown: cargo builds it beside this test's own where the whole
/// workspace is tested, as `cargo xtask test` does.
fn probe() -> &'static Path {
    static PROBE: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    PROBE.get_or_init(|| Path::new(env!("CARGO_BIN_EXE_xtask")).with_file_name("probe"))
}

fn ready() -> bool {
    met(&[
        Requirement::Root,
        Requirement::Kernel(6, 6),
        Requirement::Tool("tcpdump"),
        Requirement::Tool("nginx"),
        Requirement::Tool("curl"),
        Requirement::File(probe().to_str().expect("cargo's paths are text")),
    ])
}

/// A demonstration in a process group of its own, as a shell's job is, and what is known
/// of it.
struct Demo {
    mark: String,
    seen: Traces,
}

impl Demo {
    fn prepare() -> (Self, Command) {
        static RUNS: AtomicU32 = AtomicU32::new(0);
        let number = RUNS.fetch_add(1, Ordering::Relaxed);
        let mark = format!("{MARK}={}.{number}", std::process::id());
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        let (name, value) = mark.split_once('=').expect("just written");
        command.arg("demo").arg(probe()).env(name, value).process_group(0);
        (Self { mark, seen: Traces::default() }, command)
    }

    fn start() -> (Self, Running) {
        let (demo, command) = Self::prepare();
        (demo, Running::spawn(command).expect("it starts"))
    }

    /// Takes down what there is of it now.
    fn look(&mut self) {
        self.seen.add(&self.mark);
    }

    /// Fails unless all that was seen of it goes.
    fn is_gone(&self, how: &str) {
        let deadline = Instant::now() + FREEING;
        loop {
            let mut now = Traces::default();
            now.add(&self.mark);
            now.programs.extend(self.seen.programs.iter().filter(|&&id| is_loaded(id)));
            let kept = self.mounts_and_links();
            if now == Traces::default() && kept.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "{how}: left behind: {now:?} {kept:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// What would keep a namespace of it, or show that a link was made outside.
    fn mounts_and_links(&self) -> Vec<String> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("readable");
        let of_us = |line: &&str| self.seen.networks.iter().any(|network| line.contains(network));
        let mounts = mounts.lines().filter(of_us).map(str::to_owned);
        let links = [CLIENT_LINK, SERVER_LINK].map(|link| format!("/sys/class/net/{link}"));
        mounts.chain(links.into_iter().filter(|link| Path::new(link).exists())).collect()
    }
}

/// What a run has: found through the mark in the environment of its processes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Traces {
    processes: BTreeSet<u32>,
    /// Network namespaces that its processes are in or hold open, but ours.
    networks: BTreeSet<String>,
    programs: BTreeSet<u32>,
}

impl Traces {
    fn add(&mut self, mark: &str) {
        let ours = fs::read_link("/proc/self/ns/net").expect("we are in a namespace");
        for process in folder("/proc") {
            let Some(id) = process.file_name().and_then(|name| name.to_str()?.parse().ok()) else {
                continue;
            };
            // Processes come and go while we look.
            let environment = fs::read(process.join("environ")).unwrap_or_default();
            if !environment.split(|&byte| byte == 0).any(|entry| entry == mark.as_bytes()) {
                continue;
            }
            self.processes.insert(id);
            let held = folder(process.join("fd")).into_iter().chain([process.join("ns/net")]);
            let held = held.filter_map(|link| fs::read_link(link).ok());
            let held = held.filter(|held| *held != ours).map(|held| held.display().to_string());
            self.networks.extend(held.filter(|held| held.starts_with("net:")));
            for open in folder(process.join("fdinfo")) {
                let text = fs::read_to_string(open).unwrap_or_default();
                let ids = text.lines().filter_map(|line| line.strip_prefix("prog_id:"));
                self.programs.extend(ids.filter_map(|id| id.trim().parse::<u32>().ok()));
            }
        }
    }
}

fn folder(path: impl AsRef<Path>) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

/// Whether the kernel still has a program; ids are not given twice.
fn is_loaded(id: u32) -> bool {
    /// BPF_PROG_GET_NEXT_ID, and its part of `union bpf_attr` (include/uapi/linux/bpf.h).
    const GET_NEXT_ID: libc::c_int = 11;
    #[repr(C)]
    struct NextId {
        start: u32,
        next: u32,
        flags: u32,
    }
    let mut question = NextId { start: id - 1, next: 0, flags: 0 };
    let (pointer, size) = (&raw mut question, size_of::<NextId>());
    // SAFETY: the structure is ours, its true size is given, and the kernel writes `next`.
    let result = unsafe { libc::syscall(libc::SYS_bpf, GET_NEXT_ID, pointer, size) };
    result == 0 && question.next == id
}

/// As a terminal sends it: to every process of the job.
fn signal_job(running: &Running, signal: libc::c_int) {
    // SAFETY: kill(2) takes numbers; the group is led by a child of ours that is not reaped.
    let result = unsafe { libc::kill(-(running.id() as libc::pid_t), signal) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

#[test]
fn shown_to_its_end() {
    if !ready() {
        return;
    }
    let _alone = alone();
    let (mut demo, running) = Demo::start();
    running.wait_for_output("Now curl asks", LIMIT).expect("it gets there");
    demo.look();
    assert_eq!(demo.seen.networks.len(), 2, "{:?}", demo.seen);
    assert!(demo.seen.programs.len() >= 4, "{:?}", demo.seen);
    assert!(demo.seen.programs.iter().all(|&id| is_loaded(id)), "{:?}", demo.seen);
    let finished = running.wait(LIMIT).expect("it ends");
    assert!(finished.status.success(), "{}", finished.stderr);
    assert!(finished.text().contains("All 10 counts are exactly what was sent."));
    demo.is_gone("after its end");
}

#[test]
fn ctrl_c_at_any_moment() {
    if !ready() {
        return;
    }
    let _alone = alone();
    for (moment, programs) in MOMENTS {
        let (mut demo, running) = Demo::start();
        running.wait_for_output(moment, LIMIT).expect("it gets there");
        demo.look();
        assert!(demo.seen.processes.len() >= 2, "{moment}: {:?}", demo.seen);
        assert!(demo.seen.programs.len() >= programs, "{moment}: {:?}", demo.seen);
        signal_job(&running, libc::SIGINT);
        let finished = running.wait(LIMIT).expect("it ends");
        assert!(!finished.status.success(), "{moment}: {}", finished.text());
        demo.is_gone(moment);
    }
    // While namespaces and links are made, nothing is printed.
    for delay in [0, 5, 10, 20, 40, 80, 160].map(Duration::from_millis) {
        let (mut demo, running) = Demo::start();
        thread::sleep(delay);
        demo.look();
        signal_job(&running, libc::SIGINT);
        running.wait(LIMIT).expect("it ends");
        demo.is_gone(&format!("after {delay:?}"));
    }
}

#[test]
fn other_signals_to_the_job_or_to_it_alone() {
    if !ready() {
        return;
    }
    let _alone = alone();
    let signals = [(libc::SIGHUP, true), (libc::SIGTERM, false), (libc::SIGKILL, false)];
    for ((moment, programs), (signal, to_job)) in MOMENTS.into_iter().zip(signals.iter().cycle()) {
        let (mut demo, running) = Demo::start();
        running.wait_for_output(moment, LIMIT).expect("it gets there");
        demo.look();
        assert!(demo.seen.programs.len() >= programs, "{moment}: {:?}", demo.seen);
        if *to_job {
            signal_job(&running, *signal)
        } else {
            running.signal(*signal).expect("it runs")
        }
        running.wait(LIMIT).expect("it ends");
        demo.is_gone(&format!("{moment}, signal {signal}"));
    }
}

#[test]
fn whoever_reads_goes_away() {
    if !ready() {
        return;
    }
    let _alone = alone();
    for (moment, programs) in MOMENTS {
        let (mut demo, command) = Demo::prepare();
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let running = Running::spawn_to(command, Stdio::from(writer)).expect("it starts");
        let mut lines = BufReader::new(reader).lines();
        let found = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains(moment)));
        assert!(found.is_some(), "{moment}: {}", running.stderr());
        demo.look();
        assert!(demo.seen.programs.len() >= programs, "{moment}: {:?}", demo.seen);
        drop(lines);
        let finished = running.wait(LIMIT).expect("it ends");
        assert!(!finished.stderr.contains("panicked"), "{moment}: {}", finished.stderr);
        demo.is_gone(&format!("{moment}, output closed"));
    }
}
