//! Several interfaces at once, and `any`: which they are, what lines and files tell of
//! them, and the list of `-D` that numbers them.

use std::{collections::BTreeMap, net::UdpSocket, thread, time::Duration};

use testbed::{
    CLIENT_LINK, CLIENT_V4, CLIENT_V6, Frame, FrameSender, Namespace, Pair, Running, SERVER_LINK,
    SERVER_V4, SERVER_V6, Tun,
    requirements::{Requirement, met},
    run,
};

use crate::rig::{LIMIT, NEEDS, Totals, attached, beside_others, probe, quiet_pair};

const TOOLS: &[Requirement] = &[Requirement::Tool("tshark"), Requirement::Tool("setpriv")];

fn ready() -> bool {
    let all = met(NEEDS);
    met(TOOLS) && all
}

/// A second wire beside that of the pair.
const CLIENT_SECOND: &str = "cli1";
const SERVER_SECOND: &str = "srv1";

/// The pair with a second wire, a link that is down, and one without a link layer.
fn wide_pair() -> Pair {
    let pair = quiet_pair();
    let (ours, theirs) = ([2, 0, 0, 0, 1, 1], [2, 0, 0, 0, 1, 2]);
    pair.client.veth((CLIENT_SECOND, ours), &pair.server, (SERVER_SECOND, theirs)).unwrap();
    pair.server.ip(&["link add idle0 type veth peer name idle1"]).unwrap();
    pair.server.ip(&["tuntap add dev bare0 mode tun", "link set bare0 up"]).unwrap();
    pair
}

fn udp(destination: [u8; 6], port: u16) -> Vec<u8> {
    let mut frame = Frame::ipv4(CLIENT_V4, SERVER_V4).udp(1000, port).payload(&[7; 30]);
    frame.destination = destination;
    frame.build()
}

/// Frames for the server, for more than it, and for others, on both wires; a datagram out
/// of the server on each, and one on its loopback with the answer that nobody listens.
fn traffic(pair: &Pair) {
    for (client, own, port) in
        [(CLIENT_LINK, testbed::SERVER_MAC, 1), (CLIENT_SECOND, [2, 0, 0, 0, 1, 2], 11)]
    {
        let group = [0x01, 0, 0x5e, 0, 0, 5];
        let frames = [
            udp(own, port),
            udp([0xff; 6], port + 1),
            udp(group, port + 2),
            udp([2, 0, 0, 9, 9, 9], port + 3),
        ];
        FrameSender::open(&pair.client, client).unwrap().send(&frames).unwrap();
    }
    for (link, port) in [(SERVER_LINK, 21), (SERVER_SECOND, 22)] {
        let out = [udp(testbed::CLIENT_MAC, port)];
        FrameSender::open(&pair.server, link).unwrap().send(&out).unwrap();
    }
    let datagram = || {
        let socket = UdpSocket::bind("127.0.0.1:1000")?;
        Ok(socket.send_to(b"hello", "127.0.0.1:9")?)
    };
    assert_eq!(pair.server.enter(datagram).unwrap(), 5);
}

