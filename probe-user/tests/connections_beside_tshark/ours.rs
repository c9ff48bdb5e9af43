//! What `probe` says of a capture.

use std::{path::Path, process::Command};

use serde_json::Value;

/// A connection, as both sides of the comparison know it.
#[derive(Clone, Debug, PartialEq)]
pub struct Connection {
    /// Client and server, each with its port.
    pub client: String,
    pub server: String,
    pub outcome: String,
    /// Microseconds since 1970, and those from the first frame to the last.
    pub started: f64,
    pub duration: f64,
    /// From the SYN to the ACK, in microseconds.
    pub handshake: Option<f64>,
    /// Frames of the client and of the server.
    pub packets: [u64; 2],
    /// Segments that came late or again, of the client and of the server; no SYNs.
    pub again: [u64; 2],
}

impl Connection {
    /// Both ends, in an order that does not depend on who is the client.
    pub fn ends(&self) -> [&str; 2] {
        let mut ends = [self.client.as_str(), &self.server];
        ends.sort_unstable();
        ends
    }

    /// Each end's frames, and those that came late or again.
    pub fn by_end(&self) -> [(&str, u64, u64); 2] {
        let mut ends = [
            (self.client.as_str(), self.packets[0], self.again[0]),
            (&self.server, self.packets[1], self.again[1]),
        ];
        ends.sort_unstable();
        ends
    }
}

/// A request and its response.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Who asked, with the port.
    pub client: String,
    pub method: String,
    pub path: String,
    pub status: Option<u64>,
    /// Microseconds.
    pub first_byte: Option<f64>,
}

fn lines(command: &str, path: &Path) -> Vec<Value> {
    let mut probe = Command::new(env!("CARGO_BIN_EXE_probe"));
    probe.args([command, "--format", "json", "-r"]).arg(path).arg("tcp").env_remove("SUDO_UID");
    let output = probe.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Connections of TCP in a capture. What cannot be read has none.
pub fn connections(path: &Path) -> Vec<Connection> {
    let connection = |line: Value| {
        let text = |name: &str| line[name].as_str().unwrap().to_owned();
        let number = |name: &str| line[name].as_u64().unwrap();
        let end = |role: &str| format!("{} {}", text(role), number(&format!("{role}_port")));
        let again = |role: &str| {
            number(&format!("{role}_retransmitted")) + number(&format!("{role}_reordered"))
        };
        let time = text("time").parse::<jiff::Timestamp>().unwrap();
        Connection {
            client: end("client"),
            server: end("server"),
            outcome: text("outcome"),
            started: time.as_nanosecond() as f64 / 1000.0,
            duration: line["duration_us"].as_f64().unwrap(),
            handshake: line["handshake_us"].as_f64(),
            packets: [number("client_packets"), number("server_packets")],
            again: [again("client"), again("server")],
        }
    };
    lines("connections", path).into_iter().map(connection).collect()
}

/// Requests in a capture, by time.
pub fn requests(path: &Path) -> Vec<Request> {
    let mut lines = lines("http", path);
    lines.sort_by_key(|line| line["time"].as_str().unwrap().to_owned());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let request = |line: Value| Request {
        client: format!("{} {}", text(&line["client"]), line["client_port"]),
        method: text(&line["method"]),
        path: text(&line["path"]),
        status: line["status"].as_u64(),
        first_byte: line["first_byte_us"].as_f64(),
    };
    lines.into_iter().map(request).collect()
}
