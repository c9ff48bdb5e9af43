//! A reading as metrics: each one's name, help and unit stand here, once.
//!
//! Names and units are Prometheus's conventions (prometheus.io/docs/practices/naming). Each series is
//! there from the start, at 0. No address is a label.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{
        DescriptorEncoder, MetricEncoder, NoLabelSet, prometheus_protobuf, prometheus_text, text,
    },
    metrics::MetricType,
    registry::{Registry, Unit},
};

use super::{health, list_metrics, pushes::Pushes, record_metrics};
use crate::serve::{devices::Device, reading::Reading};

/// What all names begin with.
const PREFIX: &str = "probe";

/// A form that metrics are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus's text format.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus's protobuf, the only one with native histograms. Prometheus asks for it where it was
    /// told to take these.
    Protobuf,
}

/// The media type of protobuf, and the parameters that tell which messages it has and how.
const PROTOBUF: &str = "application/vnd.google.protobuf";
const MESSAGES: [&str; 2] = ["proto=io.prometheus.client.MetricFamily", "encoding=delimited"];

impl Format {
    /// All of them, the oldest first.
    const ALL: [Self; 3] = [Self::Text, Self::OpenMetrics, Self::Protobuf];

    /// The one that an `Accept` header (RFC 9110, 12.5.1) prefers; of equals the oldest one.
    pub fn wanted(accept: &str) -> Self {
        let mut best = (Self::Text, 0.0);
        for format in Self::ALL {
            let qualities = accept.split(',').filter_map(|item| format.quality(item));
            let quality = qualities.fold(0.0, f32::max);
            if quality > best.1 {
                best = (format, quality);
            }
        }
        best.0
    }

    /// How much an item of the header wants it; `None` where it is about others.
    fn quality(self, item: &str) -> Option<f32> {
        let mut parts = item.split(';').map(str::trim);
        let kind = parts.next()?;
        let parameters: Vec<&str> = parts.collect();
        let is_meant = match self {
            Self::Text => matches!(kind, "text/plain" | "text/*" | "*/*"),
            Self::OpenMetrics => kind == "application/openmetrics-text",
            Self::Protobuf => {
                kind == PROTOBUF && MESSAGES.iter().all(|one| parameters.contains(one))
            }
        };
        let quality = parameters.iter().find_map(|one| one.strip_prefix("q="));
        is_meant.then(|| quality.map_or(1.0, |quality| quality.parse().unwrap_or(0.0)))
    }

    /// What the `Content-Type` header says.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => prometheus_text::CONTENT_TYPE,
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; \
                 encoding=delimited"
            }
        }
    }
}

/// A reading in this form; with what became of pushes, where there are any.
pub fn encoded(reading: &Reading, pushes: Option<&Pushes>, format: Format) -> Vec<u8> {
    let registry = registry(reading, pushes);
    let mut out = String::new();
    // Memory takes all that is written to it.
    let _ = match format {
        Format::Text => prometheus_text::encode(&mut out, &registry),
        Format::OpenMetrics => text::encode(&mut out, &registry),
        Format::Protobuf => {
            return prometheus_protobuf::encode_to_vec(&registry).unwrap_or_default();
        }
    };
    out.into_bytes()
}

/// The same, for who makes something else of it.
///
/// # Errors
/// None that is known.
#[cfg(feature = "otlp")]
pub fn families(
    reading: &Reading,
    pushes: Option<&Pushes>,
) -> Result<Vec<prometheus_protobuf::prometheus_data_model::MetricFamily>, fmt::Error> {
    prometheus_protobuf::encode(&registry(reading, pushes))
}

fn registry(reading: &Reading, pushes: Option<&Pushes>) -> Registry {
    let mut registry = Registry::with_prefix(PREFIX);
    let pushes = pushes.map(Pushes::counts);
    registry.register_collector(Box::new(Metrics { reading: reading.clone(), pushes }));
    registry
}

