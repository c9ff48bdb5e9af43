//! A Prometheus that scrapes for a minute.

use std::{
    collections::BTreeSet,
    fs, thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;
use testbed::{
    CLIENT_LINK, CLIENT_V4, Frame, FrameSender, Namespace, Running, SERVER_LINK, SERVER_V4, Tcp,
    requirements::{Requirement, met},
    run,
    scenario::{Routed, SLOW_ANSWER, Scenario},
    tcp_flags,
};

use super::{Service, rule};
use crate::rig::{LIMIT, NEEDS, beside_others, quiet_pair};

const TOOLS: &[Requirement] = &[Requirement::Tool("prometheus"), Requirement::Tool("curl")];

/// Attempts by each version of IP.
const TIMES: u64 = 5;
/// SYNs a second.
const RATE: f64 = 2000.0;
const SECONDS: u64 = 60;

/// A Prometheus with the files of deploy/prometheus, which scrapes each second.
struct Prometheus<'a> {
    namespace: &'a Namespace,
    running: Running,
    _folder: TempDir,
}

impl<'a> Prometheus<'a> {
    fn start(namespace: &'a Namespace, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let deploy = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/prometheus");
        let text = fs::read_to_string(format!("{deploy}/scrape.yml")).unwrap();
        let text = text.replace("scrape_interval: 5s", "scrape_interval: 1s");
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, format!("global:\n  evaluation_interval: 1s\n{text}")).unwrap();
        fs::copy(format!("{deploy}/rules.yml"), folder.path().join("rules.yml")).unwrap();
        let mut command = namespace.command("prometheus");
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg("--web.listen-address=127.0.0.1:9090")
            .args(flags);
        let running = Running::spawn(command).unwrap();
        running.wait_for_line("Server is ready to receive web requests", LIMIT).unwrap();
        Self { namespace, running, _folder: folder }
    }

    /// What a query finds.
    fn ask(&self, query: &str) -> Vec<Value> {
        let answer = self.get("query", &["--data-urlencode", &format!("query={query}")]);
        answer["data"]["result"].as_array().unwrap_or_else(|| panic!("{query}: {answer}")).clone()
    }

    fn get(&self, path: &str, arguments: &[&str]) -> Value {
        let mut curl = self.namespace.command("curl");
        curl.arg("-sG").arg(format!("http://127.0.0.1:9090/api/v1/{path}")).args(arguments);
        serde_json::from_str(&run(curl, LIMIT).unwrap().text()).unwrap()
    }

    /// Waits until the only number that a query finds is this.
    fn wait_for(&self, query: &str, wanted: f64) {
        let begin = Instant::now();
        loop {
            let found = self.ask(query);
            if matches!(&found[..], [one] if number(one) == wanted) {
                return;
            }
            assert!(begin.elapsed() < LIMIT, "{query}: {found:?}, not {wanted}");
            thread::sleep(Duration::from_millis(200));
        }
    }

    fn end(self) {
        self.running.interrupt(LIMIT).unwrap();
    }
}

/// The number that was found.
fn number(found: &Value) -> f64 {
    found["value"][1].as_str().unwrap().parse().unwrap()
}

