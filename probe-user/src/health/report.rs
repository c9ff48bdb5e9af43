//! What is said of all ports at one time; table and JSON are views of it.

use std::time::Duration;

use probe_frame::WallTime;
use serde::{Deserialize, Serialize};

use super::{
    distribution::Distribution,
    service::Service,
    verdict::{Times, Verdict},
};

/// All ports at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// When.
    pub time: WallTime,
    /// Since the start.
    pub elapsed: Duration,
    /// Whether it is the last one.
    pub last: bool,
    /// What the programs hang on.
    pub hook: String,
    /// The interfaces, or the file.
    pub interfaces: Vec<String>,
    /// How far the stories of connections are complete.
    pub followed: Followed,
    /// The ports: those asked for in that order, or the busiest first.
    pub ports: Vec<Port>,
}

/// How much of the connections was followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Followed {
    /// Of so many connections one is followed, and stands for all of them in the numbers.
    pub one_in: u32,
    /// Connections followed right now.
    pub now: u64,
    /// Segments that were to be read and were lost, since the start.
    pub lost: u64,
    /// Connections that were not followed because there was no room, since the start.
    pub refused: u64,
}

/// One port.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Port {
    /// Which.
    pub service: Service,
    /// How it does; of the last report: how it did over the whole run.
    pub verdict: Verdict,
    /// The evidence.
    pub why: String,
    /// Since the start.
    pub counts: Counts,
    /// That part of it which never shrinks: without connections that may still be answered or completed.
    pub settled: Counts,
    /// SYNs, or datagrams to the port, a second over the span of the verdict.
    pub asked_per_second: f64,
    /// Over the span of the verdict.
    pub handshake: Times,
    /// Over the span of the verdict.
    pub first_byte: Times,
    /// All times since the start.
    pub times: Since,
}

impl Port {
    /// One of which nothing is known yet.
    pub fn unseen(service: Service) -> Self {
        Self {
            service,
            verdict: Verdict::Quiet,
            why: "not looked at yet".into(),
            counts: Counts::default(),
            settled: Counts::default(),
            asked_per_second: 0.0,
            handshake: Times::default(),
            first_byte: Times::default(),
            times: Since::default(),
        }
    }
}

/// Times since the start. Of connections that stand for many each time is there as often.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Since {
    /// From the SYN that was answered to the ACK.
    pub handshake: Distribution,
    /// From the first byte of a request to the first of its response.
    pub first_byte: Distribution,
}

impl Since {
    /// Adds those of another run.
    pub fn merge(&mut self, other: &Self) {
        self.handshake.merge(&other.handshake);
        self.first_byte.merge(&other.first_byte);
    }
}

/// A port's counts since the start. Of UDP a connection is an exchange of datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// SYNs; of UDP datagrams to the port.
    pub syn: u64,
    /// SYN-ACKs; of UDP datagrams from the port.
    pub synack: u64,
    /// Segments with RST, of both sides.
    pub rst: u64,
    /// Segments with FIN, of both sides.
    pub fin: u64,
    /// ICMP errors about packets to the port.
    pub icmp_errors: u64,
    /// Whether the five above were counted in full; else they are those of followed connections.
    pub exact: bool,
    /// Connections that began.
    pub connections: u64,
    /// ... and were answered.
    pub answered: u64,
    /// ... and whose handshake was completed; of UDP the answered ones.
    pub completed: u64,
    /// Refused by RST, of UDP by port unreachable from the server itself.
    pub refused: u64,
    /// Rejected by an ICMP error.
    pub rejected: u64,
    /// Without an answer for a second or longer.
    pub unanswered: u64,
    /// Answered and not completed, right now.
    pub half_open: u64,
    /// Answered and never completed: given up, or reset by the client.
    pub abandoned: u64,
    /// SYNs and SYN-ACKs that were sent again.
    pub retransmitted: u64,
    /// Answers of HTTP by the first digit of their status, from 1 to 5.
    pub http: [u64; 5],
    /// Where not all connections were followed: `connections` is within so many of the truth, in 999 of
    /// 1,000 cases.
    pub margin: u64,
}

impl Counts {
    /// With what was settled in an earlier run.
    pub fn after(self, earlier: &Self) -> Self {
        let mut http = self.http;
        http.iter_mut().zip(earlier.http).for_each(|(sum, earlier)| *sum += earlier);
        Self {
            syn: self.syn + earlier.syn,
            synack: self.synack + earlier.synack,
            rst: self.rst + earlier.rst,
            fin: self.fin + earlier.fin,
            icmp_errors: self.icmp_errors + earlier.icmp_errors,
            exact: self.exact,
            connections: self.connections + earlier.connections,
            answered: self.answered + earlier.answered,
            completed: self.completed + earlier.completed,
            refused: self.refused + earlier.refused,
            rejected: self.rejected + earlier.rejected,
            unanswered: self.unanswered + earlier.unanswered,
            half_open: self.half_open,
            abandoned: self.abandoned + earlier.abandoned,
            retransmitted: self.retransmitted + earlier.retransmitted,
            http,
            // Whom one run chose says nothing of whom the other did: the variances add up.
            margin: (self.margin as f64).hypot(earlier.margin as f64).ceil() as u64,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::health::service::Protocol;

    /// The report of the golden texts.
    pub(in crate::health) fn sample() -> Report {
        let service = |port| Service { protocol: Protocol::Tcp, port };
        let times = |p50_us, p90_us, p99_us, n| Times { n, p50_us, p90_us, p99_us };
        Report {
            time: WallTime::new(1_795_244_401, 0),
            elapsed: Duration::from_secs(10),
            last: false,
            hook: "tcx".into(),
            interfaces: vec!["eth0".into()],
            followed: Followed { one_in: 1, now: 3, lost: 0, refused: 0 },
            ports: vec![
                Port {
                    service: service(80),
                    verdict: Verdict::Healthy,
                    why: "120 of 120 completed; handshake p50 0.04 ms; first byte p50 0.98 ms"
                        .into(),
                    counts: Counts {
                        syn: 121,
                        synack: 120,
                        fin: 240,
                        exact: true,
                        connections: 120,
                        answered: 120,
                        completed: 120,
                        retransmitted: 1,
                        http: [0, 110, 4, 5, 1],
                        ..Counts::default()
                    },
                    settled: Counts::default(),
                    asked_per_second: 12.1,
                    handshake: times(43.0, 61.5, 1_200.0, 120),
                    first_byte: times(980.0, 2_000.0, 31_000.0, 120),
                    times: Since::default(),
                },
                Port {
                    service: service(8443),
                    verdict: Verdict::Closed,
                    why: "nobody listens: 5 of 5 refused by RST".into(),
                    counts: Counts {
                        syn: 5,
                        rst: 5,
                        exact: true,
                        connections: 5,
                        refused: 5,
                        ..Counts::default()
                    },
                    settled: Counts::default(),
                    asked_per_second: 0.5,
                    handshake: Times::default(),
                    first_byte: Times::default(),
                    times: Since::default(),
                },
            ],
        }
    }
}
