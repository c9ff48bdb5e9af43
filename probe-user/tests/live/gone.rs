//! Interfaces that go down, come up again or go for good while `probe count` and `probe
//! rate` look at them: what was measured stands, and is told; where no more can come, it
//! ends, and the exit code says so. (`kills` has the same of captures.)

use serde_json::Value;
use testbed::{
    CLIENT_LINK, CLIENT_V4, Finished, Frame, FrameSender, Namespace, Pair, Running, SERVER_LINK,
    SERVER_V4, Tcp, requirements::met, tcp_flags,
};

use crate::rig::{DELIVERED, LIMIT, NEEDS, Totals, attached, beside_others, ledger, quiet_pair};

/// Hooks whose programs belong to links, which stay with the interface wherever it goes.
const LINKS: [&str; 3] = ["xdp-native", "xdp-generic", "tcx"];
const HOOKS: [&str; 4] = ["xdp-native", "xdp-generic", "tcx", "clsact"];

/// The server answers with resets, which are no SYNs.
fn frames(count: u32) -> Vec<Vec<u8>> {
    let tcp = |sequence| Tcp { destination: 80, flags: tcp_flags::SYN, sequence, ..Tcp::default() };
    let frame = |number| Frame::ipv4(CLIENT_V4, SERVER_V4).tcp(tcp(number)).build();
    (0..count).map(frame).collect()
}

fn send_by(pair: &Pair, client: &str, server: &str, count: u32) {
    let before = pair.server.counters(server).unwrap();
    FrameSender::open(&pair.client, client).unwrap().send(&frames(count)).unwrap();
    pair.server.wait_for_received(server, before, count.into(), LIMIT).unwrap();
}

fn send(pair: &Pair, count: u32) {
    send_by(pair, CLIENT_LINK, SERVER_LINK, count);
}

fn delete(pair: &Pair) {
    pair.server.ip(&[format!("link delete {SERVER_LINK}")]).unwrap();
}

/// Counting, with no look at the clock but at the end.
fn count(pair: &Pair, arguments: &[&str]) -> Running {
    let common = ["count", "-i", SERVER_LINK, "--format", "json", "--interval", "1h"];
    attached(&pair.server, &[&common, arguments, &["@syn"]].concat())
}

fn failed(finished: &Finished) {
    assert_eq!(finished.status.code(), Some(1), "{}", finished.stderr);
    // Before it goes it is down, which may be told, too.
    let end = "\nprobe: srv0 is gone\nprobe: srv0 is gone: no interface left to watch\n";
    assert!(finished.stderr.ends_with(end), "{}", finished.stderr);
}

#[test]
fn a_count_ends_when_its_interface_is_deleted() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    for hook in HOOKS {
        let pair = quiet_pair();
        let count = count(&pair, &["--hook", hook]);
        send(&pair, 500);
        delete(&pair);
        let finished = count.wait(LIMIT).unwrap();
        failed(&finished);
        assert_eq!(Totals::read(&finished).packets("match"), 500, "{hook}");
    }
}

#[test]
fn a_count_goes_on_with_the_interface_that_is_left() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let (ours, theirs) = ([2, 0, 0, 0, 1, 1], [2, 0, 0, 0, 1, 2]);
    pair.client.veth(("cli1", ours), &pair.server, ("srv1", theirs)).unwrap();
    let count = count(&pair, &["-i", "srv1"]);
    send_by(&pair, "cli1", "srv1", 5);
    pair.server.ip(&["link delete srv1"]).unwrap();
    count.wait_for_line("probe: srv1 is gone", LIMIT).unwrap();
    send(&pair, 7);
    assert_eq!(Totals::of(count).packets("match"), 12);
}

#[test]
fn a_count_goes_on_when_its_interface_is_up_again() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    for hook in HOOKS {
        let pair = quiet_pair();
        let count = count(&pair, &["--hook", hook]);
        send(&pair, 3);
        pair.server.ip(&[format!("link set {SERVER_LINK} down")]).unwrap();
        count.wait_for_line("probe: srv0 is down: no frames", LIMIT).unwrap();
        pair.server.ip(&[format!("link set {SERVER_LINK} up")]).unwrap();
        count.wait_for_line("probe: srv0 is up again", LIMIT).unwrap();
        running(&pair);
        send(&pair, 4);
        assert_eq!(Totals::of(count).packets("match"), 7, "{hook}");
    }
}

