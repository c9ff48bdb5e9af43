//! The virtual machine.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use xtask::setup::Machine;

/// Many times what it takes, on a machine that is busy.
const LIMIT: Duration = Duration::from_secs(900);

/// Boots a kernel and waits until it has ended. What it says on its console goes to `log`.
pub fn boot(machine: Machine, kernel: &Path, initrd: &Path, log: &Path) -> Result<()> {
    let (program, console) = match machine {
        Machine::Amd64 => ("qemu-system-x86_64", "ttyS0"),
        Machine::Arm64 => ("qemu-system-aarch64", "ttyAMA0"),
    };
    let mut qemu = Command::new(program);
    match machine {
        Machine::Amd64 => qemu.args(["-cpu", "max"]),
        // The real algorithm of pointer authentication is slow to emulate.
        Machine::Arm64 => qemu.args(["-machine", "virt", "-cpu", "max,pauth-impdef=on"]),
    };
    // No devices but the console: no network, no disk.
    qemu.args(["-accel", "tcg,thread=multi", "-smp", "2", "-m", "1024"]);
    qemu.args(["-nodefaults", "-display", "none", "-monitor", "none", "-no-reboot"]);
    qemu.arg("-serial").arg(format!("file:{}", log.display()));
    qemu.arg("-kernel").arg(kernel).arg("-initrd").arg(initrd);
    // panic=-1: a panic reboots at once, which -no-reboot makes the end. Mitigations cost an
    // emulated processor much more than a real one; to the verifier they make no difference,
    // since it trusts root (bpf_bypass_spec_v1, kernel/bpf/verifier.c).
    qemu.arg("-append").arg(format!("console={console} quiet panic=-1 mitigations=off"));
    testbed::run(qemu, LIMIT).map(drop).with_context(|| format!("the log is {}", log.display()))
}
