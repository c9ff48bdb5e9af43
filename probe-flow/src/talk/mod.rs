//! What the two sides of a connection say to each other, as far as it is read: HTTP/1, the hellos of TLS,
//! DNS. It is told by the first bytes, and for DNS by the port.

mod dns;
mod http;
mod sniff;
mod stream;
mod tls;

use probe_frame::WallTime;

use crate::{
    connection::{Offset, Role},
    packet::Data,
};
use sniff::Sniffed;
use stream::{Piece, Stream};

pub use dns::{DnsExchange, RecordType, ResponseCode};
pub use http::HttpExchange;
pub use tls::{Tls, TlsVersion};

/// Exchanges of a connection that are kept until it ends; all are told when they are complete.
const KEPT: usize = 16;

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Application {
    /// HTTP/1.
    Http1,
    /// HTTP/2 without TLS ("prior knowledge"): named, not read.
    Http2,
    /// TLS: only the hellos can be read.
    Tls,
    /// DNS.
    Dns,
}

impl Application {
    /// In a word, in JSON too.
    pub fn word(self) -> &'static str {
        match self {
            Self::Http1 => "http",
            Self::Http2 => "http2",
            Self::Tls => "tls",
            Self::Dns => "dns",
        }
    }
}

/// What has become known of a talk.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    Http(HttpExchange),
    Tls(Tls),
    Dns(DnsExchange),
}

/// What is known of a talk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) application: Option<Application>,
    pub(crate) http: Vec<HttpExchange>,
    pub(crate) dns: Vec<DnsExchange>,
    pub(crate) tls: Option<Tls>,
    /// Exchanges that are not kept.
    pub(crate) more: u32,
}

/// How far a side's stream has got.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    /// The end of what was seen.
    pub(crate) seen: Offset,
    /// What the other side has acknowledged.
    pub(crate) acked: Offset,
    /// Where its FIN is.
    pub(crate) fin: Option<Offset>,
}

/// Both sides' progress: the client's, the server's.
pub(crate) type Progresses = [Progress; 2];

/// The talk of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Talk {
    pub(crate) facts: Facts,
    client: Stream,
    server: Stream,
    speech: Speech,
}

impl Talk {
    /// A talk on a connection whose beginning was seen.
    pub(crate) fn new() -> Self {
        Self {
            facts: Facts::default(),
            client: Stream::default(),
            server: Stream::default(),
            speech: Speech::Undecided { first: Vec::new(), time: WallTime::default() },
        }
    }

    /// A talk that begins with a segment at these offsets of both streams. `None`: where the beginning
    /// was not seen, only a request can be told from what is in the middle of something.
    pub(crate) fn from_middle(first: &[u8], client: Offset, server: Offset) -> Option<Self> {
        sniff::is_request(first).then(|| Self {
            facts: Facts::default(),
            client: Stream::from(client),
            server: Stream::from(server),
            speech: Speech::Http(Box::new(http::Http::new(false))),
        })
    }

    /// A talk of datagrams with this server port, if that is read.
    pub(crate) fn of_datagrams(server_port: u16) -> Option<Self> {
        (server_port == dns::PORT)
            .then(|| Self { speech: Speech::Dns(dns::Dns::default()), ..Self::new() })
    }

    /// Whether nothing more is read, and nothing was learnt.
    pub(crate) fn is_of_no_use(&self) -> bool {
        matches!(self.speech, Speech::Unread(None))
    }

    /// Memory in bytes.
    pub(crate) fn memory(&self) -> usize {
        let Facts { http, dns, tls, .. } = &self.facts;
        size_of::<Self>()
            + self.speech.memory()
            + self.client.memory()
            + self.server.memory()
            + http.capacity() * size_of::<HttpExchange>()
            + http.iter().map(HttpExchange::memory).sum::<usize>()
            + dns.capacity() * size_of::<DnsExchange>()
            + dns.iter().map(|exchange| exchange.name.len()).sum::<usize>()
            + tls.as_ref().map_or(0, Tls::memory)
    }

    /// Takes a segment with payload at this offset of its sender's stream.
    pub(crate) fn segment(
        &mut self,
        from: Role,
        start: Offset,
        data: Data<'_>,
        time: WallTime,
        progress: &Progresses,
        told: &mut Vec<Told>,
    ) {
        let Self { client, server, speech, .. } = self;
        match (from, &speech) {
            (_, Speech::Unread(_) | Speech::Dns(_)) => return,
            // What the server says waits until it is known what the client speaks.
            (Role::Server, Speech::Undecided { .. }) => {
                if !server.hold(start, data, time) {
                    *speech = Speech::Unread(None);
                }
                return;
            }
            _ => {}
        }
        let stream = if from == Role::Client { client } else { server };
        let [own, other] = order(from, progress);
        stream.take(start, data, time, own.acked, &mut |piece| {
            speech.take(from, piece, other.acked, told);
        });
    }

    /// Takes what a segment acknowledges and what it ends: its sender's stream, or the other one.
    pub(crate) fn advance(&mut self, progress: &Progresses, told: &mut Vec<Told>) {
        let Self { client, server, speech, .. } = self;
        for (from, stream) in [(Role::Client, client), (Role::Server, server)] {
            if matches!(speech, Speech::Undecided { .. } | Speech::Unread(_) | Speech::Dns(_)) {
                break;
            }
            let [own, other] = order(from, progress);
            stream.advance(own.acked, &mut |piece| speech.take(from, piece, other.acked, told));
            // Of a body nothing but its length is of interest: what has arrived unseen is counted.
            if own.acked > own.seen && speech.in_body(from) {
                let end = own.fin.map_or(own.acked, |fin| fin.min(own.acked));
                stream.skip_to(end, &mut |piece| speech.take(from, piece, other.acked, told));
            }
            if own.fin == Some(stream.next()) {
                speech.close(from, told);
            }
        }
    }

