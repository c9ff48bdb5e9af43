//! `--explain`: the frames of a connection one by one, as a textbook lays them out. The steps of the handshake
//! and of the teardown have their numbers, sequence numbers stand as they count from the beginning and
//! as they are on the wire, and each frame says which states both sides are in after it (RFC 9293,
//! section 3.3.2).

use std::fmt::Write as _;

use probe_flow::{Connection, Outcome, Protocol, Role, Segment, What};

use super::exchange::{Exchange, Step};

/// The frames, or that there were none.
pub fn text(exchange: &Exchange) -> String {
    let Some(connection) = exchange.connection() else {
        return "no frame of the connection was seen\n".into();
    };
    let [client, server] = [Role::Client, Role::Server].map(|role| connection.address(role));
    let mut out = format!("client {client}, server {server}, {}\n", connection.protocol().word());
    let mut story = Story::default();
    for step in exchange.steps() {
        let said = story.say(connection, step);
        let since = step.time.0.saturating_sub(connection.started().0) as f64 / 1e6;
        let arrow = match (step.what, step.from) {
            // The error goes back to who sent what it quotes.
            (What::Error(_), Role::Client) | (_, Role::Server) => "client < server",
            _ => "client > server",
        };
        let _ = writeln!(out, "\n{said}");
        let _ = writeln!(out, "{since:9.3} ms  {arrow}  {}", numbers(connection, step));
        if connection.protocol() == Protocol::Tcp {
            let [client, server] = step.states;
            let _ = writeln!(out, "{:14}client {client}, server {server}", "");
        }
    }
    if exchange.more_steps() > 0 {
        let _ = writeln!(out, "\nand {} more frames", exchange.more_steps());
    }
    out
}

/// What has happened so far.
#[derive(Default)]
struct Story {
    syns: u32,
    synacked: bool,
    opened: bool,
    /// The numbers that acknowledge the FINs of client and server.
    fins: [Option<u32>; 2],
    acked: [bool; 2],
    first: Option<Role>,
}

impl Story {
    /// What a frame does.
    fn say(&mut self, connection: &Connection, step: &Step) -> String {
        let from = step.from.word();
        match step.what {
            What::Error(error) => {
                format!("{} says of the {from}'s packet: {}", error.from, error.reason)
            }
            What::Datagram(0) => format!("the {from} sends a datagram without data"),
            What::Datagram(bytes) => format!("the {from} sends {bytes} bytes"),
            What::Segment(segment) => self.segment(connection, step.from, &segment),
        }
    }

    fn segment(&mut self, connection: &Connection, from: Role, segment: &Segment) -> String {
        let (word, flags) = (from.word(), segment.flags);
        if flags.rst() {
            let refuses = from == Role::Server && !self.synacked && !connection.was_answered();
            return if refuses {
                "the server refuses: nobody listens".into()
            } else {
                format!("the {word} resets the connection")
            };
        }
        match (flags.syn(), flags.ack()) {
            (true, false) => {
                self.syns += 1;
                let again = if self.syns > 1 { " again: it has heard nothing" } else { "" };
                return format!("handshake, 1 of 3: the {word} asks{again}");
            }
            (true, true) => {
                let again = if self.synacked { " again: it has heard nothing" } else { "" };
                self.synacked = true;
                return format!("handshake, 2 of 3: the {word} agrees{again}");
            }
            _ => {}
        }
        let mut parts = Vec::new();
        if from == Role::Client && self.synacked && !self.opened {
            self.opened = true;
            parts.push("handshake, 3 of 3: the client confirms".to_owned());
        }
        if segment.payload > 0 {
            parts.push(format!("the {word} sends {} bytes", segment.payload));
        }
        parts.extend(self.confirms_end(from, segment));
        parts.extend(self.ends(from, segment));
        if parts.is_empty() {
            return format!("the {word} confirms what it has got");
        }
        parts.join("; ")
    }

    /// Whether a segment acknowledges the FIN of the other side for the first time.
    fn confirms_end(&mut self, from: Role, segment: &Segment) -> Option<String> {
        let other = from.other();
        let place = usize::from(other == Role::Server);
        let awaited = self.fins.get(place).copied().flatten()?;
        let acked = self.acked.get_mut(place)?;
        if *acked || !segment.flags.ack() || segment.acknowledgment != awaited {
            return None;
        }
        *acked = true;
        let nth = if self.first == Some(other) { 2 } else { 4 };
        Some(format!("teardown, {nth} of 4: the {} has heard that", from.word()))
    }

    /// Whether it has a FIN.
    fn ends(&mut self, from: Role, segment: &Segment) -> Option<String> {
        if !segment.flags.fin() {
            return None;
        }
        let place = usize::from(from == Role::Server);
        let fin = self.fins.get_mut(place)?;
        let again = if fin.is_some() { " (again)" } else { "" };
        *fin = Some(segment.sequence.wrapping_add(segment.payload).wrapping_add(1));
        let nth = if *self.first.get_or_insert(from) == from { 1 } else { 3 };
        Some(format!("teardown, {nth} of 4: the {} has no more to say{again}", from.word()))
    }
}

/// A segment's flags and numbers: from the beginning, and as they are on the wire.
fn numbers(connection: &Connection, step: &Step) -> String {
    let segment = match step.what {
        What::Segment(segment) => segment,
        What::Datagram(bytes) => return format!("UDP, {bytes} bytes"),
        What::Error(error) => return format!("ICMP {} from {}", error.reason, error.from),
    };
    let Segment { sequence, acknowledgment, flags, payload, .. } = segment;
    // Who refuses has no sequence number that anything could be counted from.
    let refused = connection.outcome() == Outcome::Refused;
    let shown = |number: u32, of: Role| match connection.side(of).initial_sequence() {
        Some(start) if !(refused && of == Role::Server) => {
            format!("{} ({number})", number.wrapping_sub(start))
        }
        _ => format!("({number})"),
    };
    let (from, other) = (step.from, step.from.other());
    let mut out = format!("{flags} seq {}", shown(sequence, from));
    if flags.ack() {
        let _ = write!(out, " ack {}", shown(acknowledgment, other));
    }
    if payload > 0 {
        let _ = write!(out, ", {payload} bytes");
    }
    out
}
