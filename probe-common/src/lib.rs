//! What the kernel programs and user space agree on: the layout of map values,
//! of the rings and their records, and the names of maps and load-time constants.
//!
//! Everything here is plain old data in the machine's byte order (both sides run
//! on the same machine). Sizes and offsets are pinned by assertions, because three
//! parties rely on them: the compiled programs, the generated filter code (which
//! addresses [`CpuState`] by offset) and user space.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(not(all(target_endian = "little", target_pointer_width = "64")))]
compile_error!(
    "probe is for 64-bit little-endian machines: the linker of its kernel programs writes \
     little-endian eBPF, and its rings' counters are 64-bit words that the kernel writes whole"
);

mod constants;
pub mod distinct;
pub mod key;
pub mod overwriting;
mod record;
mod ring;
mod state;
pub mod top;

pub use constants::Constants;
pub use record::{RecordFlags, RecordHeader};
pub use ring::{PAGE, RING_CONTROL_LEN, RingControl, RingLayout, record_len};
pub use state::{Bucket, Counter, CpuState, Ledger, SCRATCH_WORDS, Sampler, Split, slot};

/// Rules that one program can hold. Bounded by the 32 KiB that the kernel allows
/// for a value of a per-CPU map (`PCPU_MIN_UNIT_SIZE`, mm/percpu.c): 1,024
/// counters take 16 KiB of it.
pub const MAX_RULES: usize = 1024;

/// Rules of one program that can sample frames: a frame carries the set of rules
/// that chose it as one 64-bit mask.
pub const MAX_SAMPLED: usize = 64;

/// Rules of one program that can have a key: a frame carries the set of those that match as one
/// 64-bit mask.
pub const MAX_KEYED: usize = 64;

/// The longest part of a frame that one record can carry, in bytes: tcpdump's
/// `MAXIMUM_SNAPLEN` (netdissect.h).
pub const MAX_SNAPLEN: u32 = 262_144;

/// Interfaces whose counters can be kept apart, see [`Split::ByInterface`].
pub const MAX_PLACES: u32 = 32;

/// Names of maps and programs in the eBPF object. Those of the load-time constants are in
/// [`for_each_constant`].
pub mod names {
    /// `PerCpuArray` of [`CpuState`](super::CpuState): one, or one for each [`slot`](super::slot).
    pub const STATE: &str = "STATE";
    /// `HashMap` from an interface's index (`u32`) to its place (`u32`), see [`slot`](super::slot).
    pub const PLACES: &str = "PLACES";
    /// `Array` of two rings for each CPU, see [`RingControl`](super::RingControl).
    pub const RINGS: &str = "RINGS";
    /// `Array` of [`Sampler`](super::Sampler), one for each sampled rule.
    pub const SAMPLERS: &str = "SAMPLERS";
    /// `Array` of the tables of [`TopLayout`](super::top::TopLayout): for each list one for each CPU.
    pub const TOPS: &str = "TOPS";
    /// `Array` of [`DistinctTable`](super::distinct::DistinctTable): one for each list.
    pub const DISTINCT: &str = "DISTINCT";
    /// `Array` of one [`Race`](super::Race): the shared counter of `probe rate`.
    pub const RACE: &str = "RACE";
    /// `Array` of one `u32`: the length on the wire of the frame at hand, where frames come from a file.
    pub const WIRE_LEN: &str = "WIRE_LEN";
    /// XDP entry point for drivers, fragments included (kernel 5.18).
    pub const XDP: &str = "probe_xdp";
    /// XDP entry point for frames in one piece: generic XDP, and drivers of older kernels.
    pub const XDP_LINEAR: &str = "probe_xdp_linear";
    /// tc and tcx entry point for frames received.
    pub const INGRESS: &str = "probe_ingress";
    /// tc and tcx entry point for frames sent.
    pub const EGRESS: &str = "probe_egress";
    /// Symbol of the function that is exchanged for the generated filter.
    pub const FILTER: &str = "filter";
    /// Load-time constant of aya-log, `u8`: the level up to which the kernel side
    /// writes diagnostics; 0 removes them.
    pub const LOG_LEVEL: &str = "AYA_LOG_LEVEL";
}

/// The clock of `probe rate`: matches over all CPUs, and when the first and the
/// last of them came. Times are `CLOCK_MONOTONIC` nanoseconds.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct Race {
    /// Matches so far, over all CPUs; may run past the goal, by frames not counted.
    pub matches: u64,
    /// Wire bytes of the matches up to the goal.
    pub bytes: u64,
    /// Time of match number 1.
    pub first_ns: u64,
    /// Time of the match that reached the goal; 0 until then.
    pub last_ns: u64,
}
