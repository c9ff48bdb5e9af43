//! Which of the matching frames go to user space, and what becomes of them.

use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_log_ebpf::debug;
use probe_common::{Bucket, CpuState, MAX_SAMPLED, Sampler};

use crate::{
    frame::Frame,
    maps::{BY_FLOW, SAMPLED, SAMPLERS, SELECTIVE},
    ring,
};

/// `CLOCK_MONOTONIC`, nanoseconds.
#[inline(always)]
pub fn now() -> u64 {
    // SAFETY: the helper takes nothing and returns a number.
    unsafe { bpf_ktime_get_ns() }
}

/// Outputs the frame if one of the `pending` rules chooses it.
#[inline(always)]
pub fn sample(frame: &impl Frame, state: &mut CpuState, pending: u64) {
    let selective = SELECTIVE.load();
    let mut rules = pending & !selective;
    if pending & selective != 0 {
        rules |= choose(state, pending & selective);
    }
    if rules == 0 {
        return;
    }
    state.chosen += 1;
    match ring::write(frame, now(), rules) {
        Ok(()) => {}
        Err(ring::FULL) => state.lost += 1,
        Err(error) => {
            state.refused += 1;
            state.last_error = error;
            debug!(frame, "output of a frame refused: {}", error);
        }
    }
}

/// The rules among `pending` that want this frame. Each of them takes its
/// decision, so that the rate of one does not depend on the others.
#[inline(always)]
fn choose(state: &mut CpuState, pending: u64) -> u64 {
    let mut rules = 0;
    // The bound is a load-time constant, so the verifier sees the loop's real length.
    let sampled = SAMPLED.load();
    for slot in 0..MAX_SAMPLED as u32 {
        if slot >= sampled {
            break;
        }
        let bit = 1 << slot;
        if pending & bit == 0 {
            continue;
        }
        let Some(sampler) = SAMPLERS.get(slot) else { continue };
        // Before all else: frames of other connections do not count for `every` and cost no clock.
        if BY_FLOW.load() & bit != 0
            && let Some(&flow) = state.flows.get(slot as usize)
            && u64::from(flow) > sampler.flow_limit
        {
            continue;
        }
        if let Some(bucket) = state.buckets.get_mut(slot as usize)
            && take(sampler, bucket)
        {
            rules |= bit;
        }
    }
    rules
}

/// Whether the sampler takes this match: every Nth, and then as the token bucket has it. The
/// clock costs as much as all the rest, and is read for a bucket or a record only.
#[inline(always)]
fn take(sampler: &Sampler, bucket: &mut Bucket) -> bool {
    bucket.matches += 1;
    if bucket.matches < sampler.every {
        return false;
    }
    bucket.matches = 0;
    if sampler.ns_per_frame == 0 {
        return true;
    }
    let now = now();
    let credit = bucket.credit_ns + (now - bucket.refilled_ns);
    bucket.refilled_ns = now;
    bucket.credit_ns = if credit < sampler.burst_ns { credit } else { sampler.burst_ns };
    if bucket.credit_ns < sampler.ns_per_frame {
        return false;
    }
    bucket.credit_ns -= sampler.ns_per_frame;
    true
}
