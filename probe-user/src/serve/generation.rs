//! The rules that count at one time: compiled for what frames begin with, each in its counter.

use std::time::Duration;

use anyhow::Result;
use probe_common::Counter;
use probe_filter::{Filter, LinkType, VlanView};

use super::{present::Present, slots::Slots};
use crate::{
    config::Config,
    count::{Lists, OfRule, Span},
    explain,
    failure::Usage,
    kernel::{self, Hook, Interface, Plan, Programs as _, RuleSpec, RulesOf, Session},
    names::NameStyle,
    reporter,
    rules::{self, Rule, RuleSet, lists_of},
};

/// What frames may begin with: programs for both are there from the start, as an interface of either
/// kind may come.
pub const LINKS: [LinkType; 2] = [LinkType::Ethernet, LinkType::Raw];

/// A set of rules at work, or about to be.
pub struct Generation {
    /// In the order of the file.
    pub rules: Vec<Rule>,
    slots: Slots,
    compiled: Vec<Compiled>,
    /// What came in the lists of the rules, since each of them began.
    lists: Lists,
}

/// The filters of all rules for one link type, and behind them those of their lists.
struct Compiled {
    link: LinkType,
    filters: Vec<Filter>,
    /// What counters that are nobody's have.
    nothing: Filter,
}

impl Generation {
    /// Compiles the first one.
    ///
    /// # Errors
    /// What is wrong with a filter.
    pub fn first(config: &Config, present: &Present) -> Result<Self> {
        Self::compile(config, Slots::default().next(&config.rules, &[])?, present)
    }

    /// Compiles the one after this, whose counters hold `counted` now.
    ///
    /// # Errors
    /// What is wrong with a filter; and more rules than there are counters for.
    pub fn next(
        &mut self,
        config: &Config,
        present: &Present,
        counted: &[Counter],
    ) -> Result<Self> {
        let slots = self.slots.next(&config.rules, counted);
        let slots = slots.map_err(|error| Usage::new(error.to_string()))?;
        Self::compile(config, slots, present)
    }

    fn compile(config: &Config, slots: Slots, present: &Present) -> Result<Self> {
        // No frame is copied here, and so none is chosen.
        let only_counts = |rule: &Rule| Rule { sampler: None, flows: None, ..rule.clone() };
        let rules: Vec<Rule> = config.rules.iter().map(only_counts).collect();
        let [ethernet, raw] = LINKS.map(|link| rules::live_options(&[], link, VlanView::default()));
        let first = RuleSet::compile(rules.clone(), &ethernet)?.filters().to_vec();
        let has_raw = present.interfaces.iter().any(|(_, it)| it.link == LinkType::Raw);
        let mut say = |note: String| {
            if has_raw {
                reporter::note(note);
            }
        };
        let second = rules::filters_for_more(&rules, &raw, &mut say)?;
        let compiled = vec![
            Compiled {
                link: LinkType::Ethernet,
                filters: first,
                nothing: rules::nothing(&ethernet)?,
            },
            Compiled { link: LinkType::Raw, filters: second, nothing: rules::nothing(&raw)? },
        ];
        let lists = Lists::new(&rules, kernel::seeds(), NameStyle::Numbers);
        Ok(Self { rules, slots, compiled, lists })
    }

    /// What each rule has counted, and behind the rules each list, of what all counters hold.
    pub fn counts(&self, counted: &[Counter]) -> Vec<Counter> {
        self.slots.counts(counted)
    }

    /// Takes what came in the lists up to `now`, since the start of the service. Before the counters are
    /// read, so that no list is ahead of its rule.
    pub fn take_lists(&mut self, session: &mut Session, now: Duration) {
        let (slots, lists) = (&self.slots, &mut self.lists);
        session.take_lists(&mut |slot, part| {
            if let Some(entry) = slots.entry(slot) {
                lists.add(now, entry, part);
            }
        });
    }

    /// The lists of each rule, as of when they were last taken; `counted` is what all counters held then.
    pub fn lists(&self, counted: &[Counter], span: Span) -> Vec<OfRule> {
        self.lists.rows(&self.rules, &self.counts(counted), &self.slots.before(counted), span)
    }

    /// For each list the packets of the largest keys of the interval, see [`Lists::in_interval`].
    pub fn in_interval(&self, most: usize) -> Vec<Vec<u64>> {
        self.lists.in_interval(most)
    }

    /// What comes in the lists from now on belongs to another interval.
    pub fn begin_interval(&mut self) {
        self.lists.begin_interval();
    }

    /// Loads the programs; nothing is attached yet.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub fn load(&self, config: &Config, hook: Hook) -> Result<Session> {
        self.plan(config, hook, Session::load).map_err(explain::kernel)
    }

    /// Puts another generation into the place of this one, which the session runs, at `now` since the
    /// start of the service. Lists that both have go on.
    ///
    /// # Errors
    /// What the kernel refuses. This one runs on then, and has what the other one counted for it where
    /// that ran for a moment.
    pub fn exchange(
        &mut self,
        next: Self,
        session: &mut Session,
        config: &Config,
        hook: Hook,
        now: Duration,
    ) -> Result<()> {
        let (slots, lists) = (&self.slots, &mut self.lists);
        // A counter that both have belongs to the same list in both; others' lists end here.
        let mut add = |slot, part: kernel::Taken<'_>| {
            if let Some(entry) = slots.entry(slot) {
                lists.add(now, entry, part);
            }
        };
        let replaced = next.plan(config, hook, |plan| session.replace(plan, &mut add));
        if let Err(error) = replaced {
            let counted = session.counts().map_err(explain::kernel)?.rules;
            self.slots.take_back(&next.slots, &counted);
            return Err(explain::kernel(error));
        }
        let same = next.slots.lists_of(&self.slots);
        let ended = std::mem::replace(self, next);
        self.lists.go_on_from(ended.lists, &same);
        Ok(())
    }

    /// The plan for the kernel. Interfaces are attached to one by one, and none of them is in it.
    fn plan<T>(&self, config: &Config, hook: Hook, with: impl FnOnce(&Plan<'_>) -> T) -> T {
        let rules: Vec<RulesOf<'_>> =
            self.compiled.iter().map(|it| it.rules(&self.slots, &self.rules)).collect();
        let none: [Interface; 0] = [];
        with(&Plan {
            interfaces: &none,
            hook,
            direction: config.direction,
            loopbacks: &[],
            rules: &rules,
            vlan: VlanView::default(),
            snaplen: 0,
            ring_bytes: 0,
            overwrites: false,
            goal: 0,
            places: 0,
            list_memory: config.list_memory,
            diagnostics: false,
        })
    }
}

impl Compiled {
    /// What each counter counts.
    fn rules(&self, slots: &Slots, rules: &[Rule]) -> RulesOf<'_> {
        let of_lists = lists_of(rules).map(|(_, list)| list.wanted());
        let lists: Vec<kernel::Lists> =
            rules.iter().map(|_| kernel::Lists::default()).chain(of_lists).collect();
        let spec = |entry: Option<usize>| match entry {
            Some(entry) => {
                RuleSpec { graph: self.filters[entry].graph(), sampler: None, lists: lists[entry] }
            }
            None => RuleSpec {
                graph: self.nothing.graph(),
                sampler: None,
                lists: kernel::Lists::default(),
            },
        };
        RulesOf { link: self.link, rules: slots.entries().map(spec).collect() }
    }
}

#[cfg(test)]
mod tests;
