//! The lists of rules, which keys come most often and how many different ones there are: in memory
//! that the kernel programs write, mapped, read and emptied while they go on.

mod distinct;
mod memory;
mod tops;

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::OnceLock,
    time::{Duration, Instant},
};

use aya::{Ebpf, maps::Map};
use probe_common::{
    Counter, MAX_KEYED,
    key::{KEY_WORDS, Seeds},
    names,
};
use probe_sketch::{Pin, View};

use super::{Error, RuleSpec, load::Setting, session::wait_for_programs};
pub use memory::Memory;

/// Which lists a rule has, besides its counter. Rules with one have a key
/// (`probe_filter::compile_keyed`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Lists {
    /// Which keys come most often.
    pub top: bool,
    /// How many different keys there are.
    pub distinct: bool,
}

impl Lists {
    /// Whether there is one at all.
    pub(super) fn any(self) -> bool {
        self.top || self.distinct
    }
}

/// What one list of a rule has counted since it was taken before.
#[derive(Debug)]
pub enum Taken<'a> {
    /// The largest keys, in a table of one CPU.
    Top {
        /// The keys.
        table: View<'a>,
        /// Frames that are with none of them.
        refused: Counter,
        /// Empty. For the keys that the table is to [pin](probe_sketch::Pin) when it counts the next time.
        pins: &'a mut Vec<Pin>,
    },
    /// The different keys that all CPUs had.
    Distinct {
        /// Registers, for `probe_sketch::Distinct::merge`.
        registers: &'a [u8],
        /// Frames whose key may be missing, see `probe_common::distinct::DistinctTable`.
        missed: u64,
    },
}

/// What keys are hashed with: drawn once for this process, so that what several sets of programs
/// and their twins in user space count can be put together.
pub fn seeds() -> Seeds {
    static DRAWN: OnceLock<Seeds> = OnceLock::new();
    *DRAWN.get_or_init(|| {
        // Its keys are the system's random numbers.
        let random = RandomState::new();
        let drawn: [u64; KEY_WORDS + 1] = std::array::from_fn(|n| random.hash_one(n));
        Seeds::new(drawn)
    })
}

/// Which rules have lists: those that have a list of the largest keys alone, those that have a number
/// of different keys as well, and those that have this alone. So the lists of each kind lie side by
/// side, and there are no more of them than were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Order {
    /// The rules, by their indices.
    rules: Vec<usize>,
    /// The first so many have a list of the largest keys.
    tops: usize,
    /// From this one on they have a number of different keys.
    first_distinct: usize,
    /// Whether a frame may fill all words of one of their keys.
    long_keys: bool,
}

