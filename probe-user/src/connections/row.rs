//! What is told of a connection and of a request, whatever the form: each fact once.
//!
//! Times are microseconds with three digits behind the point, `null` where what they are between was not
//! seen; `time` is when the first frame was.

use std::{net::IpAddr, time::Duration};

use probe_flow::{Connection, DnsExchange, Ending, HttpExchange, Protocol, Role};
use serde::Serialize;

use crate::clock::rfc3339_us;

/// A connection.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub(crate) time: String,
    pub(crate) protocol: &'static str,
    pub(crate) client: IpAddr,
    pub(crate) client_port: u16,
    pub(crate) server: IpAddr,
    pub(crate) server_port: u16,
    pub(crate) outcome: &'static str,
    pub(crate) conn_state: &'static str,
    /// What an ICMP error said, and who sent it.
    pub(crate) reason: Option<String>,
    pub(crate) rejected_by: Option<IpAddr>,
    pub(crate) syns: u16,
    pub(crate) synacks: u16,
    pub(crate) syn_synack_us: Option<f64>,
    pub(crate) synack_ack_us: Option<f64>,
    pub(crate) handshake_us: Option<f64>,
    pub(crate) first_byte_us: Option<f64>,
    pub(crate) duration_us: f64,
    pub(crate) client_bytes: u64,
    pub(crate) server_bytes: u64,
    /// Frames, and what came again or late among them: of files. Live most are not looked at.
    pub(crate) client_packets: Option<u64>,
    pub(crate) server_packets: Option<u64>,
    pub(crate) client_retransmitted: Option<u32>,
    pub(crate) server_retransmitted: Option<u32>,
    pub(crate) client_reordered: Option<u32>,
    pub(crate) server_reordered: Option<u32>,
    /// `client` or `server`: who sent the first FIN, and who a RST.
    pub(crate) closed_by: Option<&'static str>,
    pub(crate) reset_by: Option<&'static str>,
    /// Why nothing more is told of it; `null`: its own segments ended it.
    pub(crate) ended: Option<&'static str>,
    pub(crate) application: Option<&'static str>,
    pub(crate) http: Vec<Request>,
    pub(crate) tls: Option<Hellos>,
    pub(crate) dns: Vec<Lookup>,
    /// Requests and questions that are not in the lists above.
    pub(crate) more: u32,
    /// How many connections it stands for, itself among them.
    pub(crate) one_in: u32,
}

/// A request of HTTP/1.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Request {
    pub(crate) method: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) status: Option<u16>,
    pub(crate) body_bytes: Option<u64>,
    pub(crate) first_byte_us: Option<f64>,
    /// Whether the response must have come, but was not seen.
    pub(crate) unseen: bool,
}

/// The hellos of TLS.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Hellos {
    pub(crate) server_name: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) alpn: Option<String>,
    /// Number of the alert that the server sent in place of its hello.
    pub(crate) alert: Option<u8>,
}

/// A question to a name server.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Lookup {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) code: Option<String>,
    pub(crate) time_us: Option<f64>,
}

impl Row {
    /// Of a connection of which all frames were seen, or live (`whole` is false) those that tell
    /// something.
    pub(crate) fn new(connection: &Connection, whole: bool) -> Self {
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
            one_in: connection.one_in(),
        }
    }
}

/// Why nothing more is told; `None` where its own segments say so.
pub(crate) fn ended(connection: &Connection) -> Option<&'static str> {
    match connection.ending() {
        Some(Ending::Itself) | None => None,
        Some(Ending::Silence) => Some("silence"),
        Some(Ending::Replaced) => Some("ports used again"),
        Some(Ending::ThrownOut) => Some("made room"),
        Some(Ending::CaptureEnd) => Some("capture ended"),
    }
}

impl Request {
    pub(crate) fn new(exchange: &HttpExchange) -> Self {
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
    pub(crate) fn url(&self) -> String {
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
pub(crate) fn us(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1000.0
}

#[cfg(test)]
impl Row {
    /// One for tests that look at rows: nothing is known of it but what is given.
    pub(crate) fn made(
        client: std::net::SocketAddr,
        server: std::net::SocketAddr,
        outcome: &'static str,
    ) -> Self {
        Self {
            time: "2026-11-21T07:00:01.000000Z".into(),
            protocol: "tcp",
            client: client.ip(),
            client_port: client.port(),
            server: server.ip(),
            server_port: server.port(),
            outcome,
            conn_state: "SF",
            reason: None,
            rejected_by: None,
            syns: 1,
            synacks: 1,
            syn_synack_us: Some(21.5),
            synack_ack_us: Some(18.0),
            handshake_us: Some(39.5),
            first_byte_us: Some(980.0),
            duration_us: 5120.0,
            client_bytes: 87,
            server_bytes: 5994,
            client_packets: None,
            server_packets: None,
            client_retransmitted: None,
            server_retransmitted: None,
            client_reordered: None,
            server_reordered: None,
            closed_by: None,
            reset_by: None,
            ended: None,
            application: None,
            http: Vec::new(),
            tls: None,
            dns: Vec::new(),
            more: 0,
            one_in: 1,
        }
    }
}
