//! Recorders beside the counting: what is in their files, when they write, what a reload does to them,
//! and what they may do.

use std::{
    collections::BTreeSet,
    fs,
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use probe::kernel::tcx_occupants;
use probe_common::overwriting::slot_len;
use serde_json::Value;
use testbed::{
    CLIENT_LINK, FrameSender, Pair, Running, SERVER_LINK, SERVER_V4, requirements::met, run,
};

use super::{Service, children, configuration, post_by_tcp, rights::status, rule};
use crate::{
    ending::attachments,
    record::{assert_no_gap, numbered, numbers},
    rig::{LIMIT, NEEDS, beside_others, probe, quiet_pair},
};

/// What stands before the rules: the server's link.
fn head() -> String {
    head_of(SERVER_LINK)
}

/// The same of other interfaces.
fn head_of(interfaces: &str) -> String {
    format!("interfaces = [\"{interfaces}\"]\ninterval = \"100ms\"\n")
}

/// What is counted and recorded: the numbered frames, and all.
fn rules(records: &str) -> String {
    rule("udp", "udp dst port 9") + &rule("all", "") + records
}

/// A `[[record]]` of the rule `udp` with small rings, and these keys more.
fn record(folder: &Path, keys: &str) -> String {
    format!(
        "[[record]]\nrule = \"udp\"\nlast = \"60s\"\nsnaplen = 96\nbuffer_size = \"4M\"\n\
         directory = \"{}\"\n{keys}",
        folder.display()
    )
}

/// A folder that everybody may write to.
pub(super) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    folder
}

pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Sends frames to the server's end of the rig, all of which arrive.
fn send(pair: &Pair, frames: &[Vec<u8>]) {
    let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
    let before = pair.server.counters(SERVER_LINK).unwrap();
    sender.send(frames).unwrap();
    pair.server.wait_for_received(SERVER_LINK, before, frames.len() as u64, LIMIT).unwrap();
}

/// The numbers in the rule's newest file.
fn newest(pair: &Pair, folder: &Path) -> Vec<u32> {
    let files = files(folder);
    let file = files.last().unwrap().to_str().unwrap();
    numbers(pair, file).into_iter().map(|(_, number)| number).collect()
}

/// Waits until a metric has a value.
pub(super) fn wait_for(service: &Service, series: &str, value: f64) {
    let start = Instant::now();
    while service.metric(series) != value {
        assert!(start.elapsed() < LIMIT, "{series} {}", service.running.stderr());
        thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until the object of an interval has such a recorder.
fn wait_for_recorder(service: &Service, is_it: impl Fn(&Value) -> bool) -> Value {
    let start = Instant::now();
    loop {
        let text = service.request("GET", "/api/v1/snapshot", "").body;
        let object: Value = serde_json::from_str(&text).unwrap();
        if is_it(&object["recorders"][0]) {
            return object["recorders"][0].clone();
        }
        assert!(start.elapsed() < LIMIT, "{text} {}", service.running.stderr());
        thread::sleep(Duration::from_millis(5));
    }
}

const RING_USED: &str = "probe_record_ring_used_bytes{rule=\"udp\"}";
/// Bytes of a ring that `record` asks for.
const RING: f64 = (4 << 20) as f64;
const FILES: &str = "probe_record_files_total{rule=\"udp\"}";

/// The processes that record for another one.
fn recorders(of: u32) -> Vec<u32> {
    let is_recorder = |id: &u32| {
        let words = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        words.windows(12).any(|part| part == b"serve-record")
    };
    children(of).into_iter().filter(is_recorder).collect()
}

/// How many programs look at the frames that are received.
fn programs(pair: &Pair) -> usize {
    attachments(&pair.server).matches("probe_").count()
}

/// A quiet link, then a flood: the file has all of either from the first frame on, in order.
#[test]
fn a_condition_records_what_came_before_it() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    for hook in ["tcx", "xdp-native"] {
        let (pair, folder) = (quiet_pair(), folder());
        let keys = "when = \"rate > 5k/s for 200ms\"\nafter = \"300ms\"\n";
        let head = format!("{}hook = \"{hook}\"\n", head());
        let all = rules(&record(folder.path(), keys));
        let service = Service::start(&pair.server, &head, &all, &[]);
        let triggers = "probe_record_triggers_total{cause=\"condition\",rule=\"udp\"}";
        for series in [FILES, triggers] {
            assert_eq!(service.metric(series), 0.0);
        }
        let frames = numbered(40_500);
        let (quiet, flood) = frames.split_at(500);
        let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
        sender.send_paced(quiet, quiet.len() as u64, Some(500.0)).unwrap();
        // The flood ends with the trigger: a machine that has other work may let it falter, and begin
        // anew for the condition.
        for some in flood.chunks(500) {
            sender.send_paced(some, some.len() as u64, Some(10_000.0)).unwrap();
            if service.metric(triggers) == 1.0 {
                break;
            }
        }
        wait_for(&service, FILES, 1.0);
        let [file] = &files(folder.path())[..] else { panic!("one file") };
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with("record-2") && name.ends_with("Z-udp.pcapng"), "{name}");
        let recorded = numbers(&pair, file.to_str().unwrap());
        assert_no_gap(&recorded);
        let last = recorded.last().unwrap().1;
        assert!(recorded[0].1 == 0 && last > 500, "from {} to {last}", recorded[0].1);
        let text = fs::read(file).unwrap();
        let said = String::from_utf8_lossy(&text);
        assert!(said.contains("when rate > 5k/s for 200ms: "), "{}", service.running.stderr());
        assert!(said.contains(" since the start: seen "), "{}", service.running.stderr());
        assert_eq!(service.metric(triggers), 1.0);
        assert_eq!(service.metric("probe_record_bytes_total{rule=\"udp\"}"), text.len() as f64);
        assert_eq!(service.metric("probe_record_overwritten_frames_total{rule=\"udp\"}"), 0.0);
        let recorder = wait_for_recorder(&service, |recorder| recorder["files"] == 1);
        assert_eq!(recorder["rule"], "udp");
        assert_eq!(recorder["state"], "armed");
        assert_eq!(recorder["last_file"], name);
        assert_eq!(recorder["overwritten"], 0);
        service.end();
    }
}

