//! The maps and the load-time constants. A constant is read-only data that user space
//! sets before loading: the verifier knows its value and drops what it switches off.

use aya_ebpf::bindings::BPF_F_MMAPABLE;
use aya_ebpf::{
    Global,
    macros::map,
    maps::{Array, PerCpuArray},
};
use probe_common::{CpuState, MAX_SAMPLED, Race, RingControl, Sampler};

/// One [`CpuState`] for each CPU.
#[map]
pub static STATE: PerCpuArray<CpuState> = PerCpuArray::with_max_entries(1, 0);

/// How each sampled rule chooses.
#[map]
pub static SAMPLERS: Array<Sampler> = Array::with_max_entries(MAX_SAMPLED as u32, 0);

/// The shared counter of `probe rate`.
#[map]
pub static RACE: Array<Race> = Array::with_max_entries(1, 0);

/// The rings of each CPU, see [`RingControl`]. User space sets the number of CPUs and, in
/// the object, the size of a value: the control words alone are declared here.
#[map]
pub static RINGS: Array<RingControl> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// With [`OFFLINE`], the length on the wire of the frame at hand, in bytes.
#[map]
pub static WIRE_LEN: Array<u32> = Array::with_max_entries(1, 0);

/// Bytes of a frame that a record carries at most.
#[unsafe(no_mangle)]
pub static SNAPLEN: Global<u32> = Global::new(0);

/// Number of sampled rules; 0 removes sampling and output.
#[unsafe(no_mangle)]
pub static SAMPLED: Global<u32> = Global::new(0);

/// Bytes of records in the small ring, a power of two.
#[unsafe(no_mangle)]
pub static RING_LEN: Global<u32> = Global::new(0);

/// Bytes of records in the large ring, a power of two.
#[unsafe(no_mangle)]
pub static SECOND_LEN: Global<u32> = Global::new(0);

/// Where the large ring begins in the map value.
#[unsafe(no_mangle)]
pub static SECOND_AT: Global<u32> = Global::new(0);

/// The sampled rules that do not take every match, one bit each.
#[unsafe(no_mangle)]
pub static CHOOSY: Global<u64> = Global::new(0);

/// 1 where the machine's stores become visible in program order, as x86's do.
#[unsafe(no_mangle)]
pub static STORES_IN_ORDER: Global<u8> = Global::new(0);

/// Matches after which the race of `probe rate` ends; 0 removes the race.
#[unsafe(no_mangle)]
pub static GOAL: Global<u64> = Global::new(0);

/// 1 where frames are handed in from a file (`BPF_PROG_TEST_RUN`), which may have cut them.
#[unsafe(no_mangle)]
pub static OFFLINE: Global<u8> = Global::new(0);
