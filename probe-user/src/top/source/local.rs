//! Counts of programs of our own, as `probe count` has them; and begun anew where the user asks for other
//! rules, which are attached before the old ones are taken off.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use probe_common::Counter;

use super::{Next, neighbours::Known};
use crate::{
    count::{Counting, Lists, TAKE},
    explain, interfaces,
    kernel::{self, Counts, Programs as _, Session},
    keys::{self, List},
    names::NameStyle,
    rules::{Rule, RuleSet},
    snapshot::Snapshot,
    source::Live,
    top::{
        Plan,
        app::{Event, Hook, both},
    },
    watch::{self, Events, ProgramOptions, Watch},
};

/// Programs at work.
pub struct Local {
    live: Live,
    /// The rules as they were given.
    given: Vec<Rule>,
    /// The rules that programs count.
    counted: Vec<Rule>,
    list_memory: Option<u64>,
    interval: Duration,
    at_work: AtWork,
    /// Who else is attached.
    known: Known,
}

/// Programs, and what they have counted.
struct AtWork {
    session: Session,
    events: Events,
    set: Arc<RuleSet>,
    labels: Vec<String>,
    counting: Counting,
    /// What they had counted when it was last begun at zero.
    base: Counts,
    start: Instant,
    /// When to read.
    next: Instant,
    /// When to take lists.
    take: Instant,
    /// Whether the rows were shown for which there are no rates yet.
    shown: bool,
}

impl Local {
    /// Attaches. Needs the runtime, and that no other thread runs yet.
    ///
    /// # Errors
    /// Mistakes in flags and filters, and what the kernel refuses.
    pub fn start(plan: &Plan, live: &Live) -> Result<Self> {
        let known = Known::ask();
        let (list_memory, interval) = (plan.list_memory, plan.interval);
        let watch = attach(live, plan.rules.clone(), list_memory)?;
        watch.announce(live);
        let at_work = AtWork::new(watch, interval)?;
        let (live, given, counted) = (live.clone(), plan.rules.clone(), plan.rules.clone());
        Ok(Self { live, given, counted, list_memory, interval, at_work, known })
    }

    /// Waits for the next counts. Nothing is lost where the wait is given up.
    ///
    /// # Errors
    /// Those of reading the counters; and that no interface is left.
    pub async fn next(&mut self) -> Result<Next> {
        let at_work = &mut self.at_work;
        if !std::mem::replace(&mut at_work.shown, true) {
            let blank = blank(&self.given, at_work);
            return Ok(Next::Event(Event::Snapshot(Box::new(blank))));
        }
        match at_work.events.wait(at_work.next.min(at_work.take)).await {
            watch::Event::Stop => return Ok(Next::End),
            watch::Event::Changed(changes) => {
                interfaces::follow(&changes, &mut at_work.session);
            }
            watch::Event::Deadline => {}
        }
        if let Some(none) = at_work.events.none_left() {
            return Err(none.into());
        }
        let Some(mut snapshot) = at_work.look(self.interval)? else { return Ok(Next::Nothing) };
        // The rules as they were given: what else all frames match is told beside them.
        for (rule, given) in snapshot.rules.iter_mut().zip(&self.given) {
            rule.filter.clone_from(&given.filter);
        }
        Ok(Next::Event(Event::Snapshot(Box::new(snapshot))))
    }

    /// Counts from zero.
    ///
    /// # Errors
    /// Those of reading the counters.
    pub fn reset(&mut self) -> Result<()> {
        self.at_work.reset(self.interval)
    }

    /// Counts by other programs: only frames that `filter` matches, and those of one rule by source.
    ///
    /// # Errors
    /// What the kernel refuses. Then all goes on as it was; on an XDP hook it begins anew.
    pub fn count(&mut self, filter: &str, sources_of: Option<&str>) -> Result<()> {
        let mut given = self.given.clone();
        for rule in &mut given {
            if sources_of == Some(rule.name.as_str()) {
                ask_for_sources(rule);
            }
        }
        let narrowed = |rule: &Rule| Rule { filter: both(&rule.filter, filter), ..rule.clone() };
        let counted: Vec<Rule> = given.iter().map(narrowed).collect();
        // An interface takes one XDP program.
        let is_xdp = self.live.place()?.hook.is_xdp();
        if is_xdp {
            self.detach()?;
        }
        let watch = match attach(&self.live, counted.clone(), self.list_memory) {
            Err(error) if is_xdp => {
                let before = attach(&self.live, self.counted.clone(), self.list_memory)?;
                self.at_work = AtWork::new(before, self.interval)?;
                return Err(error);
            }
            watch => watch?,
        };
        let next = AtWork::new(watch, self.interval)?;
        let mut old = std::mem::replace(&mut self.at_work, next);
        (self.given, self.counted) = (given, counted);
        old.session.detach().map_err(explain::kernel)
    }

    /// The programs at the hooks of our interfaces, in the order they run.
    pub fn neighbours(&self) -> Vec<Hook> {
        self.known.hooks(self.at_work.session.attachments())
    }

