//! One reading of the maps, summed over CPUs.

use std::{
    os::fd::AsFd as _,
    sync::{Mutex, PoisonError},
};

use aya::{
    maps::{Array, HashMap, IterableMap as _, MapData, MapError, PerCpuArray},
    sys::SyscallError,
    util::nr_cpus,
};
use probe_common::{Counter, CpuState, Ledger, Race, Split, names, slot};

use super::{Direction, Error, bpf};

/// aya reads words, which are plain data to it; bytemuck makes the value of them.
type StateWords = [u64; size_of::<CpuState>() / 8];
type RaceWords = [u64; size_of::<Race>() / 8];

/// What interfaces without counters of their own are called together. A name of an interface has
/// no blank (`dev_valid_name` in net/core/dev.c).
const OTHERS: &str = "(other interfaces)";

/// What the kernel programs counted since they were loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Frames looked at.
    pub seen: Counter,
    /// Frames that each rule matched, in the order of the rules.
    pub rules: Vec<Counter>,
    /// The same by interface and direction, where these are counted apart: the sum of all parts is
    /// what is above.
    pub parts: Vec<Part>,
    /// What became of sampled frames.
    pub ledger: Ledger,
    /// The clock of `probe rate`.
    pub race: Race,
}

/// The counts of one interface and direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Name of the interface, as of when it was attached to.
    pub interface: String,
    /// [`Direction::In`] or [`Direction::Out`].
    pub direction: Direction,
    /// Frames looked at.
    pub seen: Counter,
    /// Frames that each rule matched.
    pub rules: Vec<Counter>,
}

/// The maps that hold counts.
pub(super) struct CountMaps {
    state: PerCpuArray<MapData, StateWords>,
    /// What the kernel copies an element's values to, one for each possible CPU. Kept: there are ten readings a
    /// second, and some allocators give memory of this size back to the system each time.
    copied: Mutex<Vec<StateWords>>,
    race: Array<MapData, RaceWords>,
    places: HashMap<MapData, u32, u32>,
    rules: usize,
    split: Split,
    /// Values of the map.
    slots: u32,
    /// The interfaces and directions that are counted apart, with their values.
    kept_apart: Vec<(u32, String, Direction)>,
}

impl CountMaps {
    pub(super) fn take(
        ebpf: &mut aya::Ebpf,
        rules: usize,
        split: Split,
        slots: u32,
    ) -> Result<Self, Error> {
        let mut map = |name| ebpf.take_map(name).ok_or(Error::Missing(name));
        let cpus = nr_cpus().map_err(|(file, source)| Error::Cpus { file, source })?;
        Ok(Self {
            copied: Mutex::new(vec![[0; _]; cpus]),
            state: map(names::STATE)?.try_into().map_err(of(names::STATE))?,
            race: map(names::RACE)?.try_into().map_err(of(names::RACE))?,
            places: map(names::PLACES)?.try_into().map_err(of(names::PLACES))?,
            rules,
            split,
            slots,
            kept_apart: Vec::new(),
        })
    }

    /// Reads the counters of so many rules from now on.
    pub(super) fn set_rules(&mut self, rules: usize) {
        self.rules = rules;
    }

    /// How many rules are read.
    pub(super) fn rules(&self) -> usize {
        self.rules
    }

    /// Gives an interface counters of its own, if the programs were loaded so and there are any
    /// left. Before a program is attached to it.
    ///
    /// # Errors
    /// What writing the map says.
    pub(super) fn add(
        &mut self,
        interface: &str,
        index: u32,
        direction: Direction,
    ) -> Result<(), Error> {
        let (place, name) = match self.split {
            Split::None => return Ok(()),
            Split::ByDirection => (0, interface),
            Split::ByInterface => match self.place(interface) {
                0 => (0, OTHERS),
                place => {
                    self.places.insert(index, place, 0).map_err(of(names::PLACES))?;
                    (place, interface)
                }
            },
        };
        for (outbound, direction, counted) in [
            (false, Direction::In, direction.has_ingress()),
            (true, Direction::Out, direction.has_egress()),
        ] {
            let slot = slot(place, outbound);
            let is_new = self.kept_apart.iter().all(|(other, ..)| *other != slot);
            if counted && is_new {
                self.kept_apart.push((slot, name.to_owned(), direction));
            }
        }
        Ok(())
    }

    /// The place of an interface: that of an earlier one of this name, the next free one, or 0.
    fn place(&self, interface: &str) -> u32 {
        let places = || self.kept_apart.iter().map(|(slot, name, _)| (slot / 2, name));
        let last = places().map(|(place, _)| place).max().unwrap_or(0);
        let before = places().find(|(_, name)| *name == interface).map(|(place, _)| place);
        before.unwrap_or(if slot(last + 1, true) < self.slots { last + 1 } else { 0 })
    }

    /// Counts of which none is above what it is a part of, though programs go on counting while
    /// the kernel copies the map.
    ///
    /// A program raises `seen` before it raises a rule, and the copy takes them in the same order:
    /// by the time that it comes to the last rules, they have counted frames that were not seen
    /// when it began. So the rules are those of one reading, and `seen` that of another one, made
    /// after it: each frame in the rules had been seen by then.
    pub(super) fn read(&self) -> Result<Counts, Error> {
        let mut counts = self.read_quickly()?;
        let later = self.read_quickly()?;
        counts.seen = later.seen;
        for (part, later) in counts.parts.iter_mut().zip(later.parts) {
            part.seen = later.seen;
        }
        Ok(counts)
    }

    /// One reading, which takes half of the time: for who needs no more than one of the counts.
    pub(super) fn read_quickly(&self) -> Result<Counts, Error> {
        let mut counts =
            if self.kept_apart.is_empty() { self.read_slot(0)? } else { self.read_parts()? };
        counts.race = bytemuck::cast(self.race.get(&0, 0).map_err(of(names::RACE))?);
        Ok(counts)
    }

    /// Those that are kept apart, and their sum.
    fn read_parts(&self) -> Result<Counts, Error> {
        let mut counts =
            Counts { rules: vec![Counter::default(); self.rules], ..Counts::default() };
        for (slot, interface, direction) in &self.kept_apart {
            let Counts { seen, rules, .. } = self.read_slot(*slot)?;
            counts.seen += seen;
            counts.rules.iter_mut().zip(&rules).for_each(|(sum, &rule)| *sum += rule);
            let (interface, direction) = (interface.clone(), *direction);
            counts.parts.push(Part { interface, direction, seen, rules });
        }
        Ok(counts)
    }

    fn read_slot(&self, slot: u32) -> Result<Counts, Error> {
        let mut counts =
            Counts { rules: vec![Counter::default(); self.rules], ..Counts::default() };
        let mut values = self.copied.lock().unwrap_or_else(PoisonError::into_inner);
        let map = self.state.map().fd().as_fd();
        // SAFETY: there is a value for each possible CPU.
        let read = unsafe { bpf::read_all_cpus(map, slot, &mut values) };
        read.map_err(|io_error| {
            let call = "bpf_map_lookup_elem";
            of(names::STATE)(SyscallError { call, io_error }.into())
        })?;
        values.iter().for_each(|cpu| counts.add(bytemuck::cast_ref(cpu)));
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
        for part in &other.parts {
            let same = |own: &&mut Part| {
                (&own.interface, own.direction) == (&part.interface, part.direction)
            };
            match self.parts.iter_mut().find(same) {
                None => self.parts.push(part.clone()),
                Some(own) => {
                    own.seen += part.seen;
                    own.rules.iter_mut().zip(&part.rules).for_each(|(sum, &rule)| *sum += rule);
                }
            }
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
