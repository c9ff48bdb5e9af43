//! What aya does not do, or not in the way that is needed here: bpf(2) itself.

use std::{
    io,
    os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd},
};

use aya::programs::XdpMode;
use probe_filter::ebpf::Insn;

/// Commands of bpf(2) (enum bpf_cmd, include/uapi/linux/bpf.h).
const BPF_PROG_LOAD: libc::c_long = 5;
const BPF_PROG_ATTACH: libc::c_long = 8;
const BPF_PROG_TEST_RUN: libc::c_long = 10;
const BPF_LINK_CREATE: libc::c_long = 28;

/// Program types (enum bpf_prog_type).
pub(super) const SCHED_CLS: u32 = 3;
pub(super) const XDP: u32 = 6;
/// `BPF_F_XDP_HAS_FRAGS`, a flag of loading: the program takes frames with fragments.
pub(super) const WITH_FRAGMENTS: u32 = 1 << 5;

/// Attach types (enum bpf_attach_type).
const BPF_XDP: u32 = 37;
const BPF_TCX_INGRESS: u32 = 46;

/// Loads a program, which goes when the descriptor is closed.
///
/// # Errors
/// The kernel's.
pub(super) fn load(prog_type: u32, prog_flags: u32, insns: &[Insn]) -> io::Result<OwnedFd> {
    /// The head of `union bpf_attr` for BPF_PROG_LOAD.
    #[repr(C)]
    struct Load {
        prog_type: u32,
        insn_cnt: u32,
        insns: u64,
        license: u64,
        log_level: u32,
        log_size: u32,
        log_buf: u64,
        kern_version: u32,
        prog_flags: u32,
    }
    let code: Vec<u8> = insns.iter().flat_map(|insn| insn.to_bytes()).collect();
    let load = Load {
        prog_type,
        insn_cnt: insns.len() as u32,
        insns: code.as_ptr() as u64,
        license: c"Dual MIT/GPL".as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log_buf: 0,
        kern_version: 0,
        prog_flags,
    };
    descriptor(BPF_PROG_LOAD, &load)
}

/// Attaches an XDP program by a link, and by nothing else: aya goes over to netlink where the
/// kernel says EINVAL, and what is attached so stays when the process ends.
///
/// # Errors
/// The kernel's, or the driver's.
pub(super) fn link_xdp(
    program: BorrowedFd<'_>,
    ifindex: u32,
    mode: XdpMode,
) -> io::Result<OwnedFd> {
    /// The head of `union bpf_attr` for BPF_LINK_CREATE.
    #[repr(C)]
    struct LinkCreate {
        prog_fd: u32,
        target_ifindex: u32,
        attach_type: u32,
        flags: u32,
    }
    // include/uapi/linux/if_link.h
    const XDP_FLAGS_SKB_MODE: u32 = 1 << 1;
    const XDP_FLAGS_DRV_MODE: u32 = 1 << 2;
    const XDP_FLAGS_HW_MODE: u32 = 1 << 3;
    let flags = match mode {
        XdpMode::Default => 0,
        XdpMode::Skb => XDP_FLAGS_SKB_MODE,
        XdpMode::Driver => XDP_FLAGS_DRV_MODE,
        XdpMode::Hardware => XDP_FLAGS_HW_MODE,
    };
    let prog_fd = program.as_raw_fd() as u32;
    let link = LinkCreate { prog_fd, target_ifindex: ifindex, attach_type: BPF_XDP, flags };
    descriptor(BPF_LINK_CREATE, &link)
}

/// Asks to attach what is no program to frames received, at the tcx hook. The kernel looks up the
/// hook before the program (`bpf_prog_attach`, kernel/bpf/syscall.c), and the interface last, so
/// this never waits for the lock of the network's settings (rtnl), as the trial of a link would.
///
/// # Errors
/// EBADF where the kernel knows the hook, EINVAL where it does not.
pub(super) fn attach_nothing_to_tcx() -> io::Result<()> {
    /// The head of `union bpf_attr` for BPF_PROG_ATTACH.
    #[repr(C)]
    struct Attach {
        target_fd: u32,
        attach_bpf_fd: u32,
        attach_type: u32,
        attach_flags: u32,
    }
    const NO_PROGRAM: u32 = u32::MAX;
    let mut attach = Attach {
        target_fd: 0,
        attach_bpf_fd: NO_PROGRAM,
        attach_type: BPF_TCX_INGRESS,
        attach_flags: 0,
    };
    call(BPF_PROG_ATTACH, &raw mut attach).map(drop)
}

/// Runs a program once over `frame`, and puts what it made of it back there.
///
/// # Errors
/// The kernel's.
pub(super) fn test_run(program: BorrowedFd<'_>, frame: &mut [u8]) -> io::Result<()> {
    /// The head of `union bpf_attr` for BPF_PROG_TEST_RUN.
    #[repr(C)]
    struct TestRun {
        prog_fd: u32,
        retval: u32,
        data_size_in: u32,
        data_size_out: u32,
        data_in: u64,
        data_out: u64,
        repeat: u32,
        duration: u32,
    }
    let place = frame.as_mut_ptr() as u64;
    let mut run = TestRun {
        prog_fd: program.as_raw_fd() as u32,
        retval: 0,
        data_size_in: frame.len() as u32,
        data_size_out: frame.len() as u32,
        data_in: place,
        data_out: place,
        repeat: 1,
        duration: 0,
    };
    call(BPF_PROG_TEST_RUN, &raw mut run).map(drop)
}

/// A command that makes a descriptor.
fn descriptor<A>(command: libc::c_long, attributes: &A) -> io::Result<OwnedFd> {
    let fd = call(command, std::ptr::from_ref(attributes).cast_mut())?;
    let fd = i32::try_from(fd).map_err(|_| io::ErrorKind::InvalidData)?;
    // SAFETY: the kernel has just made the descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The attributes live through the call, and so do the places that they name; the kernel
/// writes only into those of BPF_PROG_TEST_RUN, which come by a pointer that may be written.
fn call<A>(command: libc::c_long, attributes: *mut A) -> io::Result<libc::c_long> {
    // SAFETY: as said above.
    match unsafe { libc::syscall(libc::SYS_bpf, command, attributes, size_of::<A>()) } {
        -1 => Err(io::Error::last_os_error()),
        result => Ok(result),
    }
}
