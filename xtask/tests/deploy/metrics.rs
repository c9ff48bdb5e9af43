//! Alerts, recording rules and the dashboard: each name of a series is one that docs/metrics.md has or
//! that a recording rule makes, and promtool takes each expression.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;
use testbed::{
    requirements::{Requirement, met},
    run,
};

use super::{LIMIT, place, text};

const DASHBOARD: &str = "deploy/grafana/probe.json";
const RULES: &str = "deploy/prometheus/rules.yml";
/// What Prometheus has of each target.
const PROMETHEUS: [&str; 1] = ["up"];

/// Names of metrics in a text: those with our prefix.
fn names(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':')
        .filter(|word| word.starts_with("probe_") && word.len() > "probe_".len())
        .map(str::to_owned)
        .collect()
}

/// The series that probe has: in the first column of the tables of docs/metrics.md.
fn documented() -> BTreeSet<String> {
    let page = text("docs/metrics.md");
    let cells = page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    names(&cells.collect::<Vec<_>>().join("\n"))
}

/// Whether a name is a series of what is documented: a histogram has three.
fn is_known(name: &str, documented: &BTreeSet<String>) -> bool {
    let of_histogram = ["_bucket", "_sum", "_count"]
        .iter()
        .filter_map(|end| name.strip_suffix(end))
        .any(|base| documented.contains(base) && base.ends_with("_seconds"));
    documented.contains(name) || of_histogram
}

/// All expressions of the dashboard, with the panels that have them.
fn expressions() -> Vec<(String, String)> {
    let dashboard: Value = serde_json::from_str(&text(DASHBOARD)).expect(DASHBOARD);
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut found = Vec::new();
    for panel in panels {
        let title = panel["title"].as_str().expect("a title").to_owned();
        for target in panel["targets"].as_array().into_iter().flatten() {
            found.push((title.clone(), target["expr"].as_str().expect("an expr").to_owned()));
        }
    }
    for variable in dashboard["templating"]["list"].as_array().expect("variables") {
        if let Some(query) = variable["query"].as_str().filter(|it| it.contains("label_values")) {
            found.push((format!("variable {}", variable["name"]), query.to_owned()));
        }
    }
    found
}

#[test]
fn no_series_is_named_that_probe_does_not_have() {
    let documented = documented();
    assert!(documented.len() > 10, "{documented:?}");
    let rules = text(RULES);
    let mut unknown: Vec<String> = names(&rules)
        .into_iter()
        .filter(|name| !name.contains(':') && !is_known(name, &documented))
        .map(|name| format!("{RULES}: {name}"))
        .collect();
    for (panel, expression) in expressions() {
        let of_panel = names(&expression);
        assert!(
            !of_panel.is_empty() || PROMETHEUS.iter().any(|name| expression.contains(name)),
            "{panel}: no series of probe's in {expression}"
        );
        let wrong = of_panel.into_iter().filter(|name| !is_known(name, &documented));
        unknown.extend(wrong.map(|name| format!("{DASHBOARD}: {panel}: {name}")));
    }
    assert!(unknown.is_empty(), "not in docs/metrics.md:\n{}", unknown.join("\n"));
}

#[test]
fn a_series_that_does_not_exist_would_be_found() {
    let documented = names("`probe_seen_packets_total` `probe_x_seconds`");
    for known in ["probe_seen_packets_total", "probe_x_seconds_bucket", "probe_x_seconds"] {
        assert!(is_known(known, &documented), "{known}");
    }
    for unknown in ["probe_seen_packets", "probe_seen_packets_total_sum", "probe_y_seconds_sum"] {
        assert!(!is_known(unknown, &documented), "{unknown}");
    }
}

/// promtool takes the rules, their tests pass, and it takes each expression of the dashboard, as a
/// recording rule.
#[test]
fn promtool_takes_rules_and_dashboard() {
    if !met(&[Requirement::Tool("promtool")]) {
        return;
    }
    let promtool = |words: &[&str]| {
        let mut command = Command::new("promtool");
        command.args(words).current_dir(place("deploy/prometheus"));
        run(command, LIMIT).unwrap_or_else(|error| panic!("{words:?}: {error:#}"))
    };
    promtool(&["check", "rules", "rules.yml"]);
    promtool(&["test", "rules", "rules_test.yml"]);

    let mut rules = String::from("groups:\n  - name: dashboard\n    rules:\n");
    let mut count = 0;
    for (panel, expression) in expressions() {
        if panel.starts_with("variable ") {
            continue;
        }
        count += 1;
        let expression = expression
            .replace("$__rate_interval", "1m")
            .replace("$instance", ".*")
            .replace("$rule", ".*");
        assert!(!expression.contains('$'), "{panel}: a variable that is not set: {expression}");
        let quoted = serde_json::to_string(&expression).unwrap();
        rules += &format!("      - record: dashboard:{count}\n        expr: {quoted}\n");
    }
    assert!(count >= 10, "{count} expressions");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dashboard.yml");
    fs::write(&file, rules).unwrap();
    let said = promtool(&["check", "rules", file.to_str().unwrap()]);
    assert!(said.text().contains(&format!("{count} rules found")), "{}", said.text());
}
