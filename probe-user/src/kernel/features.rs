//! What the running kernel can do beyond the oldest supported one, Linux 5.15. The kernel is
//! probed, because enterprise kernels backport features under old release numbers.

use std::{fs::File, io, io::BufReader, sync::OnceLock};

use probe_filter::ebpf::{self, Insn, Reg};
use probe_link::XdpBuff;

use super::bpf;

/// The types of the running kernel.
const TYPES: &str = "/sys/kernel/btf/vmlinux";

/// What a kernel can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// XDP programs for frames with fragments, and `bpf_xdp_load_bytes` (5.18).
    pub xdp_fragments: bool,
    /// tcx links (6.6).
    pub tcx: bool,
    /// `gotol`, the jump with a 32-bit distance (6.6).
    pub long_jumps: bool,
    /// `may_goto`, loops that the verifier need not unroll (6.9).
    pub may_goto: bool,
}

impl Features {
    /// Of the running kernel, which is asked once. Where it does not answer, to users without
    /// the right to load programs for one, its release tells.
    pub fn of_this_kernel() -> Self {
        static KNOWN: OnceLock<Features> = OnceLock::new();
        *KNOWN.get_or_init(|| {
            let by_release = Self::of_release(release());
            Self {
                xdp_fragments: xdp_fragments().unwrap_or(by_release.xdp_fragments),
                tcx: tcx().unwrap_or(by_release.tcx),
                long_jumps: long_jumps().unwrap_or(by_release.long_jumps),
                may_goto: may_goto().unwrap_or(by_release.may_goto),
            }
        })
    }

    /// Of a release of Linux (major, minor) as kernel.org has it.
    fn of_release(release: (u32, u32)) -> Self {
        Self {
            xdp_fragments: release >= (5, 18),
            tcx: release >= (6, 6),
            long_jumps: release >= (6, 6),
            may_goto: release >= (6, 9),
        }
    }

    /// What matters to generated code.
    pub(super) const fn for_filters(self) -> ebpf::Kernel {
        ebpf::Kernel {
            xdp_load_bytes: self.xdp_fragments,
            long_jumps: self.long_jumps,
            may_goto: self.may_goto,
        }
    }
}

/// Major and minor number of the running kernel's release; the floor, 5.15, where it does not
/// tell. For messages, and for what cannot be asked.
pub(crate) fn release() -> (u32, u32) {
    // LINUX_VERSION_CODE: major << 16 | minor << 8 | patch
    let code = aya::util::KernelVersion::current().map_or(5 << 16 | 15 << 8, |now| now.code());
    (code >> 16, code >> 8 & 0xff)
}

/// `struct xdp_buff` as the running kernel has it, if it takes a program that looks there. Looked
/// up once: the types are 5 MiB, which take some milliseconds.
pub(super) fn xdp_buff() -> Option<XdpBuff> {
    static KNOWN: OnceLock<Option<XdpBuff>> = OnceLock::new();
    let find = || {
        let mut types = BufReader::new(File::open(TYPES).ok()?);
        let found = XdpBuff::find(&mut types).ok().flatten()?;
        let program = bpf::load(bpf::XDP, bpf::WITH_FRAGMENTS, &found.trial_program());
        program.is_ok().then_some(found)
    };
    *KNOWN.get_or_init(find)
}

/// Instructions of the trial programs (RFC 9669).
const R0: Reg = Reg(0);
const ZERO: Insn = Insn::new(0xb7, R0, R0, 0, 0);
const EXIT: Insn = Insn::new(0x95, R0, R0, 0, 0);

fn xdp_fragments() -> Option<bool> {
    const XDP_LOAD_BYTES: i32 = 189;

    let stack = Reg(3);
    // bpf_xdp_load_bytes(r1, the context already, 0, r10 - 8, 8)
    let program = [
        Insn::new(0xb7, Reg(2), R0, 0, 0),
        Insn::new(0xbf, stack, Reg(10), 0, 0),
        Insn::new(0x07, stack, R0, 0, -8),
        Insn::new(0xb7, Reg(4), R0, 0, 8),
        Insn::new(0x85, R0, R0, 0, XDP_LOAD_BYTES),
        ZERO,
        EXIT,
    ];
    answer(bpf::load(bpf::XDP, bpf::WITH_FRAGMENTS, &program))
}

fn long_jumps() -> Option<bool> {
    answer(bpf::load(bpf::SCHED_CLS, 0, &[ZERO, Insn::new(0x06, R0, R0, 0, 0), EXIT]))
}

fn may_goto() -> Option<bool> {
    answer(bpf::load(bpf::SCHED_CLS, 0, &[ZERO, Insn::new(0xe5, R0, R0, 1, 0), ZERO, EXIT]))
}

/// Whether the kernel knows the hook, and so goes on to the program, of which there is none.
fn tcx() -> Option<bool> {
    match bpf::attach_nothing_to_tcx() {
        Err(error) if error.raw_os_error() == Some(libc::EBADF) => Some(true),
        other => answer(other),
    }
}

/// What a trial says: EINVAL is the kernel's word for what it does not know, and other errors
/// are about something else.
fn answer<T>(trial: io::Result<T>) -> Option<bool> {
    match trial {
        Ok(_) => Some(true),
        Err(error) => (error.raw_os_error() == Some(libc::EINVAL)).then_some(false),
    }
}

#[cfg(test)]
mod tests {
    use testbed::requirements::{Requirement, met};

    use super::*;

    /// Kernels with features under older numbers have more; none has less.
    #[test]
    fn the_kernel_answers_and_has_what_its_release_promises() {
        if !met(&[Requirement::Root]) {
            return;
        }
        let answers = [xdp_fragments(), tcx(), long_jumps(), may_goto()];
        let Features { xdp_fragments, tcx, long_jumps, may_goto } = Features::of_release(release());
        for (answer, promised) in
            answers.into_iter().zip([xdp_fragments, tcx, long_jumps, may_goto])
        {
            assert!(answer.expect("an answer") >= promised, "{answers:?}");
        }
    }

    #[test]
    fn only_einval_is_a_no() {
        let error = |code| io::Result::<()>::Err(io::Error::from_raw_os_error(code));
        assert_eq!(answer(Ok(())), Some(true));
        assert_eq!(answer(error(libc::EINVAL)), Some(false));
        for other in [libc::EPERM, libc::ENOSYS, libc::ENOMEM] {
            assert_eq!(answer(error(other)), None);
        }
        // An instruction that no kernel knows.
        if met(&[Requirement::Root]) {
            let unknown = Insn::new(0xff, R0, R0, 0, 0);
            assert_eq!(answer(bpf::load(bpf::SCHED_CLS, 0, &[ZERO, unknown, EXIT])), Some(false));
        }
    }

    #[test]
    fn the_running_kernels_types_are_read() {
        if met(&[Requirement::Btf, Requirement::Kernel(6, 2)]) {
            let types = File::open(TYPES).unwrap();
            assert!(XdpBuff::find(&mut BufReader::new(types)).unwrap().is_some());
        }
    }

    /// Where it can be had it is had: nobody would notice otherwise but by a clock.
    #[test]
    fn this_kernel_takes_the_short_way_to_a_frames_length() {
        if met(&[Requirement::Root, Requirement::Kernel(6, 2)]) {
            assert!(xdp_buff().is_some());
        }
    }
}
