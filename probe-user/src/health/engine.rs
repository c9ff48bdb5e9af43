//! Programs at work, and the connections that are made of their frames: what `probe health` and the part
//! of `probe serve` have in common. It shows nothing: whoever has it looks again and again, and asks for
//! reports.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use probe_common::{Counter, Ledger, RingLayout};
use probe_filter::{LinkType, VlanView};

use super::{
    Settings,
    report::Report,
    selection::{Rules, SNAPLEN},
    watching::Watching,
};
use crate::{
    capture::feed::{Feed as _, RingFeed},
    clock, explain, interfaces,
    kernel::{self, Attachment, Counts, Direction, Fill, Hook, Programs as _, RulesOf, Session},
    rules::{self, RuleSet},
    share::Load,
};

/// How long a wait for frames lasts at most, so that signals are noticed.
const POLL: Duration = Duration::from_millis(100);
/// The same where nobody waits for frames, but all connections are followed: a flood may begin.
const QUIET: Duration = Duration::from_millis(50);
/// Bytes of each CPU's rings: a tenth of a second of a million records a second.
pub const RING: usize = RingLayout::SMALL + (16 << 20);
/// The same where it is for always: of each CPU, at least so much, and of all CPUs together.
const SMALL_RING: usize = 2 << 20;
const LEAST_RING: usize = 512 << 10;
const ALL_RINGS: usize = 64 << 20;
/// Records that are read before the clock is looked at.
const BATCH: usize = 4096;

/// Programs at work, and what became of connections so far.
pub struct Engine {
    session: Session,
    feed: RingFeed,
    watching: Watching,
    load: Load,
    /// Whether frames came since the load was last looked at.
    came: bool,
    /// Whether it is for always.
    sleeps: bool,
    start: Instant,
    /// What the rules had counted when the run began; nothing where that was when they were attached.
    base: Vec<Counter>,
}

/// What came of a run.
pub struct Closed {
    /// The last report: about all of it.
    pub report: Report,
    /// Whether everything came off again.
    pub detached: Result<()>,
}

/// Bytes of each CPU's rings in each of so many program sets.
fn small_ring(sets: usize) -> Result<usize> {
    let cpus = kernel::cpus().map_err(explain::kernel)?.max(1) as usize;
    Ok((ALL_RINGS / cpus / sets.max(1)).clamp(LEAST_RING, SMALL_RING))
}