    /// Takes the programs off.
    ///
    /// # Errors
    /// What detaching says.
    pub fn detach(&mut self) -> Result<()> {
        self.at_work.session.detach().map_err(explain::kernel)
    }
}

fn attach(live: &Live, rules: Vec<Rule>, list_memory: Option<u64>) -> Result<Watch> {
    // Other programs come when other tabs are opened, and files when rows are captured.
    let (files, reload) = (true, true);
    Watch::start(live, rules, ProgramOptions { list_memory, files, reload, ..Default::default() })
}

/// Asks for the sources of a rule's frames, and how many there are.
pub(super) fn ask_for_sources(rule: &mut Rule) {
    if let Ok(key) = "src".parse() {
        keys::ask(&mut rule.lists, List { key, top: Some(keys::TOP), distinct: true });
    }
}

/// The rules, of which nothing is known yet: there are no rates before an interval has ended.
fn blank(given: &[Rule], at_work: &AtWork) -> Snapshot {
    let rule = |rule: &Rule| crate::snapshot::Rule {
        name: rule.name.clone(),
        filter: rule.filter.clone(),
        pps: f64::NAN,
        bps: f64::NAN,
        ..Default::default()
    };
    Snapshot {
        time: crate::clock::rfc3339_ms(crate::clock::now()),
        hook: interfaces::hooks(at_work.session.attachments()),
        interfaces: at_work.labels.clone(),
        rules: given.iter().map(rule).collect(),
        ..Snapshot::default()
    }
}

impl AtWork {
    fn new(watch: Watch, interval: Duration) -> Result<Self> {
        let Watch { rules, chosen, session, stop } = watch;
        let events = Events::watch(stop, session.attachments(), chosen.any)?;
        let (set, labels, now) = (Arc::new(rules), chosen.labels(), Instant::now());
        let counting = counting(&set, &session, &labels);
        let (base, next, take) = (Counts::default(), now + interval, now + TAKE);
        Ok(Self {
            session,
            events,
            set,
            labels,
            counting,
            base,
            start: now,
            next,
            take,
            shown: false,
        })
    }

    /// Reads what is due; counts, where an interval has ended.
    fn look(&mut self, interval: Duration) -> Result<Option<Snapshot>> {
        let now = Instant::now();
        if now < self.next.min(self.take) {
            return Ok(None);
        }
        // Before the counters are read, so that no list is ahead of its rule.
        self.counting.take_lists(&mut self.session, now - self.start);
        self.take = now + TAKE;
        if now < self.next {
            return Ok(None);
        }
        let counts = self.session.counts().map_err(explain::kernel)?;
        let counts = since(&self.base, counts);
        let snapshot = Snapshot::from(&self.counting.tick(now - self.start, &counts));
        // A tick that came late does not make the later ones come in a burst.
        while self.next <= now {
            self.next += interval;
        }
        Ok(Some(snapshot))
    }

    fn reset(&mut self, interval: Duration) -> Result<()> {
        self.session.take_lists(&mut |_, _| {});
        self.base = self.session.counts().map_err(explain::kernel)?;
        self.counting = counting(&self.set, &self.session, &self.labels);
        let now = Instant::now();
        (self.start, self.next, self.take, self.shown) = (now, now + interval, now + TAKE, false);
        Ok(())
    }
}

fn counting(set: &Arc<RuleSet>, session: &Session, labels: &[String]) -> Counting {
    // Names are asked for behind the scenes, and shown once they are known.
    let lists = Lists::new(set.rules(), kernel::seeds(), NameStyle::Numbers);
    let hook = interfaces::hooks(session.attachments());
    Counting::new(Arc::clone(set), hook, labels.to_vec(), lists)
}

/// What was counted since then.
fn since(base: &Counts, mut counts: Counts) -> Counts {
    let less = |counter: &mut Counter, base: &Counter| {
        counter.packets = counter.packets.wrapping_sub(base.packets);
        counter.bytes = counter.bytes.wrapping_sub(base.bytes);
    };
    less(&mut counts.seen, &base.seen);
    counts.rules.iter_mut().zip(&base.rules).for_each(|(counter, base)| less(counter, base));
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_since_a_reset() {
        let counter = |packets| Counter { packets, bytes: packets * 60 };
        let counts = |seen, rules: [u64; 2]| Counts {
            seen: counter(seen),
            rules: rules.map(counter).to_vec(),
            ..Counts::default()
        };
        assert_eq!(since(&counts(100, [10, 0]), counts(150, [12, 5])), counts(50, [2, 5]));
        assert_eq!(since(&Counts::default(), counts(150, [12, 5])), counts(150, [12, 5]));
    }

    #[test]
    fn sources_are_asked_for_once() {
        let mut rule = Rule::new("a", "tcp");
        ask_for_sources(&mut rule);
        ask_for_sources(&mut rule);
        let [list] = &rule.lists[..] else { panic!("{:?}", rule.lists) };
        assert_eq!((list.key.to_string(), list.top, list.distinct), ("src".into(), Some(10), true));
    }
}
