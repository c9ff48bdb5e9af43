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
    /// CPUs that have a table in each list of the largest keys.
    cpus: u32,
    /// What such a table is.
    layout: TopLayout,
}

impl Memory {
    /// What lists take at most, in bytes, where nobody says otherwise: ten lists of the largest keys
    /// on 64 CPUs keep their full size.
    pub const DEFAULT_BOUND: u64 = 64 << 20;

    /// So many lists of the largest keys, and numbers of different keys, in so many sets of programs,
    /// with tables as large as `bound` bytes for all lists allow.
    ///
    /// # Errors
    /// [`Error::ListMemory`] where they take more all the same; and where the CPUs cannot be counted.
    pub fn of(lists: [usize; 2], sets: usize, bound: u64) -> Result<Self, Error> {
        let cpus = if lists == [0, 0] { 1 } else { cpus()? };
        let memory = Self::on(cpus, lists, sets, bound);
        let (needed, allowed) = (memory.total(), bound);
        if needed > allowed { Err(Error::ListMemory { needed, allowed }) } else { Ok(memory) }
    }

    /// The same on so many CPUs. Where `bound` is too little, tables are as small as can be.
    pub(in crate::kernel) fn on(cpus: u32, lists: [usize; 2], sets: usize, bound: u64) -> Self {
        let [tops, distinct] = lists.map(|lists| (lists * sets) as u32);
        let registers = u64::from(distinct) * size_of::<DistinctTable>() as u64;
        let tables = u64::from(tops) * u64::from(cpus);
        let layout = TopLayout::within(bound.saturating_sub(registers), tables);
        Self { tops, distinct, cpus, layout }
    }

    /// The tables of the largest keys.
    pub(in crate::kernel) fn layout(&self) -> TopLayout {
        self.layout
    }

    /// CPUs that have one of each list.
    pub(in crate::kernel) fn cpus(&self) -> u32 {
        self.cpus
    }

    /// Bytes of a list of the largest keys on one CPU.
    fn of_top(&self) -> u64 {
        self.layout.value_size().into()
    }

    /// Bytes of a number of different keys.
    const OF_DISTINCT: u64 = size_of::<DistinctTable>() as u64;

    /// Bytes in all.
    pub fn total(&self) -> u64 {
        let tables = u64::from(self.tops) * u64::from(self.cpus);
        tables * self.of_top() + u64::from(self.distinct) * Self::OF_DISTINCT
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tops, distinct, cpus, .. } = self;
        let kib = |bytes: u64| bytes as f64 / 1024.0;
        write!(f, "{:.1} MiB:", kib(self.total()) / 1024.0)?;
        write!(f, " {tops} of the largest keys on {cpus} CPUs")?;
        write!(f, " ({:.1} KiB each),", kib(self.of_top()))?;
        write!(f, " {distinct} of different keys ({:.1} KiB each)", kib(Self::OF_DISTINCT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(tops: usize, distinct: usize, cpus: u32, bound: u64) -> Memory {
        Memory::on(cpus, [tops, distinct], 1, bound)
    }

    #[test]
    fn tables_shrink_until_all_fit() {
        let default = Memory::DEFAULT_BOUND;
        let sets = |tops, distinct, cpus, bound| memory(tops, distinct, cpus, bound).layout.sets();
        assert_eq!(sets(1, 1, 2, default), 256);
        assert_eq!(sets(64, 64, 2, default), 256);
        assert_eq!(sets(10, 10, 64, default), 256);
        assert_eq!(sets(11, 11, 64, default), 128);
        assert_eq!(sets(64, 64, 64, default), 32);
        // Nothing is smaller than the smallest, whatever the bound.
        assert_eq!(sets(64, 64, 1024, 0), 16);
        for (tops, cpus, bound) in [(8, 64, 8 << 20), (64, 256, 256 << 20), (1, 2, 40_000)] {
            assert!(memory(tops, 0, cpus, bound).total() <= bound);
        }
    }

    #[test]
    fn a_rule_and_cpu_take_what_was_promised() {
        for cpus in [2, 4, 64] {
            let memory = memory(1, 1, cpus, Memory::DEFAULT_BOUND);
            assert!(memory.total() <= u64::from(cpus) * (128 << 10), "{cpus}: {memory}");
        }
        let text = memory(8, 8, 64, Memory::DEFAULT_BOUND).to_string();
        assert_eq!(
            text,
            "48.3 MiB: 8 of the largest keys on 64 CPUs (96.1 KiB each), 8 of different keys \
             (32.1 KiB each)"
        );
    }
}
