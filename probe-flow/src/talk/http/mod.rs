//! HTTP/1 (RFC 9110, RFC 9112): requests, and the response of each.

mod reader;

use std::collections::VecDeque;
use std::time::Duration;

use probe_frame::WallTime;

use super::stream::Piece;
use crate::connection::{Offset, Role};
use reader::{Framing, Kind, Part, Reader};

/// Requests that may wait for their responses: who pipelines sends fewer.
const MAX_WAITING: usize = 64;
/// Bytes of a request's target and of its host that are kept.
const MAX_TARGET: usize = 1024;
const MAX_HOST: usize = 255;

/// A request of HTTP/1 and its response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpExchange {
    /// The method, and the target as it stands in the request line, up to 1,024 bytes. `None`: a
    /// response whose request was not seen.
    pub request: Option<(Box<str>, Box<str>)>,
    /// What the field Host says.
    pub host: Option<Box<str>>,
    /// The status of the final response.
    pub status: Option<u16>,
    /// Whether the response must have come, but was not seen.
    pub unseen: bool,
    /// When the request's first byte was seen.
    pub requested: Option<WallTime>,
    /// When the first byte of the final response was seen.
    pub responded: Option<WallTime>,
    /// Bytes of the response's body, without the frames of chunks. `None`: its end was not seen.
    pub body: Option<u64>,
}

impl HttpExchange {
    /// The method.
    pub fn method(&self) -> Option<&str> {
        self.request.as_ref().map(|(method, _)| &**method)
    }

    /// The target, which is a path in most cases.
    pub fn path(&self) -> Option<&str> {
        self.request.as_ref().map(|(_, target)| &**target)
    }

    /// From the first byte of the request to the first of the final response.
    pub fn first_byte(&self) -> Option<Duration> {
        self.responded?.0.checked_sub(self.requested?.0).map(Duration::from_nanos)
    }

    /// Memory in bytes, beside its own size.
    pub(super) fn memory(&self) -> usize {
        let request = self.request.as_ref().map_or(0, |(method, path)| method.len() + path.len());
        request + self.host.as_ref().map_or(0, |host| host.len())
    }
}

/// A request that waits for its response.
#[derive(Clone, Debug)]
struct Waiting {
    exchange: HttpExchange,
    /// What the client had of the server's stream when it asked.
    acked: Offset,
}

/// What a head's fields say of the body.
#[derive(Clone, Copy, Debug, Default)]
struct Fields {
    length: Option<u64>,
    chunked: bool,
}

impl Fields {
    fn take(&mut self, line: &[u8]) {
        if let Some(value) = value(line, "content-length") {
            self.length = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
        } else if let Some(value) = value(line, "transfer-encoding") {
            // The last coding is the one that tells the length (RFC 9112, section 6.1).
            let last = value.rsplit(|&byte| byte == b',').next().unwrap_or_default();
            self.chunked = last.trim_ascii().eq_ignore_ascii_case(b"chunked");
        }
    }
}

/// A connection that speaks HTTP/1.
#[derive(Clone, Debug)]
pub(super) struct Http {
    client: Reader,
    server: Reader,
    pairs: Pairs,
}

/// Requests and the responses that belong to them.
#[derive(Clone, Debug, Default)]
struct Pairs {
    waiting: VecDeque<Waiting>,
    /// Whether the last of those that wait is still being read.
    reading: bool,
    /// The response that is being read.
    current: Option<HttpExchange>,
    /// Whether it is an interim one (RFC 9110, section 15.2).
    interim: bool,
    request: Fields,
    response: Fields,
    /// Whether the connection has changed to another protocol.
    over: bool,
    done: Vec<HttpExchange>,
}

impl Http {
    pub(super) fn new(from_beginning: bool) -> Self {
        let server = if from_beginning { Reader::new } else { Reader::lost }(Kind::Responses);
        Self { client: Reader::new(Kind::Requests), server, pairs: Pairs::default() }
    }

    /// Takes what comes next from a side; `acked` is what that side has acknowledged of the other's
    /// stream.
    pub(super) fn take(&mut self, from: Role, piece: Piece<'_>, acked: Offset) {
        let Self { client, server, pairs } = self;
        match from {
            Role::Client => client.take(piece, &mut |part| pairs.client(part, acked)),
            Role::Server => server.take(piece, &mut |part| pairs.server(part)),
        }
        if pairs.over {
            client.stop();
            server.stop();
        }
    }

    /// Whether bytes of a side that nobody saw do no harm.
    pub(super) fn in_body(&self, of: Role) -> bool {
        match of {
            Role::Client => self.client.in_body(),
            Role::Server => self.server.in_body(),
        }
    }

    /// A side has sent all.
    pub(super) fn close(&mut self, of: Role) {
        let Self { client, server, pairs } = self;
        match of {
            Role::Client => client.close(&mut |part| pairs.client(part, 0)),
            Role::Server => server.close(&mut |part| pairs.server(part)),
        }
    }

    /// The connection has ended: nothing is answered any more, and what has no end is cut off.
    pub(super) fn finish(&mut self) {
        self.close(Role::Server);
        self.close(Role::Client);
        let Pairs { waiting, done, .. } = &mut self.pairs;
        done.extend(waiting.drain(..).map(|waiting| waiting.exchange));
    }

    /// Exchanges that are complete, or as complete as they will be.
    pub(super) fn done(&mut self) -> Vec<HttpExchange> {
        std::mem::take(&mut self.pairs.done)
    }

