//! What the stories of connections say of each port.

use std::{
    collections::{BTreeMap, VecDeque},
    hash::{BuildHasher as _, RandomState},
    net::IpAddr,
    time::Duration,
};

use probe_flow::{Connection, Event, Outcome, Role, Sink, histogram::Histogram};
use probe_frame::WallTime;
use probe_sketch::Distinct;

use super::{
    report::Since,
    service::{Protocol, Service},
    verdict::{Outcomes, Rejection, Times},
};
use crate::share;

/// Ports at most, where none are asked for.
const MOST_PORTS: usize = 256;
/// Kinds of ICMP errors that are told apart on a port.
const MOST_REJECTIONS: usize = 16;
/// How old a connection is before a missing answer says anything: the first retransmission comes after
/// this time (RFC 6298, section 2.1).
const DECIDED: Duration = Duration::from_secs(1);
/// What verdicts are about: the last so many seconds, and at least the last interval.
const SPAN: Duration = Duration::from_secs(10);

/// What is counted of connections, each as [those that it stands for](Connection::one_in).
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Started,
    Answered,
    Completed,
    Refused,
    Rejected,
    Unanswered,
    /// Answered and never completed.
    Abandoned,
    Retransmitted,
    /// The first digit of the status is 1; the next ones follow.
    Http,
}

/// Numbers of all of them: HTTP has five.
const KINDS: usize = What::Http as usize + 5;

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sums {
    of: [u64; KINDS],
    /// Variance of the connections that began: what the choice of connections adds.
    variance: f64,
}

impl Sums {
    fn add(&mut self, what: What, weight: u32) {
        self.add_at(what as usize, weight.into());
        if what == What::Started {
            self.variance += share::variance(weight);
        }
    }

    fn add_repeated(&mut self, connection: &Connection) {
        let number = u64::from(connection.one_in()) * repeated(connection);
        self.add_at(What::Retransmitted as usize, number);
    }

    fn add_at(&mut self, place: usize, number: u64) {
        if let Some(sum) = self.of.get_mut(place) {
            *sum += number;
        }
    }

    fn get(&self, what: What) -> u64 {
        self.of.get(what as usize).copied().unwrap_or(0)
    }

    fn since(&self, earlier: &Self) -> Self {
        let mut sums = *self;
        sums.of.iter_mut().zip(earlier.of).for_each(|(sum, earlier)| *sum -= earlier);
        sums
    }

    /// Connections that began, were answered, and were completed.
    pub fn progress(&self) -> [u64; 3] {
        [What::Started, What::Answered, What::Completed].map(|what| self.get(what))
    }

    /// Connections that were answered and never completed.
    pub fn abandoned(&self) -> u64 {
        self.get(What::Abandoned)
    }

    /// Answers of HTTP by the first digit of their status, from 1 to 5.
    pub fn http(&self) -> [u64; 5] {
        let mut classes = [0; 5];
        let found = self.of.get(What::Http as usize..).unwrap_or_default();
        classes.iter_mut().zip(found).for_each(|(class, found)| *class = *found);
        classes
    }

    /// How far the connections that began may be from the truth, in 999 of 1,000 cases.
    pub fn margin(&self) -> u64 {
        share::margin(self.variance)
    }
}

/// Connections right now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Answered and not completed.
    pub half_open: u64,
    /// Those of them that are older than a second.
    uncompleted: u64,
    /// Not answered for a second or longer.
    unanswered: u64,
    /// SYNs and SYN-ACKs that were sent again, of connections that are not completed.
    retransmitted: u64,
}

/// One port.
#[derive(Default)]
pub struct Tally {
    sums: Sums,
    now: Now,
    /// Times until the last tick: of handshakes, and until first bytes.
    old: [Histogram; 2],
    /// Those since then.
    young: [Histogram; 2],
    /// What there was at earlier ticks, and the times between each and the one before.
    ticks: VecDeque<Tick>,
    rejections: Vec<(Rejection, u64)>,
    /// Clients: of the span before, and of this one.
    clients: [Distinct; 2],
    /// When this one began.
    clients_since: Duration,
    /// One of the addresses of the server.
    server: Option<IpAddr>,
}

