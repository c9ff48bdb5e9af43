//! Which counter of the kernel each rule and each list has, from one reload to the next.
//!
//! A rule keeps its counter as long as there is a rule of its name and its text, a list as long as that
//! rule has a list by the same key, of the same kind. The counter of what went is nobody's until the
//! programs that raised it are gone; from the reload after that on something else may have it. Nobody
//! but the programs writes a counter, so it is not zeroed either: what had been counted in it when it
//! was given away is taken off whatever is read later.
//!
//! A rule that gets a list while it counts gets another counter as well, and goes on from the old one.
//! Then it is known to the frame what it had matched before the list began: programs without the list
//! raise the old counter, those with it the new one.

use std::collections::HashMap;

use probe_common::{Counter, MAX_RULES};
use probe_filter::Key;

use crate::{
    kernel::Lists,
    keys::List,
    rules::{Rule, lists_of},
};

/// One counter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Slot {
    /// Whose it is; `None`: nobody's.
    owner: Option<Owner>,
    /// What is taken off: what had been counted in it before, less what its rule brought along.
    base: Counter,
    /// The counter that the rule had until this generation began, and no program raises any more. Of
    /// a list that began with this generation: the one that its rule had.
    from: Option<usize>,
    /// Of a list: packets that its rule had matched before the list began, without those in `from`.
    before: u64,
}

impl Slot {
    /// Whether a rule has it, and not a list.
    fn is_rules(&self) -> bool {
        self.owner.as_ref().is_some_and(|owner| owner.name.list.is_none())
    }
}

/// The rule or list that has a counter.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owner {
    name: Name,
    /// Its index among the rules, or behind them among their lists.
    entry: usize,
}

/// What makes a rule or a list the same in two generations.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Name {
    rule: String,
    filter: String,
    list: Option<(Key, Lists)>,
}

impl Name {
    fn of(rule: &Rule, list: Option<&List>) -> Self {
        let list = list.map(|list| (list.key, list.wanted()));
        Self { rule: rule.name.clone(), filter: rule.filter.clone(), list }
    }
}

/// The counters of one generation of rules. There are never fewer than before: what was counted in a
/// counter must be known when it is given away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slots {
    slots: Vec<Slot>,
    /// How many rules there are.
    rules: usize,
}

/// More counters than a program holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{new} new rules and lists beside {old} that count now; one program holds at most {MAX_RULES} of \
     both: remove some first, reload, and add the others then (a rule that gets a list is a new one, too)"
)]
pub struct TooMany {
    old: usize,
    new: usize,
}

impl Slots {
    /// The counters of the rules to come. `counted` is what these counters hold now, in their order.
    ///
    /// # Errors
    /// [`TooMany`].
    pub fn next(&self, rules: &[Rule], counted: &[Counter]) -> Result<Self, TooMany> {
        let now = self.settled(counted);
        let owned =
            || now.slots.iter().enumerate().filter_map(|(at, it)| Some((at, it.owner.as_ref()?)));
        let old: HashMap<&Name, usize> = owned().map(|(at, owner)| (&owner.name, at)).collect();
        // Who is to have a counter, where it was before, and whether it stays there.
        let begins = |rule: &Rule| {
            rule.lists.iter().any(|list| !old.contains_key(&Name::of(rule, Some(list))))
        };
        let of_rule = |rule: &Rule| {
            let name = Name::of(rule, None);
            let from = old.get(&name).copied();
            let stays = from.is_some() && !begins(rule);
            (name, from, stays)
        };
        let of_list = |(rule, list): (&Rule, &List)| {
            let name = Name::of(rule, Some(list));
            match old.get(&name) {
                Some(&at) => (name, Some(at), true),
                None => (name, old.get(&Name::of(rule, None)).copied(), false),
            }
        };
        let wanted: Vec<(Name, Option<usize>, bool)> =
            rules.iter().map(of_rule).chain(lists_of(rules).map(of_list)).collect();

        let nobodys = |slot: &Slot| Slot { base: slot.base, ..Slot::default() };
        let mut next: Vec<Slot> = now.slots.iter().map(nobodys).collect();
        // Not those that programs raise which are still at work.
        let mut free =
            (0..MAX_RULES).filter(|&at| now.slots.get(at).is_none_or(|it| it.owner.is_none()));
        let new = wanted.iter().filter(|(.., stays)| !stays).count();
        for (entry, (name, from, stays)) in wanted.into_iter().enumerate() {
            let owner = Some(Owner { name, entry });
            match from {
                Some(at) if stays => next[at] = Slot { owner, ..now.slots[at].clone() },
                _ => {
                    let too_many = || TooMany { old: owned().count(), new };
                    let at = free.next().ok_or_else(too_many)?;
                    next.resize(next.len().max(at + 1), Slot::default());
                    let base = counted.get(at).copied().unwrap_or_default();
                    next[at] = Slot { owner, base, from, before: 0 };
                }
            }
        }
        Ok(Self { slots: next, rules: rules.len() })
    }

