//! Takes from a process beside the one that counts all that its work does not need: capabilities, the
//! file system, new network addresses (Landlock), and all system calls but those of a loop over
//! sockets (seccomp), with what its work takes beside them.

use std::{net::SocketAddr, path::Path};

use caps::{CapSet, CapsHashSet};
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, NetPort, PathBeneath, PathFd, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetStatus, Scope,
};
use nix::sys::prctl;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen::Dword, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule,
};

use crate::kernel;

/// What a process goes on doing, beside a loop over sockets that are open.
#[derive(Clone, Copy, Debug, Default)]
pub struct Work<'a> {
    /// It reads counters, and attaches its programs to interfaces that come. By tcx that takes no
    /// right, but descriptors that it has.
    pub follows_interfaces: bool,
    /// It connects to this place.
    pub connects_to: Option<SocketAddr>,
    /// It makes, writes and removes files in this folder.
    pub writes_to: Option<&'a Path>,
}

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
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
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

/// What files in a folder take.
const OF_FILES: &[libc::c_long] = &[
    libc::SYS_fdatasync,
    libc::SYS_fstat,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_getdents64,
    libc::SYS_lseek,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_pwrite64,
    libc::SYS_statx,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
    libc::SYS_unlinkat,
];

/// What asking the kernel for its interfaces takes, beside the sockets; the wait for programs that are
/// taken off is `membarrier`, what open files say is read anew by `pread64`, and its CPU time by
/// `getrusage`.
const OF_INTERFACES: &[libc::c_long] =
    &[libc::SYS_bind, libc::SYS_getrusage, libc::SYS_membarrier, libc::SYS_pread64];

/// Takes everything else away for good; says what this kernel has not, or refused.
pub fn confine(work: Work<'_>) -> Vec<String> {
    let mut missing = Vec::new();
    let mut note = |part: &str, result: Result<(), String>| {
        missing.extend(result.err().map(|error| format!("{part} ({error})")));
    };
    note("an end of its capabilities", no_capabilities());
    note("no_new_privs", prctl::set_no_new_privs().map_err(|error| error.to_string()));
    note("Landlock", few_places(work));
    note("seccomp", few_calls(work));
    missing
}

fn no_capabilities() -> Result<(), String> {
    // Without the right to clear the bounding set there is nothing to gain from it.
    let _ = caps::clear(None, CapSet::Bounding);
    for set in [CapSet::Inheritable, CapSet::Effective, CapSet::Permitted] {
        caps::set(None, set, &CapsHashSet::new()).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// No path can be opened, made or changed but files in one folder; no port bound, and but one connected to, no
/// abstract socket, no signal sent outside: as far as this kernel has that.
fn few_places(work: Work<'_>) -> Result<(), String> {
    let abi = ABI::V6;
    let mut ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(abi))
        .and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(abi)))
        .and_then(|ruleset| ruleset.scope(Scope::from_all(abi)))
        .and_then(Ruleset::create)
        .map_err(|error| error.to_string())?;
    if let Some(folder) = work.writes_to {
        let opened = PathFd::new(folder).map_err(|error| error.to_string())?;
        let files: BitFlags<AccessFs> = AccessFs::MakeReg
            | AccessFs::WriteFile
            | AccessFs::Truncate
            | AccessFs::RemoveFile
            | AccessFs::ReadDir;
        let rule = PathBeneath::new(opened, files);
        ruleset = ruleset.add_rule(rule).map_err(|error| error.to_string())?;
    }
    if let Some(place) = work.connects_to {
        let rule = NetPort::new(place.port(), AccessNet::ConnectTcp);
        ruleset = ruleset.add_rule(rule).map_err(|error| error.to_string())?;
    }
    match ruleset.restrict_self().map_err(|error| error.to_string())?.ruleset {
        RulesetStatus::NotEnforced => Err("this kernel has none".into()),
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
    }
}