impl Order {
    /// Of these rules.
    ///
    /// # Errors
    /// [`Error::TooManyLists`].
    pub fn of(rules: &[RuleSpec<'_>]) -> Result<Self, Error> {
        let lists = |rule: &usize| rules[*rule].lists;
        let mut order: Vec<usize> = (0..rules.len()).filter(|rule| lists(rule).any()).collect();
        if order.len() > MAX_KEYED {
            return Err(Error::TooManyLists(order.len()));
        }
        order.sort_by_key(|rule| (lists(rule).distinct, !lists(rule).top));
        let tops = order.partition_point(|rule| lists(rule).top);
        let first_distinct = order.partition_point(|rule| !lists(rule).distinct);
        let long_keys = order.iter().any(|&rule| rules[rule].graph.key_len() == KEY_WORDS);
        Ok(Self { rules: order, tops, first_distinct, long_keys })
    }

    /// The place of a rule among those with lists.
    pub fn place(&self, rule: usize) -> Option<u8> {
        self.rules.iter().position(|&it| it == rule).map(|place| place as u8)
    }

    /// How many have lists.
    pub fn len(&self) -> u32 {
        self.rules.len() as u32
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rules with a list of the largest keys.
    pub fn tops(&self) -> &[usize] {
        &self.rules[..self.tops]
    }

    /// The rules with a number of different keys.
    pub fn distinct(&self) -> &[usize] {
        &self.rules[self.first_distinct..]
    }

    /// The place of the first of them.
    pub fn first_distinct(&self) -> u32 {
        self.first_distinct as u32
    }

    /// Whether there is a key of all words; else the last word of each is 0.
    pub fn has_long_keys(&self) -> bool {
        self.long_keys
    }
}

/// The lists of one program set. Where they are not [mapped](Self::map) nothing is in them.
pub(super) struct ListMaps {
    order: Order,
    memory: Memory,
    /// What there is to map.
    waiting: Option<Waiting>,
    tops: Option<tops::Tops>,
    distinct: Option<distinct::Registers>,
}

/// Maps of the kernel, where there are lists of the kind.
struct Waiting {
    tops: Option<Map>,
    distinct: Option<Map>,
}

impl ListMaps {
    /// Those that the programs of a setting count in.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub fn of(ebpf: &mut Ebpf, setting: &Setting<'_>) -> Result<Self, Error> {
        let Setting { order, memory, .. } = setting;
        let mut map = |rules: &[usize], name| match rules {
            [] => Ok(None),
            _ => ebpf.take_map(name).map(Some).ok_or(Error::Missing(name)),
        };
        let tops = map(order.tops(), names::TOPS)?;
        let distinct = map(order.distinct(), names::DISTINCT)?;
        let waiting = Some(Waiting { tops, distinct });
        Ok(Self { order: order.clone(), memory: *memory, waiting, tops: None, distinct: None })
    }

    /// Maps them, before the first frame; once. Programs that are on no interface take no memory of this process
    /// so.
    ///
    /// # Errors
    /// Those of mmap(2).
    pub fn map(&mut self) -> Result<(), Error> {
        let Some(Waiting { tops, distinct }) = self.waiting.take() else { return Ok(()) };
        let lists = self.order.tops().len();
        self.tops = tops.map(|map| tops::Tops::open(map, lists, &self.memory)).transpose()?;
        let (lists, cpus) = (self.order.distinct().len(), self.memory.cpus() as usize);
        self.distinct =
            distinct.map(|map| distinct::Registers::open(map, lists, cpus)).transpose()?;
        Ok(())
    }

    /// Whether [`map`](Self::map) was called.
    pub fn are_mapped(&self) -> bool {
        self.waiting.is_none()
    }

    /// Takes what the lists of several program sets have counted since they were taken before, and
    /// empties them. What they count meanwhile is there the next time. `f` gets the index of the
    /// rule: once a set and CPU for a list of the largest keys, once a set for a number of
    /// different keys.
    pub fn take(sets: &mut [&mut Self], f: &mut dyn FnMut(usize, Taken<'_>)) {
        let start = Instant::now();
        if Self::turn(sets) {
            wait_for_programs();
        }
        let waited = start.elapsed();
        Self::take_turned(sets, f);
        if sets.iter().any(|set| !set.order.is_empty()) {
            let ms = |time: Duration| time.as_secs_f64() * 1e3;
            let read = start.elapsed() - waited;
            log::debug!("lists: read in {:.2} ms, after a wait of {:.2} ms", ms(read), ms(waited));
        }
    }

    /// As [`take`](Self::take), where no program runs: there is none to wait for.
    pub fn take_at_rest(&mut self, f: &mut dyn FnMut(usize, Taken<'_>)) {
        let sets = &mut [self];
        Self::turn(sets);
        Self::take_turned(sets, f);
    }

    /// Lets the programs count in the other halves, if there are any.
    fn turn(sets: &mut [&mut Self]) -> bool {
        let mut turned = false;
        for tops in sets.iter_mut().filter_map(|set| set.tops.as_mut()) {
            tops.turn();
            turned = true;
        }
        turned
    }

    fn take_turned(sets: &mut [&mut Self], f: &mut dyn FnMut(usize, Taken<'_>)) {
        for Self { order, tops, distinct, .. } in sets {
            if let Some(tops) = tops {
                for (list, &rule) in order.tops().iter().enumerate() {
                    tops.take(list, |table, refused, pins| {
                        f(rule, Taken::Top { table, refused, pins });
                    });
                }
            }
            if let Some(distinct) = distinct {
                for (list, &rule) in order.distinct().iter().enumerate() {
                    distinct.take(list, |registers, missed| {
                        f(rule, Taken::Distinct { registers, missed });
                    });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
