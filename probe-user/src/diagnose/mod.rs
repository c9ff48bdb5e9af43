//! `probe diagnose HOST:PORT`: what is wrong with a port, and how one knows.
//!
//! ```text
//! target ─> route ─> socket (its port is known) ─> programs on the link ─> connect
//!                                                        │
//!                     neighbours, exchange <─ frames ────┘       -r, --listen-only: frames alone
//!                              └─> verdict ─> a line, JSON, or the exchange laid out (--explain)
//! ```
//! The connection is an ordinary socket's. What became of it is told from the frames on the wire; what the kernel says
//! of it counts only where nothing got that far.

mod attempt;
mod exchange;
mod json;
mod layout;
mod neighbours;
mod target;
#[cfg(test)]
mod tests;
mod verdict;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use probe_filter::LinkType;

use crate::{
    capture::feed::{Feed as _, RingFeed},
    explain,
    failure::Negative,
    interfaces,
    kernel::{Direction, Hook, Programs as _, rtnetlink},
    offline,
    privileges::{self, Needs},
    progress::Progress,
    reporter,
    rules::{self, Rule},
    runtime,
    source::{Choice, DirectionChoice, Live},
    stdout, stop,
    watch::{ProgramOptions, Watch},
};

use attempt::Attempt;
use exchange::{Exchange, Wanted};
use neighbours::Neighbour;
pub use target::Target;
pub use verdict::Verdict;
use verdict::{Attempted, Facts, judge};

/// What to diagnose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The port.
    pub target: Target,
    /// Where the frames of its connection are seen.
    pub source: Source,
    /// How long an answer may take.
    pub timeout: Duration,
    /// How it is told.
    pub output: Output,
}

/// Where the frames are seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// On an interface, those of a connection that is made for it, over which this is sent; `None`: what
    /// the service of the port answers.
    Attempt(Place, Option<Vec<u8>>),
    /// On an interface, those of the next connection that others make.
    Others(Place),
    /// In a file, and whom to become before it is read (-Z).
    File(PathBuf, Option<String>),
}

/// Where to look on a live link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The interface; `None`: the one that the route to the host has.
    pub interface: Option<String>,
    /// The hook.
    pub hook: Choice<Hook>,
    /// Whom to become once the programs are attached (-Z).
    pub user: Option<String>,
}

/// How the diagnosis is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// In a sentence.
    #[default]
    Sentence,
    /// In a sentence, behind the frames.
    Explained,
    /// As an object.
    Json,
}

/// Bytes of a frame that are looked at: all headers.
const SNAPLEN: u32 = 256;
/// The frames of one connection fit many times.
const RING_BYTES: usize = 1 << 20;
/// How long is waited for a frame before the socket is looked after.
const LOOK: Duration = Duration::from_millis(5);
/// How long is waited for the frames of what the kernel has told already.
const SETTLE: Duration = Duration::from_millis(100);

/// Runs the command.
///
/// # Errors
/// Mistakes, what the kernel refuses; [`Negative`] where the port is not open.
pub fn run(plan: &Plan) -> Result<()> {
    let server = plan.target.resolve()?;
    match &plan.source {
        Source::File(path, user) => file(plan, server, path, user.as_deref()),
        Source::Attempt(place, send) => {
            let attempt = Attempt::new(plan.target.protocol, server, send.clone(), plan.timeout)
                .context("making a socket")?;
            runtime::block_on(live(plan, server, place, Some(attempt)))
        }
        Source::Others(place) => runtime::block_on(live(plan, server, place, None)),
    }
}

/// What there is to tell.
struct Story<'a> {
    plan: &'a Plan,
    server: SocketAddr,
    place: &'a str,
    exchange: Exchange,
    attempt: Attempted,
    waited: Duration,
}