impl Engine {
    /// Loads programs for frames of these link types (none: Ethernet), and attaches them by `attach`. The
    /// hook is tcx, by which programs are attached later on without a right. Needs no right behind that.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub fn load<T>(
        settings: &Settings,
        links: impl IntoIterator<Item = LinkType>,
        attach: impl FnOnce(&mut Session) -> Result<T>,
    ) -> Result<Self> {
        let mut links: Vec<LinkType> = links.into_iter().collect();
        links.sort_unstable();
        links.dedup();
        if links.is_empty() {
            links.push(LinkType::Ethernet);
        }
        let options = |link| rules::live_options(&[], link, VlanView::default());
        let rules = super::rules(settings, &options(links[0]))?;
        let sets = (links.iter())
            .map(|&link| Ok((link, RuleSet::compile(rules.rules().to_vec(), &options(link))?)))
            .collect::<Result<Vec<_>>>()?;
        let specs: Vec<RulesOf<'_>> =
            sets.iter().map(|(link, set)| RulesOf { link: *link, rules: set.specs() }).collect();
        let plan = kernel::Plan {
            interfaces: &[],
            hook: Hook::Tcx,
            direction: Direction::InOut,
            loopbacks: &[],
            rules: &specs,
            vlan: VlanView::default(),
            snaplen: SNAPLEN,
            ring_bytes: small_ring(sets.len())?,
            overwrites: false,
            goal: 0,
            places: 0,
            list_memory: None,
            diagnostics: false,
        };
        let mut session = Session::load(&plan).map_err(explain::kernel)?;
        attach(&mut session)?;
        Self::new(settings, rules, session, Vec::new())
    }

    /// Begins, with programs that count these rules. `interfaces`: what reports call them.
    ///
    /// # Errors
    /// Where the programs have no rings.
    pub fn new(
        settings: &Settings,
        rules: Rules,
        mut session: Session,
        interfaces: Vec<String>,
    ) -> Result<Self> {
        let rings = session.take_rings().context("health reads frames")?;
        let feed = RingFeed::new(rings, session.links(), SNAPLEN);
        let hook = interfaces::hooks(session.attachments());
        let mut watching = Watching::new(settings, rules, hook, interfaces);
        // What the host counts from here on.
        watching.ask_host(Duration::ZERO);
        let (load, start, base) = (Load::new(settings.most_records), Instant::now(), Vec::new());
        Ok(Self { session, feed, watching, load, came: false, sleeps: false, start, base })
    }

    /// Leaves out what came until now, of which nothing was looked at: the run begins here.
    ///
    /// # Errors
    /// Those of reading the counters.
    pub fn begin(&mut self) -> Result<()> {
        self.feed.look_at_all();
        while self.feed.next().is_some() {}
        drop(self.feed.lend());
        let counts = self.session.quick_counts().map_err(explain::kernel)?;
        self.load.begin(&counts.ledger);
        self.base = counts.rules;
        self.start = Instant::now();
        self.watching.ask_host(Duration::ZERO);
        Ok(())
    }

    /// Looks for frames less often where none come, for those who are always there: at the beginning of a flood
    /// of more than a quarter of a million segments a second on a CPU some are lost, which is counted. Less often
    /// still where connections are left out: no more come then than are wanted.
    pub fn sleep_longer(&mut self) {
        self.sleeps = true;
        self.feed.sleep_up_to(QUIET);
    }

    /// Where the programs are.
    pub fn attachments(&self) -> &[Attachment] {
        self.session.attachments()
    }

    /// The programs, to attach them elsewhere.
    pub fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// Waits for frames, for a moment and not beyond `until`, and follows the connections of those
    /// that are there.
    ///
    /// # Errors
    /// Those of reading the counters.
    pub fn look(&mut self, until: Instant) -> Result<()> {
        self.feed.look(until.saturating_duration_since(Instant::now()).min(POLL));
        self.came |= self.drain(BATCH);
        if !self.load.is_due() {
            Ok(())
        } else if self.came {
            self.follow_the_load()
        } else {
            // Without a frame there is no load, and a look at it takes system calls.
            self.load_is(None)
        }
    }

    /// What there is to say now.
    ///
    /// # Errors
    /// Those of reading the counters.
    pub fn report(&mut self) -> Result<Report> {
        let counts = self.session.quick_counts().map_err(explain::kernel)?;
        Ok(self.report_of(&counts, false))
    }

    /// How full the rings of one CPU were at most since this was asked before.
    pub fn fill(&mut self) -> Fill {
        self.feed.fill()
    }

    /// Takes the programs off, and follows what is left in the rings.
    ///
    /// # Errors
    /// Those of reading the counters.
    pub fn close(mut self) -> Result<Closed> {
        let detached = self.session.detach().map_err(explain::kernel);
        self.feed.look_at_all();
        self.drain(usize::MAX);
        let counts = self.session.counts().map_err(explain::kernel)?;
        Ok(Closed { report: self.report_of(&counts, true), detached })
    }

    /// Reads what is in the rings, or some of it. Says whether there was anything.
    fn drain(&mut self, most: usize) -> bool {
        let mut came = false;
        for _ in 0..most {
            let Some((frame, _)) = self.feed.next() else {
                self.load.caught_up();
                break;
            };
            self.watching.frame(&frame);
            came = true;
        }
        // Read in place: the kernel gets the memory back at once.
        drop(self.feed.lend());
        came
    }

    /// Follows more or fewer connections, by the records that came since the last time.
    fn follow_the_load(&mut self) -> Result<()> {
        self.came = false;
        let counts = self.session.quick_counts().map_err(explain::kernel)?;
        self.watching.ledger(clock::now(), &counts.ledger);
        self.load_is(Some(&counts.ledger))
    }

    /// Follows more or fewer connections by what the kernel says; `None`: nothing came.
    fn load_is(&mut self, ledger: Option<&Ledger>) -> Result<()> {
        if let Some(share) = self.load.look(ledger, self.watching.table()) {
            let since = clock::now();
            self.session.choose_flows(share.one_in()).map_err(explain::kernel)?;
            self.watching.follow(share, since);
            if self.sleeps {
                self.feed.sleep_up_to(if share.one_in() > 1 { POLL } else { QUIET });
            }
        }
        Ok(())
    }

    fn report_of(&mut self, counts: &Counts, last: bool) -> Report {
        let elapsed = self.start.elapsed();
        self.watching.ledger(clock::now(), &counts.ledger);
        self.watching.ask_host(elapsed);
        let mut counted = counts.rules.clone();
        for (counter, base) in counted.iter_mut().zip(&self.base) {
            counter.packets = counter.packets.saturating_sub(base.packets);
            counter.bytes = counter.bytes.saturating_sub(base.bytes);
        }
        self.watching.report(clock::now(), elapsed, &counted, last)
    }
}
