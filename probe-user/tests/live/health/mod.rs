//! `probe health` on each thing that can become of a connection, and in a flood.

mod flood;
mod scenarios;

use serde_json::Value;
use testbed::{Finished, Namespace, Running, requirements::Requirement};

use crate::rig::{LIMIT, attached};

/// What these tests need.
const NEEDS: &[Requirement] = &[
    Requirement::Root,
    Requirement::Kernel(6, 6),
    Requirement::Tool("ip"),
    Requirement::Tool("nft"),
];

/// `probe health --format json` on a link, attached.
fn health(namespace: &Namespace, link: &str, arguments: &[&str]) -> Running {
    let all = ["health", "-i", link, "--format", "json"];
    attached(namespace, &[&all[..], arguments].concat())
}

/// The last report of one that is asked to end.
fn last_report(running: Running) -> Value {
    let finished = running.interrupt(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    report_of(&finished)
}

/// The last report of one that has ended, and has lost nothing.
fn report_of(finished: &Finished) -> Value {
    let last = any_report_of(finished);
    assert_eq!(last["followed"]["lost"], 0, "{last}");
    last
}

/// The last report of one that has ended.
fn any_report_of(finished: &Finished) -> Value {
    let text = finished.text();
    let last = text.lines().last().unwrap_or_else(|| panic!("no output: {}", finished.stderr));
    let last: Value = serde_json::from_str(last).unwrap();
    assert_eq!(last["final"], true);
    last
}

/// What a report says of a port.
fn port<'a>(report: &'a Value, protocol: &str, number: u16) -> &'a Value {
    let ports = report["ports"].as_array().unwrap();
    let is = |port: &&Value| port["port"] == number && port["protocol"] == protocol;
    ports.iter().find(is).unwrap_or_else(|| panic!("no port {number}/{protocol}: {report}"))
}