#[derive(Debug)]
struct Metrics {
    reading: Reading,
    pushes: Option<[(&'static str, u64); 3]>,
}

impl Collector for Metrics {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        let Reading { seen, rules, lists, lost, recorders, state, .. } = &self.reading;
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
        list_metrics::encode(&mut out.0, lists, state.list_memory)?;
        let lost = lost.iter().map(|(cause, frames)| (cause.as_str(), *frames));
        let help = "Frames that a rule chose to be copied, and that were lost";
        out.counters("lost_frames", help, None, "cause", lost)?;

        record_metrics::write(&mut out, recorders)?;

        out.gauge("rules", "Rules that are counted", None, rules.len() as f64)?;
        let attached = state.attached.iter().map(|(hook, on)| (hook.as_str(), *on as f64));
        let help = "Interfaces that programs are attached to, by hook";
        out.gauges("attached_interfaces", help, None, "hook", attached)?;
        let help = "Whether programs are attached to an interface that the configuration names";
        out.family("interface_attached", help, None, MetricType::Gauge, |family| {
            state.devices.iter().try_for_each(|it| {
                let Device { name, hook, direction, is_attached } = it;
                let labels = [("device", name), ("hook", hook), ("direction", direction)];
                family.encode_family(&labels)?.encode_gauge(&f64::from(u8::from(*is_attached)))
            })
        })?;
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
        out.info("build", "The version of probe", &info)?;
        if let Some(pushes) = self.pushes {
            let help = "Pushes to the collector, by what became of them";
            out.counters("otlp_pushes", help, None, "result", pushes)?;
        }
        self.reading.health.as_ref().map_or(Ok(()), |health| health::encode(&mut out, health))
    }
}

pub(super) const BYTES: Option<&Unit> = Some(&Unit::Bytes);
pub(super) const SECONDS: Option<&Unit> = Some(&Unit::Seconds);

/// Writes families of metrics.
pub(super) struct Families<'a>(DescriptorEncoder<'a>);

impl Families<'_> {
    /// A family of any kind, whose series `write` writes.
    pub(super) fn family(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        kind: MetricType,
        write: impl FnOnce(&mut MetricEncoder<'_>) -> fmt::Result,
    ) -> fmt::Result {
        write(&mut self.0.encode_descriptor(name, help, unit, kind)?)
    }

    /// `NAME[_UNIT]_total`.
    pub(super) fn counter(
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
    pub(super) fn counters<'v>(
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

    /// The same for values of two labels.
    pub(super) fn counters_by<'v>(
        &mut self,
        name: &str,
        help: &str,
        [first, second]: [&str; 2],
        values: impl IntoIterator<Item = ([&'v str; 2], u64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        values.into_iter().try_for_each(|([one, other], number)| {
            count(&mut family.encode_family(&[(first, one), (second, other)])?, number)
        })
    }

    /// `NAME[_UNIT]`.
    pub(super) fn gauge(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        value: f64,
    ) -> fmt::Result {
        self.0.encode_descriptor(name, help, unit, MetricType::Gauge)?.encode_gauge(&value)
    }

    /// The same for each value of a label.
    pub(super) fn gauges<'v>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        label: &str,
        values: impl IntoIterator<Item = (&'v str, f64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        values.into_iter().try_for_each(|(value, number)| {
            family.encode_family(&[(label, value)])?.encode_gauge(&number)
        })
    }

    /// `NAME_info`, always 1.
    fn info(&mut self, name: &str, help: &str, labels: &[(&str, &str); 1]) -> fmt::Result {
        self.0.encode_descriptor(name, help, None, MetricType::Info)?.encode_info(labels)
    }
}

