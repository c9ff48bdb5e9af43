//! `cargo xtask test --kernel`: tests on other kernels than this machine's. Debian's kernel
//! boots in a virtual machine with an initramfs of our own making, in which there is nothing
//! but the test program `live`, `probe`, and what the tests call; the tests are the same that
//! run here.
//!
//! No root is needed. qemu emulates the processor (TCG): /dev/kvm may be there and not work,
//! as in a machine that is virtual itself.

mod build;
mod image;
mod judge;
mod machine;

use std::ffi::OsString;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use xtask::setup::{self, Kernel, Machine, Use};
use xtask::shell::{say, target_dir};
use xtask::show;

use self::build::Programs;
use self::judge::Verdict;

/// Tests that run on every kernel, by the beginnings of their names.
const TESTS: [&str; 1] = ["matrix::"];
/// Those of them for a kernel before 5.16, which does not say how many instructions its verifier
/// has looked at.
const UNCOUNTED: [&str; 6] = [
    "matrix::capture::",
    "matrix::count::",
    "matrix::lists::",
    "matrix::offline::",
    "matrix::rate::",
    "matrix::rules::",
];

const NO_QDISC: Stage =
    Stage { modules: &[], ignored: true, tests: &["matrix::bare::without_sch_ingress"] };
const NO_FILTER: Stage =
    Stage { modules: &["sch_ingress"], ignored: true, tests: &["matrix::bare::without_cls_bpf"] };
/// Last, because the machine is another one after it.
const OWN: Stage = Stage { modules: &[], ignored: true, tests: &["matrix::machine::"] };
/// qemu's Arm machine does not wake from sleep by its clock.
const AWAKE: [&str; 3] = [
    "matrix::machine::a_cpu_comes_online",
    "matrix::machine::files_by_time_follow_the_clock",
    "matrix::machine::the_clock_is_set",
];
const WHOLE: Stage = Stage { modules: &["veth", "cls_bpf"], ignored: false, tests: &TESTS };

/// Which tests run in which state of the virtual machine.
struct Stage {
    /// The modules that are loaded before it, beside those of the stages before.
    modules: &'static [&'static str],
    /// Whether it takes the tests that an ordinary run ignores.
    ignored: bool,
    /// The beginnings of the names of its tests.
    tests: &'static [&'static str],
}

/// One run of the test program: these tests, and no others.
struct Step {
    modules: &'static [&'static str],
    tests: Vec<String>,
}

impl Stage {
    /// What is run on a kernel. One that is too old for probe has to be refused, and no more.
    fn of(kernel: Kernel) -> &'static [Self] {
        match kernel.name {
            "5.10" => &[Self { modules: &[], ignored: true, tests: &["matrix::refused::"] }],
            "5.15" => &[NO_QDISC, NO_FILTER, Self { tests: &UNCOUNTED, ..WHOLE }, OWN],
            "arm64-6.12" => &[NO_QDISC, NO_FILTER, WHOLE, Self { tests: &AWAKE, ..OWN }],
            _ => &[NO_QDISC, NO_FILTER, WHOLE, OWN],
        }
    }
}

/// Runs the tests on each of these kernels; `parts` choose among them by name.
pub fn on_kernels(kernels: &[Kernel], parts: &[OsString]) -> Result<()> {
    ensure!(
        cfg!(target_arch = "x86_64"),
        "the virtual machines are made from this machine's own programs: they need x86-64 here"
    );
    let arm = kernels.iter().any(|kernel| kernel.machine == Machine::Arm64);
    setup::packages(if arm { &[Use::Kernel, Use::Arm64] } else { &[Use::Kernel] })?;
    setup::toolchain()?;
    let parts: Vec<String> = parts.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let here = build::for_machine(Machine::Amd64)?;
    let mut rows = Vec::new();
    for &kernel in kernels {
        let mut steps = Vec::new();
        for stage in Stage::of(kernel) {
            let tests = build::names(&here.live, stage, &parts)?;
            steps.push(Step { modules: stage.modules, tests });
        }
        let start = Instant::now();
        let (release, verdict) = match kernel.machine {
            Machine::Amd64 => on_kernel(kernel, &here, &steps)?,
            Machine::Arm64 => on_kernel(kernel, &build::for_machine(kernel.machine)?, &steps)?,
        };
        rows.push(Row { kernel: kernel.name, release, verdict, took: start.elapsed() });
    }
    report(&rows)
}

/// Runs these tests on one kernel; says what the kernel calls itself, and how they went.
fn on_kernel(kernel: Kernel, programs: &Programs, steps: &[Step]) -> Result<(String, Verdict)> {
    let fetched = kernel.fetch()?;
    let folder = target_dir().join("kernels").join(kernel.name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let initrd = image::make(&folder, kernel.machine, &fetched, programs, steps)?;
    let log = folder.join("console.log");
    say(format!("kernel {}: booting, {} tests", kernel.name, tests_of(steps).count()));
    let booted = machine::boot(kernel.machine, &fetched.image(), &initrd, &log);
    let said = String::from_utf8_lossy(&fs::read(&log)?).replace('\r', "");
    let expected: Vec<&str> = tests_of(steps).collect();
    let mut verdict = judge::judge(&said, &expected);
    verdict.complaints.extend(booted.err().map(|error| format!("{error:#}")));
    if !verdict.is_right() {
        show!("{}", judge::failures(&said));
        say(format!("kernel {}: all that was said is in {}", kernel.name, log.display()));
    }
    Ok((judge::release(&said).to_owned(), verdict))
}

fn tests_of(steps: &[Step]) -> impl Iterator<Item = &str> {
    steps.iter().flat_map(|step| step.tests.iter().map(String::as_str))
}

/// How it went on one kernel.
struct Row {
    kernel: &'static str,
    release: String,
    verdict: Verdict,
    took: Duration,
}

/// A line for each test that did not go right, and one for each kernel.
fn report(rows: &[Row]) -> Result<()> {
    for row in rows {
        for complaint in &row.verdict.complaints {
            show!("kernel {}: {complaint}", row.kernel);
        }
    }
    for Row { kernel, release, verdict, took } in rows {
        show!(
            "kernel {kernel} (Linux {release}): {} right of {} tried, {:.0} s",
            verdict.right,
            verdict.tried,
            took.as_secs_f64()
        );
    }
    let wrong: Vec<&str> =
        rows.iter().filter(|row| !row.verdict.is_right()).map(|row| row.kernel).collect();
    ensure!(wrong.is_empty(), "tests failed on: {}", wrong.join(", "));
    Ok(())
}