struct Tick {
    elapsed: Duration,
    sums: Sums,
    times: [Histogram; 2],
    asked: u64,
}

/// What is known of a port over a span.
pub struct Spell {
    pub span: Duration,
    pub asked: u64,
    pub outcomes: Outcomes,
    pub handshake: Times,
    pub first_byte: Times,
    pub http: (u64, u64),
    pub clients: u64,
}

impl Tally {
    /// Counts since the start.
    pub fn sums(&self) -> &Sums {
        &self.sums
    }

    /// Connections right now.
    pub fn now(&self) -> Now {
        self.now
    }

    /// What became of all connections since the start.
    pub fn outcomes(&self) -> Outcomes {
        outcomes(&self.sums, self.now)
    }

    /// Without those that are not over.
    pub fn settled(&self) -> Outcomes {
        outcomes(&self.sums, Now::default())
    }

    /// All times since the start.
    pub fn times(&self) -> Since {
        let [handshake, first_byte] = self.all_times();
        Since { handshake: (&handshake).into(), first_byte: (&first_byte).into() }
    }

    fn all_times(&self) -> [Histogram; 2] {
        let mut times = self.old.clone();
        times.iter_mut().zip(&self.young).for_each(|(sum, part)| sum.merge(part));
        times
    }

    /// The error that came most often.
    pub fn rejection(&self) -> Option<&Rejection> {
        self.rejections.iter().max_by_key(|(_, times)| *times).map(|(rejection, _)| rejection)
    }

    /// One of the addresses of the server, if any connection was followed.
    pub fn server(&self) -> Option<IpAddr> {
        self.server
    }

    /// The last [`SPAN`], or all since the start. `asked`: SYNs since the start.
    pub fn spell(&self, elapsed: Duration, asked: u64, whole: bool) -> Spell {
        let begun = elapsed.saturating_sub(SPAN);
        // The latest reading that is at least a span ago; without one the span begins at the start.
        let first =
            if whole { 0 } else { self.ticks.partition_point(|tick| tick.elapsed <= begun) };
        let before = first.checked_sub(1).and_then(|place| self.ticks.get(place));
        let (since, sums, asked_before) =
            before.map_or_else(Default::default, |tick| (tick.elapsed, tick.sums, tick.asked));
        let [handshake, first_byte] = if whole {
            self.all_times()
        } else {
            let mut times = self.young.clone();
            for tick in self.ticks.iter().skip(first) {
                times.iter_mut().zip(&tick.times).for_each(|(sum, part)| sum.merge(part));
            }
            times
        };
        let sums = self.sums.since(&sums);
        let http = sums.http();
        let [mut clients, last] = self.clients.clone();
        clients.merge(last.registers());
        Spell {
            span: elapsed - since,
            asked: asked.saturating_sub(asked_before),
            outcomes: outcomes(&sums, self.now),
            handshake: quantiles(&handshake),
            first_byte: quantiles(&first_byte),
            http: (http.iter().sum(), http[4]),
            clients: clients.estimate().low,
        }
    }

    fn tick(&mut self, elapsed: Duration, asked: u64) {
        let times = std::mem::take(&mut self.young);
        self.old.iter_mut().zip(&times).for_each(|(sum, part)| sum.merge(part));
        self.ticks.push_back(Tick { elapsed, sums: self.sums, times, asked });
        // One that is older than the span is kept: it is where the span begins.
        let begun = elapsed.saturating_sub(SPAN);
        while self.ticks.get(1).is_some_and(|tick| tick.elapsed <= begun) {
            self.ticks.pop_front();
        }
        if elapsed - self.clients_since >= SPAN {
            self.clients.rotate_left(1);
            self.clients[1] = Distinct::default();
            self.clients_since = elapsed;
        }
    }

