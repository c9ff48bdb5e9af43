//! What aya does not do, or not in the way that is needed here: bpf(2) itself.

use std::{
    io,
    os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd},
};

use aya::{Pod, programs::XdpMode};
use aya_obj::generated::{
    BPF_F_BEFORE, BPF_F_XDP_HAS_FRAGS, XDP_FLAGS_DRV_MODE, XDP_FLAGS_HW_MODE, XDP_FLAGS_SKB_MODE,
    bpf_attach_type, bpf_attr, bpf_cmd, bpf_prog_type,
};
use probe_filter::ebpf::Insn;

/// What bpf(2) is asked for with descriptors that are open, and without any right: counters and lists
/// are read and emptied, programs attached at the tcx hook.
pub const WITHOUT_RIGHTS: [u32; 6] = [
    bpf_cmd::BPF_MAP_LOOKUP_ELEM as u32,
    bpf_cmd::BPF_MAP_UPDATE_ELEM as u32,
    bpf_cmd::BPF_MAP_DELETE_ELEM as u32,
    bpf_cmd::BPF_MAP_GET_NEXT_KEY as u32,
    bpf_cmd::BPF_MAP_LOOKUP_BATCH as u32,
    bpf_cmd::BPF_LINK_CREATE as u32,
];

/// Program types.
pub(super) const SCHED_CLS: bpf_prog_type = bpf_prog_type::BPF_PROG_TYPE_SCHED_CLS;
pub(super) const XDP: bpf_prog_type = bpf_prog_type::BPF_PROG_TYPE_XDP;
/// A flag of loading: the program takes frames with fragments.
pub(super) const WITH_FRAGMENTS: u32 = BPF_F_XDP_HAS_FRAGS;

/// Loads a program, which goes when the descriptor is closed.
///
/// # Errors
/// The kernel's.
pub(super) fn load(
    prog_type: bpf_prog_type,
    prog_flags: u32,
    insns: &[Insn],
) -> io::Result<OwnedFd> {
    let code: Vec<u8> = insns.iter().flat_map(|insn| insn.to_bytes()).collect();
    let mut attributes = zeroed();
    attributes.__bindgen_anon_3.prog_type = prog_type as u32;
    attributes.__bindgen_anon_3.insn_cnt = insns.len() as u32;
    attributes.__bindgen_anon_3.insns = code.as_ptr() as u64;
    attributes.__bindgen_anon_3.license = c"Dual MIT/GPL".as_ptr() as u64;
    attributes.__bindgen_anon_3.prog_flags = prog_flags;
    descriptor(bpf_cmd::BPF_PROG_LOAD, &mut attributes)
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
    let flags = match mode {
        XdpMode::Default => 0,
        XdpMode::Skb => XDP_FLAGS_SKB_MODE,
        XdpMode::Driver => XDP_FLAGS_DRV_MODE,
        XdpMode::Hardware => XDP_FLAGS_HW_MODE,
    };
    let mut attributes = zeroed();
    attributes.link_create.__bindgen_anon_1.prog_fd = program.as_raw_fd() as u32;
    attributes.link_create.__bindgen_anon_2.target_ifindex = ifindex;
    attributes.link_create.attach_type = bpf_attach_type::BPF_XDP as u32;
    attributes.link_create.flags = flags;
    descriptor(bpf_cmd::BPF_LINK_CREATE, &mut attributes)
}

/// Attaches a classifier at the tcx hook by a link, before all that are there: a program after us
/// may end the chain with a verdict.
///
/// # Errors
/// The kernel's.
pub(super) fn link_tcx(program: BorrowedFd<'_>, ifindex: u32, egress: bool) -> io::Result<OwnedFd> {
    let hook =
        if egress { bpf_attach_type::BPF_TCX_EGRESS } else { bpf_attach_type::BPF_TCX_INGRESS };
    let mut attributes = zeroed();
    attributes.link_create.__bindgen_anon_1.prog_fd = program.as_raw_fd() as u32;
    attributes.link_create.__bindgen_anon_2.target_ifindex = ifindex;
    attributes.link_create.attach_type = hook as u32;
    attributes.link_create.flags = BPF_F_BEFORE;
    descriptor(bpf_cmd::BPF_LINK_CREATE, &mut attributes)
}

/// Puts another program in the place of the one that a link has. A frame meets either of them. The
/// kernel asks for no capability (`link_update`, kernel/bpf/syscall.c).
///
/// # Errors
/// The kernel's: ENOLINK where the interface is gone, EINVAL where the program was loaded for
/// another type of attachment.
pub(super) fn update_link(link: BorrowedFd<'_>, program: BorrowedFd<'_>) -> io::Result<()> {
    let mut attributes = zeroed();
    attributes.link_update.link_fd = link.as_raw_fd() as u32;
    attributes.link_update.__bindgen_anon_1.new_prog_fd = program.as_raw_fd() as u32;
    call(bpf_cmd::BPF_LINK_UPDATE, &mut attributes).map(drop)
}