/// Ends it once it has said nothing new for a while.
fn lines(running: Running) -> Vec<String> {
    let mut before = usize::MAX;
    while std::mem::replace(&mut before, running.stdout().len()) != before {
        thread::sleep(Duration::from_millis(300));
    }
    let finished = running.interrupt(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    // tcpdump ends a line that may show ^C.
    let text = finished.text();
    let mut lines: Vec<String> =
        text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
    lines.sort();
    lines
}

/// IP packets, one of either version, as a device without a link layer has them.
fn bare_packets() -> Vec<Vec<u8>> {
    let (v4, v6) = (Frame::ipv4(CLIENT_V4, SERVER_V4), Frame::ipv6(CLIENT_V6, SERVER_V6));
    // What stands behind the Ethernet header.
    [v4.udp(1000, 31), v6.udp(1000, 32)].map(|frame| frame.build()[14..].to_vec()).to_vec()
}

/// Ethernet and what has no link layer, both directions: the same lines, and the same file.
#[test]
fn lines_and_files_of_any_are_those_of_tcpdump() {
    if !ready() {
        return;
    }
    let _turn = beside_others();
    let pair = wide_pair();
    let tun = Tun::new(&pair.server, "tun0").unwrap();
    let started = |arguments: &[&str]| {
        let mut tcpdump = pair.server.command("tcpdump");
        tcpdump.args(["--immediate-mode", "-i", "any"]).args(arguments);
        let tcpdump = Running::spawn(tcpdump).unwrap();
        tcpdump.wait_for_line("listening on", LIMIT).unwrap();
        tcpdump
    };
    let tcpdump = started(&["-tnnl", "-B", "16384", "-s", "2048"]);
    let probe = attached(&pair.server, &["capture", "-tnn", "-i", "any"]);
    let file = attached(&pair.server, &["capture", "-i", "any", "-w", "/dev/shm/sll2.pcap"]);
    let note = "note: pcap has one link type for all frames: LINUX_SLL2, as tcpdump -i any";
    assert!(file.stderr().contains(note), "{}", file.stderr());
    let said = probe.stderr();
    for part in ["lo (tcx)", "srv0 (tcx)", "srv1 (tcx)", "idle0 (tcx)", "bare0 (tcx)", "tun0 (tcx)"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("is down") && !said.contains("note:"), "{said}");
    traffic(&pair);
    tun.send(&bare_packets()).unwrap();
    let (ours, theirs) = (lines(probe), lines(tcpdump));
    assert_eq!(ours, theirs);
    for beginning in [
        "srv0  In  IP",
        "srv0  B   ",
        "srv0  M   ",
        "srv0  P   ",
        "srv1  Out ",
        "lo    In  ",
        "tun0  In  IP ",
        "tun0  In  IP6 ",
    ] {
        assert!(ours.iter().any(|line| line.starts_with(beginning)), "{beginning}: {ours:#?}");
    }
    let finished = file.interrupt(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    let mut from_file: Vec<String> =
        read(&pair.server, "tcpdump", &["-tnnr", "/dev/shm/sll2.pcap"])
            .lines()
            .map(str::to_owned)
            .collect();
    from_file.sort();
    assert_eq!(from_file, theirs);
    let mut ours: Vec<String> = read(
        &pair.server,
        env!("CARGO_BIN_EXE_probe"),
        &["capture", "-tnnr", "/dev/shm/sll2.pcap"],
    )
    .lines()
    .map(str::to_owned)
    .collect();
    ours.sort();
    assert_eq!(ours, theirs);
}

/// Interfaces of both kinds, by their names and as `any`: counts and rates are of all of them.
#[test]
fn counts_of_several_link_types() {
    if !ready() {
        return;
    }
    let _turn = beside_others();
    for interfaces in [&["-i", "any"][..], &["-i", SERVER_LINK, "-i", "tun0"]] {
        let pair = quiet_pair();
        let tun = Tun::new(&pair.server, "tun0").unwrap();
        let rules = ["--rule", "all=udp", "--rule", "v6=ip6", "--rule", "bare=dst port 31 or 32"];
        let words = [&["count", "--format", "json"], interfaces, &rules[..]].concat();
        let count = attached(&pair.server, &words);
        let rate = attached(&pair.server, &[&["rate", "-t", "1h", "udp"], interfaces].concat());
        tun.send(&bare_packets()).unwrap();
        let frames = [udp(testbed::SERVER_MAC, 1)];
        let before = pair.server.counters(SERVER_LINK).unwrap();
        FrameSender::open(&pair.client, CLIENT_LINK).unwrap().send(&frames).unwrap();
        pair.server.wait_for_received(SERVER_LINK, before, 1, LIMIT).unwrap();
        let totals = Totals::of(count);
        let of = |rule| totals.packets(rule);
        assert_eq!((of("all"), of("v6"), of("bare")), (3, 1, 2), "{interfaces:?}");
        let rate = rate.interrupt(LIMIT).unwrap();
        assert!(rate.text().contains("3 packets"), "{}", rate.text());
    }
    // What asks for an Ethernet header is asked of frames that have one; a race is one of one
    // program.
    let pair = wide_pair();
    for (words, said) in [
        (
            &["-i", "any", "ether src 2:0:0:0:0:1"][..],
            "note: -i any leaves out bare0 (link type RAW)",
        ),
        (&["-i", SERVER_LINK, "-i", "bare0", "ether src 2:0:0:0:0:1"], "bare0 is of link type RAW"),
    ] {
        let words = [&["count", "--duration", "10ms"], words].concat();
        let finished = Running::spawn(probe(&pair.server, &words)).unwrap().wait(LIMIT).unwrap();
        assert!(finished.stderr.contains(said), "{}", finished.stderr);
    }
}

#[test]
fn directions_of_several_and_of_any() {
    if !ready() {
        return;
    }
    let _turn = beside_others();
    for interfaces in [&["-i", SERVER_LINK, "-i", SERVER_SECOND][..], &["-i", "any"]] {
        let mut totals = Vec::new();
        for direction in ["in", "out", "inout"] {
            let pair = wide_pair();
            let flags = ["capture", "-tnn", "--hook", "tcx", "-Q", direction, "udp"];
            let capture = attached(&pair.server, &[&flags[..6], interfaces, &flags[6..]].concat());
            traffic(&pair);
            let lines = lines(capture);
            let out = lines.iter().filter(|line| line.get(6..10) == Some("Out ")).count();
            totals.push((lines.len() - out, out));
        }
        let loopback = usize::from(interfaces.contains(&"any"));
        let (received, sent) = (8 + loopback, 2 + loopback);
        // What goes out on the loopback comes in there; both directions show it once.
        let both = (received, sent - loopback);
        assert_eq!(totals, [(received, 0), (0, sent), both], "{interfaces:?}");
    }
}

/// A tool's output on a file in the namespace.
fn read(namespace: &Namespace, program: &str, arguments: &[&str]) -> String {
    let mut command = namespace.command(program);
    command.args(arguments);
    run(command, LIMIT).unwrap().text()
}

#[test]
fn files_of_several_interfaces() {
    if !ready() {
        return;
    }
    let _turn = beside_others();
    let pair = wide_pair();
    let start = |flags: &[&str]| {
        let flags = [&["capture", "-i", "any", "-Q", "inout"], flags, &["udp"]].concat();
        attached(&pair.server, &flags)
    };
    // The name says nothing, and then the form is one that can tell.
    let pcapng = start(&["-w", "/dev/shm/any"]);
    assert!(!pcapng.stderr().contains("note:"), "{}", pcapng.stderr());
    let tun = Tun::new(&pair.server, "tun0").unwrap();
    pcapng.wait_for_line("tun0 appeared: attached (tcx)", LIMIT).unwrap();
    // An interface of the same type beside it, without `any`: plain Ethernet as before.
    let two = ["capture", "-i", SERVER_LINK, "-i", SERVER_SECOND, "-w", "/dev/shm/two.pcap", "udp"];
    let pcap = attached(&pair.server, &two);
    let note = "note: pcap does not record the interface of a frame; --format pcapng does";
    assert!(pcap.stderr().contains(note), "{}", pcap.stderr());
    tun.send(&bare_packets()).unwrap();
    traffic(&pair);
    thread::sleep(Duration::from_millis(300));
    for running in [pcap, pcapng] {
        let finished = running.interrupt(LIMIT).unwrap();
        assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    }
    let fields =
        ["-T", "fields", "-e", "frame.interface_name", "-e", "frame.packet_flags_direction"];
    let text = read(&pair.server, "tshark", &[&["-r", "/dev/shm/any"], &fields[..]].concat());
    let mut frames: BTreeMap<&str, u64> = BTreeMap::new();
    for line in text.lines() {
        *frames.entry(line).or_default() += 1;
    }
    let expected = [
        ("lo\t0x00000001", 1),
        ("srv0\t0x00000001", 4),
        ("srv0\t0x00000002", 1),
        ("srv1\t0x00000001", 4),
        ("srv1\t0x00000002", 1),
        ("tun0\t0x00000001", 2),
    ];
    assert_eq!(frames, BTreeMap::from(expected));
    let info = read(&pair.server, "capinfos", &["/dev/shm/any"]);
    // Those that were down and the one without a link layer, too.
    assert!(info.contains("Number of interfaces in file: 7"), "{info}");
    let info = read(&pair.server, "capinfos", &["-t", "-E", "/dev/shm/two.pcap"]);
    assert!(info.contains("Wireshark/tcpdump/... - pcap") && info.contains("Ethernet"), "{info}");
    // Ethernet frames are whole in either: the same, in the same order.
    let frames = |file| {
        let words =
            ["capture", "-nn", "-t", "-XX", "-r", file, "not dst port 9 and portrange 1-30"];
        read(&pair.server, env!("CARGO_BIN_EXE_probe"), &words)
    };
    assert_eq!(frames("/dev/shm/two.pcap"), frames("/dev/shm/any"));
}

#[test]
fn the_list_is_tcpdumps_and_needs_no_rights() {
    if !ready() {
        return;
    }
    let _turn = beside_others();
    let pair = wide_pair();
    let unprivileged = |arguments: &[&str]| {
        let mut command = pair.server.command("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
        command.args(["--bounding-set", "-all", "--inh-caps", "-all"]);
        command.arg(env!("CARGO_BIN_EXE_probe")).args(arguments);
        run(command, LIMIT).unwrap().text()
    };
    let ours = unprivileged(&["capture", "-D"]);
    // libpcap also lists what is no network interface.
    let theirs = read(&pair.server, "tcpdump", &["-D"]);
    let names: Vec<String> =
        ours.lines().filter_map(|line| name(line).map(str::to_owned)).collect();
    let same =
        theirs.lines().filter(|line| name(line).is_some_and(|n| names.iter().any(|m| m == n)));
    // Behind those others a number may differ.
    let states = |line: &str| line.split_once('.').map(|(_, rest)| rest.to_owned());
    let (listed, same): (Vec<_>, Vec<_>) = (ours.lines().collect(), same.collect());
    assert_eq!(
        listed.iter().map(|line| states(line)).collect::<Vec<_>>(),
        same.iter().map(|line| states(line)).collect::<Vec<_>>(),
    );
    let up = |line: &&&str| line.contains("[Up, Running");
    assert!(listed.iter().filter(up).eq(same.iter().filter(up)), "{ours}\n{theirs}");
    for listed in ["any", "lo", SERVER_LINK, SERVER_SECOND, "idle0", "bare0"] {
        assert!(names.iter().any(|name| name == listed), "{listed}: {ours}");
    }
    for flag in ["-L", "-J"] {
        let text = unprivileged(&["capture", flag, "-i", SERVER_LINK]);
        let mut command = pair.server.command("tcpdump");
        command.args([flag, "-i", SERVER_LINK]);
        // 4.99 prints these lists to standard error.
        let theirs = run(command, LIMIT).unwrap().stderr;
        let first = |text: &str| text.lines().take(2).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(first(&text), first(&theirs), "{flag}");
    }
    let raw = unprivileged(&["capture", "-L", "-i", "bare0"]);
    assert!(raw.ends_with("  RAW (Raw IP)\n"), "{raw}");

    // The number does as the name does.
    let number = listed.iter().position(|line| line.contains(".srv1 ")).unwrap() + 1;
    let number = number.to_string();
    let capture = attached(&pair.server, &["capture", "-i", &number, "-c", "1"]);
    assert!(capture.stderr().contains("attached to srv1 ("), "{}", capture.stderr());
    capture.interrupt(LIMIT).unwrap();
    // tcpdump's -y; another type is refused.
    let said = |link: &str| {
        let arguments = ["capture", "-i", SERVER_LINK, "-y", link, "--duration", "100ms"];
        let finished =
            Running::spawn(probe(&pair.server, &arguments)).unwrap().wait(LIMIT).unwrap();
        (finished.status.code(), finished.stderr)
    };
    assert_eq!(said("EN10MB").0, Some(0));
    let (code, stderr) = said("RAW");
    assert_eq!(code, Some(2));
    assert!(stderr.contains("-y RAW: the link type is EN10MB"), "{stderr}");
}

/// The interface of a line of the list.
fn name(line: &str) -> Option<&str> {
    line.split_once('.')?.1.split(' ').next()
}

/// What `any` is goes on with the interfaces: those that come are attached to, and told of, those
/// that go are let go. None of it needs the rights that were given up after the start.
#[test]
fn any_follows_interfaces_that_come_and_go() {
    if !ready() {
        return;
    }
    let _turn = beside_others();
    for hook in ["tcx", "clsact"] {
        let pair = quiet_pair();
        let start = |words: &[&str]| {
            attached(&pair.server, &[words, &["-i", "any", "--hook", hook, "udp"]].concat())
        };
        let text = start(&["capture", "-tnn", "-Q", "inout"]);
        let file = start(&["capture", "-w", "/dev/shm/any", "-Z", "nobody"]);
        let count = start(&["count", "--format", "json", "--interval", "1h"]);
        let descriptors = || std::fs::read_dir(format!("/proc/{}/fd", text.id())).unwrap().count();
        let before = descriptors();
        let mut sent = 0;
        for (round, name) in ["new0", "new1", "new0"].into_iter().enumerate() {
            let mac = [2, 0, 0, 0, 5, round as u8];
            pair.server.veth((name, mac), &pair.client, ("peer0", [2, 0, 0, 0, 6, 0])).unwrap();
            for running in [&text, &file, &count] {
                let lines = || {
                    running.stderr().matches(&format!("{name} appeared: attached ({hook})")).count()
                };
                for _ in 0..LIMIT.as_millis() / 10 {
                    if lines() == 1 + round / 2 {
                        break;
                    }
                    thread::sleep(Duration::from_millis(10));
                }
                assert_eq!(lines(), 1 + round / 2, "{}", running.stderr());
            }
            let frames = vec![udp(mac, 7); round + 1];
            FrameSender::open(&pair.client, "peer0").unwrap().send(&frames).unwrap();
            FrameSender::open(&pair.server, name).unwrap().send(&frames).unwrap();
            sent += round as u64 + 1;
            // What is in a ring is of an interface that is known.
            thread::sleep(Duration::from_millis(200));
            pair.server.ip(&[format!("link delete {name}")]).unwrap();
            text.wait_for_line(&format!("{name} is gone"), LIMIT).unwrap();
        }
        // An interface that went leaves nothing open, a moment after it was told.
        for _ in 0..LIMIT.as_millis() / 10 {
            if descriptors() <= before {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        assert!(descriptors() <= before, "{hook}: {before} then {}", descriptors());
        assert_eq!(Totals::of(count).packets("match"), sent, "{hook}");
        let lines = lines(text);
        let of = |name: &str| lines.iter().filter(|line| line.starts_with(name)).count();
        assert_eq!(
            (of("new0  In "), of("new0  Out"), of("new1  In "), of("new1  Out")),
            (4, 4, 2, 2),
            "{lines:#?}"
        );
        let finished = file.interrupt(LIMIT).unwrap();
        assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
        let names = read(
            &pair.server,
            "tshark",
            &["-r", "/dev/shm/any", "-T", "fields", "-e", "frame.interface_name"],
        );
        let of = |name: &str| names.lines().filter(|line| *line == name).count();
        assert_eq!((of("new0"), of("new1")), (8, 4), "{names}");
    }
}

/// A file names those interfaces of which it can have frames.
#[test]
fn files_forget_interfaces_that_are_gone() {
    if !ready() {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    pair.server
        .veth(("new0", [2, 0, 0, 0, 5, 0]), &pair.client, ("peer0", [2, 0, 0, 0, 6, 0]))
        .unwrap();
    let words = ["capture", "-i", "any", "-w", "/dev/shm/any.pcapng", "-C", "1", "udp"];
    let running = attached(&pair.server, &words);
    pair.server.ip(&["link delete new0"]).unwrap();
    running.wait_for_line("new0 is gone", LIMIT).unwrap();
    // A file and a half each time: the second file begins at once, the third after a while.
    let frames =
        vec![Frame::ipv4(CLIENT_V4, SERVER_V4).udp(1, 9).payload(&[0; 1400]).build(); 1000];
    let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
    sender.send(&frames).unwrap();
    thread::sleep(Duration::from_millis(1500));
    sender.send(&frames).unwrap();
    let finished = running.interrupt(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    for (file, named) in [("any.pcapng", true), ("any.pcapng1", true), ("any.pcapng2", false)] {
        let said = read(&pair.server, "capinfos", &[&format!("/dev/shm/{file}")]);
        assert!(said.contains("Name = srv0"), "{file}: {said}");
        assert_eq!(said.contains("Name = new0"), named, "{file}: {said}");
    }
}

/// Interfaces that go while programs are loaded are none that could not be attached to.
#[test]
fn any_starts_while_interfaces_go() {
    if !ready() {
        return;
    }
    let _turn = beside_others();
    for hook in ["tcx", "clsact"] {
        let namespace = Namespace::new().unwrap();
        let names = || (0..100).map(|number| format!("go{number}"));
        let add: Vec<String> =
            names().map(|name| format!("link add {name} type veth peer name {name}p")).collect();
        namespace.ip(&add).unwrap();
        thread::scope(|scope| {
            let delete: Vec<String> = names().map(|name| format!("link del {name}")).collect();
            let namespace = &namespace;
            let going = scope.spawn(move || namespace.ip(&delete).unwrap());
            while !going.is_finished() {
                let count = attached(namespace, &["count", "-i", "any", "--hook", hook]);
                let finished = count.interrupt(LIMIT).unwrap();
                assert_eq!(finished.status.code(), Some(0), "{hook}: {}", finished.stderr);
            }
        });
        // A name is another matter.
        let words = ["count", "-i", "any", "-i", "gone0", "--hook", hook];
        let refused = Running::spawn(probe(&namespace, &words)).unwrap().wait(LIMIT).unwrap();
        assert_eq!(refused.status.code(), Some(2), "{}", refused.stderr);
        assert!(refused.stderr.contains("no interface is named \"gone0\""), "{}", refused.stderr);
    }
}
