//! Starting `probe` and its rivals, and reading what they say.

use std::{
    collections::BTreeMap,
    path::Path,
    process::Command,
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Duration,
};

use serde_json::Value;
use testbed::{Finished, Namespace, Pair, Running, requirements::Requirement, run};

/// Long enough for anything here on a busy machine of two cores.
pub const LIMIT: Duration = Duration::from_secs(120);

/// Everything that these tests need.
pub const NEEDS: &[Requirement] = &[
    Requirement::Root,
    Requirement::Kernel(6, 6),
    Requirement::Tool("tcpdump"),
    Requirement::Tool("capinfos"),
    Requirement::Tool("trafgen"),
    Requirement::Tool("nginx"),
    Requirement::Tool("curl"),
    Requirement::Tool("ethtool"),
];

static TURN: RwLock<()> = RwLock::new(());

/// Whoever holds it is the only test that makes traffic: one that floods, or that goes by the time.
pub fn alone() -> RwLockWriteGuard<'static, ()> {
    TURN.write().unwrap_or_else(PoisonError::into_inner)
}

/// Whoever holds it waits most of the time, and bears that another such test runs beside it.
pub fn beside_others() -> RwLockReadGuard<'static, ()> {
    TURN.read().unwrap_or_else(PoisonError::into_inner)
}

/// A client and a server with nothing merged, split or left unfinished between them.
pub fn quiet_pair() -> Pair {
    let pair = Pair::new().unwrap();
    pair.offloads_off().unwrap();
    pair
}

/// `probe` in a namespace, not started yet.
pub fn probe<S: AsRef<str>>(namespace: &Namespace, arguments: &[S]) -> Command {
    let mut command = namespace.command(env!("CARGO_BIN_EXE_probe"));
    command.args(arguments.iter().map(AsRef::as_ref));
    command
}

/// `probe`, started and attached.
pub fn attached<S: AsRef<str>>(namespace: &Namespace, arguments: &[S]) -> Running {
    let running = Running::spawn(probe(namespace, arguments)).unwrap();
    running.wait_for_line("probe: attached to", LIMIT).unwrap();
    running
}

/// How often a test does all of it: `PROBE_TEST_TIMES`, or once.
pub fn times() -> usize {
    std::env::var("PROBE_TEST_TIMES").ok().and_then(|times| times.parse().ok()).unwrap_or(1)
}

/// `probe count --format json` with these rules, attached.
pub fn counter(namespace: &Namespace, link: &str, hook: &str, rules: &[(&str, &str)]) -> Running {
    let mut arguments: Vec<String> =
        ["count", "-i", link, "--hook", hook, "--format", "json"].map(str::to_owned).to_vec();
    for (name, filter) in rules {
        arguments.push("--rule".into());
        arguments.push(format!("{name}={filter}"));
    }
    attached(namespace, &arguments)
}

/// What one `probe count --format json` says at its end.
#[derive(Debug, PartialEq, Eq)]
pub struct Totals {
    pub seen: (u64, u64),
    pub rules: BTreeMap<String, (u64, u64)>,
}

impl Totals {
    /// Ends the counter as Ctrl-C does and reads its last line.
    pub fn of(counter: Running) -> Self {
        let finished = counter.interrupt(LIMIT).unwrap();
        assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
        Self::read(&finished)
    }

    /// Reads the last line of a counter that has ended.
    pub fn read(finished: &Finished) -> Self {
        let text = finished.text();
        let last = text.lines().last().unwrap_or_else(|| panic!("no output: {}", finished.stderr));
        let last: Value = serde_json::from_str(last).unwrap();
        assert_eq!(last["final"], true);
        let pair =
            |value: &Value| (value["packets"].as_u64().unwrap(), value["bytes"].as_u64().unwrap());
        let rules = last["rules"].as_array().unwrap();
        let rules = rules.iter().map(|rule| (rule["name"].as_str().unwrap().into(), pair(rule)));
        Self { seen: pair(&last["seen"]), rules: rules.collect() }
    }

