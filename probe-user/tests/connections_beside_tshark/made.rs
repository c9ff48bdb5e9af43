//! Captures with a truth: connections of every kind over a path that loses, delays and repeats segments,
//! seen in the middle of that path. Every time is known to the microsecond.

use std::{collections::BTreeSet, path::Path};

use probe_frame::{Frame, LinkType, Precision, WallTime};
use probe_pcap::{Contents, Writer};
use testbed::{
    Conversation, Random,
    Speaker::{self, Client, Server},
    Tcp, tcp_flags,
};

use super::ours::{Connection, Request};

/// What is true of a capture.
pub struct Made {
    pub connections: Vec<Connection>,
    /// By time.
    pub requests: Vec<Request>,
    /// The clients all of whose messages' first segments came once.
    pub clean: BTreeSet<String>,
}

/// How long the sender waits before it sends a segment again: longer than a message takes.
const TIMEOUT: u64 = 200_000;
/// Most bytes of a segment.
const SEGMENT: usize = 400;

/// Writes a capture of forty connections.
pub fn write(path: &Path, seed: u64) -> Made {
    let mut random = Random::new(seed);
    let mut made = Made { connections: Vec::new(), requests: Vec::new(), clean: BTreeSet::new() };
    let mut frames = Vec::new();
    let mut requests = Vec::new();
    for number in 0..40u64 {
        let mut talk = Talk::new(number, &mut random);
        talk.run(&mut random);
        made.connections.push(talk.truth());
        if talk.clean {
            made.clean.insert(talk.ends[0].clone());
        }
        requests.extend(talk.requests);
        frames.extend(talk.talk.frames);
    }
    frames.sort_by_key(|frame| frame.0);
    requests.sort_by_key(|(at, _)| *at);
    made.requests = requests.into_iter().map(|(_, request)| request).collect();
    let contents = Contents::pcap(LinkType::Ethernet, Precision::Nano);
    let mut writer = Writer::create(path, &contents).unwrap();
    for (time, bytes) in &frames {
        let (time, wire_len) = (WallTime(*time), bytes.len() as u32);
        let link = LinkType::Ethernet;
        writer.write(&Frame { time, wire_len, link, bytes, ifindex: 0, outbound: None }).unwrap();
    }
    writer.finish(None).unwrap();
    made
}

/// A connection as it comes about.
struct Talk {
    talk: Conversation,
    ends: [String; 2],
    now: u64,
    outcome: &'static str,
    handshake: Option<f64>,
    again: [u64; 2],
    /// With the time at which each was begun.
    requests: Vec<(u64, Request)>,
    /// Whether each message's first segment came once.
    clean: bool,
}

impl Talk {
    fn new(number: u64, random: &mut Random) -> Self {
        let (client, port) = (number % 200 + 1, 40_000 + number);
        let talk = match number % 2 {
            0 => Conversation::new(&format!("192.0.2.{client}:{port}"), "198.51.100.1:80"),
            _ => Conversation::new(&format!("[2001:db8::{client}]:{port}"), "[2001:db8:1::1]:80"),
        };
        let ends = match number % 2 {
            0 => [format!("192.0.2.{client} {port}"), "198.51.100.1 80".into()],
            _ => [format!("2001:db8::{client} {port}"), "2001:db8:1::1 80".into()],
        };
        Self {
            talk,
            ends,
            now: number * 7_001 + random.below(1000) as u64,
            outcome: "open",
            handshake: None,
            again: [0; 2],
            requests: Vec::new(),
            clean: true,
        }
    }

    fn wait(&mut self, random: &mut Random) -> u64 {
        self.now += 1_000 + random.below(20_000) as u64;
        self.now
    }

    fn run(&mut self, random: &mut Random) {
        let mut asked = self.now;
        self.talk.syn(asked);
        if random.one_in(4) {
            // Lost behind the place of capture.
            self.now += 1_000_000;
            asked = self.now;
            self.talk.syn(asked);
        }
        match random.below(10) {
            0 => {
                self.outcome = "unanswered";
                return;
            }
            1 => {
                *self.talk.next(Server) = 0;
                let at = self.wait(random);
                self.talk.rst(at, Server);
                self.outcome = "refused";
                return;
            }
            _ => {}
        }
        let at = self.wait(random);
        self.talk.synack(at);
        if random.below(10) == 0 {
            self.outcome = "half-open";
            return;
        }
        let at = self.wait(random);
        self.talk.ack(at, Client);
        self.handshake = Some((self.now - asked) as f64);
        for number in 0..random.below(6) {
            self.exchange(number, random);
        }
        let by = random.pick(&[Client, Server]);
        match random.below(5) {
            0 => {}
            1 => {
                let at = self.wait(random);
                self.talk.rst(at, by);
                self.outcome = "reset";
            }
            _ => {
                let other = if by == Client { Server } else { Client };
                let at = self.wait(random);
                self.talk.fin(at, by);
                let at = self.wait(random);
                self.talk.fin(at, other);
                let at = self.wait(random);
                self.talk.ack(at, by);
                self.outcome = "closed";
            }
        }
    }

