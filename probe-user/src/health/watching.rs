//! Frames and counts of a run, put together to reports.

use std::time::Duration;

use probe_common::{Counter, Ledger};
use probe_flow::{Limits, Tracker};
use probe_frame::{Frame, WallTime};

use super::{
    Settings,
    host::HostLog,
    report::{Counts, Followed, Port, Report},
    selection::Rules,
    service::Service,
    tally::{Spell, Tallies, Tally},
    verdict::{Facts, Outcomes, judge},
};
use crate::share::{self, Share, Table};

/// A run: what was seen so far.
pub struct Watching {
    settings: Settings,
    rules: Rules,
    tracker: Tracker,
    tallies: Tallies,
    hook: String,
    interfaces: Vec<String>,
    host: HostLog,
    lost: u64,
}

impl Watching {
    /// Nothing was seen yet.
    pub fn new(settings: &Settings, rules: Rules, hook: String, interfaces: Vec<String>) -> Self {
        let mut limits = Limits::default();
        limits.connections = settings.most_connections;
        let mut tracker = Tracker::new(limits);
        tracker.choose_by(share::choice(rules.seed()));
        Self {
            settings: settings.clone(),
            rules,
            tracker,
            tallies: Tallies::new(&settings.services),
            hook,
            interfaces,
            host: HostLog::default(),
            lost: 0,
        }
    }

    /// Takes a frame that the rule of the stories matched.
    pub fn frame(&mut self, frame: &Frame<'_>) {
        self.tracker.frame(frame, &mut self.tallies);
    }

    /// Takes what the kernel says at a time of frames that did not get here.
    pub fn ledger(&mut self, now: WallTime, ledger: &Ledger) {
        let lost = ledger.lost + ledger.refused;
        if lost > self.lost {
            self.lost = lost;
            self.tracker.lost(now);
        }
    }

    /// Frames of after this time are those of another share of the connections.
    pub fn follow(&mut self, share: Share, since: WallTime) {
        share.follow(&mut self.tracker, since);
    }

