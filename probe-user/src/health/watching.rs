//! Frames and counts of a run, put together to reports.

use std::time::Duration;

use probe_common::{Counter, Ledger};
use probe_flow::{Limits, Tracker};
use probe_frame::{Frame, WallTime};

use super::{
    Plan,
    host::HostLog,
    report::{Counts, Followed, Port, Report},
    rules::Rules,
    service::Service,
    tally::{Spell, Tallies, Tally},
    verdict::{Facts, judge},
};

/// Connections that are followed at once. With at most [`Limits::BYTES_PER_CONNECTION`] bytes each that is
/// 100 MB.
const CONNECTIONS: usize = 1 << 17;

/// A run: what was seen so far.
pub struct Watching {
    plan: Plan,
    rules: Rules,
    tracker: Tracker,
    tallies: Tallies,
    hook: String,
    interfaces: Vec<String>,
    host: HostLog,
    lost: u64,
    /// From this time on some of the connections that were followed are not.
    thinned: Option<WallTime>,
    /// Records that came.
    records: u64,
}

impl Watching {
    /// Nothing was seen yet.
    pub fn new(plan: &Plan, rules: Rules, hook: String, interfaces: Vec<String>) -> Self {
        let mut limits = Limits::default();
        limits.connections = CONNECTIONS;
        Self {
            plan: plan.clone(),
            rules,
            tracker: Tracker::new(limits),
            tallies: Tallies::new(&plan.services),
            hook,
            interfaces,
            host: HostLog::default(),
            lost: 0,
            thinned: None,
            records: 0,
        }
    }

    /// Takes a frame that the rule of the stories matched.
    pub fn frame(&mut self, frame: &Frame<'_>) {
        self.records += 1;
        if self.thinned.is_some_and(|since| frame.time > since) {
            self.thinned = None;
            self.tracker.lost();
        }
        self.tracker.frame(frame, &mut self.tallies);
    }

    /// Frames that came so far, and those that did not find room.
    pub fn records(&self) -> (u64, u64) {
        (self.records, self.lost)
    }

    /// Takes what the kernel says of frames that did not get here.
    pub fn ledger(&mut self, ledger: &Ledger) {
        let lost = ledger.lost + ledger.refused;
        if lost > self.lost {
            self.lost = lost;
            self.tracker.lost();
        }
    }

    /// From this time on the frames are those of one connection in `one_in`.
    pub fn follow(&mut self, time: WallTime, one_in: u32) {
        let one_in = u64::from(one_in);
        if one_in > self.tallies.weights.now() {
            // Of those that were followed some have no more frames, and nobody can tell which.
            self.thinned = Some(time);
        }
        self.tallies.weights.change(time, one_in);
    }

    /// Asks the host what it says now. Before the first frame, and before each report.
    pub fn ask_host(&mut self, elapsed: Duration) {
        self.host.ask(elapsed);
    }

    /// What there is to say. `now`: the clock of the frames. `counters`: those of the rules. The last report
    /// is about the whole run.
    pub fn report(
        &mut self,
        now: WallTime,
        elapsed: Duration,
        counters: &[Counter],
        last: bool,
    ) -> Report {
        self.tracker.expire(now, &mut self.tallies);
        self.tallies.look(now, self.tracker.open());
        let figures = self.tracker.figures();
        let mut ports: Vec<Port> = match self.plan.services.as_slice() {
            [] => self.tallies.ports().map(|(service, tally)| (service, tally)).collect(),
            services => services
                .iter()
                .filter_map(|service| Some((*service, self.tallies.port(*service)?)))
                .collect::<Vec<_>>(),
        }
        .into_iter()
        .map(|(service, tally)| self.port(service, tally, elapsed, counters, last))
        .collect();
        if self.plan.services.is_empty() {
            // The busiest first, and of those the lowest port.
            ports.sort_by_key(|port| std::cmp::Reverse(port.counts.connections));
            ports.truncate(self.plan.most);
        }
        let report = Report {
            time: now,
            elapsed,
            last,
            hook: self.hook.clone(),
            interfaces: self.interfaces.clone(),
            followed: Followed {
                one_in: self.tallies.weights.now(),
                now: self.tracker.open().count() as u64,
                lost: self.lost,
                refused: figures.refused,
            },
            ports,
        };
        let Self { tallies, rules, .. } = self;
        let asked: Vec<(Service, u64)> = (tallies.ports())
            .map(|(service, tally)| (service, counts(rules, service, tally, counters).syn))
            .collect();
        tallies.tick(elapsed, |service| {
            asked.iter().find(|(other, _)| *other == service).map_or(0, |(_, asked)| *asked)
        });
        report
    }

    fn port(
        &self,
        service: Service,
        tally: &Tally,
        elapsed: Duration,
        counters: &[Counter],
        last: bool,
    ) -> Port {
        let counts = counts(&self.rules, service, tally, counters);
        let spell = tally.spell(elapsed, counts.syn, last);
        let begun = elapsed.saturating_sub(spell.span);
        let view = tally.server().and_then(|server| self.host.view(server, service, begun));
        let Spell { span, asked, outcomes, handshake, first_byte, http, clients } = spell;
        let facts = Facts {
            service,
            span,
            asked,
            outcomes,
            clients,
            handshake,
            first_byte,
            http,
            rejection: tally.rejection(),
            host: view.as_ref(),
            slow: self.plan.slow,
        };
        let (verdict, why) = judge(&facts);
        let seconds = span.as_secs_f64();
        let asked_per_second = if seconds > 0.0 { asked as f64 / seconds } else { 0.0 };
        Port { service, verdict, why, counts, asked_per_second, handshake, first_byte }
    }
}

/// What was counted of a port: in full by the rules, or what the stories say.
fn counts(rules: &Rules, service: Service, tally: &Tally, counters: &[Counter]) -> Counts {
    let sums = tally.sums();
    let [connections, answered, completed] = sums.progress();
    let outcomes = tally.outcomes();
    let counted = rules.counts(service, counters).unwrap_or_else(|| Counts {
        syn: connections + outcomes.retransmitted,
        synack: answered,
        ..Counts::default()
    });
    Counts {
        connections,
        answered,
        completed,
        refused: outcomes.refused,
        rejected: outcomes.rejected,
        unanswered: outcomes.unanswered,
        half_open: tally.now().half_open,
        abandoned: sums.abandoned(),
        retransmitted: outcomes.retransmitted,
        http: sums.http(),
        margin: sums.margin(),
        ..counted
    }
}
