//! A reading as metrics: each one's name, help and unit stand here, once.
//!
//! Names and units are Prometheus's conventions (prometheus.io/docs/practices/naming). Each series is
//! there from the start, at 0. No address is a label.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, prometheus_text, text},
    metrics::MetricType,
    registry::{Registry, Unit},
};

use crate::serve::reading::Reading;

/// What all names begin with.
const PREFIX: &str = "probe";

/// A form that metrics are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus's text format.
    Text,
}

impl Format {
    /// The one that an `Accept` header (RFC 9110, 12.5.1) prefers; of equals the older one.
    pub fn wanted(accept: &str) -> Self {
        let (mut open_metrics, mut text) = (0.0, 0.0f32);
        for item in accept.split(',') {
            let mut parts = item.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default();
            let quality =
                parts.find_map(|part| part.strip_prefix("q=")).map_or(Ok(1.0), str::parse);
            let quality: f32 = quality.unwrap_or(0.0);
            match kind {
                "application/openmetrics-text" => open_metrics = f32::max(open_metrics, quality),
                "text/plain" | "text/*" | "*/*" => text = text.max(quality),
                _ => {}
            }
        }
        if open_metrics > text { Self::OpenMetrics } else { Self::Text }
    }

    /// What the `Content-Type` header says.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => prometheus_text::CONTENT_TYPE,
        }
    }
}

/// The text of a reading.
pub fn text(reading: &Reading, format: Format) -> String {
    let mut registry = Registry::with_prefix(PREFIX);
    registry.register_collector(Box::new(Metrics(reading.clone())));
    let mut out = String::new();
    // A text takes all that is written to it.
    let _ = match format {
        Format::OpenMetrics => text::encode(&mut out, &registry),
        Format::Text => prometheus_text::encode(&mut out, &registry),
    };
    out
}

#[derive(Debug)]
struct Metrics(Reading);

impl Collector for Metrics {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        let Reading { seen, rules, lost, state, .. } = &self.0;
        let mut out = Families(encoder);
        out.counter("seen_packets", "Frames looked at", None, seen.0)?;
        out.counter("seen", "Bytes of the frames looked at, without FCS", BYTES, seen.1)?;
        let packets = rules.iter().map(|(name, packets, _)| (name.as_str(), *packets));
        out.counters("rule_packets", "Frames that a rule matched", None, "rule", packets)?;
        let bytes = rules.iter().map(|(name, _, bytes)| (name.as_str(), *bytes));
        out.counters(
            "rule",
            "Bytes of the frames that a rule matched, without FCS",
            BYTES,
            "rule",
            bytes,
        )?;
        let lost = lost.iter().map(|(cause, frames)| (cause.as_str(), *frames));
        let help = "Frames that a rule chose to be copied, and that were lost";
        out.counters("lost_frames", help, None, "cause", lost)?;

        out.gauge("rules", "Rules that are counted", None, rules.len() as f64)?;
        let attached = state.attached.iter().map(|(hook, on)| (hook.as_str(), *on));
        let help = "Interfaces that programs are attached to, by hook";
        out.gauges("attached_interfaces", help, "hook", attached)?;
        let events = [
            ("attached", state.interfaces_attached),
            ("gone", state.interfaces_gone),
            ("refused", state.interfaces_refused),
        ];
        let help = "Interfaces that were attached to, that went, and that could not be attached to";
        out.counters("interface_events", help, None, "event", events)?;

        let reloads = [("success", state.reloads), ("failure", state.reloads_refused)];
        let help = "Times that the configuration was read again, by result";
        out.counters("reloads", help, None, "result", reloads)?;
        let help = "Whether the configuration was taken the last time that it was read";
        out.gauge(
            "config_last_reload_successful",
            help,
            None,
            u8::from(state.last_reload_succeeded).into(),
        )?;
        let help = "When a configuration was last taken, since 1970";
        out.gauge(
            "config_last_reload_success_timestamp",
            help,
            SECONDS,
            state.last_reload_seconds,
        )?;

        out.counter("readings", "Readings of the kernel's counters", None, state.readings)?;
        let help = "Time that readings of the kernel's counters took";
        out.counter("reading", help, SECONDS, state.reading_seconds)?;
        let help = "Runs of the programs in the kernel, while it measures them";
        out.counter("program_runs", help, None, state.program_runs)?;
        let help = "Time that runs of the programs took, while the kernel measures them";
        out.counter("program_run", help, SECONDS, state.program_seconds)?;
        let help = "CPU time of the process that counts, in user and kernel mode";
        out.counter("cpu", help, SECONDS, state.cpu_seconds)?;
        let help = "Times that the process which serves HTTP was started again";
        out.counter("http_restarts", help, None, state.http_restarts)?;
        let info = [("version", env!("CARGO_PKG_VERSION"))];
        out.info("build", "The version of probe", &info)
    }
}