impl Story<'_> {
    /// Judges, and tells.
    fn tell(mut self) -> Result<()> {
        self.exchange.finish();
        let Self { plan, server, place, exchange, attempt, waited } = &self;
        let finding = judge(&Facts {
            protocol: plan.target.protocol,
            server: server.ip(),
            place,
            connection: exchange.connection(),
            neighbour: exchange.neighbour(),
            attempt: *attempt,
            waited: *waited,
        });
        let sentence = || {
            let (port, protocol) = (server.port(), plan.target.protocol.word());
            format!("{port}/{protocol} {}: {}\n", finding.verdict, finding.evidence)
        };
        let told = match plan.output {
            Output::Sentence => sentence().into_bytes(),
            Output::Explained => format!("{}\n{}", layout::text(exchange), sentence()).into_bytes(),
            Output::Json => json::line(&plan.target, *server, place, exchange, &finding),
        };
        stdout::print(&told)?;
        if exchange.others() > 0 {
            let (s, they) = if exchange.others() == 1 { ("", "it") } else { ("s", "them") };
            reporter::note(format_args!(
                "{} more connection{s} to this port; probe connections lists {they}",
                exchange.others()
            ));
        }
        if finding.verdict == Verdict::Open { Ok(()) } else { Err(Negative.into()) }
    }
}

/// Of the frames of a file.
fn file(plan: &Plan, server: SocketAddr, path: &Path, user: Option<&str>) -> Result<()> {
    let progress = Progress::default();
    let Some(mut reader) = offline::open(path, &progress)? else { return Ok(()) };
    privileges::drop(user, Needs::default())?;
    let place = reader.name().to_owned();
    let wanted = Wanted { protocol: plan.target.protocol, server, client_port: None };
    let mut exchange = Exchange::new(wanted, None);
    progress.start(false);
    while let Some(frame) = reader.next()? {
        exchange.take(&frame);
    }
    progress.end();
    let waited = exchange.connection().map(probe_flow::Connection::duration).unwrap_or_default();
    let attempt = Attempted::ByOthers;
    Story { plan, server, place: &place, exchange, attempt, waited }.tell()
}

/// Of live frames: those of an attempt, or of the next connection that others make.
async fn live(
    plan: &Plan,
    server: SocketAddr,
    place: &Place,
    mut attempt: Option<Attempt>,
) -> Result<()> {
    let client_port =
        attempt.as_ref().map(Attempt::port).transpose().context("the socket's port")?;
    let wanted = Wanted { protocol: plan.target.protocol, server, client_port };
    let way = match Way::to(server, place, attempt.is_none()) {
        Ok(way) => way,
        // Without a route there is nothing to look at.
        Err(error) => {
            let errno = error.raw_os_error().filter(|_| attempt.is_some());
            let Some(errno) = errno else {
                return Err(error)
                    .with_context(|| format!("looking for the way to {}", server.ip()));
            };
            let (exchange, waited) = (Exchange::new(wanted, None), Duration::ZERO);
            let attempt = Attempted::Failed(errno);
            return Story { plan, server, place: "this host", exchange, attempt, waited }.tell();
        }
    };
    let mut rule = Rule::new("diagnose", filter(&wanted, way.neighbour));
    rule.sampler = Some(rules::sampler(1, None));
    let live = Live {
        interfaces: vec![way.interface.clone()],
        hook: place.hook,
        direction: DirectionChoice::Given(Direction::InOut),
        user: place.user.clone(),
        ..Live::default()
    };
    let program =
        ProgramOptions { snaplen: SNAPLEN, ring_bytes: RING_BYTES, ..ProgramOptions::default() };
    let Watch { mut session, .. } = Watch::start(&live, vec![rule], program)?;
    if attempt.is_none() {
        interfaces::announce(&session, 1, &live);
    }
    let links = session.links();
    let rings = session.take_rings().context("a diagnosis has rings")?;
    let mut feed = RingFeed::new(rings, links, SNAPLEN);
    let mut exchange = Exchange::new(wanted, way.neighbour);
    let waited = watch(plan, &mut feed, &mut exchange, &mut attempt);
    session.detach().map_err(explain::kernel)?;
    feed.look_at_all();
    drain(&mut feed, &mut exchange);
    let ledger = session.counts().map_err(explain::kernel)?.ledger;
    let lost = ledger.lost + ledger.refused;
    if lost > 0 {
        reporter::note(format_args!(
            "{lost} frames were lost on the way to probe: what is said here lacks them"
        ));
    }
    let attempt = match &attempt {
        None => Attempted::ByOthers,
        Some(attempt) => match attempt.failure() {
            Some(error) => Attempted::Failed(error.raw_os_error().unwrap_or_default()),
            None => Attempted::UnderWay,
        },
    };
    Story { plan, server, place: &way.interface, exchange, attempt, waited }.tell()
}

