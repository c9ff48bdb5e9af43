//! Kernels that cannot: the errors that they give, made by a seccomp filter on the kernel
//! at hand, and a personality that says an old release.

use std::{io, os::unix::process::CommandExt as _, process::Command};

use testbed::{Running, SERVER_LINK, requirements::met};

use crate::ending::attachments;
use crate::rig::{LIMIT, NEEDS, beside_others, probe, quiet_pair};

/// Commands of bpf(2) (include/uapi/linux/bpf.h).
const LINK_CREATE: u32 = 28;
/// By which the kernel is asked for tcx.
const PROG_ATTACH: u32 = 8;
const PROG_LOAD: u32 = 5;

/// Makes bpf(2) fail with `errno` in the process that is started: one command of it, or all.
fn refuse(command: &mut Command, bpf_command: Option<u32>, errno: i32) {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let line = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    // struct seccomp_data: the number of the call at 0, its first argument at 16.
    let number = libc::SYS_bpf as u32;
    // Where any command will do, the second comparison is one that always holds.
    let (offset, wanted) = bpf_command.map_or((0, number), |command| (16, command));
    let mut filter = [
        line(LOAD, 0, 0, 0),
        line(EQUAL, 0, 3, number),
        line(LOAD, 0, 0, offset),
        line(EQUAL, 0, 1, wanted),
        line(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | errno as u32),
        line(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let install = move || {
        let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
        let (mode, program) = (libc::SECCOMP_MODE_FILTER, &raw const program);
        // SAFETY: the program and its instructions live through the call, which copies them.
        match unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, program) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    };
    // SAFETY: the closure makes one system call on memory it owns: no allocation, no lock.
    unsafe { command.pre_exec(install) };
}

/// Makes uname(2) say 2.6 in the process that is started, as `setarch --uname-2.6` does.
fn old_release(command: &mut Command) {
    /// UNAME26 (include/uapi/linux/personality.h)
    const UNAME26: libc::c_ulong = 0x002_0000;
    let change = || {
        // SAFETY: personality(2) takes a number.
        match unsafe { libc::personality(UNAME26) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    };
    // SAFETY: the closure makes one system call and touches no memory.
    unsafe { command.pre_exec(change) };
}

#[test]
fn what_the_kernel_lacks_is_named() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split('.');
    let this = format!("Linux {}.{}", numbers.next().unwrap(), numbers.next().unwrap());
    let (this, floor) = (this.as_str(), "Linux 5.15 or newer");
    let srv: &[&str] = &["count", "-i", SERVER_LINK, "@syn"];
    let xdp: &[&str] = &["count", "-i", SERVER_LINK, "--hook", "xdp", "@syn"];
    let tcx: &[&str] = &["capture", "-i", SERVER_LINK, "--hook", "tcx", "@syn"];
    let rate: &[&str] = &["rate", "-i", SERVER_LINK, "-t", "1s"];
    type Row<'a> = (&'a [&'a str], bool, Option<u32>, i32, &'a [&'a str]);
    let table: &[Row<'_>] = &[
        // No bpf(2) at all (CONFIG_BPF_SYSCALL).
        (srv, false, None, libc::ENOSYS, &[this, floor, "CONFIG_BPF_SYSCALL"]),
        (tcx, false, None, libc::ENOSYS, &[this, floor, "CONFIG_BPF_SYSCALL"]),
        (rate, false, None, libc::ENOSYS, &[this, floor, "CONFIG_BPF_SYSCALL"]),
        // A program with something in it that the kernel does not know.
        (srv, true, Some(PROG_LOAD), libc::EINVAL, &["Linux 2.6", floor]),
        (xdp, true, Some(PROG_LOAD), libc::EINVAL, &["Linux 2.6", floor]),
        (tcx, true, Some(PROG_LOAD), libc::EINVAL, &["Linux 2.6", floor]),
        (srv, true, Some(LINK_CREATE), libc::EINVAL, &[SERVER_LINK, "Linux 2.6", floor]),
        // Links of XDP came with 5.9. aya would go over to netlink, and leave the program there;
        // probe takes nothing that would outlive it.
        (xdp, false, Some(LINK_CREATE), libc::EINVAL, &[SERVER_LINK, "Invalid argument"]),
        // What a container's default seccomp profile says.
        (srv, false, None, libc::EPERM, &["permission denied", "seccomp"]),
    ];
    for &(arguments, old, bpf_command, errno, parts) in table {
        let mut command = probe(&pair.server, arguments);
        if old {
            old_release(&mut command);
        }
        refuse(&mut command, bpf_command, errno);
        let finished = Running::spawn(command).unwrap().wait(LIMIT).unwrap();
        let said = format!("{arguments:?} {bpf_command:?} {errno}: {}", finished.stderr);
        assert_eq!(finished.status.code(), Some(1), "{said}");
        assert!(finished.stdout.is_empty(), "{said}");
        assert_eq!(attachments(&pair.server), "", "{said}");
        for part in parts {
            assert!(finished.stderr.contains(part), "no {part:?}: {said}");
        }
        assert_eq!(crate::ending::attachments(&pair.server), "", "{said}");
    }
}

/// A young feature under an old release, as enterprise kernels have it, and an old one under a
/// young release: the kernel is asked, its number is not believed.
#[test]
fn a_kernel_is_asked_what_it_can() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let count = ["count", "-i", SERVER_LINK, "--hook", "tcx", "--duration", "10ms", "@syn"];
    for (old, errno, hook) in [(true, 0, "tcx"), (false, libc::EINVAL, "clsact")] {
        let mut command = probe(&pair.server, &count);
        if old {
            old_release(&mut command);
        } else {
            refuse(&mut command, Some(PROG_ATTACH), errno);
        }
        let finished = Running::spawn(command).unwrap().wait(LIMIT).unwrap();
        let ready = format!("probe: attached to {SERVER_LINK} ({hook}), 1 rule");
        assert!(finished.stderr.contains(&ready), "{hook}: {}", finished.stderr);
        assert_eq!(finished.status.code(), Some(0), "{hook}: {}", finished.stderr);
    }
}
