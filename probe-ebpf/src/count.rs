//! One frame's way: seen, filtered, counted, perhaps sampled.

use probe_common::Split;

use crate::{
    atomic::fetch_add,
    frame::Frame,
    lists,
    maps::{GOAL, KEYED, PLACES, RACE, SAMPLED, SPLIT, STATE},
    sample::{now, sample},
};

/// Looks at one frame, which [`slot`] counts. The caller's verdict is to pass, whatever happens here.
///
/// # Who may interrupt whom
///
/// [`CpuState`](probe_common::CpuState), its scratch memory and the rings belong to one CPU and are
/// used without atomics, so no program of ours may begin on a CPU while another has not ended there:
///
/// - All hooks run in softirq context or with softirqs off: native XDP in the driver's NAPI poll,
///   generic XDP and tcx ingress below `__netif_receive_skb_core`, tcx egress in
///   `__dev_queue_xmit`, which takes `rcu_read_lock_bh`. A softirq does not interrupt a softirq.
/// - Hard interrupts and NMIs interrupt them, but run no network program.
/// - A frame that is sent while one is received (by a redirect or a bridge) passes the egress hook
///   when the ingress program has ended.
/// - `BPF_PROG_TEST_RUN` turns softirqs off around the run (`bpf_test_run`).
/// - With PREEMPT_RT softirqs are threads, which a lock of each CPU keeps apart: `local_bh_disable`
///   takes it. From Linux 6.18 on a kernel may be built without it (no
///   `CONFIG_PREEMPT_RT_NEEDS_BH_LOCK`); there nothing is attached (`kernel/soundness.rs`).
///
/// User space reads the state at any time and writes none of it, but for `consumed` in the rings.
#[inline(always)]
pub fn observe(frame: &impl Frame, slot: u32) {
    let wire_len = frame.wire_len();
    let Some(state) = STATE.get_ptr_mut(slot) else {
        return;
    };
    {
        // SAFETY: the map value of this CPU; programs of one CPU do not interrupt each other (who
        // may interrupt whom, above), and user space only reads.
        let state = unsafe { &mut *state };
        state.seen.packets += 1;
        state.seen.bytes += u64::from(wire_len);
        // Whatever the rules: asked for twice, SAMPLED would not be folded (probe-link/src/fold.rs).
        state.pending = 0;
    }
    frame.filter(state, wire_len);
    if KEYED.load() != 0 {
        // SAFETY: as above; the reference from before the call is gone.
        lists::count(unsafe { &mut *state }, wire_len);
    }
    if SAMPLED.load() == 0 {
        return;
    }
    // SAFETY: as above; the reference from before the call is gone.
    let state = unsafe { &mut *state };
    let pending = state.pending;
    if pending == 0 {
        return;
    }
    if GOAL.load() != 0 {
        race(wire_len);
    } else {
        sample(frame, state, pending);
    }
}

/// Which value of the map counts frames of an interface and a direction. Asked for before the frame's
/// length: behind it the context would have no register left (probe-link/src/frame_length.rs).
#[inline(always)]
pub fn slot(ifindex: impl FnOnce() -> u32, outbound: bool) -> u32 {
    let split = SPLIT.load();
    if split == Split::None as u8 {
        return 0;
    }
    let mut place = 0;
    if split == Split::ByInterface as u8 {
        // SAFETY: user space writes an entry before programs are attached to its interface, and
        // never again.
        place = unsafe { PLACES.get(ifindex()) }.copied().unwrap_or(0);
    }
    probe_common::slot(place, outbound)
}

/// Counts a match over all CPUs and notes when the first and the last one came.
#[inline(always)]
fn race(wire_len: u32) {
    let Some(race) = RACE.get_ptr_mut(0) else {
        return;
    };
    // SAFETY: within a map value.
    let matches = unsafe { &raw mut (*race).matches };
    // SAFETY: as above.
    let bytes = unsafe { &raw mut (*race).bytes };
    // SAFETY: a field of a map value, 8 aligned bytes; all CPUs use it as an atomic only.
    let before = unsafe { fetch_add(matches, 1) };
    let goal = GOAL.load();
    if before >= goal {
        return;
    }
    // SAFETY: as above.
    unsafe { fetch_add(bytes, u64::from(wire_len)) };
    if before == 0 {
        let time = now();
        // SAFETY: a field of a map value; only the CPU that counted match number 1 gets here.
        unsafe { (*race).first_ns = time };
    }
    if before + 1 == goal {
        let time = now();
        // SAFETY: as above, for the CPU that reached the goal.
        unsafe { (*race).last_ns = time };
    }
}