/// Takes frames until all is clear, the time is up, or the user has enough. Says how long that took.
fn watch(
    plan: &Plan,
    feed: &mut RingFeed,
    exchange: &mut Exchange,
    attempt: &mut Option<Attempt>,
) -> Duration {
    let start = Instant::now();
    if let Some(attempt) = attempt {
        attempt.start();
    }
    // Who waits for others waits for the first of their frames as long as the user does.
    let mut deadline = attempt.as_ref().map(|_| start + plan.timeout);
    let mut settled = None;
    while !stop::requested() && deadline.is_none_or(|deadline| Instant::now() < deadline) {
        feed.look(LOOK);
        drain(feed, exchange);
        if let Some(attempt) = attempt {
            attempt.go_on();
            if attempt.is_connected() {
                // From here on it has times of its own.
                deadline = None;
            }
            if attempt.is_over() {
                settled.get_or_insert_with(|| Instant::now() + SETTLE);
            }
        } else if deadline.is_none() && exchange.connection().is_some() {
            deadline = Some(Instant::now() + plan.timeout);
        }
        if exchange.is_over() || settled.is_some_and(|settled| Instant::now() >= settled) {
            break;
        }
    }
    start.elapsed()
}

fn drain(feed: &mut RingFeed, exchange: &mut Exchange) {
    while let Some((frame, _)) = feed.next() {
        exchange.take(&frame);
    }
    // What was taken is given back.
    drop(feed.lend());
}

/// How packets get there.
struct Way {
    interface: String,
    /// Whom they go to first, on a link where that is to be found out.
    neighbour: Option<Neighbour>,
}

impl Way {
    fn to(server: SocketAddr, place: &Place, of_others: bool) -> io::Result<Self> {
        let zone = match server {
            SocketAddr::V6(server) => server.scope_id(),
            SocketAddr::V4(_) => 0,
        };
        let route = rtnetlink::route_to(server.ip(), (zone != 0).then_some(zone));
        if let (Some(interface), Err(_)) = (&place.interface, &route) {
            return Ok(Self { interface: interface.clone(), neighbour: None });
        }
        let route = route?;
        // What others say to an address of this host comes in by the interface that has it.
        let holder = || interfaces::holder(server.ip()).filter(|_| of_others && route.is_local);
        let given = place.interface.clone().or_else(holder);
        let link = rtnetlink::link(route.index)?.ok_or(io::ErrorKind::NotFound)?;
        let name = rtnetlink::name(&link).ok_or(io::ErrorKind::NotFound)?.to_owned();
        let ethernet = rtnetlink::link_type(&link) == Some(LinkType::Ethernet);
        let asks = ethernet && !route.is_local && given.as_ref().is_none_or(|given| *given == name);
        let neighbour = asks.then(|| Neighbour::new(route.gateway.unwrap_or_else(|| server.ip())));
        Ok(Self { interface: given.unwrap_or(name), neighbour })
    }
}

/// The filter for the frames of one connection, for ICMP errors about it, and for the search for its next hop.
fn filter(wanted: &Wanted, neighbour: Option<Neighbour>) -> String {
    let Wanted { protocol, server, client_port } = wanted;
    let (protocol, address, port) = (protocol.word(), server.ip(), server.port());
    let from = client_port.map_or_else(String::new, |port| format!(" and src port {port}"));
    let both = client_port.map_or_else(String::new, |port| format!(" and port {port}"));
    let mut alternatives = vec![
        format!("{protocol} and host {address} and port {port}{both}"),
        format!("@unreachable and {protocol} and dst host {address} and dst port {port}{from}"),
    ];
    alternatives.extend(neighbour.map(|Neighbour { address, .. }| match address {
        IpAddr::V4(address) => format!("arp host {address}"),
        // Solicitations and advertisements (RFC 4861), behind the header of IPv6.
        IpAddr::V6(_) => "icmp6 and (ip6[40] = 135 or ip6[40] = 136)".to_owned(),
    }));
    let alternatives: Vec<String> =
        alternatives.into_iter().map(|filter| format!("({filter})")).collect();
    alternatives.join(" or ")
}
