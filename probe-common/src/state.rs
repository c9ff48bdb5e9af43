//! Per-CPU state: counters, sampling decisions and the filter's scratch memory.

use bytemuck::{Pod, Zeroable};

use crate::{MAX_KEYED, MAX_RULES, MAX_SAMPLED, key::Key};

/// 64-bit words of scratch memory that generated filter code may use.
pub const SCRATCH_WORDS: usize = 64;

/// Packets and wire bytes (without FCS). 64 bits: a 100 Gbit/s link takes 46
/// years to wrap the bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Counter {
    /// Frames.
    pub packets: u64,
    /// Wire bytes, without FCS.
    pub bytes: u64,
}

impl core::ops::AddAssign for Counter {
    /// Adds the counts of another CPU; wraps as the kernel's counters do.
    fn add_assign(&mut self, other: Self) {
        self.packets = self.packets.wrapping_add(other.packets);
        self.bytes = self.bytes.wrapping_add(other.bytes);
    }
}

/// How one sampled rule chooses frames. Written by user space before attaching; which connections
/// are chosen may change later.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Sampler {
    /// Every how many matches one is chosen, for each CPU; 1 chooses all.
    pub every: u64,
    /// Nanoseconds that pay for one frame (token bucket, for each CPU); 0: no limit.
    pub ns_per_frame: u64,
    /// Nanoseconds that the bucket holds when full: the burst.
    pub burst_ns: u64,
    /// The largest 32-bit hash of a connection of which frames are chosen; [`ALL_FLOWS`](Self::ALL_FLOWS)
    /// where connections do not matter.
    pub flow_limit: u64,
}

impl Sampler {
    /// The limit that leaves no connection out.
    pub const ALL_FLOWS: u64 = u32::MAX as u64;

    /// Whether it takes every match.
    pub fn takes_all(&self) -> bool {
        self.every <= 1 && self.ns_per_frame == 0 && !self.chooses_flows()
    }

    /// Whether it takes the frames of some connections alone.
    pub fn chooses_flows(&self) -> bool {
        self.flow_limit < Self::ALL_FLOWS
    }
}

/// Where one sampled rule stands on one CPU.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Bucket {
    /// Matches since the last one that `every` chose.
    pub matches: u64,
    /// Nanoseconds of credit in the bucket.
    pub credit_ns: u64,
    /// `CLOCK_MONOTONIC` nanoseconds of the last refill; 0 before the first.
    pub refilled_ns: u64,
}

/// Everything one CPU writes while it looks at frames: one value of a per-CPU map,
/// so that a frame costs one map look-up whatever the number of rules.
///
/// What each frame touches comes first: counting and sampling with one rule, while nothing is
/// lost, fit into a cache line.
///
/// What became of chosen frames is in the [`Ledger`]; what user space then drops it counts itself.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct CpuState {
    /// Frames looked at.
    pub seen: Counter,
    /// Sampled rules that match the frame at hand, one bit each. Zeroed before the
    /// filter runs and set by it: a flag in map memory, unlike one in a register,
    /// does not multiply the verifier's states.
    pub pending: u64,
    /// Frames that sampling chose.
    pub chosen: u64,
    /// What each rule matched, in the order of the rules.
    pub rules: [Counter; MAX_RULES],
    /// Chosen frames that found the ring full (`-ENOSPC`).
    pub lost: u64,
    /// Chosen frames that the kernel would not output for any other reason.
    pub refused: u64,
    /// Error of the last refused output, a negative errno; 0 where there was none.
    pub last_error: i64,
    /// Rules with a key that match the frame at hand, one bit each: zeroed and set as `pending`.
    pub keyed: u64,
    /// Their keys.
    pub keys: [Key; MAX_KEYED],
    /// The hash of the connection of the frame at hand, for each sampled rule that matches it and
    /// chooses by connection.
    pub flows: [u32; MAX_SAMPLED],
    /// Working memory of generated filter code; its contents mean nothing between frames.
    pub scratch: [u64; SCRATCH_WORDS],
    /// Sampling state, one for each sampled rule.
    pub buckets: [Bucket; MAX_SAMPLED],
}

/// Which counters are kept apart, each in a value of their own of the per-CPU map. Sampling is not
/// split: a program that samples has [`None`](Self::None).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Split {
    /// All frames are counted together, in value 0.
    #[default]
    None,
    /// Frames received and sent, in the values of place 0.
    ByDirection,
    /// Those of each interface, too. The place of an interface is what the map `PLACES` says, else 0.
    ByInterface,
}

/// The number of the value that counts the frames of a place and a direction.
pub const fn slot(place: u32, outbound: bool) -> u32 {
    2 * place + outbound as u32
}

/// What became of the frames that sampling chose: a ring took `chosen - lost - refused`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Frames that sampling chose.
    pub chosen: u64,
    /// Chosen frames that found their ring full.
    pub lost: u64,
    /// Chosen frames that the kernel would not output for another reason.
    pub refused: u64,
    /// The errno of one such refusal, positive; 0 where there was none.
    pub last_error: i32,
}

impl CpuState {
    /// The ledger of this CPU.
    pub fn ledger(&self) -> Ledger {
        let &Self { chosen, lost, refused, last_error, .. } = self;
        Ledger { chosen, lost, refused, last_error: last_error.unsigned_abs() as i32 }
    }
}

impl core::ops::AddAssign for Ledger {
    /// Adds the ledger of another CPU; wraps as the kernel's counters do.
    fn add_assign(&mut self, other: Self) {
        let Self { chosen, lost, refused, last_error } = other;
        self.chosen = self.chosen.wrapping_add(chosen);
        self.lost = self.lost.wrapping_add(lost);
        self.refused = self.refused.wrapping_add(refused);
        if last_error != 0 {
            self.last_error = last_error;
        }
    }
}

const _: () = {
    assert!(size_of::<Counter>() == 16);
    assert!(core::mem::offset_of!(CpuState, pending) == 16);
    assert!(core::mem::offset_of!(CpuState, rules) == 32);
    assert!(
        core::mem::offset_of!(CpuState, scratch)
            == 32 + 16 * MAX_RULES + 32 + 20 * MAX_KEYED + 4 * MAX_SAMPLED
    );
    // PCPU_MIN_UNIT_SIZE, include/linux/percpu.h
    assert!(size_of::<CpuState>() <= 32 * 1024);
    // Generated code addresses all of it by 16-bit offsets.
    assert!(size_of::<CpuState>() <= i16::MAX as usize);
};