/// The other end of the wire notices the carrier a little later.
fn running(pair: &Pair) {
    let state = || {
        let path = format!("/sys/class/net/{CLIENT_LINK}/operstate");
        pair.client.enter(|| Ok(std::fs::read_to_string(path)?)).unwrap()
    };
    for _ in 0..LIMIT.as_millis() / 10 {
        if state().trim() == "up" {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("{CLIENT_LINK} is {}", state());
}

#[test]
fn one_that_is_down_at_the_start_is_told() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    pair.server.ip(&[format!("link set {SERVER_LINK} down")]).unwrap();
    for arguments in [&["count", "-i", SERVER_LINK][..], &["rate", "-t", "1h", "-i", SERVER_LINK]] {
        let started = attached(&pair.server, arguments);
        started.wait_for_line("probe: srv0 is down: no frames", LIMIT).unwrap();
        assert_eq!(started.interrupt(LIMIT).unwrap().status.code(), Some(0));
    }
}

/// A rate over a time, and over more matches than come: the rate until then, and a failure.
/// Over as many as came before: no failure.
#[test]
fn a_rate_ends_when_its_interface_is_deleted() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    for hook in HOOKS {
        for end in [["-t", "1h"], ["-c", "501"]] {
            let pair = quiet_pair();
            let common = ["rate", "-i", SERVER_LINK, "--format", "json", "--hook", hook];
            let rate = attached(&pair.server, &[&common[..], &end, &["@syn"]].concat());
            send(&pair, 500);
            delete(&pair);
            let finished = rate.wait(LIMIT).unwrap();
            failed(&finished);
            let report: Value = serde_json::from_str(&finished.text()).unwrap();
            assert_eq!(report["packets"], 500, "{hook} {end:?}: {report}");
            assert_eq!(report["ended_by"], "interrupted", "{hook} {end:?}: {report}");
        }
    }
    let pair = quiet_pair();
    let rate = ["rate", "-i", SERVER_LINK, "--format", "json", "-c", "500", "@syn"];
    let rate = attached(&pair.server, &rate);
    send(&pair, 500);
    delete(&pair);
    let finished = rate.wait(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    let report: Value = serde_json::from_str(&finished.text()).unwrap();
    assert_eq!((&report["packets"], &report["ended_by"]), (&500.into(), &"count".into()));
}

/// Frames that tcpdump, started beside, has printed.
fn printed(tcpdump: &Running) -> usize {
    tcpdump.stdout().iter().filter(|&&byte| byte == b'\n').count()
}

/// A port that leaves its bridge is the same interface as before, to us as to tcpdump.
#[test]
fn a_port_that_leaves_its_bridge_is_still_there() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let capture = ["capture", "-i", SERVER_LINK, "-w", "/dev/shm/port.pcap"];
    let count = ["count", "-i", SERVER_LINK, "--format", "json"];
    for (hook, command) in HOOKS.iter().flat_map(|hook| [(hook, &capture[..]), (hook, &count)]) {
        let pair = quiet_pair();
        let set = |what: &str| pair.server.ip(&[format!("link set {SERVER_LINK} {what}")]).unwrap();
        pair.server.ip(&["link add br0 type bridge", "link set br0 up"]).unwrap();
        set("master br0");
        let mut tcpdump = pair.server.command("tcpdump");
        tcpdump.args(["-nn", "-l", "-i", SERVER_LINK, "tcp[tcpflags] = tcp-syn"]);
        let tcpdump = Running::spawn(tcpdump).unwrap();
        tcpdump.wait_for_line("listening on", LIMIT).unwrap();
        let ours = attached(&pair.server, &[command, &["--hook", hook, "@syn"]].concat());
        send(&pair, 20);
        for _ in 0..3 {
            set("nomaster");
            set("master br0");
        }
        set("nomaster");
        send(&pair, 30);
        for _ in 0..LIMIT.as_millis() / 10 {
            if printed(&tcpdump) >= 50 {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        assert_eq!(printed(&tcpdump), 50);
        tcpdump.interrupt(LIMIT).unwrap();
        let finished = ours.interrupt(LIMIT).unwrap();
        assert_eq!(finished.status.code(), Some(0), "{hook}: {}", finished.stderr);
        let ours = match command[0] {
            "count" => Totals::read(&finished).packets("match"),
            _ => ledger(&finished.stderr)[DELIVERED],
        };
        assert_eq!(ours, 50, "{hook} {command:?}: {}", finished.stderr);
    }
}

#[test]
fn a_renamed_interface_is_followed() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    for hook in HOOKS {
        let pair = quiet_pair();
        let count = count(&pair, &["--hook", hook]);
        send(&pair, 3);
        let names = |from: &str, to: &str| {
            let lines = [format!("link set {from} down"), format!("link set {from} name {to}")];
            pair.server.ip(&lines).unwrap();
            pair.server.ip(&[format!("link set {to} up")]).unwrap();
        };
        names(SERVER_LINK, "lan0");
        count.wait_for_line("probe: srv0 was renamed to lan0", LIMIT).unwrap();
        count.wait_for_line("probe: lan0 is up again", LIMIT).unwrap();
        running(&pair);
        send_by(&pair, CLIENT_LINK, "lan0", 4);
        pair.server.ip(&["link delete lan0"]).unwrap();
        let finished = count.wait(LIMIT).unwrap();
        assert_eq!(finished.status.code(), Some(1), "{}", finished.stderr);
        assert!(finished.stderr.contains("lan0 is gone"), "{}", finished.stderr);
        assert_eq!(Totals::read(&finished).packets("match"), 7, "{hook}");
    }
}

/// Into another network namespace: gone, as for tcpdump. And back before anybody looked: the
/// programs are still there, and so is the interface.
#[test]
fn an_interface_moves_to_another_namespace() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    for hook in LINKS {
        let pair = quiet_pair();
        let other = Namespace::new().unwrap();
        let away = format!("link set {SERVER_LINK} netns {}", other.path().display());
        let home = format!("link set {SERVER_LINK} netns {}", pair.server.path().display());

        let count = count(&pair, &["--hook", hook]);
        send(&pair, 3);
        count.signal(libc::SIGSTOP).unwrap();
        pair.server.ip(&[&away]).unwrap();
        other.ip(&[&home]).unwrap();
        pair.server.ip(&[format!("link set {SERVER_LINK} up")]).unwrap();
        running(&pair);
        count.signal(libc::SIGCONT).unwrap();
        count.wait_for_line("probe: srv0 is up again", LIMIT).unwrap();
        send(&pair, 4);

        pair.server.ip(&[&away]).unwrap();
        let finished = count.wait(LIMIT).unwrap();
        failed(&finished);
        assert_eq!(Totals::read(&finished).packets("match"), 7, "{hook}: {}", finished.stderr);
    }
}

