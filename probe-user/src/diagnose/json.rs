//! The diagnosis as an object. Its fields up to `first_byte_us` are those of `probe connections`, null where
//! they were not seen.

use std::{net::SocketAddr, time::Duration};

use probe_flow::{Connection, Role};
use serde::Serialize;

use super::{Target, exchange::Exchange, verdict::Finding};
use crate::{clock, json};

#[derive(Serialize)]
struct Object<'a> {
    time: String,
    target: String,
    protocol: &'static str,
    server: String,
    server_port: u16,
    client: Option<String>,
    client_port: Option<u16>,
    verdict: String,
    evidence: &'a str,
    outcome: Option<&'static str>,
    conn_state: Option<&'static str>,
    reason: Option<String>,
    reason_from: Option<String>,
    syns: Option<u16>,
    syn_times_us: Vec<f64>,
    syn_synack_us: Option<f64>,
    synack_ack_us: Option<f64>,
    first_byte_us: Option<f64>,
    duration_us: Option<f64>,
    closed_by: Option<&'static str>,
    reset_by: Option<&'static str>,
    interface: &'a str,
}

/// The object on a line.
pub fn line(
    target: &Target,
    server: SocketAddr,
    place: &str,
    exchange: &Exchange,
    finding: &Finding,
) -> Vec<u8> {
    let connection = exchange.connection();
    let client = connection.map(|connection| connection.address(Role::Client));
    let rejection = connection.and_then(Connection::rejection);
    let time = |of: fn(&Connection) -> Option<Duration>| connection.and_then(of).map(us);
    let started = connection.map_or_else(clock::now, Connection::started);
    json::line(&Object {
        time: clock::rfc3339_us(started),
        target: target.to_string(),
        protocol: target.protocol.word(),
        server: server.ip().to_string(),
        server_port: server.port(),
        client: client.map(|client| client.ip().to_string()),
        client_port: client.map(|client| client.port()),
        verdict: finding.verdict.to_string(),
        evidence: &finding.evidence,
        outcome: connection.map(|connection| connection.outcome().word()),
        conn_state: connection.map(|connection| connection.conn_state().word()),
        reason: rejection.map(|rejection| rejection.reason.to_string()),
        reason_from: rejection.map(|rejection| rejection.from.to_string()),
        syns: connection.map(|connection| connection.syns().count()),
        syn_times_us: connection
            .map(|connection| connection.syns().times().map(us).collect())
            .unwrap_or_default(),
        syn_synack_us: time(Connection::syn_to_synack),
        synack_ack_us: time(Connection::synack_to_ack),
        first_byte_us: time(Connection::first_byte),
        duration_us: connection.map(|connection| us(connection.duration())),
        closed_by: connection.and_then(Connection::closed_by).map(Role::word),
        reset_by: connection.and_then(Connection::reset_by).map(Role::word),
        interface: place,
    })
}

fn us(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1e3
}
