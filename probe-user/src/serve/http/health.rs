//! Health by port as metrics. What grows is settled before it is counted: what may still change is a
//! gauge.

use std::fmt;

use prometheus_client::{
    encoding::{NativeHistogram, NativeHistogramBuckets, NoLabelSet},
    metrics::MetricType,
};

use super::metrics::{BYTES, Families, SECONDS, count};
use crate::{
    health::{Counts, Distribution, Port, Verdict},
    serve::health::Health,
};

/// One number of many.
type Of<T> = fn(&T) -> u64;

/// Counters of a port, each with its help.
const COUNTERS: [(&str, &str, Of<Counts>); 8] = [
    ("health_syn", "SYNs to the port; of UDP datagrams to it", |it| it.syn),
    ("health_synack", "SYN-ACKs from the port; of UDP datagrams from it", |it| it.synack),
    ("health_rst", "Segments with RST, of both sides", |it| it.rst),
    ("health_fin", "Segments with FIN, of both sides", |it| it.fin),
    ("health_icmp_errors", "ICMP errors about packets to the port", |it| it.icmp_errors),
    ("health_connections_started", "Connections that began", |it| it.connections),
    ("health_connections_answered", "Connections that were answered", |it| it.answered),
    ("health_retransmitted", "SYNs and SYN-ACKs that were sent again", |it| it.retransmitted),
];

/// What becomes of a connection: one of these, once it is clear.
const OUTCOMES: [(&str, Of<Counts>); 5] = [
    ("completed", |it| it.completed),
    ("refused", |it| it.refused),
    ("rejected", |it| it.rejected),
    ("unanswered", |it| it.unanswered),
    ("abandoned", |it| it.abandoned),
];

/// Gauges of a port, each with its help.
const GAUGES: [(&str, &str, Of<Port>); 2] = [
    ("health_half_open", "Connections that are answered and not completed", |it| {
        it.counts.half_open
    }),
    ("health_waiting", "Connections without an answer for a second or longer, until now", |it| {
        it.counts.unanswered.saturating_sub(it.settled.unanswered)
    }),
];

/// Bounds of the classic buckets, as powers of two of seconds: from 31 us to 8 s. Those of the native
/// ones lie between them, so that both say the same.
const OCTAVES: std::ops::RangeInclusive<i32> = -15..=3;

/// Buckets of native histograms: 2^4 an octave.
const SCHEMA: i32 = 4;
/// Below this a time would be in the bucket of 0: as client_golang has it. An empty histogram is known
/// for a native one by it.
const ZERO: f64 = f64::from_bits((1023 - 128) << 52);

/// Writes all families.
pub fn encode(out: &mut Families<'_>, health: &Health) -> fmt::Result {
    let Health { ports, followed, cpu_seconds, ring, up, restarts } = health;
    for (name, help, value) in COUNTERS {
        out.family(name, help, None, MetricType::Counter, |family| {
            ports.iter().try_for_each(|port| {
                count(&mut family.encode_family(&labels(port))?, value(&port.settled))
            })
        })?;
    }
    let help = "Connections by what became of them, once that is clear";
    let outcomes = |port: &Port| OUTCOMES.map(|(outcome, value)| (outcome, value(&port.settled)));
    out.family("health_connections", help, None, MetricType::Counter, |family| {
        for (port, (outcome, number)) in with_each(ports, outcomes) {
            let labels = labels_and(port, "outcome", outcome);
            count(&mut family.encode_family(&labels)?, number)?;
        }
        Ok(())
    })?;
    let help = "Responses of HTTP/1 by class of their status";
    let classes = |port: &Port| {
        let [a, b, c, d, e] = port.settled.http;
        [("1xx", a), ("2xx", b), ("3xx", c), ("4xx", d), ("5xx", e)]
    };
    out.family("health_http_responses", help, None, MetricType::Counter, |family| {
        for (port, (class, number)) in with_each(ports, classes) {
            let labels = labels_and(port, "class", class);
            count(&mut family.encode_family(&labels)?, number)?;
        }
        Ok(())
    })?;
    for (name, help, value) in GAUGES {
        out.family(name, help, None, MetricType::Gauge, |family| {
            ports.iter().try_for_each(|port| {
                family.encode_family(&labels(port))?.encode_gauge(&(value(port) as f64))
            })
        })?;
    }
    let help = "Whether this is the verdict on the port";
    let verdicts =
        |port: &Port| Verdict::ALL.map(|verdict| (verdict.word(), verdict == port.verdict));
    out.family("health_verdict", help, None, MetricType::Gauge, |family| {
        for (port, (verdict, holds)) in with_each(ports, verdicts) {
            let labels = labels_and(port, "verdict", verdict);
            family.encode_family(&labels)?.encode_gauge(&f64::from(u8::from(holds)))?;
        }
        Ok(())
    })?;
    let help = "Time from the SYN that was answered to the ACK";
    times(out, "health_handshake", help, ports, |port| &port.times.handshake)?;
    let help = "Time from the first byte of a request to the first of its response";
    times(out, "health_first_byte", help, ports, |port| &port.times.first_byte)?;

    let help = "One connection in so many is followed, and stands for all of them";
    out.gauge("health_followed_one_in", help, None, followed.one_in.max(1) as f64)?;
    let help = "Connections that are followed right now";
    out.gauge("health_followed_connections", help, None, followed.now as f64)?;
    let help = "Segments of followed connections that were lost on their way from the kernel";
    out.counter("health_lost_segments", help, None, followed.lost)?;
    let help = "Connections that were not followed because there was no room";
    out.counter("health_refused_connections", help, None, followed.refused)?;
    let help = "Most bytes that waited in the rings of one CPU at a time, in the last interval";
    out.gauge("health_ring_used", help, BYTES, ring.used as f64)?;
    let help = "Bytes that the rings of one CPU have room for";
    out.gauge("health_ring_size", help, BYTES, ring.size as f64)?;
    let help = "Whether the process that follows connections is there, and has reported";
    out.gauge("health_up", help, None, u8::from(*up).into())?;
    let help = "CPU time of the process that follows connections, in user and kernel mode";
    out.counter("health_cpu", help, SECONDS, *cpu_seconds)?;
    let help = "Times that this process was started again";
    out.counter("health_restarts", help, None, *restarts)
}

