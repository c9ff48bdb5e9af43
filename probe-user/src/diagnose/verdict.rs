//! What the facts say of a port, in a word and a sentence. Pure: facts in, words out.

use std::{fmt, net::IpAddr, time::Duration};

use probe_flow::{Connection, Outcome, Protocol, Rejection, Role};
use probe_frame::visible;

use super::neighbours::Neighbour;

/// The word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Somebody answers there.
    Open,
    /// TCP: nobody listens.
    Refused,
    /// An ICMP error came back.
    Rejected,
    /// What was sent is not answered, or was not let out.
    Dropped,
    /// UDP: nobody listens.
    Closed,
    /// The port may be this or that.
    Unclear,
}

/// As it stands in the result line.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "OPEN",
            Self::Refused => "REFUSED",
            Self::Rejected => "REJECTED",
            Self::Dropped => "DROPPED",
            Self::Closed => "CLOSED",
            Self::Unclear => "UNCLEAR",
        })
    }
}

/// What there is to judge by.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Who is asked.
    pub server: IpAddr,
    /// Where was looked: an interface or a file.
    pub place: &'a str,
    /// What was seen of the connection, if anything was.
    pub connection: Option<&'a Connection>,
    /// The search for the next hop, where that was looked for.
    pub neighbour: Option<Neighbour>,
    /// Who made the connection.
    pub attempt: Attempted,
    /// How long was waited.
    pub waited: Duration,
}

/// Who made the connection, and what this host's kernel said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempted {
    /// Somebody else.
    ByOthers,
    /// We: the kernel has it, or still tries.
    UnderWay,
    /// We, and the kernel gave up with this errno.
    Failed(i32),
}

/// A verdict, and what it stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The word.
    pub verdict: Verdict,
    /// The evidence.
    pub evidence: String,
}

impl Finding {
    fn new(verdict: Verdict, evidence: impl Into<String>) -> Self {
        Self { verdict, evidence: evidence.into() }
    }
}

/// Judges.
pub fn judge(facts: &Facts<'_>) -> Finding {
    let Some(connection) = facts.connection else { return nothing_seen(facts) };
    match (facts.protocol, connection.outcome()) {
        (_, Outcome::Rejected) => rejected(facts, connection),
        (Protocol::Tcp, Outcome::Refused) => refused(connection),
        (Protocol::Tcp, Outcome::Open | Outcome::Closed) => open(connection),
        (Protocol::Tcp, Outcome::Reset) if connection.was_opened() => open(connection),
        (Protocol::Tcp, Outcome::Reset) => {
            let by = connection.reset_by().map_or("somebody", Role::word);
            Finding::new(Verdict::Unclear, format!("{}; the {by} reset it", syns(connection)))
        }
        (Protocol::Tcp, Outcome::HalfOpen) => half_open(connection),
        (Protocol::Tcp, Outcome::Unanswered) => unanswered(facts, connection),
        (Protocol::Udp, Outcome::Open) => answered(connection),
        (Protocol::Udp, _) if connection.was_answered() => {
            Finding::new(Verdict::Open, "the server sends datagrams")
        }
        (Protocol::Udp, _) => silent(facts, connection),
        (Protocol::Tcp, Outcome::Partial) => partial(connection),
    }
}

/// No frame of it.
fn nothing_seen(facts: &Facts<'_>) -> Finding {
    let (server, place) = (facts.server, visible(facts.place));
    let first = match facts.protocol {
        Protocol::Tcp => "SYN",
        Protocol::Udp => "datagram",
    };
    if let Some(neighbour) = facts.neighbour.filter(Neighbour::is_missing) {
        return no_neighbour(&neighbour, server, &place);
    }
    match facts.attempt {
        Attempted::ByOthers => Finding::new(
            Verdict::Unclear,
            format!("no connection to {server} at this port was seen at {place}"),
        ),
        // What a firewall drops in the output hook is EPERM for a datagram (nf_hook_slow in
        // net/netfilter/core.c); a SYN is sent again, as if it were lost.
        Attempted::Failed(libc::EPERM) => Finding::new(
            Verdict::Dropped,
            format!("this host's own firewall (output) let no {first} out"),
        ),
        Attempted::Failed(errno @ (libc::ENETUNREACH | libc::EHOSTUNREACH)) => Finding::new(
            Verdict::Unclear,
            format!("no {first} left this host: it has no route to {server} ({})", words(errno)),
        ),
        Attempted::Failed(errno) => Finding::new(
            Verdict::Unclear,
            format!("no {first} was seen at {place}; the kernel says: {}", words(errno)),
        ),
        Attempted::UnderWay => Finding::new(
            Verdict::Dropped,
            format!(
                "no {first} left by {place} in {:.1} s: this host's own firewall (output) drops it, or it \
                 goes another way",
                facts.waited.as_secs_f64()
            ),
        ),
    }
}

fn no_neighbour(neighbour: &Neighbour, server: IpAddr, place: &str) -> Finding {
    let Neighbour { address, asked, .. } = neighbour;
    let question = match address {
        IpAddr::V4(_) => "ARP request",
        IpAddr::V6(_) => "neighbour solicitation",
    };
    let s = if *asked == 1 { "" } else { "s" };
    let whose = if *address == server {
        String::new()
    } else {
        format!(", which is to pass packets on to {server}")
    };
    Finding::new(
        Verdict::Unclear,
        format!("nobody has {address} on {place}{whose}: {asked} {question}{s}, no answer"),
    )
}