/// What the process of `[health]` says of a port is a condition, too.
#[test]
fn a_verdict_records() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let (pair, folder) = (quiet_pair(), folder());
    let keys = "when = \"health 81 is closed\"\n[health]\nports = [80, 81]\n";
    let all = rules(&record(folder.path(), keys));
    let service = Service::start(&pair.server, &head(), &all, &[]);
    let start = Instant::now();
    while service.metric(FILES) != 1.0 {
        assert!(start.elapsed() < LIMIT, "{}", service.running.stderr());
        let is_refused = || Ok(TcpStream::connect((SERVER_V4, 81)).is_err());
        assert!(pair.client.enter(is_refused).unwrap());
    }
    let text = fs::read(&files(folder.path())[0]).unwrap();
    assert!(String::from_utf8_lossy(&text).contains("when health 81 is closed, at 2"));
    service.end();
}

/// Somebody asks, by a request and by a signal.
#[test]
fn a_request_and_a_signal_record() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let (pair, folder) = (quiet_pair(), folder());
    let service = Service::start(&pair.server, &head(), &rules(&record(folder.path(), "")), &[]);
    assert_eq!(service.metric(RING_USED), 0.0);
    let frames = numbered(10);
    send(&pair, &frames);
    let held: u64 = frames.iter().map(|frame| slot_len(frame.len() as u32)).sum();
    wait_for(&service, RING_USED, held as f64);
    // A ring of each CPU, of a power of two.
    let size = service.metric("probe_record_ring_size_bytes{rule=\"udp\"}");
    assert!(size >= RING && size % RING == 0.0, "{size}");
    for (path, status, said) in [
        ("/api/v1/record?rule=all", 404, "no [[record]] is of a rule named `all`\n"),
        ("/api/v1/record?rules=udp", 400, "expected rule=NAME, or nothing\n"),
        ("/api/v1/record?rule=udp", 200, "recording udp\n"),
    ] {
        let answer = service.request("POST", path, "");
        assert_eq!((answer.status, answer.body.as_str()), (status, said), "{path}");
    }
    wait_for(&service, FILES, 1.0);
    assert_eq!(newest(&pair, folder.path()), (0..10).collect::<Vec<_>>());
    assert_eq!(service.request("POST", "/api/v1/record", "").status, 200);
    wait_for(&service, FILES, 2.0);
    service.running.signal(libc::SIGUSR2).unwrap();
    wait_for(&service, FILES, 3.0);
    assert_eq!(newest(&pair, folder.path()), (0..10).collect::<Vec<_>>());
    for (cause, count) in [("request", 2.0), ("signal", 1.0), ("condition", 0.0)] {
        let series = format!("probe_record_triggers_total{{cause=\"{cause}\",rule=\"udp\"}}");
        assert_eq!(service.metric(&series), count, "{cause}");
    }
    assert_eq!(post_by_tcp(&pair.server, "/api/v1/record").status, 403);
    service.end();
}

