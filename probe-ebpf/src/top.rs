//! Which keys come most often: a table for each list and CPU.

use aya_ebpf::helpers::bpf_get_smp_processor_id;
use probe_common::{CpuState, MAX_KEYED};

use crate::maps::{LIST_CPUS, LISTS, TOPS};

/// Counts a frame of `wire_len` bytes by the keys that the filter has left.
///
/// A function of its own, so that programs without keys need no registers for it.
#[inline(never)]
pub fn count(state: &mut CpuState, wire_len: u32) {
    let keyed = core::mem::take(&mut state.keyed);
    if keyed == 0 {
        return;
    }
    // SAFETY: the helper takes nothing and returns a number.
    let cpu = unsafe { bpf_get_smp_processor_id() };
    let (lists, cpus) = (LISTS.load(), LIST_CPUS.load());
    // A CPU that came online later has no table: the rule's counter alone has its frames.
    if cpu >= cpus {
        return;
    }
    for list in 0..MAX_KEYED as u32 {
        // A load-time constant, so the verifier sees the loop's real length.
        if list >= lists {
            break;
        }
        if keyed >> list & 1 == 0 {
            continue;
        }
        let (Some(table), Some(key)) =
            (TOPS.get_ptr_mut(list * cpus + cpu), state.keys.get(list as usize))
        else {
            continue;
        };
        // SAFETY: within a map value.
        let half = unsafe { &raw const (*table).counting };
        // SAFETY: user space may write it at any time, and what it writes decides no more than
        // where a frame is counted. Volatile, so that it is loaded once.
        let half = unsafe { half.read_volatile() };
        // SAFETY: the map value of this CPU; programs of one CPU do not interrupt each other
        // (see `count::observe`), and user space is at the other half.
        let table = unsafe { &mut *table };
        table.count(half, key, wire_len);
    }
}