fn few_calls(work: Work<'_>) -> Result<(), String> {
    let words = |error: seccompiler::Error| error.to_string();
    let arch = std::env::consts::ARCH.try_into().map_err(|_| "not for this processor")?;
    let mut calls = CALLS.to_vec();
    let mut rules = Vec::new();
    // Those that may be opened, each by some of its arguments. One of AF_UNIX would be a way to whatever listens on
    // this machine.
    let mut sockets = Vec::new();
    if work.writes_to.is_some() {
        calls.extend(OF_FILES);
    }
    if work.follows_interfaces {
        calls.extend(OF_INTERFACES);
        // Interfaces are asked for by it.
        sockets.push(vec![(0, libc::AF_NETLINK)]);
        let commands = kernel::WITHOUT_RIGHTS.map(u64::from);
        rules.push((libc::SYS_bpf, first_is(&commands).map_err(|it| words(it.into()))?));
    }
    if let Some(place) = work.connects_to {
        calls.push(libc::SYS_connect);
        let family = if place.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
        // TCP alone: what is sent by others asks Landlock for nothing.
        let stream = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        sockets.push(vec![(0, family), (1, stream), (2, 0)]);
    }
    if !sockets.is_empty() {
        let sockets: Result<Vec<_>, _> = sockets.iter().map(|it| arguments(it)).collect();
        rules.push((libc::SYS_socket, sockets.map_err(|it| words(it.into()))?));
    }
    rules.extend(calls.into_iter().map(|call| (call, Vec::new())));
    let other = SeccompAction::Errno(libc::EPERM as u32);
    let filter = SeccompFilter::new(rules.into_iter().collect(), other, SeccompAction::Allow, arch);
    let program: BpfProgram =
        filter.and_then(TryInto::try_into).map_err(|error| error.to_string())?;
    seccompiler::apply_filter(&program).map_err(words)
}

/// A call whose first argument, a number of 32 bits, is one of these.
fn first_is(values: &[u64]) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let rule =
        |&value| SeccompRule::new(vec![SeccompCondition::new(0, Dword, SeccompCmpOp::Eq, value)?]);
    values.iter().map(rule).collect()
}

/// A call whose arguments at these places, numbers of 32 bits, are these.
fn arguments(are: &[(u8, libc::c_int)]) -> Result<SeccompRule, seccompiler::BackendError> {
    let condition = |&(place, value): &(u8, libc::c_int)| {
        SeccompCondition::new(place, Dword, SeccompCmpOp::Eq, value.cast_unsigned().into())
    };
    SeccompRule::new(are.iter().map(condition).collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use std::{
        net::{Ipv4Addr, SocketAddrV4, TcpListener},
        os::fd::AsRawFd as _,
        thread,
    };

    use nix::{
        errno::Errno,
        sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, connect, socket},
    };
    use testbed::requirements::{Requirement, met};

    use super::*;

    fn open(family: AddressFamily, kind: SockType) -> Result<std::os::fd::OwnedFd, Errno> {
        socket(family, kind, SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC, None)
    }

    fn listener() -> (TcpListener, SocketAddrV4) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))
    }

    /// Who pushes metrics reaches its collector and nobody else, and whoever does not push nobody.
    #[test]
    fn there_is_one_place_to_connect_to() {
        if !met(&[Requirement::Kernel(6, 7)]) {
            return;
        }
        let ((_collector, place), (_other, elsewhere)) = (listener(), listener());
        let to = |place: SocketAddrV4| {
            let socket = open(AddressFamily::Inet, SockType::Stream)?;
            match connect(socket.as_raw_fd(), &SockaddrIn::from(place)) {
                Err(Errno::EINPROGRESS) => Ok(()),
                done => done,
            }
        };
        // It is this thread alone that is confined.
        let confined = |connects_to: Option<SocketAddr>| {
            let work = Work { connects_to, ..Work::default() };
            let tried = thread::spawn(move || {
                let missing = confine(work);
                let [datagrams, unix, six] = [
                    (AddressFamily::Inet, SockType::Datagram),
                    (AddressFamily::Unix, SockType::Stream),
                    (AddressFamily::Inet6, SockType::Stream),
                ]
                .map(|(family, kind)| open(family, kind).map(drop));
                (missing, [to(place), to(elsewhere), datagrams, unix, six])
            });
            let (missing, tried) = tried.join().unwrap();
            assert_eq!(missing, [""; 0]);
            tried
        };
        let no = Err(Errno::EPERM);
        assert_eq!(confined(Some(place.into())), [Ok(()), Err(Errno::EACCES), no, no, no]);
        assert_eq!(confined(None), [no; 5]);
    }
}
