//! The report of `probe rate`, as text and as JSON.

use std::time::Duration;

use probe_frame::{WallTime, visible};
use serde::Serialize;

use super::interval::{Rate, fixed_count, fixed_time};
use crate::clock::rfc3339_ms;

/// Why the measurement ended: it decides how the interval is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// The number of matches was reached; the time is from the first to the last.
    Count,
    /// The time was over.
    Time,
    /// The file was over; the time is from its first frame to its last.
    File,
    /// The user ended it, or the last interface went; the time is from the start to that
    /// moment.
    Interrupted,
}

/// A measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// When it ended.
    pub time: WallTime,
    /// What the program hung on.
    pub hook: String,
    /// The interfaces.
    pub interfaces: Vec<String>,
    /// The filter.
    pub filter: String,
    /// Why it ended.
    pub ending: Ending,
    /// Matches.
    pub packets: u64,
    /// Their bytes on the wire, without FCS.
    pub bytes: u64,
    /// The exact time that they took.
    pub span: Duration,
}

impl Report {
    fn packet_rate(&self) -> Option<Rate> {
        match self.ending {
            Ending::Count => fixed_count(self.packets, self.span),
            Ending::Time | Ending::File | Ending::Interrupted => {
                fixed_time(self.packets, self.span)
            }
        }
    }

    /// Bits a second: the packets' rate times their mean length, which is taken as known.
    /// Without packets nothing is known of their length.
    fn bit_rate(&self) -> Option<Rate> {
        if self.packets == 0 {
            return None;
        }
        let mean_bits = self.bytes as f64 * 8.0 / self.packets as f64;
        self.packet_rate().map(|rate| rate.scaled(mean_bits))
    }
}

/// For people.
pub fn text(report: &Report) -> Vec<u8> {
    let Report { packets, bytes, span, .. } = report;
    let filter = match report.filter.as_str() {
        "" => "all packets".to_string(),
        filter => visible(filter),
    };
    let between = match report.ending {
        Ending::Count => " from the first to the last",
        Ending::File => " of the file",
        Ending::Time | Ending::Interrupted => "",
    };
    let mut out = format!(
        "{filter} on {} ({})\n{packets} packets, {bytes} bytes in {:.6} s{between}\n",
        visible(&report.interfaces.join(", ")),
        report.hook,
        span.as_secs_f64()
    );
    for (rate, unit) in [(report.packet_rate(), "packets/s"), (report.bit_rate(), "bits/s")] {
        if let Some(Rate { value, low, high }) = rate {
            let digits = if value < 100.0 { 3 } else { 1 };
            out.push_str(&format!(
                "{value:.digits$} {unit} (95 %: {low:.digits$} to {high:.digits$})\n"
            ));
        }
    }
    if report.packet_rate().is_none() {
        let of = if report.ending == Ending::File { "frame" } else { "match" };
        out.push_str(&format!("no time passed between the first {of} and the last: no rate\n"));
    }
    out.into_bytes()
}

/// One JSON object on one line.
pub fn json(report: &Report) -> Vec<u8> {
    #[derive(Serialize)]
    struct Object<'a> {
        time: String,
        hook: &'a str,
        interfaces: &'a [String],
        filter: &'a str,
        ended_by: Ending,
        packets: u64,
        bytes: u64,
        seconds: f64,
        pps: Option<f64>,
        pps_95: Option<[f64; 2]>,
        bps: Option<f64>,
        bps_95: Option<[f64; 2]>,
    }
    let round = |value: f64| (value * 1000.0).round() / 1000.0;
    let (packets, bits) = (report.packet_rate(), report.bit_rate());
    let bounds = |rate: Option<Rate>| rate.map(|rate| [round(rate.low), round(rate.high)]);
    let object = Object {
        time: rfc3339_ms(report.time),
        hook: &report.hook,
        interfaces: &report.interfaces,
        filter: &report.filter,
        ended_by: report.ending,
        packets: report.packets,
        bytes: report.bytes,
        seconds: report.span.as_nanos() as f64 / 1e9,
        pps: packets.map(|rate| round(rate.value)),
        pps_95: bounds(packets),
        bps: bits.map(|rate| round(rate.value)),
        bps_95: bounds(bits),
    };
    crate::json::line(&object)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(ending: Ending, packets: u64) -> Report {
        Report {
            time: WallTime::new(1_795_244_401, 0),
            hook: "tcx".into(),
            interfaces: vec!["eth0".into()],
            filter: "@syn".into(),
            ending,
            packets,
            bytes: packets * 60,
            span: Duration::from_millis(2500),
        }
    }

    #[test]
    fn golden_text() {
        let expected = "\
@syn on eth0 (tcx)
10001 packets, 600060 bytes in 2.500000 s from the first to the last
4000.0 packets/s (95 %: 3922.0 to 4078.8)
1920000.0 bits/s (95 %: 1882550.8 to 1957812.9)
";
        let text = text(&report(Ending::Count, 10_001));
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }

    #[test]
    fn golden_json() {
        let expected = concat!(
            r#"{"time":"2026-11-21T07:00:01.000Z","hook":"tcx","interfaces":["eth0"],"#,
            r#""filter":"@syn","ended_by":"time","packets":10,"bytes":600,"seconds":2.5,"#,
            r#""pps":4.0,"pps_95":[1.918,7.356],"bps":1920.0,"bps_95":[920.715,3530.948]}"#,
            "\n"
        );
        assert_eq!(String::from_utf8(json(&report(Ending::Time, 10))).unwrap(), expected);
    }

    #[test]
    fn one_match_has_no_rate() {
        let report = report(Ending::Count, 1);
        assert!(String::from_utf8(text(&report)).unwrap().ends_with("no rate\n"));
        let value: serde_json::Value = serde_json::from_slice(&json(&report)).unwrap();
        assert!(value["pps"].is_null());
    }
}