    /// How full the table of connections is.
    pub fn table(&self) -> Table {
        Table::of(&self.tracker)
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
        let mut ports: Vec<Port> = match self.settings.services.as_slice() {
            [] => self.tallies.ports().collect(),
            services => services
                .iter()
                .filter_map(|service| Some((*service, self.tallies.port(*service)?)))
                .collect::<Vec<_>>(),
        }
        .into_iter()
        .map(|(service, tally)| self.port(service, tally, elapsed, counters, last))
        .collect();
        if self.settings.services.is_empty() {
            // The busiest first, and of those the lowest port.
            ports.sort_by_key(|port| std::cmp::Reverse(port.counts.connections));
            ports.truncate(self.settings.most);
        }
        let report = Report {
            time: now,
            elapsed,
            last,
            hook: self.hook.clone(),
            interfaces: self.interfaces.clone(),
            followed: Followed {
                one_in: self.tracker.one_in(),
                now: self.tracker.open().count() as u64,
                lost: self.lost,
                refused: figures.refused,
            },
            ports,
        };
        let Self { tallies, rules, .. } = self;
        tallies.tick(elapsed, |service, tally| {
            with_open(settled(rules, service, tally, counters), tally).syn
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
        let settled = settled(&self.rules, service, tally, counters);
        let counts = with_open(settled, tally);
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
            slow: self.settings.slow,
        };
        let (verdict, why) = judge(&facts);
        let seconds = span.as_secs_f64();
        let asked_per_second = if seconds > 0.0 { asked as f64 / seconds } else { 0.0 };
        let times = tally.times();
        Port {
            service,
            verdict,
            why,
            counts,
            settled,
            asked_per_second,
            handshake,
            first_byte,
            times,
        }
    }
}

/// What was counted of a port, in full by the rules, or else what the stories say; of connections that
/// are not over that they began, and how far they got.
fn settled(rules: &Rules, service: Service, tally: &Tally, counters: &[Counter]) -> Counts {
    let sums = tally.sums();
    let [connections, answered, completed] = sums.progress();
    let Outcomes { refused, rejected, unanswered, retransmitted, .. } = tally.settled();
    let counted = rules.counts(service, counters).unwrap_or_else(|| Counts {
        syn: connections + retransmitted,
        synack: answered,
        ..Counts::default()
    });
    Counts {
        connections,
        answered,
        completed,
        refused,
        rejected,
        unanswered,
        half_open: 0,
        abandoned: sums.abandoned(),
        retransmitted,
        http: sums.http(),
        margin: sums.margin(),
        ..counted
    }
}

/// The same with what can be said by now of connections that are not over.
fn with_open(settled: Counts, tally: &Tally) -> Counts {
    let Outcomes { unanswered, retransmitted, .. } = tally.outcomes();
    let again = if settled.exact { 0 } else { retransmitted - settled.retransmitted };
    Counts {
        syn: settled.syn + again,
        unanswered,
        half_open: tally.now().half_open,
        retransmitted,
        ..settled
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        net::{Ipv4Addr, SocketAddr},
        ops::Range,
        time::Instant,
    };

    use probe_frame::LinkType;
    use testbed::{Frame as Built, Tcp, tcp_flags};

    use super::*;
    use crate::health::service::Protocol;

    fn watching(services: &[Service]) -> Watching {
        let rules = Rules::new(services, "", true);
        let settings = Settings { services: services.to_vec(), ..Settings::default() };
        Watching::new(&settings, rules, "tcx".into(), vec!["eth0".into()])
    }

    /// The three segments of a handshake, one millisecond apart.
    fn handshake(n: u32, start: u64) -> [(WallTime, Vec<u8>); 3] {
        let client = Ipv4Addr::from_bits(10 << 24 | n);
        let server = Ipv4Addr::new(192, 0, 2, 1);
        let ports = (1024 + (n % 60_000) as u16, 80);
        let segment = |flags, from_client: bool, sequence, acknowledgment| {
            let (source, destination) = if from_client { ports } else { (ports.1, ports.0) };
            let ends = if from_client { (client, server) } else { (server, client) };
            let tcp =
                Tcp { source, destination, flags, sequence, acknowledgment, ..Tcp::default() };
            Built::ipv4(ends.0, ends.1).tcp(tcp).build()
        };
        let at = |ms: u64| WallTime(start + ms * 1_000_000);
        [
            (at(0), segment(tcp_flags::SYN, true, 7, 0)),
            (at(1), segment(tcp_flags::SYN | tcp_flags::ACK, false, 9, 8)),
            (at(2), segment(tcp_flags::ACK, true, 8, 10)),
        ]
    }

    fn take(watching: &mut Watching, time: WallTime, bytes: &[u8]) {
        let (wire_len, link) = (bytes.len() as u32, LinkType::Ethernet);
        watching.frame(&Frame { time, wire_len, link, bytes, ifindex: 1, outbound: None });
    }

    /// Bytes of memory in use by this process (proc(5), /proc/self/statm: pages).
    fn resident() -> u64 {
        let text = fs::read_to_string("/proc/self/statm").unwrap();
        text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
    }

    /// Run alone with --nocapture it prints what docs/health.md says.
    #[test]
    fn a_hundred_thousand_connections() {
        const CONNECTIONS: u32 = 100_000;
        let service = Service { protocol: Protocol::Tcp, port: 80 };
        let before = resident();
        let mut watching = watching(&[service]);
        let start = Instant::now();
        for n in 0..CONNECTIONS {
            // A connection every ten microseconds; a tenth is not completed.
            let segments = handshake(n, 1_000_000_000 + u64::from(n) * 10_000);
            let taken = if n % 10 == 0 { 2 } else { 3 };
            for (time, bytes) in segments.iter().take(taken) {
                take(&mut watching, *time, bytes);
            }
        }
        let followed = start.elapsed();
        let now = WallTime(1_000_000_000 + u64::from(CONNECTIONS) * 10_000 + 2_000_000_000);
        let start = Instant::now();
        let report = watching.report(now, Duration::from_secs(4), &[], false);
        let refresh = start.elapsed();
        let memory = resident() - before;
        let port = &report.ports[0];
        assert_eq!(port.counts.connections, 100_000);
        assert_eq!((port.counts.completed, port.counts.half_open), (90_000, 10_000));
        assert_eq!((report.followed.now, report.followed.refused), (100_000, 0));
        assert_eq!((port.handshake.n, port.verdict.word()), (90_000, "healthy"));
        // The middle of a bucket.
        assert!((port.handshake.p50_us - 2_000.0).abs() <= 0.022 * 2_000.0, "{port:?}");
        println!("followed in {followed:?}, report in {refresh:?}, {} MiB", memory >> 20);
    }

    #[test]
    fn ports_that_answer_are_found_and_the_busiest_come_first() {
        let mut watching = watching(&[]);
        for n in 0..3 {
            for (time, mut bytes) in handshake(n, 1_000_000_000) {
                take(&mut watching, time, &bytes);
                // The same again on another port, for one of them.
                if n == 0 {
                    let [source, destination] = [34, 36];
                    let place = if bytes[source..source + 2] == 80u16.to_be_bytes() {
                        source
                    } else {
                        destination
                    };
                    bytes[place..place + 2].copy_from_slice(&22u16.to_be_bytes());
                    take(&mut watching, time, &bytes);
                }
            }
        }
        let (_, syn) = &handshake(9, 1_000_000_000)[0];
        let mut unanswered = syn.clone();
        unanswered[36..38].copy_from_slice(&23u16.to_be_bytes());
        take(&mut watching, WallTime(1_500_000_000), &unanswered);
        let report = watching.report(WallTime(4_000_000_000), Duration::from_secs(3), &[], true);
        let ports: Vec<_> = (report.ports.iter())
            .map(|port| (port.service.port, port.counts.completed, port.counts.exact))
            .collect();
        assert_eq!(ports, [(80, 3, false), (22, 1, false)]);
        assert_eq!(report.ports[0].counts.connections, 3);
    }

    #[test]
    fn what_is_followed_stands_for_all_and_a_loss_is_no_answer() {
        let service = Service { protocol: Protocol::Tcp, port: 80 };
        let mut watching = watching(&[service]);
        // The first segments of 300 connections, a share of them from then on, and all of 300 others.
        for n in 0..300 {
            let [(time, syn), ..] = handshake(n, 1_000_000_000);
            take(&mut watching, time, &syn);
        }
        watching.follow(Share::Fewer(16), WallTime(1_500_000_000));
        for n in 300..600 {
            for (time, bytes) in handshake(n, 2_000_000_000) {
                take(&mut watching, time, &bytes);
            }
        }
        let choice = share::choice(watching.rules.seed());
        let chosen = |numbers: Range<u32>| {
            let ends = |n| {
                let client = SocketAddr::from((Ipv4Addr::from_bits(10 << 24 | n), 1024 + n as u16));
                [client, SocketAddr::from(([192, 0, 2, 1], 80))]
            };
            numbers.filter(|n| choice(probe_flow::Protocol::Tcp, ends(*n), 16)).count() as u64
        };
        let (before, after) = (chosen(0..300), chosen(300..600));
        let report = watching.report(WallTime(4_000_000_000), Duration::from_secs(3), &[], false);
        let counts = report.ports[0].counts;
        assert_eq!(counts.connections, 300 + 16 * after);
        assert_eq!((counts.completed, counts.unanswered), (16 * after, 16 * before));
        assert_eq!(counts.margin, (3.3 * f64::sqrt((after * 16 * 15) as f64)).ceil() as u64);
        let ledger = Ledger { chosen: 9, lost: 2, refused: 0, last_error: 0 };
        let [(first, syn), ..] = handshake(999, 4_000_000_000);
        take(&mut watching, first, &syn);
        watching.ledger(WallTime(5_000_000_000), &ledger);
        let report = watching.report(WallTime(8_000_000_000), Duration::from_secs(7), &[], false);
        assert_eq!((report.followed.lost, report.ports[0].counts.unanswered), (2, 0));
    }
}
