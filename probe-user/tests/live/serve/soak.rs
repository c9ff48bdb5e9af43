//! A day in little time: traffic, reloads, interfaces, recordings, connections, scrapes and slow clients
//! all at once. At the end every count is exact, and nothing has grown.

mod figures;
mod rules;
mod work;

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use testbed::{CLIENT_LINK, CLIENT_V6, HttpServer, Pair, SERVER_LINK, requirements::met};

use super::{
    Answer, Service, last, named,
    recorders::{folder, wait_for},
    sums, value,
};
use crate::{
    ending::attachments,
    rig::{LIMIT, NEEDS, alone, quiet_pair},
};
use figures::{Figures, Memory};
use rules::{Parts, Set};
use work::{ALARMS, ROUND};

/// How long there is traffic where `PROBE_SOAK_SECONDS` says nothing else.
const SECONDS: u64 = 10;
/// The time is so many stretches, with a moment without traffic behind each. The first one warms up.
const STRETCHES: u32 = 5;
/// What the processes may take more at the end than after the first stretch.
const GROWTH: u64 = 2 << 20;
/// What lists take once they are full: the last minute's registers of two (512 KiB each), and the most
/// frequent keys of two (1.3 MiB each); and how long that takes.
const LISTS: u64 = 4 << 20;
const FULL: Duration = Duration::from_secs(90);

/// The service, and what was done to it.
struct Soak {
    pair: Pair,
    service: Service,
    folder: tempfile::TempDir,
    made: Made,
    /// The counters of the last scrape.
    scraped: Mutex<BTreeMap<String, f64>>,
    /// Held while connections are made, and while another process begins to follow them. What the
    /// parts do now.
    calm: Mutex<Parts>,
}

/// How much was done.
#[derive(Debug, Default)]
struct Made {
    stretches: AtomicU64,
    /// Steps of [`Soak::operate`].
    steps: AtomicU64,
    /// Rounds of [`ROUND`] frames.
    rounds: AtomicU64,
    guests: AtomicU64,
    guest_frames: AtomicU64,
    connections: AtomicU64,
    scrapes: AtomicU64,
    slow_clients: AtomicU64,
    reloads: AtomicU64,
    failures: AtomicU64,
    by_condition: AtomicU64,
    by_signal: AtomicU64,
    by_request: AtomicU64,
    /// Files that say of themselves that something in them was overwritten.
    with_gaps: AtomicU64,
}

fn add(to: &AtomicU64, number: u64) {
    to.fetch_add(number, Ordering::Relaxed);
}

fn get(of: &AtomicU64) -> u64 {
    of.load(Ordering::Relaxed)
}

/// Lets all threads of a stretch come to their end, when it is over and when one of them fails.
struct EndAll<'a>(&'a AtomicBool);

impl Drop for EndAll<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_day_in_little_time() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let seconds = std::env::var("PROBE_SOAK_SECONDS")
        .map_or(SECONDS, |seconds| seconds.parse().expect("PROBE_SOAK_SECONDS is no number"));
    let stretch = Duration::from_secs(seconds) / STRETCHES;
    let growth = if stretch < FULL { GROWTH + LISTS } else { GROWTH };
    let (pair, folder) = (quiet_pair(), folder());
    let _nginx = HttpServer::start(&pair.server, 80).unwrap();
    let (sent, received) =
        (pair.client.counters(CLIENT_LINK).unwrap(), pair.server.counters(SERVER_LINK).unwrap());
    let parts = Parts::default();
    let text = rules::text(Set::First, parts, false, folder.path());
    let service = Service::start(&pair.server, rules::HEAD, &text, &["--json"]);
    let (made, scraped) = (Made::default(), Mutex::default());
    let soak = Soak { pair, service, folder, made, scraped, calm: Mutex::new(parts) };
    soak.wait_for_health();
    let mut warm: Option<(Figures, Memory)> = None;
    let start = Instant::now();
    for number in 1..=STRETCHES {
        soak.stretch(stretch);
        soak.settle();
        let figures = match &warm {
            None => Figures::settled(&soak.service),
            Some((warm, _)) => Figures::wait_for(&soak.service, warm),
        };
        let memory = Memory::of(&soak.service);
        println!("{number}: {:.0} s, {memory}; {figures}", start.elapsed().as_secs_f64());
        let (_, before) = warm.get_or_insert_with(|| (figures, memory.clone()));
        assert!(memory.own() <= before.own() + growth, "{before}, then {memory}");
    }
    soak.assert_metrics();
    let total = soak.pair.server.counters(SERVER_LINK).unwrap().since(received).rx_packets;
    let sent = soak.pair.client.counters(CLIENT_LINK).unwrap().since(sent).tx_packets;
    assert_eq!(sent, total);
    println!("{:?}; {total} frames from the client", soak.made);
    soak.end(total);
}