const BYTES: Option<&Unit> = Some(&Unit::Bytes);
const SECONDS: Option<&Unit> = Some(&Unit::Seconds);

/// Writes families of metrics.
struct Families<'a>(DescriptorEncoder<'a>);

impl Families<'_> {
    /// `NAME[_UNIT]_total`.
    fn counter(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        value: impl prometheus_client::encoding::EncodeCounterValue,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, unit, MetricType::Counter)?;
        count(&mut family, value)
    }

    /// The same for each value of a label.
    fn counters<'v>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        label: &str,
        values: impl IntoIterator<Item = (&'v str, u64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, unit, MetricType::Counter)?;
        values.into_iter().try_for_each(|(value, number)| {
            count(&mut family.encode_family(&[(label, value)])?, number)
        })
    }

    /// `NAME[_UNIT]`.
    fn gauge(&mut self, name: &str, help: &str, unit: Option<&Unit>, value: f64) -> fmt::Result {
        self.0.encode_descriptor(name, help, unit, MetricType::Gauge)?.encode_gauge(&value)
    }

    /// The same for each value of a label.
    fn gauges<'v>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (&'v str, u64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        values.into_iter().try_for_each(|(value, number)| {
            family.encode_family(&[(label, value)])?.encode_gauge(&(number as f64))
        })
    }

    /// `NAME_info`, always 1.
    fn info(&mut self, name: &str, help: &str, labels: &[(&str, &str); 1]) -> fmt::Result {
        self.0.encode_descriptor(name, help, None, MetricType::Info)?.encode_info(labels)
    }
}

fn count(
    family: &mut MetricEncoder<'_>,
    value: impl prometheus_client::encoding::EncodeCounterValue,
) -> fmt::Result {
    family.encode_counter::<NoLabelSet, _, u64>(&value, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::reading::State;

    #[test]
    fn the_accept_header_decides() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,\
            text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for (accept, format) in [
            (prometheus, Format::OpenMetrics),
            ("application/openmetrics-text", Format::OpenMetrics),
            ("application/openmetrics-text;q=0.1, text/plain", Format::Text),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Format::Text),
            ("*/*", Format::Text),
            ("", Format::Text),
            ("application/openmetrics-text;q=none", Format::Text),
        ] {
            assert_eq!(Format::wanted(accept), format, "{accept}");
        }
    }

    #[test]
    fn golden() {
        let reading = Reading {
            seen: (10, 600),
            rules: vec![("syn".into(), 3, 180), ("quiet".into(), 0, 0)],
            lost: vec![("lost_in_ring".into(), 0)],
            state: State {
                attached: vec![("tcx".into(), 2), ("xdp-native".into(), 0)],
                last_reload_succeeded: true,
                last_reload_seconds: 1_795_244_401.0,
                reading_seconds: 0.25,
                ..State::default()
            },
            ..Reading::default()
        };
        let text = text(&reading, Format::Text);
        for line in [
            "# TYPE probe_seen_packets_total counter",
            "probe_seen_packets_total 10",
            "probe_seen_bytes_total 600",
            "probe_rule_packets_total{rule=\"syn\"} 3",
            "probe_rule_bytes_total{rule=\"quiet\"} 0",
            "probe_lost_frames_total{cause=\"lost_in_ring\"} 0",
            "probe_attached_interfaces{hook=\"tcx\"} 2.0",
            "probe_interface_events_total{event=\"gone\"} 0",
            "probe_reloads_total{result=\"failure\"} 0",
            "probe_config_last_reload_successful 1.0",
            "probe_config_last_reload_success_timestamp_seconds 1795244401.0",
            "probe_reading_seconds_total 0.25",
            "probe_program_runs_total 0",
            "probe_program_run_seconds_total 0.0",
            concat!("probe_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
        ] {
            assert!(text.lines().any(|known| known == line), "{line}: {text}");
        }
        let open = super::text(&reading, Format::OpenMetrics);
        assert!(open.contains("# TYPE probe_rule_packets counter\n"), "{open}");
        assert!(open.contains("# UNIT probe_rule_bytes bytes\n"), "{open}");
        assert!(open.ends_with("# EOF\n"), "{open}");
    }
}
