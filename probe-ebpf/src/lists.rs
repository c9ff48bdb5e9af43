//! Frames counted by the keys that the filter has left: which come most often, and how many
//! different ones there are.

use aya_ebpf::helpers::bpf_get_smp_processor_id;
use probe_common::{CpuState, MAX_KEYED, key::Seeds};

use crate::{
    distinct,
    maps::{
        FIRST_DISTINCT, LIST_CPUS, LISTS, SEED_0, SEED_1, SEED_2, SEED_3, SEED_4, SEED_5, TOP_LISTS,
    },
    top,
};

/// Counts a frame of `wire_len` bytes in the lists of the rules that match it.
///
/// A function of its own, so that programs without keys need no registers for it.
#[inline(never)]
pub fn count(state: &mut CpuState, wire_len: u32) {
    let keyed = core::mem::take(&mut state.keyed);
    if keyed == 0 {
        return;
    }
    let (lists, tops, first_distinct) = (LISTS.load(), TOP_LISTS.load(), FIRST_DISTINCT.load());
    let cpus = LIST_CPUS.load();
    // SAFETY: the helper takes nothing and returns a number.
    let cpu = unsafe { bpf_get_smp_processor_id() };
    for list in 0..MAX_KEYED as u32 {
        // A load-time constant, so the verifier sees the loop's real length.
        if list >= lists {
            break;
        }
        if keyed >> list & 1 == 0 {
            continue;
        }
        let Some(key) = state.keys.get(list as usize) else { continue };
        let hash = seeds().hash(key);
        // A CPU that came online later has no table: the rule's counter alone has its frames.
        if list < tops && cpu < cpus {
            top::count(list * cpus + cpu, key, hash, wire_len);
        }
        if list >= first_distinct {
            distinct::count(list - first_distinct, hash);
        }
    }
}

#[inline(always)]
fn seeds() -> Seeds {
    Seeds::from_words([
        SEED_0.load(),
        SEED_1.load(),
        SEED_2.load(),
        SEED_3.load(),
        SEED_4.load(),
        SEED_5.load(),
    ])
}
