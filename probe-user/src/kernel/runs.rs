//! How often programs ran and how long that took, where the kernel measures it: `kernel.bpf_stats_enabled`
//! is 0 unless somebody asked for it, as it costs each run some 20 ns (Documentation/admin-guide/sysctl/kernel.rst).

use std::{ops::AddAssign, time::Duration};

use aya::Ebpf;

use super::Session;

/// Runs of programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Runs {
    /// How many were measured.
    pub runs: u64,
    /// How long they took together.
    pub time: Duration,
}

impl AddAssign for Runs {
    fn add_assign(&mut self, other: Self) {
        self.runs += other.runs;
        self.time += other.time;
    }
}

impl Runs {
    /// Those of an object's programs that are in the kernel, since they came there.
    pub(super) fn of(ebpf: &Ebpf) -> Self {
        let mut sum = Self::default();
        for (_, program) in ebpf.programs() {
            // One that is not in the kernel has no descriptor to ask about.
            if let Ok(info) = program.info() {
                sum += Self { runs: info.run_count(), time: info.run_time() };
            }
        }
        sum
    }
}

impl Session {
    /// Runs of all programs so far, those of rules that others replaced included.
    pub fn runs(&self) -> Runs {
        let mut sum = self.replaced;
        self.sets.iter().for_each(|set| sum += Runs::of(&set.ebpf));
        sum
    }
}