    fn reject(&mut self, connection: &Connection) {
        let Some(rejection) = connection.rejection() else { return };
        let (reason, from) = (rejection.reason.to_string(), rejection.from);
        let rejection = Rejection { reason, from };
        if let Some((_, times)) = self.rejections.iter_mut().find(|(known, _)| *known == rejection)
        {
            *times += 1;
        } else if self.rejections.len() < MOST_REJECTIONS {
            self.rejections.push((rejection, 1));
        }
    }
}

/// What became of connections that began and ended in a span, and of those that stand open now.
fn outcomes(sums: &Sums, now: Now) -> Outcomes {
    let Now { half_open, uncompleted, unanswered, retransmitted } = now;
    Outcomes {
        completed: sums.get(What::Completed),
        refused: sums.get(What::Refused),
        rejected: sums.get(What::Rejected),
        unanswered: sums.get(What::Unanswered) + unanswered,
        uncompleted: sums.get(What::Abandoned) + uncompleted,
        young: half_open - uncompleted,
        retransmitted: sums.get(What::Retransmitted) + retransmitted,
    }
}

fn quantiles(times: &Histogram) -> Times {
    let us = |q| times.quantile_ns(q).unwrap_or(0.0) / 1e3;
    Times { n: times.count(), p50_us: us(0.5), p90_us: us(0.9), p99_us: us(0.99) }
}

/// All ports.
pub struct Tallies {
    ports: BTreeMap<Service, Tally>,
    /// Whether all ports that answer are of interest.
    all: bool,
    now: WallTime,
    hasher: RandomState,
}

impl Tallies {
    /// Of these ports, or of all that answer.
    pub fn new(services: &[Service]) -> Self {
        Self {
            ports: services.iter().map(|service| (*service, Tally::default())).collect(),
            all: services.is_empty(),
            now: WallTime::default(),
            hasher: RandomState::new(),
        }
    }

    /// All ports.
    pub fn ports(&self) -> impl Iterator<Item = (Service, &Tally)> {
        self.ports.iter().map(|(service, tally)| (*service, tally))
    }

    /// One port.
    pub fn port(&self, service: Service) -> Option<&Tally> {
        self.ports.get(&service)
    }

    /// What stands open at this time.
    pub fn look<'a>(&mut self, now: WallTime, open: impl Iterator<Item = &'a Connection>) {
        self.now = now;
        self.ports.values_mut().for_each(|tally| tally.now = Now::default());
        for connection in open {
            // Of one that lost a segment nobody can tell; one that is complete has been counted.
            if !connection.began() || connection.was_opened() || connection.may_have_lost() {
                continue;
            }
            let weight = u64::from(connection.one_in());
            let Some(tally) = self.ports.get_mut(&service(connection)) else { continue };
            let age = Duration::from_nanos(now.0.saturating_sub(connection.started().0));
            let is_old = age >= DECIDED;
            let Now { half_open, uncompleted, unanswered, retransmitted } = &mut tally.now;
            match (connection.was_answered(), connection.protocol()) {
                (true, Protocol::Udp) => continue,
                (true, Protocol::Tcp) => {
                    *half_open += weight;
                    *uncompleted += if is_old { weight } else { 0 };
                }
                (false, _) => *unanswered += if is_old { weight } else { 0 },
            }
            *retransmitted += weight * repeated(connection);
        }
    }

    /// A span of time begins. `asked`: SYNs to a port since the start.
    pub fn tick(&mut self, elapsed: Duration, asked: impl Fn(Service, &Tally) -> u64) {
        for (service, tally) in &mut self.ports {
            let asked = asked(*service, tally);
            tally.tick(elapsed, asked);
        }
    }

    /// The tally of a port, if it is of interest: one that was not asked for, once it has answered.
    fn of(&mut self, connection: &Connection) -> Option<&mut Tally> {
        let service = service(connection);
        let is_new = self.all && connection.was_answered() && self.ports.len() < MOST_PORTS;
        if is_new && !self.ports.contains_key(&service) {
            let mut tally = Tally::default();
            // That it began was told before its port was of interest.
            tally.sums.add(What::Started, connection.one_in());
            self.ports.insert(service, tally);
        }
        self.ports.get_mut(&service)
    }
}

