//! Whole sessions by keys and readings, without a terminal or a kernel.

use std::collections::BTreeMap;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::*;
use crate::snapshot::{Distinct, Key, Others, Rule, Times, Top, Total};

/// A state that has seen nothing yet.
pub(in crate::top) fn app(origin: Origin) -> App {
    let check = |text: &str| {
        let compiled = probe_filter::compile(text, &probe_filter::Options::default());
        compiled.map(drop).map_err(|error| error.to_string())
    };
    App::new(origin, Box::new(check))
}

/// A rule's counts.
pub(in crate::top) fn rule(name: &str, filter: &str, packets: u64, pps: f64) -> Rule {
    let (name, filter) = (name.to_owned(), filter.to_owned());
    let (bytes, bps) = (packets * 60, pps * 480.0);
    Rule { name, filter, packets, bytes, pps, bps, ..Rule::default() }
}

/// Counts after so many seconds, of rules of which the first has lists.
pub(in crate::top) fn snapshot(seconds: u64) -> Snapshot {
    let key = |key: &str, packets: u64, error: u64, pps: f64| Key {
        key: key.into(),
        packets,
        bytes: packets * 60,
        low: packets - error,
        high: packets + error,
        share: packets as f64 / (seconds * 1000) as f64,
        pps,
        name: None,
    };
    let mut syn = rule("syn", "@syn and dst port 80", seconds * 1000, 1000.0);
    let keys = vec![
        key("192.0.2.7", seconds * 600, 0, 600.0),
        key("2001:db8::7", seconds * 300, seconds, 300.0),
        key("198.51.100.1", seconds, 0, 0.0),
    ];
    let (by, other) = ("src".to_owned(), Others { packets: seconds * 99 });
    syn.top = vec![Top { by: by.clone(), keys, other, ..Top::default() }];
    let estimate = 1234;
    let (low, high, interval, minute) = (estimate - 10, estimate + 11, 17, 900);
    syn.distinct = vec![Distinct { by, estimate, low, high, interval, minute, missed: 0 }];
    Snapshot {
        time: format!("2026-11-21T07:00:{seconds:02}.000Z"),
        elapsed: seconds as f64,
        hook: "tcx".into(),
        interfaces: vec!["eth0".into()],
        seen: Total { packets: seconds * 2000, bytes: seconds * 120_000 },
        rules: vec![
            syn,
            rule("get", "payload \"GET \"", seconds * 7, 7.0),
            rule("dns", "udp port 53", 0, 0.0),
        ],
        ..Snapshot::default()
    }
}

/// Ports that are well and that are not.
pub(in crate::top) fn ports() -> Vec<Port> {
    let times = Times { p50: 43.0, p90: 61.5, p99: 1200.0, n: 120 };
    let port = |port, verdict: &str, why: &str| Port {
        port,
        protocol: "tcp".into(),
        verdict: verdict.into(),
        why: why.into(),
        ..Port::default()
    };
    let healthy = Port {
        syn: 121,
        answered: 120,
        completed: 120,
        retransmitted: 1,
        handshake_us: times,
        first_byte_us: Times { p50: 980.0, ..times },
        syn_per_second: 12.1,
        ..port(80, "healthy", "120 of 120 completed; handshake p50 0.04 ms")
    };
    let closed = Port {
        syn: 5,
        refused: 5,
        ..port(8443, "closed", "nobody listens: 5 of 5 refused by RST")
    };
    vec![healthy, closed]
}

/// A connection that has ended.
pub(in crate::top) fn connection(number: u64, outcome: &'static str) -> Connection {
    let client: std::net::SocketAddr = format!("192.0.2.7:{}", 40_000 + number).parse().unwrap();
    let row = crate::connections::Row::made(client, "192.0.2.1:80".parse().unwrap(), outcome);
    Connection {
        number,
        clock: format!("07:00:{number:02}.000"),
        remarks: "GET www.example.com/\u{1b}[31m 200".into(),
        row: Box::new(row),
    }
}

/// News of these connections.
pub(in crate::top) fn news(numbers: std::ops::RangeInclusive<u64>) -> Event {
    let outcome = |number: u64| if number.is_multiple_of(5) { "refused" } else { "closed" };
    let ended: Vec<Connection> =
        numbers.clone().map(|number| connection(number, outcome(number))).collect();
    let mut outcomes = BTreeMap::new();
    numbers.for_each(|number| *outcomes.entry(outcome(number)).or_default() += 1);
    Event::Connections(News { ended, outcomes, frames: 77, lost: false })
}

