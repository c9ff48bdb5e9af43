//! A Prometheus that scrapes for a minute.

use std::{fs, thread, time::Duration};

use serde_json::Value;
use testbed::{
    CLIENT_LINK, CLIENT_V4, Frame, FrameSender, Running, SERVER_LINK, SERVER_V4, Tcp,
    requirements::{Requirement, met},
    run, tcp_flags,
};

use super::{Service, rule};
use crate::rig::{LIMIT, NEEDS, alone, quiet_pair};

const TOOLS: &[Requirement] = &[Requirement::Tool("prometheus"), Requirement::Tool("curl")];

/// SYNs a second.
const RATE: f64 = 2000.0;
const SECONDS: u64 = 60;

/// Scraped each second, `rate()` over a minute is the generator's within 2 %, and the alert of
/// deploy/prometheus fires; before the flood it is silent.
#[test]
fn a_minute_of_scrapes() {
    if !met(NEEDS) || !met(TOOLS) {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    let head = format!("interfaces = \"{SERVER_LINK}\"\n");
    let rules = rule("syn", "@syn") + &rule("synack", "@synack");
    let service = Service::start(&pair.server, &head, &rules, &[]);
    let folder = tempfile::tempdir().unwrap();
    let deploy = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/prometheus");
    let text = fs::read_to_string(format!("{deploy}/scrape.yml")).unwrap();
    let text = text.replace("scrape_interval: 5s", "scrape_interval: 1s");
    let file = folder.path().join("prometheus.yml");
    fs::write(&file, format!("global:\n  evaluation_interval: 1s\n{text}")).unwrap();
    fs::copy(format!("{deploy}/rules.yml"), folder.path().join("rules.yml")).unwrap();
    let mut command = pair.server.command("prometheus");
    command
        .arg(format!("--config.file={}", file.display()))
        .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
        .arg("--web.listen-address=127.0.0.1:9090");
    let prometheus = Running::spawn(command).unwrap();
    prometheus.wait_for_line("Server is ready to receive web requests", LIMIT).unwrap();
    let ask = |query: &str| -> Vec<Value> {
        let mut curl = pair.server.command("curl");
        curl.args(["-sG", "http://127.0.0.1:9090/api/v1/query", "--data-urlencode"]);
        curl.arg(format!("query={query}"));
        let answer: Value = serde_json::from_str(&run(curl, LIMIT).unwrap().text()).unwrap();
        answer["data"]["result"].as_array().unwrap().clone()
    };
    let number = |result: &[Value]| -> f64 {
        let [one] = result else { panic!("{result:?}") };
        one["value"][1].as_str().unwrap().parse().unwrap()
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
    prometheus.interrupt(LIMIT).unwrap();
    service.end();
}
