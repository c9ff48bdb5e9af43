//! What tshark says of a capture: which frames belong together (`tcp.stream`), and of each frame its flags,
//! its time and its own analysis. How a connection went is worked out of that here, by the plainest rules.

use std::{collections::BTreeMap, path::Path, process::Command};

use super::ours::{Connection, Request};

const FIN: u64 = 1;
const SYN: u64 = 2;
const RST: u64 = 4;
const ACK: u64 = 16;

/// Each as it is named to tshark.
const FIELDS: &[&str] = &[
    "tcp.stream",
    "frame.time_epoch",
    "ip.src",
    "ipv6.src",
    "tcp.srcport",
    "ip.dst",
    "ipv6.dst",
    "tcp.dstport",
    "tcp.flags",
    "tcp.analysis.initial_rtt",
    "tcp.analysis.retransmission",
    "tcp.analysis.out_of_order",
    "tcp.analysis.fast_retransmission",
    "frame.number",
    "http.request.method",
    "http.request.uri",
    "http.response.code",
    "http.request_in",
    "http.time",
];

/// A frame's fields by their names.
pub type Fields = BTreeMap<&'static str, String>;

/// The frames of TCP, of the outermost headers where there are several.
pub fn frames(path: &Path) -> Vec<Fields> {
    let mut tshark = Command::new("tshark");
    tshark.args([
        "-n",
        "-T",
        "fields",
        "-E",
        "occurrence=f",
        "-E",
        "separator=/t",
        "-Y",
        "tcp.stream",
    ]);
    // A head in several segments is one by its first, as here; and each segment is looked at.
    for option in ["tcp.desegment_tcp_streams:FALSE", "http.desegment_headers:FALSE"] {
        tshark.args(["-o", option]);
    }
    tshark.args(FIELDS.iter().flat_map(|name| ["-e", name])).arg("-r").arg(path);
    let output = tshark.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line =
        |line: &str| FIELDS.iter().copied().zip(line.split('\t').map(str::to_owned)).collect();
    text.lines().map(line).collect()
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Microseconds of seconds with nine digits: a float would lose some.
fn us(text: &str) -> Option<f64> {
    let (seconds, fraction) = text.split_once('.')?;
    let nanoseconds = format!("{fraction:0<9}").get(..9)?.parse::<i128>().ok()?;
    Some((seconds.parse::<i128>().ok()? * 1_000_000_000 + nanoseconds) as f64 / 1000.0)
}

pub fn connections(frames: &[Fields]) -> Vec<Connection> {
    let mut streams: BTreeMap<u64, Vec<&Fields>> = BTreeMap::new();
    for frame in frames {
        streams.entry(number(&frame["tcp.stream"]).unwrap()).or_default().push(frame);
    }
    streams.into_values().map(|frames| connection(&frames)).collect()
}

fn end(frame: &Fields, [v4, v6, port]: [&str; 3]) -> String {
    let address = if frame[v4].is_empty() { &frame[v6] } else { &frame[v4] };
    format!("{address} {}", frame[port])
}

fn source(frame: &Fields) -> String {
    end(frame, ["ip.src", "ipv6.src", "tcp.srcport"])
}

fn destination(frame: &Fields) -> String {
    end(frame, ["ip.dst", "ipv6.dst", "tcp.dstport"])
}

fn connection(frames: &[&Fields]) -> Connection {
    let flags = |frame: &Fields| number(&frame["tcp.flags"]).unwrap();
    let first = &frames[0];
    // Who sent a SYN without ACK is the client, or who got one with it.
    let by_syn = frames.iter().find(|frame| flags(frame) & SYN != 0);
    let (client, server) = match by_syn {
        Some(frame) if flags(frame) & ACK == 0 => (source(frame), destination(frame)),
        Some(frame) => (destination(frame), source(frame)),
        None => (source(first), destination(first)),
    };
    let of = |role: &str, wanted: u64, without: u64| {
        frames.iter().position(|frame| {
            source(frame) == role && flags(frame) & wanted == wanted && flags(frame) & without == 0
        })
    };
    let count = |role: &str, wanted: &dyn Fn(&Fields) -> bool| {
        frames.iter().filter(|frame| source(frame) == role && wanted(frame)).count() as u64
    };
    let (syn, synack) = (of(&client, SYN, ACK), of(&server, SYN | ACK, RST));
    let fins = [of(&client, FIN, RST), of(&server, FIN, RST)];
    let resets = [of(&client, RST, 0), of(&server, RST, 0)];
    let completed = of(&client, ACK, SYN | RST).is_some();
    let outcome = match (fins, resets) {
        (_, [_, Some(_)]) if syn.is_some() && synack.is_none() && !completed => "refused",
        // A RST behind both FINs ends nothing any more.
        ([Some(one), Some(other)], [a, b])
            if [a, b].iter().flatten().all(|reset| *reset > one.max(other)) =>
        {
            "closed"
        }
        (_, [Some(_), _] | [_, Some(_)]) => "reset",
        _ if completed && (syn.is_some() || synack.is_some()) => "open",
        _ if syn.is_some() && synack.is_some() => "half-open",
        _ if syn.is_some() => "unanswered",
        _ => "partial",
    };
    let again = |role: &str| {
        count(role, &|frame| {
            let marks = ["retransmission", "out_of_order", "fast_retransmission"];
            flags(frame) & SYN == 0
                && marks.iter().any(|mark| {
                    let name = format!("tcp.analysis.{mark}");
                    !frame[name.as_str()].is_empty()
                })
        })
    };
    let times: Vec<f64> =
        frames.iter().map(|frame| us(&frame["frame.time_epoch"]).unwrap()).collect();
    let started = times.iter().copied().fold(f64::MAX, f64::min);
    let ended = times.iter().copied().fold(0.0, f64::max);
    // tshark has one of a refused connection, too: the time to its RST.
    let handshake = frames.iter().find_map(|frame| us(&frame["tcp.analysis.initial_rtt"]));
    let handshake = handshake.filter(|_| outcome != "refused");
    Connection {
        packets: [count(&client, &|_| true), count(&server, &|_| true)],
        again: [again(&client), again(&server)],
        client,
        server,
        outcome: outcome.into(),
        started,
        duration: ended - started,
        handshake,
    }
}

/// Requests by time; tshark says of each response which request it belongs to.
pub fn requests(frames: &[Fields]) -> Vec<Request> {
    let responses: BTreeMap<u64, &Fields> = frames
        .iter()
        .filter_map(|frame| Some((number(&frame["http.request_in"])?, frame)))
        .collect();
    let request = |frame: &Fields| {
        let response = responses.get(&number(&frame["frame.number"]).unwrap());
        Request {
            client: source(frame),
            method: frame["http.request.method"].clone(),
            path: frame["http.request.uri"].clone(),
            status: response.and_then(|response| number(&response["http.response.code"])),
            first_byte: response.and_then(|response| us(&response["http.time"])),
        }
    };
    frames.iter().filter(|frame| !frame["http.request.method"].is_empty()).map(request).collect()
}