/// Presses a key.
pub(in crate::top) fn press(app: &mut App, code: KeyCode) -> Vec<Effect> {
    app.update(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)))
}

/// Types a text, a key after the other.
pub(in crate::top) fn keys(app: &mut App, text: &str) -> Vec<Effect> {
    text.chars().flat_map(|c| press(app, KeyCode::Char(c))).collect()
}

fn show(app: &mut App, seconds: u64) {
    assert_eq!(app.update(Event::Snapshot(Box::new(snapshot(seconds)))), []);
}

fn control(app: &mut App, c: char) -> Vec<Effect> {
    app.update(Event::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL)))
}

#[test]
fn tabs_by_number_and_one_after_the_other() {
    let mut app = app(Origin::Live);
    show(&mut app, 1);
    for (number, tab) in ("12345").chars().zip(Tab::ALL) {
        keys(&mut app, &number.to_string());
        assert_eq!(app.tab, tab);
    }
    press(&mut app, KeyCode::Tab);
    assert_eq!(app.tab, Tab::Rules);
    press(&mut app, KeyCode::BackTab);
    assert_eq!(app.tab, Tab::Losses);
}

/// Off means zero: programs for ports and connections begin when their tabs are first opened, and once.
#[test]
fn programs_begin_when_a_tab_is_opened() {
    let mut app = app(Origin::Live);
    show(&mut app, 1);
    assert_eq!(keys(&mut app, "2"), []);
    assert_eq!(keys(&mut app, "3"), [Effect::Ports { filter: String::new() }]);
    assert_eq!(keys(&mut app, "4"), [Effect::Connections { filter: String::new() }]);
    assert_eq!(keys(&mut app, "34"), []);
    assert_eq!(keys(&mut app, "5"), [Effect::Neighbours]);
    assert_eq!(app.shown().ports, Panel::Opening);
    app.update(Event::Ports { ports: ports(), lost: 3 });
    assert_eq!((app.ports().len(), app.shown().ports_lost), (2, 3));
    app.update(Event::Ended(Tab::Ports, Some("the kernel refuses".into())));
    assert_eq!(app.shown().ports, Panel::Failed("the kernel refuses".into()));
    // probe serve has its own ports, or none; connections it has not.
    let mut served = super::tests::app(Origin::Served("/run/probe.sock".into()));
    assert_eq!(keys(&mut served, "345"), []);
}

#[test]
fn rows_are_chosen_and_keep_the_choice() {
    let mut app = app(Origin::Live);
    show(&mut app, 1);
    let selected = |app: &App| app.rule().map(|(_, rule)| rule.name.clone()).unwrap();
    assert_eq!(selected(&app), "syn");
    keys(&mut app, "jj");
    assert_eq!(selected(&app), "dns");
    press(&mut app, KeyCode::Up);
    assert_eq!(selected(&app), "get");
    keys(&mut app, "G");
    assert_eq!(selected(&app), "dns");
    // By name it comes first, and is still the one.
    keys(&mut app, "sss");
    assert_eq!((app.sort(Tab::Rules), app.selected(Tab::Rules)), (Some("name"), 0));
    assert_eq!(selected(&app), "dns");
    keys(&mut app, "jg");
    assert_eq!(selected(&app), "dns");
    press(&mut app, KeyCode::PageDown);
    assert_eq!(selected(&app), "syn");
    press(&mut app, KeyCode::Home);
    press(&mut app, KeyCode::End);
    press(&mut app, KeyCode::PageUp);
    assert_eq!(selected(&app), "dns");
    keys(&mut app, "s");
    assert_eq!(app.sort(Tab::Rules), Some("as given"));
}