/// The ids of the programs at a tcx hook, in the order they run. Needs `CAP_NET_ADMIN`
/// (`bpf_prog_query`, kernel/bpf/syscall.c), and unlike what asks for more than ids no other right.
///
/// # Errors
/// The kernel's: EINVAL before Linux 6.6.
pub(super) fn query_tcx(ifindex: u32, egress: bool) -> io::Result<Vec<u32>> {
    /// As many as one hook takes (BPF_MPROG_MAX, include/linux/bpf_mprog.h).
    const MOST: usize = 64;
    let hook =
        if egress { bpf_attach_type::BPF_TCX_EGRESS } else { bpf_attach_type::BPF_TCX_INGRESS };
    let mut ids = vec![0u32; MOST];
    let place = ids.as_mut_ptr() as u64;
    let mut attributes = zeroed();
    attributes.query.__bindgen_anon_1.target_ifindex = ifindex;
    attributes.query.attach_type = hook as u32;
    attributes.query.prog_ids = place;
    attributes.query.__bindgen_anon_2.count = MOST as u32;
    call(bpf_cmd::BPF_PROG_QUERY, &mut attributes)?;
    // SAFETY: the command was that of this structure, whose fields are numbers.
    let query = unsafe { attributes.query };
    // SAFETY: both fields of the union are the same number.
    let count = unsafe { query.__bindgen_anon_2.count };
    ids.truncate(count as usize);
    Ok(ids)
}

/// Asks to attach what is no program to frames received, at the tcx hook. The kernel looks up the
/// hook before the program (`bpf_prog_attach`, kernel/bpf/syscall.c), and the interface last, so
/// this never waits for the lock of the network's settings (rtnl), as the trial of a link would.
///
/// # Errors
/// EBADF where the kernel knows the hook, EINVAL where it does not.
pub(super) fn attach_nothing_to_tcx() -> io::Result<()> {
    const NO_PROGRAM: u32 = u32::MAX;
    let mut attributes = zeroed();
    attributes.__bindgen_anon_5.attach_bpf_fd = NO_PROGRAM;
    attributes.__bindgen_anon_5.attach_type = bpf_attach_type::BPF_TCX_INGRESS as u32;
    call(bpf_cmd::BPF_PROG_ATTACH, &mut attributes).map(drop)
}

/// Reads what all CPUs have of an element of an array of each CPU. `values` is a value for each possible CPU, of the
/// map's size, which is a multiple of 8 (`bpf_percpu_array_copy`, kernel/bpf/arraymap.c).
///
/// # Errors
/// The kernel's: ENOENT where there is no such element.
///
/// # Safety
/// The kernel writes as many values as there are possible CPUs, whatever the length is.
pub(super) unsafe fn read_all_cpus<V: Pod>(
    map: BorrowedFd<'_>,
    element: u32,
    values: &mut [V],
) -> io::Result<()> {
    let mut attributes = zeroed();
    attributes.__bindgen_anon_2.map_fd = map.as_raw_fd() as u32;
    attributes.__bindgen_anon_2.key = &raw const element as u64;
    attributes.__bindgen_anon_2.__bindgen_anon_1.value = values.as_mut_ptr() as u64;
    call(bpf_cmd::BPF_MAP_LOOKUP_ELEM, &mut attributes).map(drop)
}

/// Runs a program once over `frame`, and puts what it made of it back there.
///
/// # Errors
/// The kernel's.
pub(super) fn test_run(program: BorrowedFd<'_>, frame: &mut [u8]) -> io::Result<()> {
    let place = frame.as_mut_ptr() as u64;
    let mut attributes = zeroed();
    attributes.test.prog_fd = program.as_raw_fd() as u32;
    attributes.test.data_size_in = frame.len() as u32;
    attributes.test.data_size_out = frame.len() as u32;
    attributes.test.data_in = place;
    attributes.test.data_out = place;
    attributes.test.repeat = 1;
    call(bpf_cmd::BPF_PROG_TEST_RUN, &mut attributes).map(drop)
}

/// Attributes of no command yet. Kernels that know fewer of them want zeroes in the others
/// (`bpf_check_uarg_tail_zero` in kernel/bpf/syscall.c).
fn zeroed() -> bpf_attr {
    // SAFETY: a union of structures of numbers, of which zeroes are values.
    unsafe { std::mem::zeroed() }
}

/// A command that makes a descriptor.
fn descriptor(command: bpf_cmd, attributes: &mut bpf_attr) -> io::Result<OwnedFd> {
    let fd = call(command, attributes)?;
    let fd = i32::try_from(fd).map_err(|_| io::ErrorKind::InvalidData)?;
    // SAFETY: the kernel has just made the descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The places that the attributes name live through the call; the kernel writes only into those
/// of BPF_PROG_TEST_RUN, BPF_PROG_QUERY and BPF_MAP_LOOKUP_ELEM, which come by a pointer that may be written.
fn call(command: bpf_cmd, attributes: &mut bpf_attr) -> io::Result<libc::c_long> {
    let attributes = std::ptr::from_mut(attributes);
    // SAFETY: as said above, and the attributes have the size that is given.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, command as libc::c_long, attributes, size_of::<bpf_attr>())
    };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
