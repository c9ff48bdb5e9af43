use std::{collections::BTreeMap, net::Ipv4Addr, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse as _, Response},
    routing::post,
};
use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::{KeyValue, any_value},
    metrics::v1::{Gauge, Sum, metric::Data, number_data_point::Value},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, UnixStream},
    sync::{Mutex, mpsc},
};

use super::*;
use crate::{
    runtime,
    serve::{
        http::{health, metrics::Format},
        reading::Reading,
        worker::{Asked, Told},
    },
};

/// A series: its name, and its labels with their values.
type Key = (String, BTreeMap<String, String>);

/// The bound of a bucket, whichever way it is written.
fn bound(text: &str) -> String {
    format!("{:?}", text.parse::<f64>().unwrap())
}

/// All series of a text of metrics.
fn of_text(text: &str) -> BTreeMap<Key, f64> {
    let series = |line: &str| {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let labels = labels.strip_suffix('}').unwrap().split_terminator('"').collect::<Vec<_>>();
        let labels = labels.chunks(2).map(|pair| {
            let name = pair[0].trim_matches([',', '=']).to_owned();
            let value = if name == "le" { bound(pair[1]) } else { pair[1].to_owned() };
            (name, value)
        });
        ((name.to_owned(), labels.collect()), value.parse().unwrap())
    };
    text.lines().filter(|line| !line.starts_with('#')).map(series).collect()
}

/// All series of a push, as a text of metrics has them.
fn of_push(request: &ExportMetricsServiceRequest) -> BTreeMap<Key, f64> {
    let labels = |attributes: &[KeyValue]| -> BTreeMap<String, String> {
        let label = |it: &KeyValue| {
            let Some(any_value::Value::StringValue(value)) =
                it.value.clone().and_then(|value| value.value)
            else {
                panic!("{it:?}")
            };
            (it.key.clone(), value)
        };
        attributes.iter().map(label).collect()
    };
    let mut series = BTreeMap::new();
    for metric in &request.resource_metrics[0].scope_metrics[0].metrics {
        let name = &metric.name;
        match metric.data.as_ref().unwrap() {
            Data::Sum(Sum { data_points, .. }) | Data::Gauge(Gauge { data_points }) => {
                for point in data_points {
                    let Some(Value::AsDouble(value)) = point.value else { panic!("{metric:?}") };
                    series.insert((name.clone(), labels(&point.attributes)), value);
                }
            }
            Data::Histogram(histogram) => {
                for point in &histogram.data_points {
                    let labels = labels(&point.attributes);
                    let of = |end: &str| (format!("{name}_{end}"), labels.clone());
                    series.insert(of("sum"), point.sum.unwrap());
                    series.insert(of("count"), point.count as f64);
                    let bounds = point.explicit_bounds.iter().copied().chain([f64::INFINITY]);
                    assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
                    let mut up_to = 0;
                    for (bound, count) in bounds.zip(&point.bucket_counts) {
                        up_to += count;
                        let (name, mut labels) = of("bucket");
                        labels.insert("le".into(), format!("{bound:?}"));
                        series.insert((name, labels), up_to as f64);
                    }
                }
            }
            other => panic!("{other:?}"),
        }
    }
    series
}

fn reading() -> Reading {
    Reading {
        seen: (10, 600),
        rules: vec![("syn".into(), 3, 180), ("quiet".into(), 0, 0)],
        ..health::tests::reading()
    }
}

/// What is pushed is what `/metrics` has, under the same names.
#[test]
fn the_same_series_as_a_scrape() {
    let families = metrics::families(&reading(), None).unwrap();
    let mut series = Series::since(5);
    let request = message::request(families, &mut series, "web1", 9);
    let text = metrics::encoded(&reading(), None, Format::Text);
    let scraped = of_text(std::str::from_utf8(&text).unwrap());
    assert!(scraped.len() > 100, "{scraped:?}");
    let pushed = of_push(&request);
    for key in scraped.keys().chain(pushed.keys()) {
        assert_eq!(pushed.get(key), scraped.get(key), "{key:?}");
    }

    let resource = request.resource_metrics[0].resource.as_ref().unwrap();
    let shown = format!("{resource:?}");
    assert!(shown.contains("web1") && shown.contains("service.name"), "{shown}");
    let metrics = &request.resource_metrics[0].scope_metrics[0].metrics;
    let of = |name: &str| metrics.iter().find(|it| it.name == name).unwrap();
    let seen = of("probe_seen_bytes_total");
    assert_eq!((&*seen.unit, seen.description.is_empty()), ("By", false));
    let Some(Data::Sum(sum)) = &seen.data else { panic!("{seen:?}") };
    assert!(sum.is_monotonic && sum.aggregation_temporality == 2, "cumulative: {sum:?}");
    let point = &sum.data_points[0];
    assert_eq!((point.start_time_unix_nano, point.time_unix_nano), (5, 9));
    let times = of("probe_health_handshake_seconds");
    assert!(matches!(&times.data, Some(Data::Histogram(it)) if it.aggregation_temporality == 2));
    assert_eq!(times.unit, "s");
}

