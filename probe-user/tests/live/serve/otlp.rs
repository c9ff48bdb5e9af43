//! Pushes to a collector, of which there is a stand-in: `cargo test --features otlp`.

use std::{
    collections::BTreeSet,
    fs,
    net::{Ipv4Addr, TcpListener},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    metrics::v1::{Metric, metric::Data, number_data_point::Value},
};
use prost::Message as _;
use testbed::{
    CLIENT_LINK, CLIENT_V4, Frame, FrameSender, Namespace, SERVER_LINK, SERVER_V4,
    requirements::met,
};

use super::{Service, rights::status_of_all, rule, value};
use crate::rig::{LIMIT, NEEDS, beside_others, quiet_pair};

/// Where the stand-in listens.
const PORT: u16 = 4318;

/// What came by one push.
type Push = (HeaderMap, ExportMetricsServiceRequest);

/// Takes what is pushed in a namespace until the test ends.
fn collector(namespace: &Namespace) -> Receiver<Push> {
    async fn take(State(came): State<Sender<Push>>, headers: HeaderMap, body: Bytes) {
        // Nobody listens any more where the test has ended.
        let _ = came.send((headers, ExportMetricsServiceRequest::decode(body).unwrap()));
    }
    let bind = || Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, PORT))?);
    let listener = namespace.enter(bind).unwrap();
    listener.set_nonblocking(true).unwrap();
    let (come, came) = channel();
    let router = Router::new().route("/v1/metrics", post(take)).with_state(come);
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await
        })
    });
    came
}

fn metrics(push: &ExportMetricsServiceRequest) -> &[Metric] {
    &push.resource_metrics[0].scope_metrics[0].metrics
}

/// The counter of a name, with this label's value where it has one.
fn counter(push: &ExportMetricsServiceRequest, name: &str, label: &str) -> f64 {
    let metric = metrics(push).iter().find(|it| it.name == name);
    let Some(Data::Sum(sum)) = metric.and_then(|it| it.data.as_ref()) else { panic!("no {name}") };
    let is_it = |text: &str| label.is_empty() || text.contains(&format!("{label:?}"));
    let point = sum.data_points.iter().find(|it| is_it(&format!("{:?}", it.attributes)));
    let Some(Value::AsDouble(value)) = point.and_then(|it| it.value) else { panic!("no {name}") };
    value
}

/// Pushes each second, with headers from a file.
fn section(file: &str) -> String {
    format!(
        "[otlp]\nendpoint = \"http://127.0.0.1:{PORT}\"\ninterval = \"1s\"\nheaders = \"{file}\"\n"
    )
}

/// What is counted arrives, as it is in a scrape, though who pushes has no right but to connect there; a
/// reload brings other headers, and no other place.
#[test]
fn a_collector_gets_what_a_scrape_gets() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("headers");
    fs::write(&file, "Authorization: Bearer one\n").unwrap();
    let section = section(file.to_str().unwrap());
    let rules = rule("all", "") + &rule("syn", "@syn") + &section;
    let head = format!("interfaces = \"{SERVER_LINK}\"\ninterval = \"100ms\"\n");
    let service = Service::start(&pair.server, &head, &rules, &[]);
    assert_eq!(service.metric("probe_otlp_pushes_total{result=\"partial\"}"), 0.0);
    // Nobody takes them: that is said once, and counted.
    service.running.wait_for_line("OTLP: 127.0.0.1:4318: ", LIMIT).unwrap();
    let came = collector(&pair.server);
    let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
    let frame = Frame::ipv4(CLIENT_V4, SERVER_V4).udp(1, 2).build();
    let before = pair.server.counters(SERVER_LINK).unwrap();
    sender.send(&vec![frame; 10]).unwrap();
    pair.server.wait_for_received(SERVER_LINK, before, 10, LIMIT).unwrap();

    let next = |token: &str| loop {
        let (headers, push) = came.recv_timeout(LIMIT).unwrap();
        if headers["authorization"] == format!("Bearer {token}") {
            return push;
        }
    };
    next("one");
    service.running.wait_for_line("OTLP: 127.0.0.1:4318 takes metrics again", LIMIT).unwrap();
    // What came meanwhile, and what was under way, may have been read before the frames.
    while came.try_recv().is_ok() {}
    next("one");
    let push = next("one");
    assert_eq!(counter(&push, "probe_rule_packets_total", "all"), 10.0);
    assert_eq!(counter(&push, "probe_rule_packets_total", "syn"), 0.0);
    assert_eq!(counter(&push, "probe_seen_packets_total", ""), 10.0);
    let text = service.request("GET", "/metrics", "").body;
    let scraped: BTreeSet<&str> =
        (text.lines()).filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let pushed: BTreeSet<&str> = metrics(&push).iter().map(|it| &*it.name).collect();
    assert_eq!(pushed, scraped);
    assert!(value(&text, "probe_otlp_pushes_total{result=\"success\"}") >= 1.0);
    assert!(value(&text, "probe_otlp_pushes_total{result=\"failure\"}") >= 1.0);
    assert_eq!(status_of_all(&service, "Seccomp"), ["2", "2"]);
    assert_eq!(status_of_all(&service, "CapEff"), ["0000000000000000"; 2]);

    fs::write(&file, "Authorization: Bearer two\n").unwrap();
    assert_eq!(service.reload().0, 200);
    next("two");
    fs::write(&file, "Bearer three\n").unwrap();
    let (status, said) = service.reload();
    assert_eq!(status, 422);
    assert!(said.contains("headers:1:1: expected a header"), "{said}");
    fs::write(&file, "Authorization: Bearer two\n").unwrap();
    service.write(&head, &rules.replace(&PORT.to_string(), "4319"));
    let expected = "the endpoint of [otlp] is another one, which takes a restart\n";
    assert_eq!(service.reload(), (422, expected.into()));
    next("two");
    let finished = service.end();
    assert!(!finished.stderr.contains("goes without"), "{}", finished.stderr);
    for secret in ["one", "two", "three"] {
        assert!(!finished.stderr.contains(&format!("Bearer {secret}")), "{}", finished.stderr);
    }
}