    /// The same, once no program raises the counters that rules had before.
    fn settled(&self, counted: &[Counter]) -> Self {
        let mut settled = self.clone();
        for slot in &mut settled.slots {
            let Some(from) = slot.from.take() else { continue };
            let earlier = self.of_slot(from, counted);
            if slot.is_rules() {
                slot.base = minus(slot.base, earlier);
            } else {
                slot.before += earlier.packets;
            }
        }
        settled
    }

    /// Adds what was counted for the generation that was to follow this one and was taken back: its
    /// programs ran for a moment. `counted` is what all counters hold now, those of both.
    pub fn take_back(&mut self, refused: &Self, counted: &[Counter]) {
        self.slots.resize(self.slots.len().max(refused.slots.len()), Slot::default());
        for (at, slot) in refused.slots.iter().enumerate() {
            if let (true, Some(from)) = (slot.is_rules(), slot.from) {
                let own = &mut self.slots[from];
                own.base = minus(own.base, refused.of_slot(at, counted));
            }
        }
    }

    /// For each counter, in their order, the index of the rule, or behind the rules of the list, whose
    /// it is.
    pub fn entries(&self) -> impl Iterator<Item = Option<usize>> + '_ {
        self.slots.iter().map(|slot| slot.owner.as_ref().map(|owner| owner.entry))
    }

    /// The index of the rule or list that has a counter.
    pub fn entry(&self, slot: usize) -> Option<usize> {
        Some(self.slots.get(slot)?.owner.as_ref()?.entry)
    }

    /// What each rule, and behind the rules each list, has counted, of what all counters hold.
    pub fn counts(&self, counted: &[Counter]) -> Vec<Counter> {
        self.each(|at, slot| {
            let mut count = self.of_slot(at, counted);
            if let (true, Some(from)) = (slot.is_rules(), slot.from) {
                count += self.of_slot(from, counted);
            }
            count
        })
    }

    /// For each list the packets that its rule had matched before the list began.
    pub fn before(&self, counted: &[Counter]) -> Vec<u64> {
        let before = self.each(|_, slot| {
            let from = slot.from.map_or(0, |from| self.of_slot(from, counted).packets);
            slot.before + from
        });
        before.into_iter().skip(self.rules).collect()
    }

    /// For each list the index that it had among those of the generation before, if it was there.
    pub fn lists_of(&self, before: &Self) -> Vec<Option<usize>> {
        let lists = self.each(|at, _| before.entry(at)?.checked_sub(before.rules));
        lists.into_iter().skip(self.rules).collect()
    }

    /// What was counted in one counter for its owner, or for the one that it had.
    fn of_slot(&self, at: usize, counted: &[Counter]) -> Counter {
        let total = counted.get(at).copied().unwrap_or_default();
        self.slots.get(at).map_or(total, |slot| minus(total, slot.base))
    }

    /// Something of each counter that has an owner, in the order of these.
    fn each<T: Clone + Default>(&self, of: impl Fn(usize, &Slot) -> T) -> Vec<T> {
        let mut all = vec![T::default(); self.entries().flatten().count()];
        for (at, slot) in self.slots.iter().enumerate() {
            if let Some(owner) = &slot.owner {
                all[owner.entry] = of(at, slot);
            }
        }
        all
    }
}

/// The difference. It may be below nothing, as what is taken off may be: then it wraps, and so does
/// what is made of it.
fn minus(from: Counter, what: Counter) -> Counter {
    Counter {
        packets: from.packets.wrapping_sub(what.packets),
        bytes: from.bytes.wrapping_sub(what.bytes),
    }
}

#[cfg(test)]
mod tests;