/// Whoever asks for a file while one is being written is told so; at the end it is whole.
#[test]
fn a_recording_goes_on_until_its_end() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let (pair, folder) = (quiet_pair(), folder());
    let all = rules(&record(folder.path(), "after = \"10m\"\n"));
    let service = Service::start(&pair.server, &head(), &all, &[]);
    let frames = numbered(30);
    send(&pair, &frames[..10]);
    assert_eq!(service.request("POST", "/api/v1/record?rule=udp", "").status, 200);
    let again = service.request("POST", "/api/v1/record?rule=udp", "");
    assert_eq!((again.status, again.body.as_str()), (409, "already recording\n"));
    wait_for_recorder(&service, |recorder| recorder["state"] == "recording");
    send(&pair, &frames[10..]);
    let finished = service.end();
    assert!(finished.stderr.contains("30 frames; rule udp: all frames"), "{}", finished.stderr);
    assert_eq!(newest(&pair, folder.path()), (0..30).collect::<Vec<_>>());
}

/// A reload that leaves a `[[record]]` as it is leaves its past; one that changes it arms another; one
/// without it takes its programs off.
#[test]
fn reloads_keep_what_they_do_not_change() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let (pair, folder) = (quiet_pair(), folder());
    let kept = record(folder.path(), "when = \"rate > 1M/s\"\n");
    let service = Service::start(&pair.server, &head(), &rules(&kept), &[]);
    let first = recorders(service.running.id());
    assert_eq!((first.len(), programs(&pair)), (1, 2));
    send(&pair, &numbered(10));

    // Another rule before it, another condition, another interface beside.
    let head_of_two = head_of(&format!("{SERVER_LINK}\", \"lo"));
    let other = record(folder.path(), "when = \"rate of all > 2M/s\"\n");
    service.write(&head_of_two, &(rule("new", "tcp") + &rules(&other)));
    assert_eq!(service.reload(), (200, "reloaded\n".into()));
    assert_eq!(recorders(service.running.id()), first);
    assert_eq!(service.request("POST", "/api/v1/record", "").status, 200);
    wait_for(&service, FILES, 1.0);
    assert_eq!(newest(&pair, folder.path()), (0..10).collect::<Vec<_>>());

    // What is wrong with a file changes nothing; the recorder of another folder is refused as well.
    let nowhere = record(&folder.path().join("nowhere"), "");
    for (records, said) in [
        (nowhere.as_str(), "nowhere: No such file or directory"),
        ("[[record]]\nrule = \"udp\"\n", "has no `last`"),
    ] {
        service.write(&head(), &rules(records));
        let (status, text) = service.reload();
        assert!(status == 422 && text.contains(said), "{status} {text}");
        assert_eq!(recorders(service.running.id()), first);
    }

    // One that keeps other bytes begins with nothing, and its files count on.
    let changed = kept.replace("snaplen = 96", "snaplen = 128");
    service.write(&head(), &rules(&changed));
    assert_eq!(service.reload(), (200, "reloaded\n".into()));
    let second = recorders(service.running.id());
    assert!(second.len() == 1 && second != first, "{first:?} {second:?}");
    assert_eq!((programs(&pair), service.metric(FILES)), (2, 1.0));
    send(&pair, &numbered(3));
    assert_eq!(service.request("POST", "/api/v1/record", "").status, 200);
    wait_for(&service, FILES, 2.0);
    assert_eq!(newest(&pair, folder.path()), [0, 1, 2]);

    service.write(&head(), &rules(""));
    assert_eq!(service.reload(), (200, "reloaded\n".into()));
    assert_eq!((recorders(service.running.id()).len(), programs(&pair)), (0, 1));
    let none = service.request("POST", "/api/v1/record", "");
    assert_eq!((none.status, none.body.as_str()), (404, "the configuration has no [[record]]\n"));
    // Back again: armed by a process that has fewer rights than at the start.
    service.write(&head(), &rules(&kept));
    assert_eq!(service.reload(), (200, "reloaded\n".into()));
    assert_eq!((recorders(service.running.id()).len(), programs(&pair)), (1, 2));
    service.end();
    assert_eq!(programs(&pair), 0);
}

