//! Lines for people: columns by their place, `-` for what is not known, and behind them what else there
//! is to say.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};
use probe_flow::{Connection, Ending, HttpExchange, Outcome, Role};
use probe_frame::{WallTime, visible};

use super::row::Request;
use crate::text::grouped;

/// What stands above the lines on a terminal.
pub(super) const CONNECTIONS: &str =
    "# time client > server outcome handshake first-byte duration sent received ...\n";
/// As above, for requests.
pub(super) const REQUESTS: &str = "# time client method host/path status body first-byte\n";

/// Names of a connection's exchanges that a line has.
const SHOWN: usize = 3;

/// A connection.
pub(super) fn connection(connection: &Connection, zone: &TimeZone) -> Vec<u8> {
    let [client, server] = [Role::Client, Role::Server];
    // Of one that was never completed, what was seen of it.
    let handshake = connection.handshake().or(connection.syn_to_synack());
    let protocol = match connection.protocol() {
        probe_flow::Protocol::Tcp => "",
        probe_flow::Protocol::Udp => "udp ",
    };
    let mut line = format!(
        "{} {protocol}{} > {} {} {} {} {} {} {}",
        clock(connection.started(), zone),
        connection.address(client),
        connection.address(server),
        connection.outcome(),
        short(handshake),
        short(connection.first_byte()),
        short(Some(connection.duration())),
        connection.side(client).bytes(),
        connection.side(server).bytes(),
    );
    for remark in remarks(connection) {
        let _ = write!(line, "; {}", visible(&remark));
    }
    line.push('\n');
    line.into_bytes()
}

/// What the columns do not say.
pub(crate) fn remarks(connection: &Connection) -> Vec<String> {
    let mut remarks = Vec::new();
    if let Some(rejection) = connection.rejection() {
        remarks.push(format!("{} from {}", rejection.reason, rejection.from));
    }
    match connection.outcome() {
        Outcome::Closed => {
            remarks.extend(connection.closed_by().map(|by| format!("by {}", by.word())));
        }
        Outcome::Reset => {
            remarks.extend(connection.reset_by().map(|by| format!("by {}", by.word())));
        }
        Outcome::Partial if connection.may_have_lost() => remarks.push("frames were lost".into()),
        _ => {}
    }
    let syns = connection.syns();
    if syns.count() > 1 {
        let at: Vec<_> = syns.times().map(|time| format!("{:.1}", time.as_secs_f64())).collect();
        let more = if usize::from(syns.count()) > at.len() { " ..." } else { "" };
        remarks.push(format!("{} SYNs at {}{more} s", syns.count(), at.join(", ")));
    }
    if connection.synacks() > 1 {
        remarks.push(format!("{} SYN-ACKs", connection.synacks()));
    }
    for exchange in connection.http().iter().take(SHOWN) {
        let request = Request::new(exchange);
        let method = request.method.as_deref().unwrap_or("?");
        remarks.push(format!("{method} {} {}", request.url(), status(exchange)));
    }
    for lookup in connection.dns().iter().take(SHOWN) {
        let code = lookup.code.map_or_else(|| "no answer".into(), |code| code.to_string());
        remarks.push(format!("{} {} {code}", lookup.kind, lookup.name));
    }
    let shown = connection.http().len().min(SHOWN) + connection.dns().len().min(SHOWN);
    let all = connection.http().len() + connection.dns().len();
    let more = (all - shown) as u64 + u64::from(connection.more_exchanges());
    if more > 0 {
        remarks.push(format!("{more} more"));
    }
    if let Some(tls) = connection.tls() {
        let version = tls.version.map_or_else(|| "TLS".into(), |version| version.to_string());
        let name = tls.server_name.as_deref().unwrap_or("(no server name)");
        let alert = tls.alert.map(|alert| format!(", alert {alert}")).unwrap_or_default();
        remarks.push(format!("{version} {name}{alert}"));
    } else if connection.application() == Some(probe_flow::Application::Http2) {
        remarks.push("HTTP/2".into());
    }
    match connection.ending() {
        Some(Ending::ThrownOut) => remarks.push("made room for another".into()),
        Some(Ending::Replaced) => remarks.push("ports used again".into()),
        Some(Ending::Itself | Ending::Silence | Ending::CaptureEnd) | None => {}
    }
    remarks
}

/// A request.
pub(super) fn request(
    connection: &Connection,
    exchange: &HttpExchange,
    zone: &TimeZone,
) -> Vec<u8> {
    let at = exchange.requested.or(exchange.responded).unwrap_or(connection.started());
    let request = Request::new(exchange);
    let body = exchange.body.map_or_else(|| "-".into(), |bytes| format!("{bytes} B"));
    let line = format!(
        "{} {} {} {} {} {body} {}",
        clock(at, zone),
        connection.address(Role::Client).ip(),
        request.method.as_deref().unwrap_or("-"),
        request.url(),
        status(exchange),
        short(exchange.first_byte()),
    );
    let mut line = visible(&line);
    line.push('\n');
    line.into_bytes()
}

fn status(exchange: &HttpExchange) -> String {
    match exchange.status {
        Some(status) => status.to_string(),
        None if exchange.unseen => "unseen".into(),
        None => "unanswered".into(),
    }
}

/// The time of day, to the millisecond.
pub(crate) fn clock(time: WallTime, zone: &TimeZone) -> String {
    let time = Timestamp::from_nanosecond(time.0.into()).unwrap_or(Timestamp::MAX);
    time.to_zoned(zone.clone()).strftime("%H:%M:%S%.3f").to_string()
}

/// A number as far as it is known.
pub(super) fn about(number: u64, margin: u64) -> String {
    match margin {
        0 => grouped(number),
        margin => format!("{} (± {})", grouped(number), grouped(margin)),
    }
}

/// A time in three digits and a unit, without a blank, so that columns stay columns.
pub(crate) fn short(time: Option<Duration>) -> String {
    let Some(time) = time else { return "-".into() };
    let us = time.as_nanos() as f64 / 1e3;
    let digits = |value: f64, unit: &str| {
        // What would round up to four digits has fewer behind the point.
        let behind = if value < 9.995 {
            2
        } else if value < 99.95 {
            1
        } else {
            0
        };
        format!("{value:.behind$}{unit}")
    };
    if us < 999.5 {
        digits(us, "us")
    } else if us < 999_500.0 {
        digits(us / 1e3, "ms")
    } else {
        digits(us / 1e6, "s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits() {
        let shown =
            [0, 21_500, 999_499, 999_500, 5_120_000, 99_951_000, 3_004_000_000, 3_600_000_000_000]
                .map(|nanoseconds| short(Some(Duration::from_nanos(nanoseconds))));
        let expected = ["0.00us", "21.5us", "999us", "1.00ms", "5.12ms", "100ms", "3.00s", "3600s"];
        assert_eq!(shown, expected);
        assert_eq!(short(None), "-");
    }
}
