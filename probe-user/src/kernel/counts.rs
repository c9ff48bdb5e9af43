//! One reading of the maps, summed over CPUs.

use aya::maps::{Array, MapData, MapError, PerCpuArray};
use probe_common::{Counter, CpuState, Ledger, Race, names};

use super::Error;

/// aya reads words, which are plain data to it; bytemuck makes the value of them.
type StateWords = [u64; size_of::<CpuState>() / 8];
type RaceWords = [u64; size_of::<Race>() / 8];

/// What the kernel programs counted since they were loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Frames looked at.
    pub seen: Counter,
    /// Frames that each rule matched, in the order of the rules.
    pub rules: Vec<Counter>,
    /// What became of sampled frames.
    pub ledger: Ledger,
    /// The clock of `probe rate`.
    pub race: Race,
}

/// The maps that hold counts.
pub(super) struct CountMaps {
    state: PerCpuArray<MapData, StateWords>,
    race: Array<MapData, RaceWords>,
    rules: usize,
}

impl CountMaps {
    pub(super) fn take(ebpf: &mut aya::Ebpf, rules: usize) -> Result<Self, Error> {
        let state = ebpf.take_map(names::STATE).ok_or(Error::Missing(names::STATE))?;
        let race = ebpf.take_map(names::RACE).ok_or(Error::Missing(names::RACE))?;
        Ok(Self {
            state: state.try_into().map_err(of(names::STATE))?,
            race: race.try_into().map_err(of(names::RACE))?,
            rules,
        })
    }

    /// Counts of which none is above what it is a part of, though programs go on counting while
    /// the kernel copies the map.
    ///
    /// A program raises `seen` before it raises a rule, and the copy takes them in the same order:
    /// by the time that it comes to the last rules, they have counted frames that were not seen
    /// when it began. So the rules are those of one reading, and `seen` that of another one, made
    /// after it: each frame in the rules had been seen by then.
    pub(super) fn read(&self) -> Result<Counts, Error> {
        let rules = self.read_quickly()?;
        let seen = self.read_quickly()?.seen;
        Ok(Counts { seen, ..rules })
    }

    /// One reading, which takes half of the time: for who needs no more than one of the counts.
    pub(super) fn read_quickly(&self) -> Result<Counts, Error> {
        let mut counts =
            Counts { rules: vec![Counter::default(); self.rules], ..Counts::default() };
        for cpu in self.state.get(&0, 0).map_err(of(names::STATE))?.iter() {
            counts.add(bytemuck::cast_ref(cpu));
        }
        counts.race = bytemuck::cast(self.race.get(&0, 0).map_err(of(names::RACE))?);
        Ok(counts)
    }
}

impl Counts {
    /// Adds what other programs counted by the same rules. The race is that of the first: no two
    /// programs share one.
    pub(super) fn and(mut self, other: &Self) -> Self {
        self.seen += other.seen;
        for (sum, &counter) in self.rules.iter_mut().zip(&other.rules) {
            *sum += counter;
        }
        self.ledger += other.ledger;
        self
    }

    fn add(&mut self, cpu: &CpuState) {
        self.seen += cpu.seen;
        for (sum, counter) in self.rules.iter_mut().zip(cpu.rules) {
            *sum += counter;
        }
        self.ledger += cpu.ledger();
    }
}

fn of(map: &'static str) -> impl Fn(MapError) -> Error {
    move |source| Error::Map { map, source }
}
