//! A port of a server, as `--port` names it.

use std::{fmt, str::FromStr};

pub use probe_flow::Protocol;
use serde::{Deserialize, Serialize};

/// A port of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Service {
    /// Its protocol.
    pub protocol: Protocol,
    /// Its number.
    pub port: u16,
}

/// `80`, `53/udp`.
impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.protocol {
            Protocol::Tcp => write!(f, "{}", self.port),
            Protocol::Udp => write!(f, "{}/udp", self.port),
        }
    }
}

impl From<Service> for String {
    fn from(service: Service) -> Self {
        service.to_string()
    }
}

impl TryFrom<String> for Service {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// `80`, `80/tcp`, `53/udp`.
impl FromStr for Service {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let protocol =
            [Protocol::Tcp, Protocol::Udp].into_iter().find(|one| one.word() == protocol);
        let port = number.parse().ok().filter(|&port| port > 0);
        match (protocol, port) {
            (Some(protocol), Some(port)) => Ok(Self { protocol, port }),
            _ => Err("expected a port from 1 to 65535, such as 80 or 53/udp".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_by_their_names() {
        for (text, same) in [("80", "80"), ("443/tcp", "443"), ("53/udp", "53/udp")] {
            assert_eq!(text.parse::<Service>().unwrap().to_string(), same);
        }
        for text in ["", "0", "65536", "http", "80/", "80/sctp", "-1", "/udp"] {
            let error = text.parse::<Service>().unwrap_err();
            assert!(error.starts_with("expected a port"), "{text}: {error}");
        }
    }
}
