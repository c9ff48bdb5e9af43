//! The maps, and the load-time constants of [`probe_common::Constants`].

use aya_ebpf::bindings::BPF_F_MMAPABLE;
use aya_ebpf::{
    Global,
    macros::map,
    maps::{Array, HashMap, PerCpuArray},
};
use probe_common::{
    CpuState, MAX_PLACES, MAX_SAMPLED, Race, RingControl, Sampler, distinct::DistinctTable,
    top::TopHeader,
};

/// One [`CpuState`] for each CPU, or as many as there are [`slot`](probe_common::slot)s: user space
/// sets the number.
#[map]
pub static STATE: PerCpuArray<CpuState> = PerCpuArray::with_max_entries(1, 0);

/// The place of each interface that is counted apart, by its index. User space fills it.
#[map]
pub static PLACES: HashMap<u32, u32> = HashMap::with_max_entries(MAX_PLACES, 0);

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

/// For each list of the largest keys a table for each CPU, see
/// [`TopLayout`](probe_common::top::TopLayout). User space sets the number of them and, in the
/// object, the size of a value: the header alone is declared here.
#[map]
pub static TOPS: Array<TopHeader> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// For each number of different keys registers for each CPU. User space sets the number of them.
#[map]
pub static DISTINCT: Array<DistinctTable> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// With [`OFFLINE`], the length on the wire of the frame at hand, in bytes.
#[map]
pub static WIRE_LEN: Array<u32> = Array::with_max_entries(1, 0);

macro_rules! declare {
    ($($(#[$doc:meta])* $field:ident: $symbol:ident, $type:ty;)*) => {
        $(
            $(#[$doc])*
            #[unsafe(no_mangle)]
            pub static $symbol: Global<$type> = Global::new(0);
        )*
    };
}

probe_common::for_each_constant!(declare);
