//! How far the kernel's verifier has to walk to take a program: the price of a start, and how
//! near the limit of a million instructions is. It differs from kernel to kernel.

use std::{fs, io::Write as _};

use testbed::{
    Running,
    requirements::{Requirement, kernel_version, met},
};

use super::{NEEDS, watching};
use crate::rig::{LIMIT, alone, quiet_pair};

/// What is loaded: a name, the arguments, and the instructions that the verifier may look at,
/// on XDP and on tcx. Some way above the largest number of the kernels in
/// docs/compatibility.md, so that a change that makes it walk half as far again fails.
const PROGRAMS: &[(&str, &[&str], u64, u64)] = &[
    ("count", &["count"], 260, 90),
    ("count @syn", &["count", "@syn"], 13_500, 6_500),
    (
        "count @syn @get @dns @tls-hello",
        &[
            "count",
            "--rule",
            "a=@syn",
            "--rule",
            "b=@get",
            "--rule",
            "c=@dns",
            "--rule",
            "d=@tls-hello",
        ],
        16_500,
        7_800,
    ),
    ("count --by src", &["count", "--by", "src", "--rule", "a=@syn"], 14_100, 7_600),
    (
        "count --by src --distinct src",
        &["count", "--by", "src", "--distinct", "src", "--rule", "a=@syn"],
        14_100,
        7_600,
    ),
    ("rate -c @syn", &["rate", "-c", "1000", "@syn"], 14_000, 7_100),
    ("capture @get", &["capture", "-w", "/dev/null", "@get"], 11_500, 6_500),
    (
        "capture --sample @get",
        &["capture", "--sample", "10", "-w", "/dev/null", "@get"],
        11_500,
        7_000,
    ),
    (
        "capture --sample-flows @get",
        &["capture", "--sample-flows", "10", "-w", "/dev/null", "@get"],
        31_000,
        15_500,
    ),
    (
        "capture --sample-flows",
        &["capture", "--sample-flows", "10", "-w", "/dev/null"],
        26_500,
        14_000,
    ),
];

/// `verified_insns` of the programs that a process holds (fdinfo of a program, kernel 5.16,
/// commit aba64c7da983), the largest of them.
fn verified(running: &Running) -> u64 {
    let folder = format!("/proc/{}/fdinfo", running.id());
    let of_file = |text: String| {
        let number = text.lines().find_map(|line| line.strip_prefix("verified_insns:"))?;
        number.trim().parse().ok()
    };
    let entries = fs::read_dir(folder).unwrap().flatten();
    let numbers = entries.filter_map(|entry| of_file(fs::read_to_string(entry.path()).ok()?));
    numbers.max().expect("the process holds a program")
}

#[test]
fn the_verifier_walks_no_further_than_it_did() {
    if !met(&[NEEDS, &[Requirement::Kernel(5, 16)]].concat()) {
        return;
    }
    let _alone = alone();
    let (major, minor) = kernel_version().unwrap();
    let pair = quiet_pair();
    let mut beyond = Vec::new();
    for &(name, arguments, xdp, tcx) in PROGRAMS {
        for (hook, ceiling) in [("xdp-generic", xdp), ("tcx", tcx)] {
            let running = watching(&pair, hook, arguments);
            let verified = verified(&running);
            // On the real standard output, for docs/compatibility.md.
            let line = format!("verified: Linux {major}.{minor}, {name}, {hook}: {verified}\n");
            std::io::stdout().write_all(line.as_bytes()).unwrap();
            if verified > ceiling {
                beyond.push(format!("{name}, {hook}: {verified}, at most {ceiling} expected"));
            }
            running.interrupt(LIMIT).unwrap();
        }
    }
    assert!(beyond.is_empty(), "{}", beyond.join("\n"));
}