/// By protobuf all metrics come that the text has, and histograms with native buckets, which say what
/// became of as many connections as were made.
#[test]
fn native_histograms() {
    if !met(super::health::NEEDS) || !met(TOOLS) {
        return;
    }
    let _turn = beside_others();
    let network = &Routed::new().unwrap();
    // All connections are followed, though they come at once.
    let section = "ports = [80, 81]\nmax_records = 100000";
    let service = super::health::start(network, section, &[]);
    let prometheus = Prometheus::start(&network.server, &["--enable-feature=native-histograms"]);
    prometheus.wait_for("histogram_count(probe_health_handshake_seconds{port=\"80\"})", 0.0);
    super::health::attempt(network, &[Scenario::Open, Scenario::Slow, Scenario::Slow], TIMES);
    let completed = (2 * TIMES) as f64;
    for (port, completed) in [(80, completed), (81, 2.0 * completed)] {
        for name in ["handshake", "first_byte"] {
            let of = format!("probe_health_{name}_seconds{{port=\"{port}\"}}");
            prometheus.wait_for(&format!("histogram_count({of})"), completed);
        }
        let outcome =
            format!("probe_health_connections_total{{port=\"{port}\", outcome=\"completed\"}}");
        prometheus.wait_for(&outcome, completed);
    }
    // The service waits so long, and the client is told a little later: the bucket is the right one,
    // whose width is 4.4 %.
    let first_byte = "probe_health_first_byte_seconds{port=\"81\"}";
    let sum = number(&prometheus.ask(&format!("histogram_sum({first_byte})"))[0]);
    let mean = sum / (2.0 * completed);
    assert!(mean >= SLOW_ANSWER.as_secs_f64(), "{mean}");
    let least = number(&prometheus.ask(&format!("histogram_quantile(0, {first_byte})"))[0]);
    let most = number(&prometheus.ask(&format!("histogram_quantile(1, {first_byte})"))[0]);
    assert!(least <= mean && mean <= most, "{least} {mean} {most}");
    assert!(least > SLOW_ANSWER.as_secs_f64() / 1.045, "{least}");

    let text = service.request("GET", "/metrics", "").body;
    let series: BTreeSet<&str> =
        (text.lines()).filter_map(|line| line.split(['{', ' ']).next()).collect();
    // Without rules those of rules have no series.
    let has_series =
        |family: &&str| series.contains(family) || series.contains(&*format!("{family}_bucket"));
    let families: Vec<&str> = (text.lines())
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .filter(has_series)
        .collect();
    let names = prometheus.get("label/__name__/values", &[]);
    let names: Vec<&str> =
        names["data"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(families.len() > 30, "{families:?}");
    for family in families {
        assert!(names.contains(&family), "{family}: {names:?}");
    }
    // Where buckets are native there are no others.
    assert!(!names.contains(&"probe_health_handshake_seconds_bucket"), "{names:?}");
    prometheus.end();
    service.end();
}

/// Scraped each second, `rate()` over a minute is the generator's within 2 %, and the alert of
/// deploy/prometheus fires; before the flood it is silent.
#[test]
fn a_minute_of_scrapes() {
    if !met(NEEDS) || !met(TOOLS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let head = format!("interfaces = \"{SERVER_LINK}\"\n");
    let rules = rule("syn", "@syn") + &rule("synack", "@synack");
    let service = Service::start(&pair.server, &head, &rules, &[]);
    let prometheus = Prometheus::start(&pair.server, &[]);
    let ask = |query: &str| prometheus.ask(query);
    let number = |result: &[Value]| -> f64 {
        let [one] = result else { panic!("{result:?}") };
        number(one)
    };
    while ask("up{job=\"probe\"} == 1").is_empty() {
        thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(ask("ALERTS"), [] as [Value; 0]);
    let syn = Tcp { destination: 80, flags: tcp_flags::SYN, ..Tcp::default() };
    let frame = Frame::ipv4(CLIENT_V4, SERVER_V4).tcp(syn).build();
    let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
    let count = RATE as u64 * (SECONDS + 15);
    let sent = sender.send_paced(&[frame], count, Some(RATE)).unwrap();
    let generated = sent.frames as f64 / sent.elapsed.as_secs_f64();
    let counted = number(&ask("rate(probe_rule_packets_total{rule=\"syn\"}[1m])"));
    println!("generated {generated:.1}/s, rate() {counted:.1}/s");
    assert!((counted / generated - 1.0).abs() < 0.02, "{counted} of {generated}");
    let firing = ask("ALERTS{alertname=\"ProbeSynFlood\", alertstate=\"firing\"}");
    assert_eq!(firing.len(), 1, "{:?}", ask("ALERTS"));
    assert_eq!(
        number(&ask(
            "count_over_time(up{job=\"probe\"}[1m]) - sum_over_time(up{job=\"probe\"}[1m])"
        )),
        0.0
    );
    prometheus.end();
    service.end();
}
