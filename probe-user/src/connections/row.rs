//! What is told of a connection and of a request, whatever the form: each fact once.
//!
//! Times are microseconds with three digits behind the point, `null` where what they are between was not
//! seen; `time` is when the first frame was.

use std::{net::IpAddr, time::Duration};

use probe_flow::{Connection, DnsExchange, Ending, HttpExchange, Protocol, Role};
use serde::Serialize;

use crate::clock::rfc3339_us;

/// A connection.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) time: String,
    pub(super) protocol: &'static str,
    pub(super) client: IpAddr,
    pub(super) client_port: u16,
    pub(super) server: IpAddr,
    pub(super) server_port: u16,
    pub(super) outcome: &'static str,
    pub(super) conn_state: &'static str,
    /// What an ICMP error said, and who sent it.
    pub(super) reason: Option<String>,
    pub(super) rejected_by: Option<IpAddr>,
    pub(super) syns: u16,
    pub(super) synacks: u16,
    pub(super) syn_synack_us: Option<f64>,
    pub(super) synack_ack_us: Option<f64>,
    pub(super) handshake_us: Option<f64>,
    pub(super) first_byte_us: Option<f64>,
    pub(super) duration_us: f64,
    pub(super) client_bytes: u64,
    pub(super) server_bytes: u64,
    /// Frames, and what came again or late among them: of files. Live most are not looked at.
    pub(super) client_packets: Option<u64>,
    pub(super) server_packets: Option<u64>,
    pub(super) client_retransmitted: Option<u32>,
    pub(super) server_retransmitted: Option<u32>,
    pub(super) client_reordered: Option<u32>,
    pub(super) server_reordered: Option<u32>,
    /// `client` or `server`: who sent the first FIN, and who a RST.
    pub(super) closed_by: Option<&'static str>,
    pub(super) reset_by: Option<&'static str>,
    /// Why nothing more is told of it; `null`: its own segments ended it.
    pub(super) ended: Option<&'static str>,
    pub(super) application: Option<&'static str>,
    pub(super) http: Vec<Request>,
    pub(super) tls: Option<Hellos>,
    pub(super) dns: Vec<Lookup>,
    /// Requests and questions that are not in the lists above.
    pub(super) more: u32,
    /// How many connections it stands for, itself among them.
    pub(super) one_in: u64,
}

/// A request of HTTP/1.
#[derive(Debug, Serialize)]
pub(super) struct Request {
    pub(super) method: Option<String>,
    pub(super) host: Option<String>,
    pub(super) path: Option<String>,
    pub(super) status: Option<u16>,
    pub(super) body_bytes: Option<u64>,
    pub(super) first_byte_us: Option<f64>,
    /// Whether the response must have come, but was not seen.
    pub(super) unseen: bool,
}

/// The hellos of TLS.
#[derive(Debug, Serialize)]
pub(super) struct Hellos {
    pub(super) server_name: Option<String>,
    pub(super) version: Option<String>,
    pub(super) alpn: Option<String>,
    /// Number of the alert that the server sent in place of its hello.
    pub(super) alert: Option<u8>,
}

/// A question to a name server.
#[derive(Debug, Serialize)]
pub(super) struct Lookup {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) code: Option<String>,
    pub(super) time_us: Option<f64>,
}

impl Row {
    /// Of a connection of which all frames were seen, or live (`whole` is false) those that tell
    /// something; it stands for `one_in`.
    pub(super) fn new(connection: &Connection, whole: bool, one_in: u64) -> Self {
        let [client, server] = [Role::Client, Role::Server].map(|role| connection.side(role));
        let [client_at, server_at] =
            [Role::Client, Role::Server].map(|role| connection.address(role));
        let rejection = connection.rejection();
        // Of UDP there are no numbers that tell of what was not seen, and all is looked at.
        let whole = whole || connection.protocol() == Protocol::Udp;
        Self {
            time: rfc3339_us(connection.started()),
            protocol: connection.protocol().word(),
            client: client_at.ip(),
            client_port: client_at.port(),
            server: server_at.ip(),
            server_port: server_at.port(),
            outcome: connection.outcome().word(),
            conn_state: connection.conn_state().word(),
            reason: rejection.map(|rejection| rejection.reason.to_string()),
            rejected_by: rejection.map(|rejection| rejection.from),
            syns: connection.syns().count(),
            synacks: connection.synacks(),
            syn_synack_us: connection.syn_to_synack().map(us),
            synack_ack_us: connection.synack_to_ack().map(us),
            handshake_us: connection.handshake().map(us),
            first_byte_us: connection.first_byte().map(us),
            duration_us: us(connection.duration()),
            client_bytes: client.bytes(),
            server_bytes: server.bytes(),
            client_packets: whole.then(|| client.packets()),
            server_packets: whole.then(|| server.packets()),
            client_retransmitted: whole.then(|| client.retransmitted()),
            server_retransmitted: whole.then(|| server.retransmitted()),
            client_reordered: whole.then(|| client.reordered()),
            server_reordered: whole.then(|| server.reordered()),
            closed_by: connection.closed_by().map(Role::word),
            reset_by: connection.reset_by().map(Role::word),
            ended: ended(connection),
            application: connection.application().map(|application| application.word()),
            http: connection.http().iter().map(Request::new).collect(),
            tls: connection.tls().map(|tls| Hellos {
                server_name: tls.server_name.as_deref().map(str::to_owned),
                version: tls.version.map(|version| version.to_string()),
                alpn: tls.alpn.as_deref().map(str::to_owned),
                alert: tls.alert,
            }),
            dns: connection.dns().iter().map(Lookup::new).collect(),
            more: connection.more_exchanges(),
            one_in,
        }
    }
}

/// Why nothing more is told; `None` where its own segments say so.
pub(super) fn ended(connection: &Connection) -> Option<&'static str> {
    match connection.ending() {
        Some(Ending::Itself) | None => None,
        Some(Ending::Silence) => Some("silence"),
        Some(Ending::Replaced) => Some("ports used again"),
        Some(Ending::ThrownOut) => Some("made room"),
        Some(Ending::CaptureEnd) => Some("capture ended"),
    }
}

impl Request {
    pub(super) fn new(exchange: &HttpExchange) -> Self {
        Self {
            method: exchange.method().map(str::to_owned),
            host: exchange.host.as_deref().map(str::to_owned),
            path: exchange.path().map(str::to_owned),
            status: exchange.status,
            body_bytes: exchange.body,
            first_byte_us: exchange.first_byte().map(us),
            unseen: exchange.unseen,
        }
    }

    /// Host and path, as one would write it: `www.example.com/img/logo.gif`. A target that has its host
    /// in it, as proxies get it, is left as it is.
    pub(super) fn url(&self) -> String {
        match (&self.host, &self.path) {
            (Some(host), Some(path)) if path.starts_with('/') => format!("{host}{path}"),
            (_, Some(path)) => path.clone(),
            (Some(host), None) => host.clone(),
            (None, None) => "-".into(),
        }
    }
}

impl Lookup {
    fn new(exchange: &DnsExchange) -> Self {
        Self {
            name: exchange.name.to_string(),
            kind: exchange.kind.to_string(),
            code: exchange.code.map(|code| code.to_string()),
            time_us: exchange.time().map(us),
        }
    }
}

/// Microseconds, to the nanosecond.
pub(super) fn us(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1000.0
}
