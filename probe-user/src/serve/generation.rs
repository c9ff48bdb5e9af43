//! The rules that count at one time: compiled for what frames begin with, each in its counter.

use anyhow::Result;
use probe_common::Counter;
use probe_filter::{Filter, LinkType, VlanView};

use super::{present::Present, slots::Slots};
use crate::{
    config::Config,
    explain,
    failure::Usage,
    kernel::{Hook, Interface, Lists, Memory, Plan, RuleSpec, RulesOf, Session, Taken},
    link_type, reporter,
    rules::{self, Rule, RuleSet},
};

/// What frames may begin with: programs for both are there from the start, as an interface of either
/// kind may come.
const LINKS: [LinkType; 2] = [LinkType::Ethernet, LinkType::Raw];

/// No frame is like this.
const NOTHING: &str = "1 = 0";

/// A set of rules at work, or about to be.
pub struct Generation {
    /// In the order of the file.
    pub rules: Vec<Rule>,
    slots: Slots,
    compiled: Vec<Compiled>,
}

/// The filters of all rules for one link type.
struct Compiled {
    link: LinkType,
    filters: Vec<Filter>,
    /// What counters without a rule have.
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
    pub fn next(&self, config: &Config, present: &Present, counted: &[Counter]) -> Result<Self> {
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
        let for_raw = |rule: &Rule| {
            rule.compile(&raw).or_else(|error| {
                if has_raw {
                    let (name, link) = (&rule.name, link_type::known(LinkType::Raw).name);
                    reporter::note(format_args!(
                        "rule {name}: {error}; it matches none of the frames of link type {link}"
                    ));
                }
                probe_filter::compile(NOTHING, &raw)
            })
        };
        let second = rules.iter().map(for_raw).collect::<Result<_, _>>()?;
        let [of_ethernet, of_raw] =
            [&ethernet, &raw].map(|options| probe_filter::compile(NOTHING, options));
        let compiled = vec![
            Compiled { link: LinkType::Ethernet, filters: first, nothing: of_ethernet? },
            Compiled { link: LinkType::Raw, filters: second, nothing: of_raw? },
        ];
        Ok(Self { rules, slots, compiled })
    }

    /// What each rule has counted, of what all counters hold.
    pub fn counts(&self, counted: &[Counter]) -> Vec<Counter> {
        self.slots.counts(counted)
    }

    /// Loads the programs; nothing is attached yet.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub fn load(&self, config: &Config, hook: Hook) -> Result<Session> {
        self.plan(config, hook, Session::load).map_err(explain::kernel)
    }

    /// Puts them into the place of those that a session runs.
    ///
    /// # Errors
    /// What the kernel refuses; nothing has changed then.
    pub fn replace(&self, session: &mut Session, config: &Config, hook: Hook) -> Result<()> {
        let no_lists = &mut |_: usize, _: Taken<'_>| {};
        self.plan(config, hook, |plan| session.replace(plan, no_lists)).map_err(explain::kernel)
    }

    /// The plan for the kernel. Interfaces are attached to one by one, and none of them is in it.
    fn plan<T>(&self, config: &Config, hook: Hook, with: impl FnOnce(&Plan<'_>) -> T) -> T {
        let rules: Vec<RulesOf<'_>> =
            self.compiled.iter().map(|it| it.rules(&self.slots)).collect();
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
            list_memory: Memory::DEFAULT_BOUND,
            diagnostics: false,
        })
    }
}

impl Compiled {
    /// What each counter counts.
    fn rules(&self, slots: &Slots) -> RulesOf<'_> {
        let spec = |rule: Option<usize>| {
            let filter = rule.map_or(&self.nothing, |rule| &self.filters[rule]);
            RuleSpec { graph: filter.graph(), sampler: None, lists: Lists::default() }
        };
        RulesOf { link: self.link, rules: slots.rules().map(spec).collect() }
    }
}