#[test]
fn orders() {
    let mut app = app(Origin::Live);
    let mut counts = snapshot(1);
    counts.rules[2].pps = 5000.0;
    app.update(Event::Snapshot(Box::new(counts)));
    let order = |app: &App| app.row_names(Tab::Rules).join(" ");
    assert_eq!(order(&app), "syn get dns");
    keys(&mut app, "s");
    assert_eq!(order(&app), "dns syn get");
    keys(&mut app, "s");
    assert_eq!(order(&app), "syn get dns");
    keys(&mut app, "s");
    assert_eq!(order(&app), "dns get syn");
    keys(&mut app, "s2ss");
    assert_eq!(
        app.row_names(Tab::Sources),
        ["src 192.0.2.7", "src 198.51.100.1", "src 2001:db8::7"]
    );
    keys(&mut app, "3");
    app.update(Event::Ports { ports: ports(), lost: 0 });
    keys(&mut app, "s");
    assert_eq!(app.row_names(Tab::Ports), ["8443/tcp", "80/tcp"]);
    keys(&mut app, "4");
    app.update(news(1..=3));
    assert_eq!(app.row_names(Tab::Connections), ["3", "2", "1"]);
}

#[test]
fn pause_stands_still_and_goes_on_with_the_newest() {
    let mut app = app(Origin::Live);
    show(&mut app, 1);
    keys(&mut app, " ");
    show(&mut app, 2);
    assert_eq!((app.is_paused(), app.snapshot().unwrap().elapsed), (true, 1.0));
    keys(&mut app, " ");
    assert_eq!((app.is_paused(), app.snapshot().unwrap().elapsed), (false, 2.0));
}

/// Programs of our own begin at zero themselves; what probe serve counts is taken off here.
#[test]
fn reset() {
    let mut live = app(Origin::Live);
    show(&mut live, 5);
    assert_eq!(keys(&mut live, "r"), [Effect::Reset]);
    assert!(live.snapshot().is_none());
    let mut served = app(Origin::Served("x".into()));
    show(&mut served, 100);
    assert_eq!(keys(&mut served, "r"), []);
    assert!(served.snapshot().is_none());
    show(&mut served, 103);
    let shown = served.snapshot().unwrap();
    assert_eq!((shown.elapsed, shown.seen.packets, shown.rules[0].packets), (3.0, 6000, 3000));
    assert_eq!(served.shown().history.peak(0), Some(1000.0));
    keys(&mut served, "r");
    show(&mut served, 104);
    assert_eq!(served.snapshot().unwrap().rules[0].packets, 1000);
    // A service that was started again counts from zero, as does a rule that a reload has changed.
    let mut counts = snapshot(105);
    counts.rules[0].packets = 7;
    served.update(Event::Snapshot(Box::new(counts)));
    assert_eq!(served.snapshot().unwrap().rules[0].packets, 7);
    show(&mut served, 2);
    let shown = served.snapshot().unwrap();
    assert_eq!((shown.elapsed, shown.seen.packets, shown.rules[0].packets), (2.0, 4000, 2000));
    let mut file = app(Origin::File);
    assert_eq!(keys(&mut file, "r"), []);
    assert!(file.message.unwrap().starts_with("r: "));
}

#[test]
fn a_filter_is_typed_mended_and_taken() {
    let mut app = app(Origin::Live);
    show(&mut app, 1);
    assert_eq!(keys(&mut app, "/tcp prt 80"), []);
    assert_eq!(press(&mut app, KeyCode::Enter), []);
    let error = app.prompt.as_ref().unwrap().error.clone().unwrap();
    assert!(error.contains("did you mean port?"), "{error}");
    control(&mut app, 'w');
    control(&mut app, 'w');
    keys(&mut app, "port 80");
    let filter = "tcp port 80".to_owned();
    let expected = Effect::Count { filter: filter.clone(), sources_of: None };
    assert_eq!(press(&mut app, KeyCode::Enter), [expected]);
    // Until other programs count, it does not hold; and they may be refused.
    assert_eq!((app.filter(Tab::Rules), app.snapshot().is_some()), ("", true));
    app.update(Event::Counted(filter.clone()));
    assert_eq!((app.filter(Tab::Rules), app.snapshot()), (filter.as_str(), None));
    // The same once more changes nothing; given up, it is as it was.
    keys(&mut app, "/");
    assert_eq!(press(&mut app, KeyCode::Enter), []);
    keys(&mut app, "/ and not host 192.0.2.1");
    assert_eq!(press(&mut app, KeyCode::Esc), []);
    assert_eq!(app.filter(Tab::Sources), filter);
    // Tabs have filters of their own.
    keys(&mut app, "3/udp");
    assert_eq!(press(&mut app, KeyCode::Enter), [Effect::Ports { filter: "udp".into() }]);
    keys(&mut app, "4/udp");
    assert_eq!(press(&mut app, KeyCode::Enter), [Effect::Connections { filter: "udp".into() }]);
    keys(&mut app, "5/");
    assert!(app.prompt.is_none() && app.message.is_some());
    let mut served = super::tests::app(Origin::Served("x".into()));
    keys(&mut served, "/");
    assert!(served.prompt.is_none() && served.message.is_some());
}