impl Soak {
    /// Does everything at once for so long.
    fn stretch(&self, length: Duration) {
        let over = &AtomicBool::new(false);
        add(&self.made.stretches, 1);
        thread::scope(|scope| {
            let works: [fn(&Self, &AtomicBool); 5] = [
                Self::send_traffic,
                Self::have_guests,
                Self::connect,
                Self::scrape_often,
                Self::have_slow_clients,
            ];
            for work in works {
                scope.spawn(move || {
                    let _end = EndAll(over);
                    work(self, over);
                });
            }
            let _end = EndAll(over);
            let start = Instant::now();
            loop {
                self.operate();
                if start.elapsed() >= length || over.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
    }

    /// Waits until all that was done has come to its end. The rules and parts are those of the start then.
    fn settle(&self) {
        self.reload(Set::First, Parts::default(), false, false);
        let connections = get(&self.made.connections) as f64;
        wait_for(&self.service, COMPLETED, connections);
        wait_for(&self.service, "probe_record_up{rule=\"mix\"}", 1.0);
    }

    /// A process that follows connections has begun once it has reported.
    fn wait_for_health(&self) {
        wait_for(&self.service, "probe_health_up", 1.0);
    }

    /// What the last interval said; the lists of each rule add up to what the rule matched.
    fn document(&self) -> Value {
        let text = self.service.request("GET", "/api/v1/snapshot", "").body;
        let document: Value = serde_json::from_str(&text).unwrap();
        assert_lists(&document);
        document
    }

    /// Takes the counters, of which none may be less than before.
    fn take(&self, scrape: &Answer) {
        assert_eq!(scrape.status, 200);
        let now = counters(&scrape.body);
        let mut before = self.scraped.lock().unwrap_or_else(PoisonError::into_inner);
        for (series, before) in &*before {
            let now = now.get(series).unwrap_or_else(|| panic!("{series} is gone"));
            assert!(now >= before, "{series}: {before}, then {now}");
        }
        *before = now;
        add(&self.made.scrapes, 1);
    }

    /// What was done is what is told.
    fn assert_metrics(&self) {
        let made = &self.made;
        let triggers =
            |cause: &str| format!("probe_record_triggers_total{{cause=\"{cause}\",rule=\"mix\"}}");
        let triggered = [&made.by_condition, &made.by_signal, &made.by_request].map(get);
        let text = self.service.request("GET", "/metrics", "").body;
        for (series, expected) in [
            ("probe_reloads_total{result=\"success\"}", get(&made.reloads)),
            ("probe_reloads_total{result=\"failure\"}", get(&made.failures)),
            (&triggers("condition"), triggered[0]),
            (&triggers("signal"), triggered[1]),
            (&triggers("request"), triggered[2]),
            (FILES, triggered.iter().sum()),
            ("probe_record_failures_total{rule=\"mix\"}", 0),
            ("probe_record_restarts_total{rule=\"mix\"}", 0),
            ("probe_record_lost_frames_total{rule=\"mix\"}", 0),
            ("probe_interface_events_total{event=\"attached\"}", 1 + get(&made.guests)),
            ("probe_interface_events_total{event=\"gone\"}", get(&made.guests)),
            ("probe_interface_events_total{event=\"refused\"}", 0),
            ("probe_http_restarts_total", 0),
            ("probe_health_restarts_total", 0),
            ("probe_health_lost_segments_total", 0),
            (COMPLETED, get(&made.connections)),
            (
                "probe_health_connections_started_total{port=\"80\",protocol=\"tcp\"}",
                get(&made.connections),
            ),
        ] {
            assert_eq!(value(&text, series), expected as f64, "{series}");
        }
        // Each of these was done, or this test says nothing.
        for done in [&made.rounds, &made.guests, &made.scrapes, &made.slow_clients, &made.failures]
        {
            assert!(get(done) > 0, "{made:?}");
        }
        assert!(triggered.iter().all(|number| *number > 0), "{made:?}");
    }

    /// Ends it as systemd does; `total` frames had come from the client.
    fn end(self, total: u64) {
        let Self { pair, service: Service { running, folder: _files }, made, .. } = self;
        running.signal(libc::SIGTERM).unwrap();
        let finished = running.wait(LIMIT).unwrap();
        assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
        assert_eq!(attachments(&pair.server), "");
        let last = last(&finished);
        let (rounds, guests) = (get(&made.rounds), get(&made.guest_frames));
        assert_eq!(last["seen"]["packets"], total + guests);
        let each = rounds * ROUND / 8;
        for (rule, expected) in [
            ("mix", 8 * each),
            ("syn", 2 * each),
            ("port", each),
            ("alarm", get(&made.by_condition) * ALARMS),
            ("guests", guests),
        ] {
            assert_eq!(named(&last, rule)["packets"], expected, "{rule}");
        }
        assert_lists(&last);
        let ports = &named(&last, "mix")["top"][0];
        assert_eq!(ports["keys"].as_array().unwrap().len(), 7, "{ports}");
        for key in ports["keys"].as_array().unwrap() {
            let expected = if key["key"] == "81" { 2 * each } else { each };
            assert_eq!(key["packets"], expected, "{ports}");
        }
        // Among millions of sources of one frame each there is one of many.
        let sources = named(&last, "syn")["top"][0]["keys"].as_array().unwrap();
        let known = sources.iter().find(|key| key["key"] == CLIENT_V6.to_string()).unwrap();
        let [low, high] = ["low", "high"].map(|bound| known[bound].as_u64().unwrap());
        assert!((low..=high).contains(&each), "{each}: {known}");
        assert_eq!(last["ports"][0]["completed"], get(&made.connections));
    }
}

/// A connection that was made is `completed`.
const COMPLETED: &str =
    "probe_health_connections_total{port=\"80\",protocol=\"tcp\",outcome=\"completed\"}";

const FILES: &str = "probe_record_files_total{rule=\"mix\"}";

fn assert_lists(document: &Value) {
    for rule in document["rules"].as_array().unwrap() {
        let (packets, lists) = sums(rule);
        assert!(lists.iter().all(|sum| *sum == packets), "{rule}");
    }
}

/// All counters and histograms in a text of metrics, but those of rules and lists that come and go.
fn counters(text: &str) -> BTreeMap<String, f64> {
    let mut is_counter = false;
    let mut counters = BTreeMap::new();
    for line in text.lines() {
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            is_counter = kind.ends_with(" counter") || kind.ends_with(" histogram");
        } else if is_counter
            && !line.starts_with('#')
            && !rules::COME_AND_GO.iter().any(|part| line.contains(part))
        {
            let (series, value) = line.rsplit_once(' ').unwrap();
            counters.insert(series.to_owned(), value.parse().unwrap());
        }
    }
    assert!(!counters.is_empty(), "{text}");
    counters
}
