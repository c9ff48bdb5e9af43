//! The families of `/metrics` as a message of OTLP (opentelemetry/proto/metrics/v1/metrics.proto): names,
//! labels and values are theirs.

use std::{collections::HashMap, mem};

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value},
    metrics::v1::{
        AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
        ResourceMetrics, ScopeMetrics, Sum, metric::Data, number_data_point::Value,
    },
    resource::v1::Resource,
};
use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model::{
    LabelPair, Metric as Sample, MetricFamily, MetricType,
};

const CUMULATIVE: i32 = AggregationTemporality::Cumulative as i32;

/// When each series began, in nanoseconds since 1970. One that has become smaller began anew after the push
/// before, and one that was not there began after it.
#[derive(Debug)]
pub struct Series {
    before: HashMap<String, (u64, f64)>,
    now: HashMap<String, (u64, f64)>,
    /// The push before; at first the time when counting began.
    pushed: u64,
}

impl Series {
    /// No push was made yet.
    pub fn since(began: u64) -> Self {
        Self { before: HashMap::new(), now: HashMap::new(), pushed: began }
    }

    fn start(&mut self, family: &str, sample: &Sample, value: f64) -> u64 {
        let labels = sample.label.iter().map(|LabelPair { name, value }| [name, value]);
        let key = labels.flatten().fold(family.to_owned(), |key, part| key + "\0" + part);
        let start = match self.before.get(&key) {
            Some((start, last)) if value >= *last => *start,
            _ => self.pushed,
        };
        self.now.insert(key, (start, value));
        start
    }

    /// Ends a push.
    fn end(&mut self, time: u64) {
        self.before = mem::take(&mut self.now);
        self.pushed = time;
    }
}

/// One push, of this time in nanoseconds since 1970.
pub fn request(
    families: Vec<MetricFamily>,
    series: &mut Series,
    host: &str,
    time: u64,
) -> ExportMetricsServiceRequest {
    let metrics = families.into_iter().map(|family| metric(family, series, time)).collect();
    series.end(time);
    let version = env!("CARGO_PKG_VERSION");
    let scope = InstrumentationScope {
        name: "probe".into(),
        version: version.into(),
        ..InstrumentationScope::default()
    };
    // Prometheus makes `job` and `instance` of the first and the third.
    let attributes = [
        ("service.name", "probe"),
        ("service.version", version),
        ("service.instance.id", host),
        ("host.name", host),
    ];
    let attributes = attributes.map(|(key, value)| attribute(key, value)).to_vec();
    let resource = Resource { attributes, ..Resource::default() };
    let of_scope = ScopeMetrics { scope: Some(scope), metrics, ..ScopeMetrics::default() };
    let of_resource = ResourceMetrics {
        resource: Some(resource),
        scope_metrics: vec![of_scope],
        ..ResourceMetrics::default()
    };
    ExportMetricsServiceRequest { resource_metrics: vec![of_resource] }
}

fn metric(family: MetricFamily, series: &mut Series, time: u64) -> Metric {
    let kind = family.r#type();
    let MetricFamily { name, help, metric: samples, unit, .. } = family;
    let data = match kind {
        MetricType::Counter => Data::Sum(Sum {
            data_points: (samples.iter())
                .map(|sample| {
                    let value = sample.counter.as_ref().map_or(0.0, |it| it.value);
                    number(sample, value, series.start(&name, sample, value), time)
                })
                .collect(),
            aggregation_temporality: CUMULATIVE,
            is_monotonic: true,
        }),
        MetricType::Histogram => Data::Histogram(Histogram {
            data_points: samples.iter().map(|it| histogram(&name, it, series, time)).collect(),
            aggregation_temporality: CUMULATIVE,
        }),
        _ => Data::Gauge(Gauge {
            data_points: (samples.iter())
                .map(|sample| {
                    let value = sample.gauge.as_ref().map_or(0.0, |it| it.value);
                    number(sample, value, 0, time)
                })
                .collect(),
        }),
    };
    Metric { name, description: help, unit: ucum(&unit), data: Some(data), ..Metric::default() }
}

/// A value; `start` 0 is none.
fn number(sample: &Sample, value: f64, start: u64, time: u64) -> NumberDataPoint {
    NumberDataPoint {
        attributes: attributes(sample),
        start_time_unix_nano: start,
        time_unix_nano: time,
        value: Some(Value::AsDouble(value)),
        ..NumberDataPoint::default()
    }
}

/// A histogram with the classic buckets: each has an upper bound, which is part of it, and the last has none.
fn histogram(name: &str, sample: &Sample, series: &mut Series, time: u64) -> HistogramDataPoint {
    let histogram = sample.histogram.clone().unwrap_or_default();
    let count = histogram.sample_count;
    let bounds = histogram.bucket.iter().map(|it| it.upper_bound);
    let mut below = 0;
    let counts = histogram.bucket.iter().map(|it| it.cumulative_count);
    HistogramDataPoint {
        attributes: attributes(sample),
        start_time_unix_nano: series.start(name, sample, count as f64),
        time_unix_nano: time,
        count,
        sum: Some(histogram.sample_sum),
        bucket_counts: counts.map(|up_to| up_to - mem::replace(&mut below, up_to)).collect(),
        explicit_bounds: bounds.filter(|bound| bound.is_finite()).collect(),
        ..HistogramDataPoint::default()
    }
}

fn attributes(sample: &Sample) -> Vec<KeyValue> {
    sample.label.iter().map(|LabelPair { name, value }| attribute(name, value)).collect()
}

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value.into())) };
    KeyValue { key: key.into(), value: Some(value), ..KeyValue::default() }
}

/// A unit of Prometheus as OTLP has it (ucum.org).
fn ucum(unit: &str) -> String {
    match unit {
        "bytes" => "By",
        "seconds" => "s",
        "ratio" => "1",
        other => other,
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(value: f64, rule: &str) -> MetricFamily {
        let label = vec![LabelPair { name: "rule".into(), value: rule.into() }];
        let counter = Some(
            prometheus_client::encoding::prometheus_protobuf::prometheus_data_model::Counter {
                value,
                ..Default::default()
            },
        );
        MetricFamily {
            name: "probe_rule_packets_total".into(),
            r#type: MetricType::Counter as i32,
            metric: vec![Sample { label, counter, ..Sample::default() }],
            ..MetricFamily::default()
        }
    }

    /// The start of the only series of a push.
    fn start(series: &mut Series, family: MetricFamily, time: u64) -> u64 {
        let request = request(vec![family], series, "host", time);
        let metric = &request.resource_metrics[0].scope_metrics[0].metrics[0];
        let Some(Data::Sum(sum)) = &metric.data else { panic!("{metric:?}") };
        sum.data_points[0].start_time_unix_nano
    }

    #[test]
    fn a_series_that_begins_anew_has_another_start() {
        let mut series = Series::since(100);
        assert_eq!(start(&mut series, counter(5.0, "a"), 200), 100);
        assert_eq!(start(&mut series, counter(5.0, "a"), 300), 100);
        assert_eq!(start(&mut series, counter(3.0, "a"), 400), 300, "less than before");
        assert_eq!(start(&mut series, counter(9.0, "a"), 500), 300);
        assert_eq!(start(&mut series, counter(9.0, "b"), 600), 500, "another one");
        assert_eq!(start(&mut series, counter(9.0, "a"), 700), 600, "and back");
    }
}
