//! How much memory lists take.

use std::fmt;

use probe_common::{distinct::DistinctTable, top::TopLayout};

use crate::kernel::{Error, cpus};

/// What the lists of all program sets take, in kernel memory that is mapped here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Lists of the largest keys, over all program sets.
    tops: u32,
    /// Numbers of different keys, likewise.
    distinct: u32,
    /// CPUs, each of which has a table in each list of either kind.
    cpus: u32,
    /// What one of the largest keys is.
    layout: TopLayout,
}

impl Memory {
    /// So many lists of the largest keys, and numbers of different keys, in so many sets of programs,
    /// with tables as large as `bound` bytes for all lists allow. `None`: 64 MiB, or 1 MiB for each CPU
    /// where there are more.
    ///
    /// # Errors
    /// [`Error::ListMemory`] where they take more all the same; and where the CPUs cannot be counted.
    pub fn of(lists: [usize; 2], sets: usize, bound: Option<u64>) -> Result<Self, Error> {
        let cpus = if lists == [0, 0] { 1 } else { cpus()? };
        let allowed = bound.unwrap_or(default_bound(cpus));
        let memory = Self::on(cpus, lists, sets, allowed);
        let needed = memory.total();
        if needed > allowed { Err(Error::ListMemory { needed, allowed }) } else { Ok(memory) }
    }

    /// The same on so many CPUs. Where `bound` is too little, tables are as small as can be.
    pub(in crate::kernel) fn on(cpus: u32, lists: [usize; 2], sets: usize, bound: u64) -> Self {
        let [tops, distinct] = lists.map(|lists| (lists * sets) as u32);
        let [tables, registers] = [tops, distinct].map(|lists| u64::from(lists) * u64::from(cpus));
        let registers = registers * Self::OF_DISTINCT;
        let layout = TopLayout::within(bound.saturating_sub(registers), tables);
        Self { tops, distinct, cpus, layout }
    }

    /// The tables of the largest keys.
    pub(in crate::kernel) fn layout(&self) -> TopLayout {
        self.layout
    }

    /// CPUs that have tables.
    pub(in crate::kernel) fn cpus(&self) -> u32 {
        self.cpus
    }

    /// Bytes of a list of the largest keys on one CPU.
    fn of_top(&self) -> u64 {
        self.layout.value_size().into()
    }

    /// Bytes of a number of different keys on one CPU.
    const OF_DISTINCT: u64 = size_of::<DistinctTable>() as u64;

    /// Bytes in all.
    pub fn total(&self) -> u64 {
        let [tops, distinct] = [self.tops, self.distinct].map(u64::from);
        u64::from(self.cpus) * (tops * self.of_top() + distinct * Self::OF_DISTINCT)
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tops, distinct, cpus, .. } = self;
        let kib = |bytes: u64| bytes as f64 / 1024.0;
        write!(f, "{:.1} MiB:", kib(self.total()) / 1024.0)?;
        write!(f, " {tops} of the largest keys ({:.1} KiB a CPU),", kib(self.of_top()))?;
        write!(f, " {distinct} of different keys ({:.1} KiB)", kib(Self::OF_DISTINCT))?;
        write!(f, " on {cpus} CPUs")
    }
}

/// What lists take at most where nobody says otherwise: nine rules with both kinds of lists keep their full size
/// on 64 CPUs, and as many on more.
fn default_bound(cpus: u32) -> u64 {
    (64 << 20).max(u64::from(cpus) << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(tops: usize, distinct: usize, cpus: u32, bound: u64) -> Memory {
        Memory::on(cpus, [tops, distinct], 1, bound)
    }

    #[test]
    fn tables_shrink_until_all_fit() {
        let sets = |tops, distinct, cpus| {
            let memory = memory(tops, distinct, cpus, default_bound(cpus));
            assert!(memory.total() <= default_bound(cpus), "{memory}");
            memory.layout.sets()
        };
        assert_eq!(sets(1, 1, 2), 256);
        assert_eq!(sets(64, 64, 2), 256);
        for cpus in [64, 65, 512] {
            assert_eq!(sets(9, 9, cpus), 256);
            assert_eq!(sets(10, 10, cpus), 128);
            assert_eq!(sets(64, 0, cpus), 32);
        }
        // Nothing is smaller than the smallest, whatever the bound.
        assert_eq!(memory(64, 64, 1024, 0).layout.sets(), 16);
        for (tops, cpus, bound) in [(8, 64, 8 << 20), (64, 256, 256 << 20), (1, 2, 40_000)] {
            assert!(memory(tops, 0, cpus, bound).total() <= bound);
        }
    }

    #[test]
    fn a_rule_and_cpu_take_what_was_promised() {
        for cpus in [1, 2, 64] {
            let memory = memory(1, 1, cpus, default_bound(cpus));
            assert!(memory.total() <= u64::from(cpus) * (128 << 10), "{cpus}: {memory}");
        }
        let text = memory(8, 8, 64, default_bound(64)).to_string();
        assert_eq!(
            text,
            "56.1 MiB: 8 of the largest keys (80.1 KiB a CPU), 8 of different keys (32.1 KiB) on 64 \
             CPUs"
        );
    }
}