/// What tells a port from the others.
fn labels(port: &Port) -> [(&'static str, String); 2] {
    let service = port.service;
    [("port", service.port.to_string()), ("protocol", service.protocol.word().into())]
}

fn labels_and(port: &Port, name: &'static str, value: &'static str) -> [(&'static str, String); 3] {
    let [number, protocol] = labels(port);
    [number, protocol, (name, value.into())]
}

/// Each port with each value of a label that it has.
fn with_each<T, const N: usize>(
    ports: &[Port],
    values: impl Fn(&Port) -> [(&'static str, T); N],
) -> impl Iterator<Item = (&Port, (&'static str, T))> {
    ports.iter().flat_map(move |port| values(port).into_iter().map(move |value| (port, value)))
}

/// A histogram for each port: classic, and in protobuf native, too.
fn times(
    out: &mut Families<'_>,
    name: &str,
    help: &str,
    ports: &[Port],
    of: fn(&Port) -> &Distribution,
) -> fmt::Result {
    out.family(name, help, SECONDS, MetricType::Histogram, |family| {
        for port in ports {
            let times = of(port);
            let (spans, deltas) = spans_and_deltas(times);
            let native = NativeHistogram {
                schema: SCHEMA,
                zero_threshold: ZERO,
                zero_count: times.zeros,
                negative: NativeHistogramBuckets { spans: &[], deltas: &[] },
                positive: NativeHistogramBuckets { spans: &spans, deltas: &deltas },
                created: None,
            };
            family.encode_family(&labels(port))?.encode_histogram_with_native::<NoLabelSet>(
                times.sum_ns as f64 / 1e9,
                times.count,
                &classic(times),
                None,
                native,
            )?;
        }
        Ok(())
    })
}

/// The bound of each classic bucket, and how many times are in it and not in the one before.
fn classic(times: &Distribution) -> Vec<(f64, u64)> {
    let mut below = 0;
    let bounds = OCTAVES.map(|octave| (f64::from(octave).exp2(), times.up_to(octave)));
    let all = bounds.chain([(f64::INFINITY, times.count)]);
    all.map(|(bound, up_to)| (bound, up_to - std::mem::replace(&mut below, up_to))).collect()
}

/// Native buckets as Prometheus has them: runs of buckets, each so many behind the end of the one
/// before, and what each bucket has more than the one before it (`Histogram` in
/// io/prometheus/client/metrics.proto of prometheus/client_model).
fn spans_and_deltas(times: &Distribution) -> (Vec<(i32, u32)>, Vec<i64>) {
    let (mut spans, mut deltas) = (Vec::new(), Vec::new());
    let (mut end, mut before) = (0, 0);
    for (first, counts) in times.runs() {
        spans.push((first - end, counts.len() as u32));
        end = first + counts.len() as i32;
        for count in counts {
            deltas.push(count as i64 - std::mem::replace(&mut before, count as i64));
        }
    }
    (spans, deltas)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{
        health::{Followed, Since},
        kernel::Fill,
        serve::{
            http::metrics::{Format, encoded},
            reading::Reading,
        },
    };

    fn distribution() -> Distribution {
        // 1 s is the last of bucket 0, 1 ms is in bucket -159: 2^(-159/16) s = 1.02 ms.
        let buckets = [(-159, 3), (-158, 1), (0, 5)].into();
        Distribution { count: 11, sum_ns: 5_004_000_000, zeros: 2, buckets }
    }

    pub(in crate::serve::http) fn reading() -> Reading {
        let mut http = Port::unseen("80".parse().unwrap());
        let settled = Counts {
            syn: 12,
            connections: 11,
            completed: 9,
            unanswered: 1,
            http: [0, 8, 0, 0, 1],
            ..Counts::default()
        };
        http.settled = settled;
        http.counts = Counts { unanswered: 2, half_open: 3, ..settled };
        http.verdict = Verdict::Slow;
        http.times = Since { handshake: distribution(), ..Since::default() };
        let ports = vec![http, Port::unseen("53/udp".parse().unwrap())];
        let followed = Followed { one_in: 4, lost: 7, ..Followed::default() };
        let ring = Fill { used: 4096, size: 1 << 20 };
        let health = Health { ports, followed, cpu_seconds: 0.5, ring, up: true, restarts: 1 };
        Reading { health: Some(health), ..Reading::default() }
    }

    #[test]
    fn golden() {
        let text = String::from_utf8(encoded(&reading(), None, Format::Text)).unwrap();
        for line in [
            r#"probe_health_syn_total{port="80",protocol="tcp"} 12"#,
            r#"probe_health_connections_started_total{port="53",protocol="udp"} 0"#,
            r#"probe_health_connections_total{port="80",protocol="tcp",outcome="completed"} 9"#,
            r#"probe_health_connections_total{port="80",protocol="tcp",outcome="unanswered"} 1"#,
            r#"probe_health_connections_total{port="53",protocol="udp",outcome="rejected"} 0"#,
            r#"probe_health_http_responses_total{port="80",protocol="tcp",class="5xx"} 1"#,
            r#"probe_health_half_open{port="80",protocol="tcp"} 3.0"#,
            r#"probe_health_waiting{port="80",protocol="tcp"} 1.0"#,
            r#"probe_health_verdict{port="80",protocol="tcp",verdict="slow"} 1.0"#,
            r#"probe_health_verdict{port="80",protocol="tcp",verdict="healthy"} 0.0"#,
            r#"probe_health_verdict{port="53",protocol="udp",verdict="quiet"} 1.0"#,
            r#"probe_health_handshake_seconds_bucket{port="80",protocol="tcp",le="3.0517578125e-05"} 2"#,
            r#"probe_health_handshake_seconds_bucket{port="80",protocol="tcp",le="0.0009765625"} 2"#,
            r#"probe_health_handshake_seconds_bucket{port="80",protocol="tcp",le="0.001953125"} 6"#,
            r#"probe_health_handshake_seconds_bucket{port="80",protocol="tcp",le="1"} 11"#,
            r#"probe_health_handshake_seconds_bucket{port="80",protocol="tcp",le="+Inf"} 11"#,
            r#"probe_health_handshake_seconds_sum{port="80",protocol="tcp"} 5.004"#,
            r#"probe_health_handshake_seconds_count{port="80",protocol="tcp"} 11"#,
            r#"probe_health_first_byte_seconds_count{port="53",protocol="udp"} 0"#,
            "probe_health_followed_one_in 4.0",
            "probe_health_lost_segments_total 7",
            "probe_health_ring_used_bytes 4096.0",
            "probe_health_ring_size_bytes 1048576.0",
            "probe_health_up 1.0",
            "probe_health_cpu_seconds_total 0.5",
            "probe_health_restarts_total 1",
        ] {
            assert!(text.lines().any(|known| known == line), "{line}: {text}");
        }
        let without = encoded(&Reading::default(), None, Format::Text);
        assert!(!String::from_utf8(without).unwrap().contains("health"));
    }

    #[test]
    fn native_buckets_as_runs_and_differences() {
        let (spans, deltas) = spans_and_deltas(&distribution());
        assert_eq!(spans, [(-159, 2), (157, 1)]);
        assert_eq!(deltas, [3, -2, 4]);
        assert_eq!(spans_and_deltas(&Distribution::default()), (vec![], vec![]));
        assert_eq!(ZERO, 2f64.powi(-128));
    }
}