/// Two files of the rule, whichever process wrote them.
#[test]
fn files_are_bounded_over_restarts() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let (pair, folder) = (quiet_pair(), folder());
    fs::write(folder.path().join("record-20200101T000000.000Z-other.pcapng"), "").unwrap();
    for round in 0..2 {
        let all = rules(&record(folder.path(), "max_files = 2\n"));
        let service = Service::start(&pair.server, &head(), &all, &[]);
        for number in 1..=2 {
            send(&pair, &numbered(number));
            assert_eq!(service.request("POST", "/api/v1/record", "").status, 200);
            wait_for(&service, FILES, f64::from(number));
        }
        service.end();
        // And the file of another rule.
        assert_eq!(files(folder.path()).len(), 3, "{round}");
    }
}

/// A command gets each file, and has no right either.
#[test]
fn a_command_runs_on_each_file() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let (pair, folder) = (quiet_pair(), folder());
    let all = rules(&record(folder.path(), "command = \"gzip\"\n"));
    let service = Service::start(&pair.server, &head(), &all, &[]);
    let recorder = recorders(service.running.id())[0];
    // A filter of system calls would be the command's, too.
    assert_eq!(
        (status(recorder, "Seccomp"), status(recorder, "NoNewPrivs")),
        ("0".into(), "1".into())
    );
    assert_no_right(recorder);
    send(&pair, &numbered(10));
    assert_eq!(service.request("POST", "/api/v1/record", "").status, 200);
    wait_for(&service, FILES, 1.0);
    let start = Instant::now();
    let is_there =
        || matches!(&files(folder.path())[..], [one] if one.extension() == Some("gz".as_ref()));
    while !is_there() {
        assert!(start.elapsed() < LIMIT, "{}", service.running.stderr());
        thread::sleep(Duration::from_millis(5));
    }
    service.end();
}

/// A folder that cannot be written to is told before anything is attached.
#[test]
fn a_folder_that_cannot_be_written_to_is_refused() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let place = folder();
    let closed = place.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).unwrap();
    for (user, folder, said) in [
        ("", place.path().join("nowhere"), "nowhere: No such file or directory"),
        ("user = \"nobody\"\n", closed, "closed: the user nobody may not write there"),
    ] {
        let text = configuration(&place, &(head() + user), &rules(&record(&folder, "")));
        let file = place.path().join("probe.toml");
        fs::write(&file, text).unwrap();
        for command in ["check", "serve"] {
            let arguments = [command, file.to_str().unwrap()];
            let refused = Running::spawn(probe(&pair.server, &arguments)).unwrap();
            let refused = refused.wait(LIMIT).unwrap();
            assert_eq!(refused.status.code(), Some(2), "{}", refused.stderr);
            assert!(refused.stderr.contains(said), "{}", refused.stderr);
        }
    }
}