/// More messages than the socket has room for, while nobody reads: those that are left in it
/// are older than those that were lost, and must not count.
#[test]
fn lost_messages_do_not_leave_an_old_state() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let set = |what: &str| pair.server.ip(&[format!("link set {SERVER_LINK} {what}")]).unwrap();
    let capture = ["capture", "-i", SERVER_LINK, "-w", "/dev/shm/overrun.pcap", "@syn"];
    let capture = attached(&pair.server, &capture);
    send(&pair, 3);
    capture.signal(libc::SIGSTOP).unwrap();
    set("down");
    let sizes = |round: u32| format!("link set lo mtu {}", 60_000 + round % 2);
    pair.server.ip(&(0..2_000).map(sizes).collect::<Vec<_>>()).unwrap();
    set("up");
    running(&pair);
    capture.signal(libc::SIGCONT).unwrap();
    send(&pair, 4);
    // The next change is told by its own message, and is the first that is told.
    pair.server.ip(&[format!("link set {SERVER_LINK} name lan0")]).unwrap();
    capture.wait_for_line("probe: srv0 was renamed to lan0", LIMIT).unwrap();
    let finished = capture.interrupt(LIMIT).unwrap();
    assert!(!finished.stderr.contains("is down"), "{}", finished.stderr);
    assert_eq!(ledger(&finished.stderr)[DELIVERED], 7, "{}", finished.stderr);
}
