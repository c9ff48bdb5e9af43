//! Which counter of the kernel each rule has, from one reload to the next.
//!
//! A rule keeps its counter as long as there is a rule of its name and its text. The counter of a
//! rule that went is nobody's until the programs that raised it are gone; from the reload after that
//! on another rule may have it. Nobody but the programs writes a counter, so it is not zeroed
//! either: what had been counted in it when it was given away is taken off whatever is read later.

use std::collections::HashMap;

use probe_common::{Counter, MAX_RULES};

use crate::rules::Rule;

/// One counter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Slot {
    /// Whose it is; `None`: nobody's.
    owner: Option<Owner>,
    /// What had been counted in it before.
    base: Counter,
}

/// The rule that has a counter.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owner {
    name: String,
    filter: String,
    /// Its index among the rules.
    rule: usize,
}

/// The counters of one generation of rules. There are never fewer than before: what was counted in a
/// counter must be known when it is given away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slots(Vec<Slot>);

/// More counters than a program holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{new} new rules beside {old} that count now; one program holds at most {MAX_RULES} of both: \
     remove some first, reload, and add the others then"
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
        let owners = || self.0.iter().flat_map(|slot| &slot.owner);
        let mut old: HashMap<(&str, &str), usize> = HashMap::new();
        for (at, slot) in self.0.iter().enumerate() {
            old.extend(slot.owner.iter().map(|it| ((it.name.as_str(), it.filter.as_str()), at)));
        }
        let mut next = vec![Slot::default(); self.0.len()];
        // Not those that programs raise which are still at work.
        let mut free =
            (0..MAX_RULES).filter(|&at| self.0.get(at).is_none_or(|it| it.owner.is_none()));
        for (index, rule) in rules.iter().enumerate() {
            let Rule { name, filter, .. } = rule;
            let owner = Some(Owner { name: name.clone(), filter: filter.clone(), rule: index });
            if let Some(&at) = old.get(&(name.as_str(), filter.as_str())) {
                next[at] = Slot { owner, base: self.0[at].base };
                continue;
            }
            let is_new =
                |rule: &&Rule| !old.contains_key(&(rule.name.as_str(), rule.filter.as_str()));
            let too_many =
                || TooMany { old: owners().count(), new: rules.iter().filter(is_new).count() };
            let at = free.next().ok_or_else(too_many)?;
            next.resize(next.len().max(at + 1), Slot::default());
            next[at] = Slot { owner, base: counted.get(at).copied().unwrap_or_default() };
        }
        Ok(Self(next))
    }

    /// For each counter, in their order, the index of the rule whose it is.
    pub fn rules(&self) -> impl Iterator<Item = Option<usize>> + '_ {
        self.0.iter().map(|slot| slot.owner.as_ref().map(|owner| owner.rule))
    }

    /// What each rule has counted, in the order of the rules, of what all counters hold.
    pub fn counts(&self, counted: &[Counter]) -> Vec<Counter> {
        let rules = self.rules().flatten().max().map_or(0, |last| last + 1);
        let mut counts = vec![Counter::default(); rules];
        for (slot, total) in self.0.iter().zip(counted) {
            let Some(owner) = &slot.owner else { continue };
            counts[owner.rule] = Counter {
                packets: total.packets.wrapping_sub(slot.base.packets),
                bytes: total.bytes.wrapping_sub(slot.base.bytes),
            };
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rules(names: &[&str]) -> Vec<Rule> {
        names.iter().map(|name| Rule::new(*name, "")).collect()
    }

    fn counter(packets: u64) -> Counter {
        Counter { packets, bytes: packets * 60 }
    }

    fn order<'a>(slots: &Slots, rules: &'a [Rule]) -> Vec<&'a str> {
        let of = slots.rules();
        of.map(|rule| rule.map_or("-", |rule| rules[rule].name.as_str())).collect()
    }

    #[test]
    fn a_rule_keeps_its_counter_and_a_free_one_starts_at_nothing() {
        let first = rules(&["a", "b", "c"]);
        let slots = Slots::default().next(&first, &[]).unwrap();
        assert_eq!(order(&slots, &first), ["a", "b", "c"]);
        let counted = [3, 5, 7].map(counter);
        assert_eq!(slots.counts(&counted), counted);

        // b's counter is raised until its programs are gone.
        let second = rules(&["c", "d", "a"]);
        let slots = slots.next(&second, &counted).unwrap();
        assert_eq!(order(&slots, &second), ["a", "-", "c", "d"]);
        let counted = [4, 9, 8, 2].map(counter);
        assert_eq!(slots.counts(&counted), [8, 2, 4].map(counter));

        // Now it is e's, which begins with nothing; b is another rule when it comes back.
        let third = rules(&["e", "b", "a"]);
        let slots = slots.next(&third, &counted).unwrap();
        assert_eq!(order(&slots, &third), ["a", "e", "-", "-", "b"]);
        let counted = [4, 10, 8, 2, 6].map(counter);
        assert_eq!(slots.counts(&counted), [1, 6, 4].map(counter));
    }

    #[test]
    fn another_text_is_another_rule() {
        let before = rules(&["a"]);
        let slots = Slots::default().next(&before, &[]).unwrap();
        let after = [Rule::new("a", "tcp")];
        let slots = slots.next(&after, &[counter(7)]).unwrap();
        assert_eq!(order(&slots, &after), ["-", "a"]);
        assert_eq!(slots.counts(&[counter(9), counter(1)]), [counter(1)]);
    }

    #[test]
    fn there_is_room_for_so_many() {
        let names = |range: std::ops::Range<usize>| -> Vec<Rule> {
            range.map(|n| Rule::new(format!("r{n}"), "")).collect()
        };
        let slots = Slots::default().next(&names(0..1000), &[]).unwrap();
        let error = slots.next(&names(500..1100), &[]).unwrap_err();
        assert_eq!(error, TooMany { old: 1000, new: 100 });
        let fewer = slots.next(&names(500..1000), &[]).unwrap();
        assert!(fewer.next(&names(500..1100), &[]).is_ok());
    }

    proptest! {
        /// Against a model that gives each rule a count of its own: whatever sets follow one
        /// another, and however late old programs stop to count.
        #[test]
        fn every_rule_has_its_own_count(
            sets in prop::collection::vec(prop::collection::btree_set(0..12u8, 1..8), 1..12)
        ) {
            let (mut slots, mut counted) = (Slots::default(), Vec::<Counter>::new());
            let mut model = std::collections::BTreeMap::new();
            let raise = |counted: &mut Vec<Counter>, slots: &Slots, all: &[Rule]| {
                let mut raised = Vec::new();
                for (at, rule) in slots.rules().enumerate() {
                    counted.resize(counted.len().max(at + 1), Counter::default());
                    if let Some(rule) = rule {
                        counted[at] += counter(at as u64 + 1);
                        raised.push((all[rule].name.clone(), at as u64 + 1));
                    }
                }
                raised
            };
            let mut old: (Slots, Vec<Rule>) = Default::default();
            for set in sets {
                let all: Vec<Rule> =
                    set.iter().map(|n| Rule::new(format!("r{n}"), "")).collect();
                slots = slots.next(&all, &counted).unwrap();
                // Programs of the old rules count until the exchange is over.
                let late = raise(&mut counted, &old.0, &old.1);
                model.retain(|name, _| all.iter().any(|rule| rule.name == *name));
                for (name, count) in raise(&mut counted, &slots, &all).into_iter().chain(late) {
                    if all.iter().any(|rule| rule.name == name) {
                        *model.entry(name).or_insert(0) += count;
                    }
                }
                let counts = slots.counts(&counted);
                for (rule, count) in all.iter().zip(counts) {
                    prop_assert_eq!(count, counter(model[&rule.name]));
                }
                old = (slots.clone(), all);
            }
        }
    }
}
