//! A row for each connection or request (RFC 4180), with what is one value of it.

use probe_flow::{Connection, HttpExchange, Role};

use super::row::{Request, Row};
use crate::{clock::rfc3339_us, text::csv_field};

/// The first line, of connections.
pub(super) const CONNECTIONS: &str = "time,protocol,client,client_port,server,server_port,outcome,conn_state,reason,\
    rejected_by,syns,synacks,syn_synack_us,synack_ack_us,handshake_us,first_byte_us,duration_us,client_bytes,server_bytes,\
    client_packets,server_packets,client_retransmitted,server_retransmitted,client_reordered,server_reordered,\
    closed_by,reset_by,ended,application,server_name,one_in\n";

/// The first line, of requests.
pub(super) const REQUESTS: &str = "time,client,client_port,server,server_port,method,host,path,status,body_bytes,\
    first_byte_us,unseen,one_in\n";

/// Of a connection.
pub(super) fn connection(row: &Row) -> Vec<u8> {
    let name = row.tls.as_ref().and_then(|tls| tls.server_name.clone());
    line([
        row.time.clone(),
        row.protocol.into(),
        row.client.to_string(),
        row.client_port.to_string(),
        row.server.to_string(),
        row.server_port.to_string(),
        row.outcome.into(),
        row.conn_state.into(),
        row.reason.clone().unwrap_or_default(),
        known(row.rejected_by),
        row.syns.to_string(),
        row.synacks.to_string(),
        time(row.syn_synack_us),
        time(row.synack_ack_us),
        time(row.handshake_us),
        time(row.first_byte_us),
        time(Some(row.duration_us)),
        row.client_bytes.to_string(),
        row.server_bytes.to_string(),
        known(row.client_packets),
        known(row.server_packets),
        known(row.client_retransmitted),
        known(row.server_retransmitted),
        known(row.client_reordered),
        known(row.server_reordered),
        known(row.closed_by),
        known(row.reset_by),
        known(row.ended),
        known(row.application),
        name.unwrap_or_default(),
        row.one_in.to_string(),
    ])
}

/// Of a request.
pub(super) fn request(connection: &Connection, exchange: &HttpExchange) -> Vec<u8> {
    let [client, server] = [Role::Client, Role::Server].map(|role| connection.address(role));
    let at = exchange.requested.or(exchange.responded).unwrap_or(connection.started());
    let request = Request::new(exchange);
    line([
        rfc3339_us(at),
        client.ip().to_string(),
        client.port().to_string(),
        server.ip().to_string(),
        server.port().to_string(),
        request.method.unwrap_or_default(),
        request.host.unwrap_or_default(),
        request.path.unwrap_or_default(),
        known(request.status),
        known(request.body_bytes),
        time(request.first_byte_us),
        request.unseen.to_string(),
        connection.one_in().to_string(),
    ])
}

fn line<const N: usize>(fields: [String; N]) -> Vec<u8> {
    let mut line = fields.map(|field| csv_field(&field)).join(",");
    line.push('\n');
    line.into_bytes()
}

fn known(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn time(us: Option<f64>) -> String {
    us.map(|us| format!("{us:.3}")).unwrap_or_default()
}