    /// Packets that a rule matched.
    pub fn packets(&self, rule: &str) -> u64 {
        self.rules.get(rule).unwrap_or_else(|| panic!("no rule {rule}")).0
    }
}

/// The numbers of a capture's account, by name; checked to add up. Where it lost nothing and was not
/// asked (-v), there are tcpdump's lines alone: what matched was captured, or came after the end.
pub fn ledger(stderr: &str) -> BTreeMap<String, u64> {
    let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("{text:?} in {stderr}"));
    let of_line = |end: &str| {
        let line = stderr.lines().find_map(|line| line.strip_suffix(end)?.split_once(" packet"));
        // Where -v told how far it got, that is written over.
        let line = line.and_then(|(count, _)| count.rsplit('\r').next());
        let count = line.unwrap_or_else(|| panic!("no line ends in {end:?}: {stderr}"));
        number(count)
    };
    let (captured, matched, lost) =
        (of_line(" captured"), of_line(" received by filter"), of_line(" dropped by kernel"));
    let mut ledger = BTreeMap::from([(LOST.into(), 0), (DELIVERED.into(), captured)]);
    let mut lines = stderr.lines().map(|line| line.strip_prefix("probe: ").unwrap_or_default());
    match lines.find(|line| line.starts_with("seen ")) {
        None => {
            assert_eq!(lost, 0, "{stderr}");
            ledger.insert(CHOSEN.into(), matched);
        }
        Some(head) => {
            let entries = head.split(", ").map(|entry| entry.split_once(' ').unwrap());
            ledger.extend(entries.map(|(name, count)| (name.to_owned(), number(count))));
            let mut sum = 0;
            for line in lines.take_while(|line| line.starts_with("  ")) {
                let (count, name) = line.trim_start().split_once(' ').unwrap();
                sum += number(count);
                ledger.insert(name.to_owned(), number(count));
            }
            assert_eq!(ledger[CHOSEN], sum, "{stderr}");
            assert_eq!(ledger[DELIVERED], captured, "{stderr}");
        }
    }
    ledger
}

/// Frames that sampling chose, and those of them that were captured.
pub const CHOSEN: &str = "sampled";
pub const DELIVERED: &str = "captured";
/// Frames for which the ring had no room.
pub const LOST: &str = "lost in ring";

/// tcpdump writing every frame of a link to a file, ready.
pub fn tcpdump(namespace: &Namespace, link: &str, file: &Path) -> Running {
    let mut command = namespace.command("tcpdump");
    // -B: KiB; nothing may be lost here, whatever the machine does meanwhile.
    command.args(["-nn", "-U", "--immediate-mode", "-B", "65536", "-i", link, "-w"]).arg(file);
    let running = Running::spawn(command).unwrap();
    running.wait_for_line("listening on", LIMIT).unwrap();
    running
}

/// tcpdump printing the lines of frames without names and times, ready.
pub fn tcpdump_lines(namespace: &Namespace, arguments: &[&str]) -> Running {
    let mut command = namespace.command("tcpdump");
    command.args(["-tnnl", "--immediate-mode"]).args(arguments);
    let running = Running::spawn(command).unwrap();
    running.wait_for_line("listening on", LIMIT).unwrap();
    running
}

/// Ends tcpdump once it has written all that it will: its file has stopped growing.
pub fn end_tcpdump(namespace: &Namespace, dump: Running, file: &Path) {
    let length = || namespace.enter(|| Ok(std::fs::metadata(file)?.len())).unwrap();
    let mut before = 0;
    while std::mem::replace(&mut before, length()) != before {
        std::thread::sleep(Duration::from_millis(300));
    }
    dump.interrupt(LIMIT).unwrap();
}

/// Frames of a file that match a tcpdump expression, as tcpdump counts them.
pub fn tcpdump_count(namespace: &Namespace, file: &Path, expression: &str) -> u64 {
    let mut command = namespace.command("tcpdump");
    command.args(["-nn", "--count", "-r"]).arg(file).arg(expression);
    let text = run(command, LIMIT).unwrap().text();
    text.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{text}"))
}
