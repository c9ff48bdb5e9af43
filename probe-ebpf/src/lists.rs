//! Frames counted by the keys that the filter has left: which come most often, and how many
//! different ones there are.

use aya_ebpf::helpers::bpf_get_smp_processor_id;
use probe_common::{CpuState, MAX_KEYED, key::Seeds};

use crate::{
    distinct,
    maps::{
        DISTINCT_LISTS, FIRST_DISTINCT, LISTS, LONG_KEYS, SEED_0, SEED_1, SEED_2, SEED_3, SEED_4,
        SEED_5, TOP_LISTS,
    },
    top,
};

/// Counts a frame of `wire_len` bytes in the lists of the rules that match it.
#[inline(always)]
pub fn count(state: &mut CpuState, wire_len: u32) {
    let keyed = core::mem::take(&mut state.keyed);
    // The first one by itself: often there is no other, and here its place is known.
    if keyed & 1 != 0 {
        count_in(0, state, wire_len);
    }
    if LISTS.load() <= 1 || keyed >> 1 == 0 {
        return;
    }
    for list in 1..MAX_KEYED as u32 {
        // Constants are asked for where they are used: there they go into the code, and in front
        // of the loop they would go onto the stack. The verifier sees the loop's real length.
        if list >= LISTS.load() {
            break;
        }
        if keyed >> list & 1 != 0 {
            count_in(list, state, wire_len);
        }
    }
}

/// Counts a frame of `wire_len` bytes in the lists of one rule.
#[inline(always)]
fn count_in(list: u32, state: &CpuState, wire_len: u32) {
    let Some(key) = state.keys.get(list as usize) else { return };
    // SAFETY: the helper takes nothing and returns a number.
    let cpu = unsafe { bpf_get_smp_processor_id() };
    // A branch that has nothing on one side is one that the verifier can take out.
    let hash = seeds().hash_of(key, LONG_KEYS.load() != 0);
    // Tables lie CPU by CPU, so that one that came online later finds none: the rule's counter alone has its frames.
    let tops = TOP_LISTS.load();
    if list < tops {
        top::count(cpu * tops + list, key, hash, wire_len);
    }
    let first_distinct = FIRST_DISTINCT.load();
    if list >= first_distinct {
        let list = list - first_distinct;
        if !distinct::count(cpu * DISTINCT_LISTS.load() + list, hash) {
            distinct::miss(list);
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
