//! Promiscuous mode beside tcpdump: a bridge whose guests talk to each other, and a port that
//! another one is mirrored to. It ends with the process, however that ends.

use std::fs;

use testbed::{
    CLIENT_LINK, CLIENT_MAC, CLIENT_V4, Frame, FrameSender, Namespace, Running, SERVER_LINK,
    SERVER_MAC, SERVER_V4,
    requirements::{Requirement, met},
    run,
};

use crate::rig::{LIMIT, NEEDS, Totals, attached, beside_others, quiet_pair, tcpdump_lines};

fn ready() -> bool {
    let all = met(NEEDS);
    met(&[Requirement::Tool("tc"), Requirement::Tool("setpriv")]) && all
}

/// A host with a bridge, and two guests at its ports.
struct Bridged {
    host: Namespace,
    guests: [Namespace; 2],
}

const GUESTS: [[u8; 6]; 2] = [CLIENT_MAC, SERVER_MAC];

impl Bridged {
    fn new() -> Self {
        let (host, guests) =
            (Namespace::new().unwrap(), [Namespace::new().unwrap(), Namespace::new().unwrap()]);
        // Without snooping it asks nobody for groups.
        host.ip(&["link add br0 type bridge mcast_snooping 0", "link set br0 arp off up"]).unwrap();
        for (number, (guest, mac)) in guests.iter().zip(GUESTS).enumerate() {
            let port = format!("port{number}");
            host.veth((&port, [2, 0, 0, 0, 7, number as u8]), guest, ("own0", mac)).unwrap();
            host.ip(&[format!("link set {port} master br0")]).unwrap();
        }
        Self { host, guests }
    }

    /// Pings from each guest to the other, so many of either; the host has no part in it.
    fn talk(&self, count: u8) {
        let addresses = [CLIENT_V4, SERVER_V4];
        for (number, guest) in self.guests.iter().enumerate() {
            let other = 1 - number;
            let ping = |sequence| {
                let frame = Frame::ipv4(addresses[number], addresses[other]);
                let mut frame = frame.icmp(8, 0, [0, 0, 0, sequence]);
                (frame.source, frame.destination) = (GUESTS[number], GUESTS[other]);
                frame.build()
            };
            let frames: Vec<_> = (0..count).map(ping).collect();
            FrameSender::open(guest, "own0").unwrap().send(&frames).unwrap();
        }
    }

    /// How many ask for the bridge to be promiscuous.
    fn promiscuity(&self) -> u64 {
        let mut command = self.host.command("ip");
        command.args(["-d", "-j", "link", "show", "br0"]);
        let json = run(command, LIMIT).unwrap().stdout;
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        json[0]["promiscuity"].as_u64().unwrap()
    }
}