/// A recorder has no right, none of the other process's sockets, and a file system of one folder; one
/// that is killed is started again, and all go with the process that counts.
#[test]
fn a_recorder_may_write_files_and_nothing_else() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    for user in ["", "user = \"nobody\"\n"] {
        let (pair, folder) = (quiet_pair(), folder());
        let all = rules(&record(folder.path(), ""));
        let service = Service::start(&pair.server, &(head() + user), &all, &[]);
        // The configuration is read again by whom they are by then.
        let readable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(service.folder.path(), readable).unwrap();
        let counting = service.running.id();
        let first = recorders(counting)[0];
        assert_confined(first, user.is_empty());
        assert_eq!(service.request("GET", "/healthz", "").status, 200);
        let serving: BTreeSet<PathBuf> = children(counting).into_iter().flat_map(sockets).collect();
        let others: Vec<PathBuf> = sockets(first).into_iter().collect();
        let of_others = |id: &u32| *id != first;
        let shared: BTreeSet<PathBuf> = (children(counting).into_iter().filter(of_others))
            .flat_map(sockets)
            .filter(|socket| others.contains(socket))
            .collect();
        assert!(serving.len() > others.len() && shared.is_empty(), "{shared:?}");

        let mut kill = pair.server.command("kill");
        kill.args(["-KILL", &first.to_string()]);
        run(kill, LIMIT).unwrap();
        service.running.wait_for_line("the recorder of rule udp ended: signal: 9", LIMIT).unwrap();
        wait_for(&service, "probe_record_restarts_total{rule=\"udp\"}", 1.0);
        wait_for(&service, "probe_record_up{rule=\"udp\"}", 1.0);
        let second = recorders(counting)[0];
        assert_ne!(first, second);
        assert_confined(second, user.is_empty());
        // By the rights of its user, and with those that it has.
        send(&pair, &numbered(5));
        assert_eq!(service.request("POST", "/api/v1/record", "").status, 200);
        wait_for(&service, FILES, 1.0);
        assert_eq!(newest(&pair, folder.path()), [0, 1, 2, 3, 4]);
        // An interface that comes is attached to without a right.
        service.write(&(head_of("*") + user), &all);
        assert_eq!(service.reload().0, 200);
        pair.server.ip(&["link add later0 type veth peer name later1"]).unwrap();
        service.running.wait_for_line("later0 appeared: attached (tcx)", LIMIT).unwrap();
        let start = Instant::now();
        let on_later = || pair.server.enter(|| Ok(tcx_occupants("later0")?.len())).unwrap();
        while on_later() < 2 {
            assert!(start.elapsed() < LIMIT, "{}", service.running.stderr());
            thread::sleep(Duration::from_millis(5));
        }
        assert!(!service.running.stderr().contains("is left out"), "{}", service.running.stderr());

        service.running.signal(libc::SIGKILL).unwrap();
        let Service { running, folder: _folder } = service;
        running.wait(LIMIT).unwrap();
        let start = Instant::now();
        let exists = || Path::new(&format!("/proc/{second}")).exists();
        while programs(&pair) > 0 || exists() {
            assert!(start.elapsed() < LIMIT, "{}", attachments(&pair.server));
        }
    }
}

/// Without the rights to arm another one, a recorder that ended stays away; counting goes on.
#[test]
fn without_reloads_a_recorder_is_not_started_again() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let (pair, folder) = (quiet_pair(), folder());
    let all = rules(&record(folder.path(), ""));
    let service = Service::start(&pair.server, &head(), &all, &["--no-reload"]);
    send(&pair, &numbered(5));
    assert_eq!(service.request("POST", "/api/v1/record", "").status, 200);
    wait_for(&service, FILES, 1.0);
    let mut kill = pair.server.command("kill");
    kill.args(["-KILL", &recorders(service.running.id())[0].to_string()]);
    run(kill, LIMIT).unwrap();
    wait_for(&service, "probe_record_up{rule=\"udp\"}", 0.0);
    let stopped = service.request("POST", "/api/v1/record?rule=udp", "");
    assert_eq!((stopped.status, programs(&pair)), (503, 1));
    assert_eq!(service.metric("probe_record_restarts_total{rule=\"udp\"}"), 0.0);
    assert_eq!(service.metric(FILES), 1.0);
    service.end();
}

/// The sockets that a process has.
fn sockets(process: u32) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    let targets = entries.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    targets.filter(|target| target.to_string_lossy().starts_with("socket:")).collect()
}

fn assert_no_right(process: u32) {
    for set in ["CapPrm", "CapEff", "CapInh", "CapBnd", "CapAmb"] {
        assert_eq!(u64::from_str_radix(&status(process, set), 16).unwrap(), 0, "{set}");
    }
}

fn assert_confined(process: u32, is_root: bool) {
    assert_no_right(process);
    assert_eq!(status(process, "NoNewPrivs"), "1");
    assert_eq!(status(process, "Seccomp"), "2");
    assert_eq!(status(process, "Uid").starts_with("0\t"), is_root);
}