    /// Takes a datagram.
    pub(crate) fn datagram(
        &mut self,
        from: Role,
        message: &[u8],
        time: WallTime,
        told: &mut Vec<Told>,
    ) {
        if let Speech::Dns(dns) = &mut self.speech {
            told.extend(dns.take(from, message, time).map(Told::Dns));
        }
    }

    /// The connection has ended: what waits is given up.
    pub(crate) fn finish(&mut self, progress: &Progresses, told: &mut Vec<Told>) {
        let Self { facts, client, server, speech } = self;
        if !matches!(speech, Speech::Undecided { .. }) {
            for (from, stream) in [(Role::Client, client), (Role::Server, server)] {
                let [_, other] = order(from, progress);
                stream.flush(&mut |piece| speech.take(from, piece, other.acked, told));
            }
        }
        facts.application = facts.application.or(speech.application());
        match std::mem::replace(speech, Speech::Unread(None)) {
            Speech::Http(mut http) => {
                http.finish();
                told.extend(http.done().into_iter().map(Told::Http));
            }
            Speech::Tls(hellos) => told.push(Told::Tls(hellos.finish())),
            Speech::Dns(dns) => told.extend(dns.finish().map(Told::Dns)),
            Speech::Undecided { .. } | Speech::Unread(_) => {}
        }
    }

    /// Keeps the first exchanges for the connection's end.
    pub(crate) fn keep(&mut self, told: &[Told]) {
        let facts = &mut self.facts;
        facts.application = facts.application.or(self.speech.application());
        for told in told {
            match told {
                Told::Http(exchange) if facts.http.len() < KEPT => {
                    facts.http.push(exchange.clone())
                }
                Told::Dns(exchange) if facts.dns.len() < KEPT => facts.dns.push(exchange.clone()),
                Told::Http(_) | Told::Dns(_) => facts.more = facts.more.saturating_add(1),
                Told::Tls(tls) => facts.tls = Some(tls.clone()),
            }
        }
    }
}

/// The progress of a side, and of the other.
fn order(from: Role, [client, server]: &Progresses) -> [Progress; 2] {
    match from {
        Role::Client => [*client, *server],
        Role::Server => [*server, *client],
    }
}

/// Who reads.
#[derive(Clone, Debug)]
enum Speech {
    /// The client's first bytes do not say enough yet; the time is that of the first of them.
    Undecided {
        first: Vec<u8>,
        time: WallTime,
    },
    Http(Box<http::Http>),
    Tls(tls::Hellos),
    Dns(dns::Dns),
    /// Nobody.
    Unread(Option<Application>),
}

impl Speech {
    /// Takes the next piece of a stream. `acked` is what its sender has of the other one.
    fn take(&mut self, from: Role, piece: Piece<'_>, acked: Offset, told: &mut Vec<Told>) {
        match self {
            Self::Undecided { first, time } => {
                let Piece::Bytes { bytes, time: now, .. } = piece else {
                    *self = Self::Unread(None);
                    return;
                };
                if first.is_empty() {
                    *time = now;
                }
                let time = *time;
                first.extend_from_slice(bytes);
                let decided = match sniff::client(first) {
                    Sniffed::More if first.len() < sniff::ENOUGH => return,
                    Sniffed::More | Sniffed::Other => Self::Unread(None),
                    Sniffed::Http1 => Self::Http(Box::new(http::Http::new(true))),
                    Sniffed::Http2 => Self::Unread(Some(Application::Http2)),
                    Sniffed::Tls => Self::Tls(tls::Hellos::new()),
                };
                let first = std::mem::take(first);
                *self = decided;
                self.take(
                    from,
                    Piece::Bytes { bytes: &first, start: 0, time, begins: true },
                    acked,
                    told,
                );
            }
            Self::Http(http) => {
                http.take(from, piece, acked);
                told.extend(http.done().into_iter().map(Told::Http));
            }
            Self::Tls(hellos) => {
                if let Some(tls) = hellos.take(from, piece) {
                    told.push(Told::Tls(tls));
                    *self = Self::Unread(Some(Application::Tls));
                }
            }
            Self::Dns(_) | Self::Unread(_) => {}
        }
    }

    /// Whether bytes of a side that nobody saw do no harm.
    fn in_body(&self, of: Role) -> bool {
        match self {
            Self::Http(http) => http.in_body(of),
            _ => false,
        }
    }

    /// A side has sent all, and all of it was read.
    fn close(&mut self, of: Role, told: &mut Vec<Told>) {
        if let Self::Http(http) = self {
            http.close(of);
            told.extend(http.done().into_iter().map(Told::Http));
        }
    }

    fn application(&self) -> Option<Application> {
        match self {
            Self::Undecided { .. } => None,
            Self::Http(_) => Some(Application::Http1),
            Self::Tls(_) => Some(Application::Tls),
            Self::Dns(_) => Some(Application::Dns),
            Self::Unread(application) => *application,
        }
    }

    fn memory(&self) -> usize {
        match self {
            Self::Undecided { first, .. } => first.capacity(),
            Self::Http(http) => size_of::<http::Http>() + http.memory(),
            Self::Tls(hellos) => hellos.memory(),
            Self::Dns(dns) => dns.memory(),
            Self::Unread(_) => 0,
        }
    }
}
