//! Filters over the frames of a file: in this process, or by the loaded program.

use std::{mem, ops::ControlFlow, path::Path};

use anyhow::Result;
use probe_common::{
    Counter, Sampler,
    key::{Key, Seeds},
    top::TopLayout,
};
use probe_filter::{Filter, Machine, ir};
use probe_frame::{Frame, LinkType};
use probe_pcap::{ReadError, ReadEvent, Reader};
use probe_sketch::{Distinct, Table};

use crate::{
    explain,
    kernel::{self, Counts, Lists, RuleSpec, Taken, TestRun},
    keys::List,
    progress::Progress,
    reporter,
    rules::{Rule, RuleSet, lists_of},
    source::Engine,
    stop,
};

/// Opens a file whose frames are only counted; a signal ends the reading, as its end does.
/// `None`: it came before there was a frame. Where `progress` has been started, it is told how far the
/// reading is.
///
/// # Errors
/// A file that cannot be read, or is none.
pub fn open(path: &Path, progress: &Progress) -> Result<Option<Reader>> {
    stop::on_signals()?;
    let progress = progress.clone();
    let handler = move |event| {
        if let ReadEvent::Reading(position) = event {
            progress.note(position);
        }
        if stop::requested() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    match Reader::open_with(path, Box::new(handler)) {
        Err(stopped @ ReadError::Stopped { .. }) => {
            reporter::say(stopped);
            Ok(None)
        }
        reader => Ok(Some(reader?)),
    }
}

/// The filters of a rule set, ready to look at frames, and what they counted.
pub struct Matcher {
    rules: Vec<Rule>,
    /// Up to which hash the first rule samples connections, if it does.
    flow_limit: Option<u64>,
    engine: Engine,
    /// For the link type of the frame at hand.
    now: Compiled,
    /// For the link types of frames before it.
    others: Vec<Compiled>,
    seen: Counter,
    /// Of the rules, and behind them of the lists.
    counts: Vec<Counter>,
    /// The lists of frames that are looked at here.
    twins: Vec<Twin>,
    /// What the kernel had counted for the first rule before the frame at hand, and had chosen.
    before: First<u64>,
    /// Frames that the kernel does not take, looked at here instead.
    not_taken: u64,
    /// As long as so few frames were seen, [`reached`](Self::reached) need not look.
    next_look: u64,
}

/// The filters, compiled for frames of one link type.
struct Compiled {
    link: LinkType,
    machine: Machine,
    kernel: Option<TestRun>,
}

/// What became of a frame at the first rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct First<T = bool> {
    /// It matched.
    pub matched: T,
    /// It also belongs to a connection that the rule samples; so does every match where it
    /// samples all of them.
    pub chosen: T,
}

impl Compiled {
    fn new(rules: &[Rule], filters: &[Filter], engine: Engine, link: LinkType) -> Result<Self> {
        let graphs: Vec<_> = filters.iter().map(Filter::graph).collect();
        let kernel = match engine {
            Engine::User => None,
            Engine::Kernel(hook, direction) => {
                let hook = hook.on(direction, false);
                let of_rules = rules.iter().map(|rule| (by_flow(rule), Lists::default()));
                let of_lists = lists_of(rules).map(|(_, list)| (None, list.wanted()));
                let wanted = of_rules.chain(of_lists);
                let spec = |(&graph, (sampler, lists))| RuleSpec { graph, sampler, lists };
                let specs: Vec<_> = graphs.iter().zip(wanted).map(spec).collect();
                Some(TestRun::new(&specs, hook, link).map_err(explain::kernel)?)
            }
        };
        Ok(Self { link, machine: Machine::new(&graphs), kernel })
    }
}

impl Matcher {
    /// Begins with the link type that the rules were compiled for. For each other one that comes
    /// they are compiled once.
    pub fn new(rules: &RuleSet, engine: Engine, link: LinkType) -> Result<Self> {
        let now = Compiled::new(rules.rules(), rules.filters(), engine, link)?;
        let counts = vec![Counter::default(); rules.filters().len()];
        let rules = rules.rules().to_vec();
        let flow_limit = rules.first().and_then(by_flow).map(|sampler| sampler.flow_limit);
        let twins = lists_of(&rules).map(|(_, list)| Twin::new(list)).collect();
        Ok(Self {
            rules,
            flow_limit,
            engine,
            now,
            others: Vec::new(),
            seen: Counter::default(),
            counts,
            twins,
            before: First::default(),
            not_taken: 0,
            next_look: 0,
        })
    }

