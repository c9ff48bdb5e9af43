//! What the running kernel can do.

use std::fs::File;
use std::io::BufReader;
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::sync::OnceLock;

use probe_filter::ebpf::Insn;
use probe_link::XdpBuff;

/// The types of the running kernel.
const TYPES: &str = "/sys/kernel/btf/vmlinux";

/// `struct xdp_buff` as the running kernel has it, if it takes a program that looks there. Looked
/// up once: the types are 5 MiB, which take some milliseconds.
pub(super) fn xdp_buff() -> Option<XdpBuff> {
    static KNOWN: OnceLock<Option<XdpBuff>> = OnceLock::new();
    let find = || {
        let mut types = BufReader::new(File::open(TYPES).ok()?);
        let found = XdpBuff::find(&mut types).ok().flatten()?;
        loads(&found.trial_program()).then_some(found)
    };
    *KNOWN.get_or_init(find)
}

/// Whether the kernel takes a program for XDP frames with fragments. It goes at once.
fn loads(insns: &[Insn]) -> bool {
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
    const BPF_PROG_LOAD: libc::c_long = 5;
    const BPF_PROG_TYPE_XDP: u32 = 6;
    const BPF_F_XDP_HAS_FRAGS: u32 = 1 << 5;

    let code: Vec<u8> = insns.iter().flat_map(|insn| insn.to_bytes()).collect();
    let load = Load {
        prog_type: BPF_PROG_TYPE_XDP,
        insn_cnt: insns.len() as u32,
        insns: code.as_ptr() as u64,
        license: c"Dual MIT/GPL".as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log_buf: 0,
        kern_version: 0,
        prog_flags: BPF_F_XDP_HAS_FRAGS,
    };
    // SAFETY: code and licence outlive the call, which copies them.
    let fd =
        unsafe { libc::syscall(libc::SYS_bpf, BPF_PROG_LOAD, &raw const load, size_of::<Load>()) };
    let Some(fd) = i32::try_from(fd).ok().filter(|&fd| fd >= 0) else { return false };
    // SAFETY: the kernel has just made the descriptor, and nobody else knows it.
    drop(unsafe { OwnedFd::from_raw_fd(fd) });
    true
}

#[cfg(test)]
mod tests {
    use testbed::requirements::{Requirement, met};

    use super::*;

    #[test]
    fn the_running_kernels_types_are_read() {
        let Ok(types) = File::open(TYPES) else {
            eprintln!("SKIPPED: no {TYPES}");
            return;
        };
        let found = XdpBuff::find(&mut BufReader::new(types)).unwrap();
        assert!(found.is_some() || crate::kernel::release() < (6, 2));
    }

    /// Where it can be had it is had: nobody would notice otherwise but by a clock.
    #[test]
    fn this_kernel_takes_the_short_way_to_a_frames_length() {
        if met(&[Requirement::Root, Requirement::Kernel(6, 2)]) {
            assert!(xdp_buff().is_some());
        }
    }
}
