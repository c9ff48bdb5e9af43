//! A low limit on open descriptors (RLIMIT_NOFILE): each step of a start fails once, in words that
//! name the limit, and none panics.

use std::{os::unix::process::CommandExt as _, process::Command};

use testbed::{Namespace, Running, requirements::met};

use crate::rig::{LIMIT, NEEDS, beside_others, probe};

/// Of probe, started by a shell, for which the dynamic loader takes one, too.
const LIMITS: std::ops::Range<u64> = 4..40;

fn limited(mut command: Command, limit: u64) -> Command {
    let set = move || {
        let limit = libc::rlimit { rlim_cur: limit, rlim_max: limit };
        // SAFETY: the structure lives through the call, which is one plain system call.
        match unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }
    };
    // SAFETY: the closure makes one system call on memory it owns.
    unsafe { command.pre_exec(set) };
    command
}

#[test]
fn a_low_limit_is_named() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let namespace = Namespace::new().unwrap();
    let commands = [
        "count -i lo --duration 1ms",
        "count -i lo --duration 1ms --hook xdp-generic",
        "count -i lo --duration 1ms --hook clsact",
        "rate -i lo -t 1ms",
        "capture -i lo --duration 1ms -w /dev/shm/low.pcap",
    ];
    for command in commands {
        let arguments: Vec<&str> = command.split(' ').collect();
        let mut refused = 0;
        for limit in LIMITS {
            let command = limited(probe(&namespace, &arguments), limit);
            let finished = Running::spawn(command).unwrap().wait(LIMIT).unwrap();
            let said = &finished.stderr;
            match finished.status.code() {
                Some(0) => {}
                Some(1) => {
                    refused += 1;
                    assert!(said.contains("ulimit -n"), "{arguments:?}, {limit}: {said}");
                    // What could not be done stands before the reason.
                    let reason = "probe: Too many open files";
                    assert!(!said.contains(reason), "{arguments:?}, {limit}: {said}");
                }
                code => panic!("{arguments:?}, {limit}: {code:?}: {said}"),
            }
        }
        assert!(refused > 0, "{arguments:?}");
    }
}