    /// Frames of another link type follow.
    #[cold]
    fn turn_to(&mut self, link: LinkType) -> Result<()> {
        let next = match self.others.iter().position(|other| other.link == link) {
            Some(at) => self.others.swap_remove(at),
            None => {
                let filters = RuleSet::filters_for_more(&self.rules, link)?;
                Compiled::new(&self.rules, &filters, self.engine, link)?
            }
        };
        self.others.push(mem::replace(&mut self.now, next));
        Ok(())
    }

    /// Counts a frame. Inlined, with all that it calls for most frames: a frame takes some
    /// 20 ns, of which calls would be a quarter.
    #[inline(always)]
    pub fn count(&mut self, frame: &Frame<'_>) -> Result<()> {
        if frame.link != self.now.link {
            self.turn_to(frame.link)?;
        }
        self.seen += one(frame);
        match &mut self.now.kernel {
            Some(kernel) if kernel.takes(frame.bytes) => {
                kernel.run(frame.bytes, frame.wire_len).map_err(explain::kernel)?;
                return Ok(());
            }
            Some(_) => self.not_taken += 1,
            None => {}
        }
        self.look(frame);
        Ok(())
    }

    /// Looks at a frame in this process; says what the first rule makes of it.
    #[inline(always)]
    fn look(&mut self, frame: &Frame<'_>) -> First {
        let seen = ir::Frame {
            bytes: frame.bytes,
            wire_len: frame.wire_len,
            vlan: None,
            outbound: frame.outbound,
        };
        let mut matched = false;
        let of_rules = self.rules.len();
        let mut keyed = 0u64;
        self.now.machine.run(&seen, |rule| {
            matched |= rule == 0;
            if let Some(count) = self.counts.get_mut(rule) {
                *count += one(frame);
            }
            if let Some(list) = rule.checked_sub(of_rules) {
                keyed |= 1 << list;
            }
        });
        if keyed != 0 {
            self.count_keys(keyed, frame.wire_len);
        }
        let flow = || u64::from(self.now.machine.flow(0));
        let chosen = matched && self.flow_limit.is_none_or(|limit| flow() <= limit);
        First { matched, chosen }
    }

    /// Counts a frame in the lists, one bit each, that it has a key for.
    fn count_keys(&mut self, keyed: u64, wire_len: u32) {
        let of_rules = self.rules.len();
        for (list, twin) in self.twins.iter_mut().enumerate() {
            if keyed >> list & 1 != 0 {
                twin.count(Key(self.now.machine.key(of_rules + list)), wire_len);
            }
        }
    }

