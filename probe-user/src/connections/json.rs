//! An object a line.

use probe_flow::{Connection, HttpExchange, Role};
use serde::Serialize;

use super::row::{Request, Row};
use crate::{clock::rfc3339_us, json};

/// Of a connection.
pub(super) fn connection(row: &Row) -> Vec<u8> {
    json::line(row)
}

/// Of a request: who asked whom, and what there is in a connection's list.
pub(super) fn request(connection: &Connection, exchange: &HttpExchange) -> Vec<u8> {
    #[derive(Serialize)]
    struct Line {
        time: String,
        client: String,
        client_port: u16,
        server: String,
        server_port: u16,
        #[serde(flatten)]
        request: Request,
        /// How many connections that of the request stands for.
        one_in: u32,
    }
    let [client, server] = [Role::Client, Role::Server].map(|role| connection.address(role));
    let time = exchange.requested.or(exchange.responded).unwrap_or(connection.started());
    json::line(&Line {
        time: rfc3339_us(time),
        client: client.ip().to_string(),
        client_port: client.port(),
        server: server.ip().to_string(),
        server_port: server.port(),
        request: Request::new(exchange),
        one_in: connection.one_in(),
    })
}
