//! Kubernetes' manifests, and the way of JSON lines to ClickHouse.

use std::collections::BTreeSet;
use std::process::Command;

use testbed::{
    requirements::{Requirement, met},
    run,
};

use super::{LIMIT, place, text};

/// What is promised of the pod: docs/fleet.md.
#[test]
fn the_manifests_render_and_no_pod_is_privileged() {
    if !met(&[Requirement::Tool("kubectl")]) {
        return;
    }
    let mut kubectl = Command::new("kubectl");
    kubectl.arg("kustomize").arg(place("deploy/kubernetes"));
    let rendered = run(kubectl, LIMIT).unwrap().text();
    let kinds: Vec<&str> = rendered.lines().filter_map(|it| it.strip_prefix("kind: ")).collect();
    assert_eq!(kinds, ["Namespace", "ConfigMap", "DaemonSet"], "{rendered}");
    let words: BTreeSet<&str> = rendered.lines().map(str::trim).collect();
    for word in [
        "privileged: false",
        "allowPrivilegeEscalation: false",
        "readOnlyRootFilesystem: true",
        "hostNetwork: true",
        "path: /healthz",
        "path: /readyz",
        "type: RuntimeDefault",
    ] {
        assert!(words.contains(word), "no {word} in {rendered}");
    }
    let added = rendered.split("add:\n").nth(1).and_then(|rest| rest.split("drop:\n").next());
    let added: Vec<&str> = added.expect("capabilities").split_whitespace().collect();
    assert_eq!(added.join(" "), "- BPF - NET_ADMIN - PERFMON");
    // The pod's configuration is the one that has a name of its own for each content.
    let name = rendered.lines().find_map(|line| line.trim().strip_prefix("name: probe-"));
    assert!(name.is_some_and(|hash| rendered.matches(hash).count() == 2), "{rendered}");
}

/// The columns of the tables are the fields that Vector's recipe makes.
#[test]
fn the_tables_have_the_columns_that_come() {
    let recipe: toml::Table = text("deploy/vector/vector.toml").parse().unwrap();
    let schema = text("deploy/vector/schema.sql");
    let sinks = recipe["sinks"].as_table().unwrap();
    assert_eq!(sinks.len(), 2);
    for (name, sink) in sinks {
        let transform = sink["inputs"][0].as_str().unwrap();
        let source = recipe["transforms"][transform]["source"].as_str().unwrap();
        let fields: Vec<&str> = source
            .lines()
            .filter_map(|line| line.trim().strip_prefix('"')?.split_once("\": "))
            .map(|(field, _)| field)
            .collect();
        let table = format!("probe.{}", sink["table"].as_str().unwrap());
        let body =
            schema.split(&format!("{table}\n(\n")).nth(1).unwrap_or_else(|| panic!("{table}"));
        let body = body.split("\n)").next().unwrap();
        let columns: Vec<&str> = body
            .lines()
            .filter(|line| !line.trim_start().starts_with("--"))
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        assert!(fields.len() > 5, "{name}: {fields:?}");
        assert_eq!(fields, columns, "{name}");
    }
    // Each transform reads from something that is there.
    for (name, transform) in recipe["transforms"].as_table().unwrap() {
        let input = transform["inputs"][0].as_str().unwrap();
        let there =
            recipe["sources"].get(input).is_some() || recipe["transforms"].get(input).is_some();
        assert!(there, "{name} reads {input}");
    }
}