    pub(super) fn memory(&self) -> usize {
        let waiting = &self.pairs.waiting;
        waiting.iter().map(|waiting| waiting.exchange.memory()).sum::<usize>()
            + waiting.capacity() * size_of::<Waiting>()
            + self.client.memory()
            + self.server.memory()
    }
}

impl Pairs {
    fn client(&mut self, part: Part<'_>, acked: Offset) -> Framing {
        match part {
            Part::First { line, time, .. } => {
                let Some(request) = request_line(line) else { return Framing::Another };
                if self.waiting.len() >= MAX_WAITING
                    && let Some(oldest) = self.waiting.pop_front()
                {
                    self.done.push(HttpExchange { unseen: true, ..oldest.exchange });
                }
                let exchange = HttpExchange {
                    request: Some(request),
                    requested: Some(time),
                    ..HttpExchange::default()
                };
                self.waiting.push_back(Waiting { exchange, acked });
                self.reading = true;
                self.request = Fields::default();
            }
            Part::Field(line) => {
                self.request.take(line);
                // It may have been answered already.
                if let Some(waiting) = self.waiting.back_mut().filter(|_| self.reading)
                    && let Some(host) = value(line, "host")
                {
                    waiting.exchange.host = Some(text(host, MAX_HOST));
                }
            }
            Part::HeadEnd => {
                self.reading = false;
                return match self.request {
                    Fields { chunked: true, .. } => Framing::Chunked,
                    // Without a length there is no body (RFC 9112, section 6.3).
                    Fields { length, .. } => Framing::Length(length.unwrap_or(0)),
                };
            }
            Part::End { .. } | Part::Cut { .. } => self.reading = false,
        }
        Framing::Length(0)
    }

    fn server(&mut self, part: Part<'_>) -> Framing {
        match part {
            Part::First { line, start, time, behind_gap } => {
                let Some(status) = status_line(line) else { return Framing::Another };
                self.response = Fields::default();
                self.interim = (100..200).contains(&status) && status != 101;
                if !self.interim {
                    let exchange = self.answered(start, behind_gap);
                    self.current = Some(HttpExchange {
                        status: Some(status),
                        responded: Some(time),
                        ..exchange
                    });
                }
            }
            Part::Field(line) => self.response.take(line),
            Part::HeadEnd => return self.body(),
            Part::End { .. } if self.interim => {}
            Part::End { body } => {
                if let Some(exchange) = self.current.take() {
                    self.done.push(HttpExchange { body: Some(body), ..exchange });
                }
            }
            Part::Cut { .. } => self.done.extend(self.current.take()),
        }
        Framing::Length(0)
    }

    /// The request that a response at this offset belongs to: the oldest that waits. Behind a gap there
    /// may be responses that were not seen; then it is the one of which the client had all in front of
    /// the response when it asked.
    fn answered(&mut self, start: Offset, behind_gap: bool) -> HttpExchange {
        if behind_gap {
            let asked = self.waiting.iter().position(|waiting| waiting.acked == start);
            for _ in 0..asked.unwrap_or(0) {
                if let Some(unseen) = self.waiting.pop_front() {
                    self.done.push(HttpExchange { unseen: true, ..unseen.exchange });
                }
            }
        }
        let exchange = self.waiting.pop_front().map(|waiting| waiting.exchange);
        if self.waiting.is_empty() {
            self.reading = false;
        }
        exchange.unwrap_or_default()
    }

    /// How long the response's body is (RFC 9112, section 6.3).
    fn body(&mut self) -> Framing {
        if self.interim {
            return Framing::Length(0);
        }
        let (method, status) = match &self.current {
            Some(exchange) => (exchange.method(), exchange.status.unwrap_or(0)),
            None => (None, 0),
        };
        let success = (200..300).contains(&status);
        match (method, status, self.response) {
            (Some("CONNECT"), ..) if success => self.changes(),
            (_, 101, _) => self.changes(),
            (Some("HEAD"), ..) | (_, 204 | 304, _) => Framing::Length(0),
            (_, _, Fields { chunked: true, .. }) => Framing::Chunked,
            (_, _, Fields { length: Some(length), .. }) => Framing::Length(length),
            _ => Framing::UntilClose,
        }
    }

    fn changes(&mut self) -> Framing {
        self.done.extend(self.current.take());
        self.over = true;
        Framing::Another
    }
}

/// Method and target of a request line. `None`: it is none of HTTP/1.
fn request_line(line: &[u8]) -> Option<(Box<str>, Box<str>)> {
    let mut words = line.splitn(3, |&byte| byte == b' ');
    let method = words.next().filter(|method| method.iter().all(u8::is_ascii_graphic))?;
    let target = words.next()?;
    // It is missing where the line was cut.
    if words.next().is_some_and(|version| !version.starts_with(b"HTTP/1")) {
        return None;
    }
    Some((text(method, 32), text(target, MAX_TARGET)))
}

/// Status of a status line. `None`: it is none of HTTP/1.
fn status_line(line: &[u8]) -> Option<u16> {
    let rest = line.strip_prefix(b"HTTP/1.")?;
    let digits = rest.get(1..)?.strip_prefix(b" ")?.get(..3)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The value of a field line, if its name is this one, in lower case.
fn value<'a>(line: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let (found, rest) = line.split_at_checked(name.len())?;
    found
        .eq_ignore_ascii_case(name.as_bytes())
        .then(|| rest.strip_prefix(b":"))?
        .map(<[u8]>::trim_ascii)
}

/// Bytes from the wire as text, of at most so many bytes.
fn text(bytes: &[u8], most: usize) -> Box<str> {
    String::from_utf8_lossy(bytes.get(..most).unwrap_or(bytes)).into()
}