/// Lines of tcpdump or probe, once there are no more of them.
fn lines(running: Running) -> usize {
    let mut before = usize::MAX;
    while std::mem::replace(&mut before, running.stdout().len()) != before {
        std::thread::sleep(std::time::Duration::from_millis(300));
    }
    let finished = running.interrupt(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    finished.text().lines().filter(|line| line.contains("ICMP")).count()
}

#[test]
fn what_guests_of_a_bridge_say_to_each_other() {
    if !ready() {
        return;
    }
    let _turn = beside_others();
    let bridged = Bridged::new();
    assert_eq!(bridged.promiscuity(), 0);
    // The bridge learns who is where.
    bridged.talk(1);
    for (flags, expected) in [(&[][..], 20), (&["-p"], 0)] {
        let words = [&["-i", "br0"], flags, &["icmp"]].concat();
        // One after the other: while either asks for it, both have it.
        let theirs = tcpdump_lines(&bridged.host, &words);
        bridged.talk(10);
        assert_eq!(lines(theirs), expected, "tcpdump {flags:?}");
        let ours = attached(&bridged.host, &[&["capture", "-tnn"], &words[..]].concat());
        assert_eq!(bridged.promiscuity(), u64::from(expected != 0));
        bridged.talk(10);
        assert_eq!(lines(ours), expected, "probe {flags:?}");
        assert_eq!(bridged.promiscuity(), 0);
    }
    for hook in ["tcx", "xdp-generic"] {
        for (flags, expected) in [(&[][..], 0), (&["--promiscuous"], 20)] {
            let words = ["count", "-i", "br0", "--hook", hook, "--format", "json"];
            let count = attached(&bridged.host, &[&words, flags, &["icmp"]].concat());
            bridged.talk(10);
            assert_eq!(Totals::of(count).packets("match"), expected, "{hook} {flags:?}");
        }
    }
}

#[test]
fn it_ends_with_the_process() {
    if !ready() {
        return;
    }
    let _turn = beside_others();
    let bridged = Bridged::new();
    let start = || attached(&bridged.host, &["capture", "-i", "br0", "-w", "/dev/null"]);
    let (killed, ended) = (start(), start());
    assert_eq!(bridged.promiscuity(), 2);
    killed.signal(libc::SIGKILL).unwrap();
    assert!(!killed.wait(LIMIT).unwrap().status.success());
    assert_eq!(bridged.promiscuity(), 1);
    ended.interrupt(LIMIT).unwrap();
    assert_eq!(bridged.promiscuity(), 0);
    // tcpdump sets no mode for `any`, and a rate asks for it only by its flag.
    let any = attached(&bridged.host, &["capture", "-i", "any", "-w", "/dev/null"]);
    assert_eq!(bridged.promiscuity(), 0);
    drop(any);
    let rate = ["rate", "-i", "br0", "-t", "1h"];
    let rate = attached(&bridged.host, &[&rate[..], &["--promiscuous"]].concat());
    assert_eq!(bridged.promiscuity(), 1);
    // Its interface may go first.
    bridged.host.ip(&["link delete br0"]).unwrap();
    let finished = rate.wait(LIMIT).unwrap();
    assert!(finished.stderr.ends_with("br0 is gone: no interface left to watch\n"));
}

#[test]
fn its_socket_receives_nothing() {
    if !ready() {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let capture = attached(&pair.server, &["capture", "-i", SERVER_LINK, "-w", "/dev/null"]);
    let frame = Frame::ipv4(CLIENT_V4, SERVER_V4).udp(1, 2).build();
    FrameSender::open(&pair.client, CLIENT_LINK).unwrap().send(&vec![frame; 100]).unwrap();
    // sk RefCnt Type Proto Iface R Rmem User Inode (packet_seq_show in net/packet/af_packet.c)
    let path = format!("/proc/{}/net/packet", capture.id());
    let text = fs::read_to_string(path).unwrap();
    let sockets: Vec<Vec<&str>> =
        text.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
    let [socket] = &sockets[..] else { panic!("{text}") };
    assert_eq!((socket[3], socket[6]), ("0000", "0"), "{text}");
    capture.interrupt(LIMIT).unwrap();
}

/// Who may load programs and not open packet sockets captures what comes without.
#[test]
fn a_capture_without_the_right_says_so() {
    if !ready() {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let without = |arguments: &[&str]| {
        let mut command = pair.server.command("setpriv");
        command.args(["--bounding-set", "-net_raw", "--inh-caps", "-net_raw"]);
        command.arg(env!("CARGO_BIN_EXE_probe")).args(arguments);
        Running::spawn(command).unwrap().wait(LIMIT).unwrap()
    };
    let common = ["-i", SERVER_LINK, "--duration", "10ms"];
    let note = "note: promiscuous mode: Operation not permitted (os error 1); frames to other \
                hosts are not seen (-p does without them)";
    for (flags, said) in [(&[][..], true), (&["-p"], false)] {
        let finished = without(&[&["capture"], &common[..], flags].concat());
        assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
        assert_eq!(finished.stderr.contains(note), said, "{}", finished.stderr);
    }
    let finished = without(&[&["count", "--promiscuous"], &common[..]].concat());
    assert_eq!(finished.status.code(), Some(1));
    assert!(finished.stderr.contains("it needs CAP_NET_RAW"), "{}", finished.stderr);
}

/// A port to which `tc` mirrors another one's frames: all of them are to other hosts.
#[test]
fn a_mirrored_port() {
    if !ready() {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    pair.server
        .ip(&[
            "link add out0 type veth peer name mirror0",
            "link set out0 arp off up",
            "link set mirror0 arp off up",
        ])
        .unwrap();
    for words in [
        &["qdisc", "add", "dev", SERVER_LINK, "clsact"][..],
        &[
            "filter",
            "add",
            "dev",
            SERVER_LINK,
            "ingress",
            "protocol",
            "all",
            "u32",
            "match",
            "u32",
            "0",
            "0",
            "action",
            "mirred",
            "egress",
            "mirror",
            "dev",
            "out0",
        ],
    ] {
        let mut tc = pair.server.command("tc");
        tc.args(words);
        run(tc, LIMIT).unwrap();
    }
    let words = ["-i", "mirror0", "icmp"];
    let theirs = tcpdump_lines(&pair.server, &words);
    let ours = attached(&pair.server, &[&["capture", "-tnn"], &words[..]].concat());
    let ping = |sequence| Frame::ipv4(CLIENT_V4, SERVER_V4).icmp(8, 0, [0, 0, 0, sequence]).build();
    let frames: Vec<_> = (0..25).map(ping).collect();
    FrameSender::open(&pair.client, CLIENT_LINK).unwrap().send(&frames).unwrap();
    assert_eq!((lines(ours), lines(theirs)), (25, 25));
}