    /// A request and its response, each in one to many segments.
    fn exchange(&mut self, number: usize, random: &mut Random) {
        let method = random.pick(&["GET", "POST", "HEAD"]);
        let path = format!("/{number}/{}", "x".repeat(random.below(30)));
        let body = if method == "POST" { random.below(1500) } else { 0 };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: made.example\r\nContent-Length: {body}\r\n\r\n{}",
            "q".repeat(body)
        );
        let status = random.pick(&[200u64, 404, 500]);
        let size = random.below(4000);
        let content = if method == "HEAD" { String::new() } else { "r".repeat(size) };
        let response = match random.below(2) {
            0 if method != "HEAD" => format!(
                "HTTP/1.1 {status} X\r\nTransfer-Encoding: chunked\r\n\r\n{size:x}\r\n{content}\r\n{}",
                if size == 0 { "\r\n" } else { "0\r\n\r\n" }
            ),
            _ => format!("HTTP/1.1 {status} X\r\nContent-Length: {size}\r\n\r\n{content}"),
        };
        let begun = self.message(Client, request.as_bytes(), random);
        let answered = self.message(Server, response.as_bytes(), random);
        let request = Request {
            client: self.ends[0].clone(),
            method: method.into(),
            path,
            status: Some(status),
            first_byte: Some((answered - begun) as f64),
        };
        self.requests.push((begun, request));
    }

    /// Sends a message, and acknowledges it. Says when its first byte was seen for the first time.
    fn message(&mut self, from: Speaker, bytes: &[u8], random: &mut Random) -> u64 {
        let start = self.wait(random);
        let own = from as usize;
        let acknowledgment = *self.talk.next(if from == Client { Server } else { Client });
        // Arrival at the place of capture, and where in the message.
        let mut seen: Vec<(u64, usize, usize)> = Vec::new();
        let mut offset = 0;
        let mut sent = start;
        while offset < bytes.len() {
            let length = (1 + random.below(SEGMENT)).min(bytes.len() - offset);
            match random.below(8) {
                // Lost in front of the place of capture, or behind it.
                0 => seen.push((sent + TIMEOUT, offset, length)),
                1 => seen.extend([(sent, offset, length), (sent + TIMEOUT, offset, length)]),
                // Delayed, so that the next ones overtake it.
                2 => seen.push((sent + 500, offset, length)),
                _ => seen.push((sent, offset, length)),
            }
            offset += length;
            sent += 100;
        }
        seen.sort_unstable();
        let (mut known, mut highest) = (BTreeSet::new(), 0);
        let first = *self.talk.next(from);
        for (at, offset, length) in &seen {
            if !known.insert(*offset) || *offset < highest {
                self.again[own] += 1;
            }
            highest = highest.max(offset + length);
            let tcp = Tcp {
                flags: tcp_flags::ACK | tcp_flags::PSH,
                sequence: first.wrapping_add(*offset as u32),
                acknowledgment,
                ..Tcp::default()
            };
            self.talk.segment(*at, from, &tcp, &bytes[*offset..offset + length]);
        }
        *self.talk.next(from) = first.wrapping_add(bytes.len() as u32);
        self.now = seen.last().unwrap().0;
        let at = self.wait(random);
        self.talk.ack(at, if from == Client { Server } else { Client });
        let firsts: Vec<u64> = seen.iter().filter(|seen| seen.1 == 0).map(|seen| seen.0).collect();
        self.clean &= firsts.len() == 1;
        firsts[0]
    }

    fn truth(&self) -> Connection {
        // Where the source port is, behind Ethernet and IPv4 or IPv6.
        let is_clients = |frame: &(u64, Vec<u8>)| {
            let bytes = &frame.1;
            let port = if bytes[12..14] == [8, 0] { 34 } else { 54 };
            u16::from_be_bytes([bytes[port], bytes[port + 1]]) >= 40_000
        };
        let frames = &self.talk.frames;
        let times: Vec<u64> = frames.iter().map(|frame| frame.0).collect();
        let (started, ended) = (*times.iter().min().unwrap(), *times.iter().max().unwrap());
        let of_client = frames.iter().filter(|frame| is_clients(frame)).count() as u64;
        Connection {
            client: self.ends[0].clone(),
            server: self.ends[1].clone(),
            outcome: self.outcome.into(),
            started: started as f64 / 1000.0,
            duration: (ended - started) as f64 / 1000.0,
            handshake: self.handshake,
            packets: [of_client, frames.len() as u64 - of_client],
            again: self.again,
        }
    }
}