    /// Takes what the lists have counted, as [`Programs::take_lists`](crate::kernel::Programs) does:
    /// the index is that of the list's counter.
    pub fn take_lists(&mut self, f: &mut dyn FnMut(usize, Taken<'_>)) {
        for (counter, twin) in (self.rules.len()..).zip(&mut self.twins) {
            twin.take(&mut |part| f(counter, part));
        }
        let all = self.others.iter_mut().chain([&mut self.now]);
        all.filter_map(|compiled| compiled.kernel.as_mut()).for_each(|run| run.take_lists(f));
    }

    /// Counts a frame, and says what the first rule makes of it.
    pub fn first(&mut self, frame: &Frame<'_>) -> Result<First> {
        if self.engine == Engine::User {
            if frame.link != self.now.link {
                self.turn_to(frame.link)?;
            }
            self.seen += one(frame);
            return Ok(self.look(frame));
        }
        if frame.link != self.now.link {
            self.turn_to(frame.link)?;
        }
        if self.now.kernel.as_ref().is_some_and(|kernel| !kernel.takes(frame.bytes)) {
            self.seen += one(frame);
            self.not_taken += 1;
            return Ok(self.look(frame));
        }
        self.count(frame)?;
        let mut now = First::default();
        for counts in self.kernel_counts() {
            let Counts { rules, ledger, .. } = counts?;
            let matched = rules.first().map_or(0, |count| count.packets);
            now.matched += matched;
            // Without a sampler the program chooses none, and what matches is chosen here.
            now.chosen += if self.flow_limit.is_some() { ledger.chosen } else { matched };
        }
        let before = mem::replace(&mut self.before, now);
        Ok(First { matched: before.matched != now.matched, chosen: before.chosen != now.chosen })
    }

    /// Counts a frame, and says whether the first rule matches it.
    pub fn first_matches(&mut self, frame: &Frame<'_>) -> Result<bool> {
        Ok(self.first(frame)?.matched)
    }

    /// Frames looked at.
    pub fn seen(&self) -> Counter {
        self.seen
    }

    /// What each rule matched, and behind the rules each list.
    pub fn totals(&self) -> Result<Vec<Counter>> {
        let mut totals = self.counts.clone();
        for counts in self.kernel_counts() {
            for (total, count) in totals.iter_mut().zip(counts?.rules) {
                *total += count;
            }
        }
        Ok(totals)
    }

    /// What the program in the kernel counted, for each link type.
    fn kernel_counts(&self) -> impl Iterator<Item = Result<Counts>> + '_ {
        let all = self.others.iter().chain([&self.now]);
        let programs = all.filter_map(|compiled| compiled.kernel.as_ref());
        programs.map(|kernel| kernel.counts().map_err(explain::kernel))
    }

    /// Whether all rules together have matched so often by now. A frame adds one to each rule
    /// at most, so that the counters, which the kernel copies for every CPU, need not be read
    /// behind each frame until little is missing.
    pub fn reached(&mut self, goal: u64) -> Result<bool> {
        if self.seen.packets < self.next_look {
            return Ok(false);
        }
        let rules = self.rules.len();
        let matches: u64 = self.totals()?.iter().take(rules).map(|count| count.packets).sum();
        let missing = goal.saturating_sub(matches);
        let most = rules.max(1) as u64;
        self.next_look = self.seen.packets + missing.div_ceil(most);
        Ok(missing == 0)
    }

    /// Frames that the kernel does not take, and that were looked at here.
    pub fn not_taken(&self) -> u64 {
        self.not_taken
    }
}

/// A list's twin of what programs count in.
struct Twin {
    top: Option<Table>,
    distinct: Option<Distinct>,
    seeds: Seeds,
}

impl Twin {
    fn new(list: &List) -> Self {
        let seeds = kernel::seeds();
        // As large as that of a program on frames handed in.
        let sets = TopLayout::LARGEST.sets() as usize;
        // The same file gives the same counts each time, but for which hashes collide.
        let top = list.top.map(|_| Table::new(sets, seeds, 1));
        Self { top, distinct: list.distinct.then(Distinct::default), seeds }
    }

    fn count(&mut self, key: Key, wire_len: u32) {
        if let Some(top) = &mut self.top {
            top.count(key, wire_len);
        }
        if let Some(distinct) = &mut self.distinct {
            distinct.add(self.seeds.hash(&key));
        }
    }

    fn take(&mut self, f: &mut dyn FnMut(Taken<'_>)) {
        if let Some(top) = &mut self.top {
            let mut pins = Vec::new();
            f(Taken::Top { table: top.view(), refused: top.refused(), pins: &mut pins });
            top.clear();
            top.pin(&pins);
        }
        if let Some(distinct) = &mut self.distinct {
            f(Taken::Distinct { registers: distinct.registers(), missed: 0 });
            distinct.clear();
        }
    }
}

/// How the rule samples whole connections, if it does. What else a sampler says belongs to CPUs and to
/// time, which a file has not.
fn by_flow(rule: &Rule) -> Option<Sampler> {
    let of_flows = |sampler: Sampler| Sampler { every: 1, ns_per_frame: 0, burst_ns: 0, ..sampler };
    rule.sampler.filter(Sampler::chooses_flows).map(of_flows)
}

fn one(frame: &Frame<'_>) -> Counter {
    Counter { packets: 1, bytes: frame.wire_len.into() }
}