#[test]
fn from_a_rule_to_its_sources_and_back() {
    let mut app = app(Origin::Live);
    show(&mut app, 1);
    assert_eq!(press(&mut app, KeyCode::Enter), []);
    assert_eq!(app.tab, Tab::Sources);
    press(&mut app, KeyCode::Esc);
    keys(&mut app, "j");
    let expected = Effect::Count { filter: String::new(), sources_of: Some("get".into()) };
    assert_eq!(press(&mut app, KeyCode::Enter), [expected]);
    assert!(app.message.as_ref().unwrap().starts_with("get is counted by source"));
}

#[test]
fn from_a_port_to_its_connections_and_back() {
    let mut app = app(Origin::Live);
    show(&mut app, 1);
    keys(&mut app, "4/host 192.0.2.7");
    press(&mut app, KeyCode::Enter);
    keys(&mut app, "3");
    app.update(Event::Ports { ports: ports(), lost: 0 });
    keys(&mut app, "j");
    let filter = "(tcp port 8443) and (host 192.0.2.7)".to_owned();
    assert_eq!(press(&mut app, KeyCode::Enter), [Effect::Connections { filter }]);
    assert_eq!(app.tab, Tab::Connections);
    app.update(news(1..=2));
    assert_eq!(app.connections().len(), 2);
    assert_eq!(press(&mut app, KeyCode::Esc), [Effect::StopConnections]);
    assert_eq!((app.tab, app.drilled.is_none()), (Tab::Ports, true));
    // News that were on their way are nobody's.
    app.update(news(3..=3));
    assert_eq!(app.connections().len(), 0);
    let filter = "host 192.0.2.7".to_owned();
    assert_eq!(keys(&mut app, "4"), [Effect::Connections { filter }]);
}

#[test]
fn rows_are_captured_until_the_same_key() {
    let mut app = app(Origin::Live);
    show(&mut app, 1);
    let (name, filter) = ("syn".to_owned(), "@syn and dst port 80".to_owned());
    assert_eq!(keys(&mut app, "w"), [Effect::StartCapture { name: name.clone(), filter }]);
    let file = "probe-top-syn.pcapng".to_owned();
    let capture = Capture { name: name.clone(), file, frames: 5, lost: None, ended: None };
    app.update(Event::Capture(capture.clone()));
    assert_eq!(app.capturing("syn"), Some(&capture));
    assert_eq!(keys(&mut app, "w"), [Effect::StopCapture { name }]);
    app.update(Event::Capture(Capture {
        frames: 9,
        lost: Some(0),
        ended: Some(Ok(())),
        ..capture
    }));
    assert_eq!(app.message.as_deref(), Some("probe-top-syn.pcapng: 9 frames"));
    assert_eq!((app.capturing("syn"), app.captures.len()), (None, 1));
    // Of one source, a port, a connection.
    let filter = "(@syn and dst port 80) and (src host 192.0.2.7)".to_owned();
    let name = "syn-192.0.2.7".to_owned();
    assert_eq!(keys(&mut app, "2w"), [Effect::StartCapture { name, filter }]);
    keys(&mut app, "3");
    app.update(Event::Ports { ports: ports(), lost: 0 });
    let (name, filter) = ("tcp-port-80".to_owned(), "tcp port 80".to_owned());
    assert_eq!(keys(&mut app, "w"), [Effect::StartCapture { name, filter }]);
    keys(&mut app, "4");
    app.update(news(1..=1));
    let name = "tcp-port-40001".to_owned();
    let filter = "host 192.0.2.7 and host 192.0.2.1 and tcp port 40001 and tcp port 80".to_owned();
    assert_eq!(keys(&mut app, "w"), [Effect::StartCapture { name, filter }]);
    assert_eq!(keys(&mut app, "5w"), [Effect::Neighbours]);
    assert_eq!(app.message.as_deref(), Some("w: there is no row to capture"));
    let mut file = super::tests::app(Origin::File);
    assert_eq!((keys(&mut file, "w"), file.message.is_some()), (vec![], true));
}