/// What an ICMP error stands for, besides what it says.
fn who_says_so(server: IpAddr, Rejection { reason, from }: Rejection) -> &'static str {
    if from == server && reason.is_port_unreachable() {
        "the server's own firewall: a closed port resets"
    } else if from == server {
        "the server's own firewall"
    } else if reason.is_prohibition() || reason.is_port_unreachable() {
        "a firewall on the way"
    } else {
        "a router or firewall on the way"
    }
}

fn rejected(facts: &Facts<'_>, connection: &Connection) -> Finding {
    let Some(rejection) = connection.rejection() else { return silent(facts, connection) };
    let Rejection { reason, from } = rejection;
    if facts.protocol == Protocol::Udp && reason.is_port_unreachable() && from == facts.server {
        return Finding::new(
            Verdict::Closed,
            format!("ICMP {reason}{}, nobody listens", after(connection)),
        );
    }
    let who = who_says_so(facts.server, rejection);
    Finding::new(
        Verdict::Rejected,
        format!("ICMP {reason} from {from}{} ({who})", after(connection)),
    )
}

/// How long its last frame came after the last attempt.
fn after(connection: &Connection) -> String {
    format!(" after {}", milliseconds(connection.duration()))
}

fn refused(connection: &Connection) -> Finding {
    // Of several SYNs the last one was answered, for all that is known.
    let last = connection.syns().times().last().unwrap_or_default();
    let took = connection.duration().saturating_sub(last);
    Finding::new(Verdict::Refused, format!("RST after {}, nobody listens", milliseconds(took)))
}

fn open(connection: &Connection) -> Finding {
    let mut parts = Vec::new();
    match (connection.syn_to_synack(), connection.synack_to_ack()) {
        (Some(there), Some(back)) => {
            parts.push(format!("handshake {}", milliseconds(there + back)));
        }
        (Some(there), None) => parts.push(format!("SYN-ACK after {}", milliseconds(there))),
        _ => parts.push("the handshake was not seen".into()),
    }
    if connection.syns().count() > 1 {
        parts.push(format!("but {}", syns(connection)));
    }
    let greeted = connection.first_byte_of(Role::Server);
    match (connection.first_byte(), greeted, connection.first_byte_of(Role::Client)) {
        (Some(time), ..) => parts.push(format!("first byte {}", milliseconds(time))),
        (None, Some(time), _) => {
            let waited = time.0.saturating_sub(connection.started().0);
            let waited = milliseconds(Duration::from_nanos(waited));
            parts.push(format!("the server speaks first, {waited} after the SYN"));
        }
        (None, None, Some(_)) => parts.push("no answer to what the client sent".into()),
        (None, None, None) => parts.push("no data".into()),
    }
    let end = match (connection.reset_by(), connection.closed_by()) {
        (Some(role), _) => format!("reset by the {}", role.word()),
        (None, Some(role)) => format!("closed by the {}", role.word()),
        (None, None) => "still open".into(),
    };
    parts.push(end);
    Finding::new(Verdict::Open, parts.join(", "))
}

/// When the SYNs were sent: `SYN at 0, 1.0, 3.1 s`.
fn syns(connection: &Connection) -> String {
    let attempts = connection.syns();
    let times: Vec<String> = attempts.times().map(seconds).collect();
    let more = usize::from(attempts.count()).saturating_sub(times.len());
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("SYN at {} s{more}", times.join(", "))
}

fn seconds(time: Duration) -> String {
    if time.is_zero() { "0".into() } else { format!("{:.1}", time.as_secs_f64()) }
}

fn half_open(connection: &Connection) -> Finding {
    let answered = connection.syn_to_synack().map(milliseconds);
    let answered = answered.map_or_else(String::new, |time| format!(" after {time}"));
    Finding::new(
        Verdict::Unclear,
        format!(
            "the server answers with SYN-ACK{answered}, and the client never completed the handshake ({} SYN-ACKs)",
            connection.synacks()
        ),
    )
}

fn unanswered(facts: &Facts<'_>, connection: &Connection) -> Finding {
    Finding::new(
        Verdict::Dropped,
        format!("{}, no answer; nothing came back from {}", syns(connection), facts.server),
    )
}

fn partial(connection: &Connection) -> Finding {
    let [client, server] = [Role::Client, Role::Server].map(|role| connection.side(role).packets());
    let verdict = if client > 0 && server > 0 { Verdict::Open } else { Verdict::Unclear };
    let end = connection.closed_by().map(|role| format!(", closed by the {}", role.word()));
    Finding::new(
        verdict,
        format!(
            "its beginning was not seen; segments of the client: {client}, of the server: {server}{}",
            end.unwrap_or_default()
        ),
    )
}

fn answered(connection: &Connection) -> Finding {
    let time = connection.first_byte().unwrap_or(connection.duration());
    Finding::new(Verdict::Open, format!("answered after {}", milliseconds(time)))
}

fn silent(facts: &Facts<'_>, connection: &Connection) -> Finding {
    let packets = connection.side(Role::Client).packets();
    let s = if packets == 1 { "" } else { "s" };
    Finding::new(
        Verdict::Unclear,
        format!(
            "{packets} datagram{s} in {:.1} s, no answer: dropped, or a service that does not answer this",
            facts.waited.as_secs_f64()
        ),
    )
}

/// A time to three digits or so.
pub fn milliseconds(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    match ms {
        ..10.0 => format!("{ms:.2} ms"),
        ..100.0 => format!("{ms:.1} ms"),
        _ => format!("{ms:.0} ms"),
    }
}

fn words(errno: i32) -> String {
    nix::errno::Errno::from_raw(errno).desc().to_owned()
}