#[test]
fn failures_make_pushes_seldom() {
    let second = Duration::from_secs(1);
    let pauses = [0, 1, 2, 8, 9, 31, 32, 1000].map(|failures| pause(second, failures).as_secs());
    assert_eq!(pauses, [1, 2, 4, 256, 300, 300, 300, 300]);
    assert_eq!(pause(second * 600, 5), second * 600);
}

/// A stand-in for a collector: it gives these answers one after the other, and passes on what came.
struct Collector {
    answers: Mutex<Vec<Response>>,
    came: mpsc::Sender<(HeaderMap, ExportMetricsServiceRequest)>,
}

async fn take(
    State(collector): State<Arc<Collector>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = ExportMetricsServiceRequest::decode(body).unwrap();
    let answer = collector.answers.lock().await.pop();
    collector.came.send((headers, request)).await.unwrap();
    answer.unwrap_or_else(|| StatusCode::OK.into_response())
}

/// The process that counts: it says where to push, and answers each question with the same reading.
async fn count(mut control: UnixStream, setup: Setup) {
    let (from, mut to) = control.split();
    let mut lines = BufReader::new(from).lines();
    to.write_all(&crate::json::line(&Told::Otlp(Some(Box::new(setup))))).await.unwrap();
    let mut asked = 0;
    while let Some(line) = lines.next_line().await.unwrap() {
        assert_eq!(serde_json::from_str::<Asked>(&line).unwrap(), Asked::Read);
        asked += 1;
        let told = Told::Reading(Box::new(Reading { asked, ..reading() }));
        to.write_all(&crate::json::line(&told)).await.unwrap();
    }
}

/// Whatever a collector answers is counted, and the next push comes all the same.
#[test]
fn each_answer_is_counted() {
    let partial = ExportMetricsServiceResponse {
        partial_success: Some(ExportMetricsPartialSuccess {
            rejected_data_points: 7,
            error_message: "seven".into(),
        }),
    };
    // The last of them comes first.
    let answers = vec![
        partial.encode_to_vec().into_response(),
        "no protobuf".into_response(),
        StatusCode::SERVICE_UNAVAILABLE.into_response(),
    ];
    runtime::block_on(async {
        let (come, mut came) = mpsc::channel(1);
        let collector = Arc::new(Collector { answers: Mutex::new(answers), came: come });
        let router = Router::new().route("/v1/metrics", post(take)).with_state(collector);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let setup = Setup {
            address: listener.local_addr()?,
            path: "/v1/metrics".into(),
            interval: Duration::from_millis(1),
            headers: vec![("X-Scope-OrgID".into(), "7".into())],
            host: "web1".into(),
            began: 5,
        };
        tokio::spawn(async move { axum::serve(listener, router).await });
        let (control, other) = UnixStream::pair()?;
        tokio::spawn(count(other, setup));
        let (news, _task) = News::follow(control);
        tokio::spawn(push(news));
        // What was told by then: the push under way is not counted yet.
        let told = [[0, 0, 0], [0, 0, 1], [0, 0, 2], [0, 1, 2], [1, 1, 2], [2, 1, 2]];
        for counts in told {
            let (headers, request) = came.recv().await.unwrap();
            assert_eq!(headers["content-type"], PROTOBUF);
            assert_eq!(headers["x-scope-orgid"], "7");
            assert_eq!(headers["user-agent"], AGENT);
            let series = of_push(&request);
            let of = |result: &str| {
                let labels = [("result".to_owned(), result.to_owned())].into();
                series[&("probe_otlp_pushes_total".to_owned(), labels)] as u64
            };
            assert_eq!(["success", "partial", "failure"].map(of), counts);
        }
        anyhow::Ok(())
    })
    .unwrap();
}