/// What is exported is what the tab shows, under the names that other programs know.
#[test]
fn export() {
    let mut app = app(Origin::Live);
    show(&mut app, 2);
    let exported = |app: &mut App| {
        let effects = keys(app, "e");
        let [Effect::Export { name, json }] = &effects[..] else { panic!("{effects:?}") };
        assert_eq!((json["version"].as_u64(), json["elapsed"].as_f64()), (Some(1), Some(2.0)));
        (name.clone(), json.clone())
    };
    let (name, json) = exported(&mut app);
    assert_eq!((name.as_str(), json["tab"].as_str()), ("probe-top-rules", Some("rules")));
    assert_eq!(json["rules"][0]["packets"], 2000);
    assert_eq!(json["rules"].as_array().unwrap().len(), 3);
    keys(&mut app, "2");
    assert_eq!(exported(&mut app).1["rules"][0]["top"][0]["keys"][1]["high"], 602);
    keys(&mut app, "3");
    app.update(Event::Ports { ports: ports(), lost: 0 });
    assert_eq!(exported(&mut app).1["ports"][1]["verdict"], "closed");
    keys(&mut app, "4");
    app.update(news(1..=5));
    let (_, json) = exported(&mut app);
    assert_eq!(json["connections"][0]["outcome"], "refused");
    assert_eq!(json["connections"].as_array().unwrap().len(), 5);
    keys(&mut app, "5");
    let (_, json) = exported(&mut app);
    assert_eq!(json["sessions"][1]["had"], 77);
}

#[test]
fn help_and_the_end() {
    let mut app = app(Origin::Live);
    show(&mut app, 1);
    keys(&mut app, "?");
    assert!(app.help);
    // Any key goes back, and does nothing else.
    assert_eq!(keys(&mut app, "3"), []);
    assert_eq!((app.help, app.tab), (false, Tab::Rules));
    assert_eq!(keys(&mut app, "?q"), [Effect::Quit { leave: false }]);
    assert_eq!(keys(&mut app, "Q"), [Effect::Quit { leave: true }]);
    assert_eq!(control(&mut app, 'c'), [Effect::Quit { leave: false }]);
    assert_eq!(control(&mut app, 'z'), [Effect::Suspend]);
    // Typed into a filter q is a letter, and Ctrl-C gives that up.
    keys(&mut app, "/q");
    assert_eq!(control(&mut app, 'c'), []);
    assert!(app.prompt.is_none());
}

#[test]
fn a_file_is_played_and_moved_in() {
    let mut app = app(Origin::File);
    let mut timeline = Timeline::new(std::time::Duration::from_secs(1));
    timeline.add(snapshot(1), std::time::Duration::from_secs(1));
    timeline.add(snapshot(2), std::time::Duration::from_secs(2));
    timeline.end(snapshot(3));
    app.update(Event::Timeline(timeline));
    let elapsed = |app: &App| app.snapshot().unwrap().elapsed;
    assert_eq!((elapsed(&app), app.is_playing()), (3.0, false));
    press(&mut app, KeyCode::Left);
    press(&mut app, KeyCode::Left);
    assert_eq!((elapsed(&app), app.snapshot().unwrap().rules[0].packets), (1.0, 1000));
    press(&mut app, KeyCode::Right);
    assert_eq!(elapsed(&app), 2.0);
    keys(&mut app, " ");
    app.update(Event::Beat);
    assert_eq!((elapsed(&app), app.is_playing()), (3.0, true));
    app.update(Event::Beat);
    assert!(!app.is_playing() && !app.is_paused());
    keys(&mut app, " ");
    assert_eq!((elapsed(&app), app.is_playing()), (1.0, true));
}

/// Ten thousand connections, and ten minutes of a thousand rules: memory does not grow with time.
#[test]
fn what_is_kept_is_bounded() {
    let mut app = app(Origin::Live);
    keys(&mut app, "4");
    for ten in 0..1000 {
        app.update(news(ten * 10 + 1..=ten * 10 + 10));
    }
    assert_eq!(app.connections().len(), 1000);
    assert_eq!(app.connections()[0].number, 10_000);
    let Panel::Open(connections) = &app.shown().connections else { panic!() };
    assert_eq!((connections.all(), connections.outcomes["refused"]), (10_000, 2000));
}