/// A counter's value.
pub(super) fn count(
    family: &mut MetricEncoder<'_>,
    value: impl prometheus_client::encoding::EncodeCounterValue,
) -> fmt::Result {
    family.encode_counter::<NoLabelSet, _, u64>(&value, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        kernel::Fill,
        serve::{
            http::pushes::Pushed,
            list_figures::{DistinctFigures, ListFigures, TopFigures},
            reading::State,
            recorders::{self, Triggers, View},
        },
    };

    #[test]
    fn the_accept_header_decides() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,\
            text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        // Prometheus 2.42 with --enable-feature=native-histograms (scrape/scrape.go).
        let with_native = format!(
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
             encoding=delimited,{prometheus}"
        );
        for (accept, format) in [
            (prometheus, Format::OpenMetrics),
            ("application/openmetrics-text", Format::OpenMetrics),
            ("application/openmetrics-text;q=0.1, text/plain", Format::Text),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Format::Text),
            ("*/*", Format::Text),
            ("", Format::Text),
            (with_native.as_str(), Format::Protobuf),
            ("application/vnd.google.protobuf, text/plain;q=0.1", Format::Text),
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
            recorders: vec![View {
                rule: "syn".into(),
                state: recorders::State::Armed,
                files: 2,
                bytes: 4096,
                held_seconds: 29.5,
                ring: Fill { used: 512, size: 4096 },
                overwritten: 7,
                triggers: Triggers { signal: 1, ..Triggers::default() },
                ..View::default()
            }],
            lists: vec![
                ListFigures {
                    rule: "syn".into(),
                    key: "src/24,64".into(),
                    keyed: 2,
                    top: Some(TopFigures { refused: 1, shares: vec![0.5, 0.0] }),
                    distinct: None,
                },
                ListFigures {
                    rule: "syn".into(),
                    key: "src".into(),
                    keyed: 3,
                    top: None,
                    distinct: Some(DistinctFigures {
                        estimate: 100,
                        low: 98,
                        high: 103,
                        minute: 90,
                        missed: 0,
                    }),
                },
            ],
            state: State {
                list_memory: 196_736,
                attached: vec![("tcx".into(), 2), ("xdp-native".into(), 0)],
                devices: vec![Device {
                    name: "eth0".into(),
                    hook: "tcx".into(),
                    direction: "in".into(),
                    is_attached: true,
                }],
                last_reload_succeeded: true,
                last_reload_seconds: 1_795_244_401.0,
                reading_seconds: 0.25,
                ..State::default()
            },
            ..Reading::default()
        };
        let pushes = Pushes::default();
        pushes.add(Pushed::Nothing);
        let text = |format| String::from_utf8(encoded(&reading, Some(&pushes), format)).unwrap();
        let open = text(Format::OpenMetrics);
        let text = text(Format::Text);
        for line in [
            "# TYPE probe_seen_packets_total counter",
            "probe_seen_packets_total 10",
            "probe_seen_bytes_total 600",
            "probe_rule_packets_total{rule=\"syn\"} 3",
            "probe_rule_bytes_total{rule=\"quiet\"} 0",
            "probe_list_memory_bytes 196736.0",
            "probe_rule_keyed_packets_total{rule=\"syn\",key=\"src\"} 3",
            "probe_rule_top_refused_packets_total{rule=\"syn\",key=\"src/24,64\"} 1",
            "probe_rule_top_share_ratio{rule=\"syn\",key=\"src/24,64\",rank=\"1\"} 0.5",
            "probe_rule_top_share_ratio{rule=\"syn\",key=\"src/24,64\",rank=\"2\"} 0.0",
            "probe_rule_distinct{rule=\"syn\",key=\"src\"} 100.0",
            "probe_rule_distinct_low{rule=\"syn\",key=\"src\"} 98.0",
            "probe_rule_distinct_high{rule=\"syn\",key=\"src\"} 103.0",
            "probe_rule_distinct_minute{rule=\"syn\",key=\"src\"} 90.0",
            "probe_rule_distinct_missed_packets_total{rule=\"syn\",key=\"src\"} 0",
            "probe_lost_frames_total{cause=\"lost_in_ring\"} 0",
            "probe_record_files_total{rule=\"syn\"} 2",
            "probe_record_bytes_total{rule=\"syn\"} 4096",
            "probe_record_overwritten_frames_total{rule=\"syn\"} 7",
            "probe_record_lost_frames_total{rule=\"syn\"} 0",
            "probe_record_failures_total{rule=\"syn\"} 0",
            "probe_record_restarts_total{rule=\"syn\"} 0",
            "probe_record_triggers_total{cause=\"signal\",rule=\"syn\"} 1",
            "probe_record_triggers_total{cause=\"condition\",rule=\"syn\"} 0",
            "probe_record_held_seconds{rule=\"syn\"} 29.5",
            "probe_record_ring_used_bytes{rule=\"syn\"} 512.0",
            "probe_record_ring_size_bytes{rule=\"syn\"} 4096.0",
            "probe_record_up{rule=\"syn\"} 1.0",
            "probe_attached_interfaces{hook=\"tcx\"} 2.0",
            "probe_interface_attached{device=\"eth0\",hook=\"tcx\",direction=\"in\"} 1.0",
            "probe_interface_events_total{event=\"gone\"} 0",
            "probe_reloads_total{result=\"failure\"} 0",
            "probe_config_last_reload_successful 1.0",
            "probe_config_last_reload_success_timestamp_seconds 1795244401.0",
            "probe_reading_seconds_total 0.25",
            "probe_program_runs_total 0",
            "probe_program_run_seconds_total 0.0",
            "probe_otlp_pushes_total{result=\"success\"} 0",
            "probe_otlp_pushes_total{result=\"failure\"} 1",
            concat!("probe_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
        ] {
            assert!(text.lines().any(|known| known == line), "{line}: {text}");
        }
        assert!(open.contains("# TYPE probe_rule_packets counter\n"), "{open}");
        assert!(open.contains("# UNIT probe_rule_bytes bytes\n"), "{open}");
        assert!(open.ends_with("# EOF\n"), "{open}");
    }
}
