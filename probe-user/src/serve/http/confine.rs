//! Takes from the process that serves HTTP all that serving does not need: capabilities, the file
//! system, new network addresses (Landlock), and all system calls but those of a loop over sockets
//! (seccomp).

use caps::{CapSet, CapsHashSet};
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, Ruleset, RulesetAttr as _, RulesetStatus, Scope,
};
use nix::sys::prctl;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

/// The calls that tokio and hyper make over sockets that are there, with what memory, time and the
/// end of a thread take. Whatever else is tried is answered by EPERM.
const CALLS: &[libc::c_long] = &[
    libc::SYS_accept4,
    libc::SYS_brk,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_close,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_wait,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_fcntl,
    libc::SYS_futex,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_gettid,
    libc::SYS_ioctl,
    libc::SYS_madvise,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_ppoll,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_restart_syscall,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_yield,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
    libc::SYS_sigaltstack,
    libc::SYS_tgkill,
    libc::SYS_write,
    libc::SYS_writev,
];

/// Takes capabilities and files away for good, from this thread and those that it starts from now on;
/// says what this kernel has not, or refused.
pub fn rights() -> Vec<String> {
    let no_new_privileges = prctl::set_no_new_privs().map_err(|error| error.to_string());
    let parts = [
        missing("an end of its capabilities", no_capabilities()),
        missing("no_new_privs", no_new_privileges),
        missing("Landlock", no_files()),
    ];
    parts.into_iter().flatten().collect()
}

/// Takes system calls away, from all threads: none can be started from now on.
pub fn calls() -> Option<String> {
    missing("seccomp", few_calls())
}

fn missing(part: &str, result: Result<(), String>) -> Option<String> {
    result.err().map(|error| format!("{part} ({error})"))
}

fn no_capabilities() -> Result<(), String> {
    // Without the right to clear the bounding set there is nothing to gain from it.
    let _ = caps::clear(None, CapSet::Bounding);
    for set in [CapSet::Inheritable, CapSet::Effective, CapSet::Permitted] {
        caps::set(None, set, &CapsHashSet::new()).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// No path can be opened, made or changed, no port bound or connected to, no abstract socket, no
/// signal sent outside: as far as this kernel has that.
fn no_files() -> Result<(), String> {
    let abi = ABI::V6;
    let ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(abi))
        .and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(abi)))
        .and_then(|ruleset| ruleset.scope(Scope::from_all(abi)))
        .and_then(Ruleset::create)
        .and_then(|ruleset| ruleset.restrict_self());
    match ruleset.map_err(|error| error.to_string())?.ruleset {
        RulesetStatus::NotEnforced => Err("this kernel has none".into()),
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
    }
}

fn few_calls() -> Result<(), String> {
    let arch = std::env::consts::ARCH.try_into().map_err(|_| "not for this processor")?;
    let rules = CALLS.iter().map(|&call| (call, Vec::new())).collect();
    let other = SeccompAction::Errno(libc::EPERM as u32);
    let filter = SeccompFilter::new(rules, other, SeccompAction::Allow, arch);
    let program: BpfProgram =
        filter.and_then(TryInto::try_into).map_err(|error| error.to_string())?;
    seccompiler::apply_filter_all_threads(&program).map_err(|error| error.to_string())
}