fn service(connection: &Connection) -> Service {
    Service { protocol: connection.protocol(), port: connection.address(Role::Server).port() }
}

/// How often its SYN and its SYN-ACK were sent again.
fn repeated(connection: &Connection) -> u64 {
    let again = |times: u16| u64::from(times.saturating_sub(1));
    again(connection.syns().count()) + again(connection.synacks())
}

impl Sink for Tallies {
    fn event(&mut self, event: Event<'_>) {
        let (Event::Started(connection)
        | Event::Answered(connection)
        | Event::Opened(connection)
        | Event::FirstByte(connection)
        | Event::Request(connection, _)
        | Event::Ended(connection)) = event
        else {
            return;
        };
        if !connection.began() {
            return;
        }
        let weight = connection.one_in();
        let client = self.hasher.hash_one(connection.address(Role::Client).ip());
        let Some(tally) = self.of(connection) else { return };
        let is_tcp = connection.protocol() == Protocol::Tcp;
        match event {
            Event::Started(_) => {
                tally.sums.add(What::Started, weight);
                tally.clients[1].add(client);
                tally.server = Some(connection.address(Role::Server).ip());
            }
            Event::Answered(_) => {
                tally.sums.add(What::Answered, weight);
                if !is_tcp {
                    tally.sums.add(What::Completed, weight);
                }
            }
            Event::Opened(_) => {
                tally.sums.add(What::Completed, weight);
                tally.sums.add_repeated(connection);
                let (Some(first), Some(second)) =
                    (connection.syn_to_synack(), connection.synack_to_ack())
                else {
                    return;
                };
                record(&mut tally.young[0], first + second, weight);
            }
            Event::FirstByte(_) => {
                if let Some(time) = connection.first_byte() {
                    record(&mut tally.young[1], time, weight);
                }
            }
            Event::Request(_, exchange) => {
                if let Some(class @ 1..=5) = exchange.status.map(|status| status / 100) {
                    tally.sums.add_at(What::Http as usize + usize::from(class) - 1, weight.into());
                }
                // The time of a connection's first request was told as its first byte.
                let is_first = exchange.requested == connection.first_byte_of(Role::Client);
                if let Some(time) = exchange.first_byte().filter(|_| !is_first) {
                    record(&mut tally.young[1], time, weight);
                }
            }
            Event::Ended(_) if !connection.was_opened() => {
                tally.sums.add_repeated(connection);
                if let Some(what) = what_became_of(connection) {
                    tally.sums.add(what, weight);
                }
                if connection.outcome() == Outcome::Rejected {
                    tally.reject(connection);
                }
            }
            _ => {}
        }
    }
}

/// What became of a connection whose handshake was not completed; `None` where nobody can tell.
fn what_became_of(connection: &Connection) -> Option<What> {
    match connection.outcome() {
        Outcome::Refused => Some(What::Refused),
        Outcome::Rejected => {
            let rejection = connection.rejection()?;
            let by_server = rejection.from == connection.address(Role::Server).ip();
            let is_closed = connection.protocol() == Protocol::Udp
                && rejection.reason.is_port_unreachable()
                && by_server;
            Some(if is_closed { What::Refused } else { What::Rejected })
        }
        Outcome::HalfOpen => Some(What::Abandoned),
        // The client did not want it any more.
        Outcome::Reset if connection.was_answered() => Some(What::Abandoned),
        Outcome::Reset => Some(What::Unanswered),
        Outcome::Unanswered => Some(What::Unanswered),
        Outcome::Open | Outcome::Closed | Outcome::Partial => None,
    }
}

fn record(times: &mut Histogram, time: Duration, weight: u32) {
    times.record_many(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), weight.into());
}
