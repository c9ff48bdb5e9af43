//! On a live link an expression means what it means to tcpdump there: the outermost VLAN
//! tag is beside the frame, whichever hook looks and wherever it finds the tag.

use testbed::{CLIENT_LINK, FrameSender, Running, SERVER_LINK, requirements::met};

use crate::{
    exactness::segments,
    rig::{LIMIT, NEEDS, Totals, beside_others, counter, quiet_pair},
};

/// Everything that a tag moves or is: protocols, offsets, lengths, the tag itself.
const EXPRESSIONS: [&str; 30] = [
    "ip",
    "ip6",
    "tcp",
    "tcp port 80",
    "src port 40000",
    "host 192.0.2.1",
    "vlan",
    "vlan 42",
    "vlan 7",
    "not vlan",
    "not vlan 42",
    "vlan and tcp",
    "vlan 7 and tcp",
    "vlan and vlan",
    "vlan and vlan 42",
    "vlan 7 and vlan 42 and tcp port 80",
    "vlan or tcp",
    "tcp or vlan",
    "vlan 42 or (vlan 7 and ip6)",
    "vlan and not tcp",
    "ether proto 0x8100",
    "ether[12:2] = 0x8100",
    "ether[12:2] = 0x800",
    "ether[14] & 0xf0 = 0x40",
    "ether[16:2] = 0x0800",
    "ether[10:4] = 0x00010800",
    "less 66",
    "greater 90",
    "len = 74",
    "tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn and vlan",
];

/// What one tcpdump caught: it says so when it ends.
fn captured(dump: Running) -> u64 {
    let finished = dump.interrupt(LIMIT).unwrap();
    let line = finished.stderr.lines().find(|line| line.ends_with("captured")).map(str::to_owned);
    let line = line.unwrap_or_else(|| panic!("no count: {}", finished.stderr));
    line.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn every_hook_answers_as_tcpdump_does() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let frames = segments();
    for hook in ["xdp-native", "xdp-generic", "tcx"] {
        let pair = quiet_pair();
        let names: Vec<String> = (0..EXPRESSIONS.len()).map(|n| format!("r{n}")).collect();
        let rules: Vec<(&str, &str)> = names.iter().map(String::as_str).zip(EXPRESSIONS).collect();
        let count = counter(&pair.server, SERVER_LINK, hook, &rules);
        let dumps: Vec<Running> = EXPRESSIONS
            .iter()
            .map(|expression| {
                let mut command = pair.server.command("tcpdump");
                command.args([
                    "-nn",
                    "--immediate-mode",
                    "-Q",
                    "in",
                    "-i",
                    SERVER_LINK,
                    "-w",
                    "/dev/null",
                ]);
                command.arg(expression);
                let dump = Running::spawn(command).unwrap();
                dump.wait_for_line("listening on", LIMIT).unwrap();
                dump
            })
            .collect();
        let before = pair.server.counters(SERVER_LINK).unwrap();
        FrameSender::open(&pair.client, CLIENT_LINK).unwrap().send(&frames).unwrap();
        let sent = frames.len() as u64;
        pair.server.wait_for_received(SERVER_LINK, before, sent, LIMIT).unwrap();
        // tcpdump reads its socket to the end before it hears of the interrupt.
        std::thread::sleep(std::time::Duration::from_millis(500));
        let totals = Totals::of(count);
        let mut matched = 0;
        for ((name, expression), dump) in rules.into_iter().zip(dumps) {
            let (ours, theirs) = (totals.packets(name), captured(dump));
            assert_eq!(ours, theirs, "{hook}: {expression}");
            matched += u64::from(theirs > 0 && theirs < sent);
        }
        assert!(matched > 25, "{matched} expressions tell frames apart");
    }
}

/// `--vlan as-frame` asks for the file's meaning on a live link: the tag is in the frame.
#[test]
fn as_frame_means_what_a_file_means() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let frames = segments();
    // What the evaluator says of the frames as they were sent.
    let expressions: Vec<_> = EXPRESSIONS
        .iter()
        .map(|text| probe_filter::compile(text, &probe_filter::Options::default()).unwrap())
        .collect();
    let matches = |filter: &probe_filter::Filter| {
        let matching = frames.iter().filter(|bytes| {
            filter.matches(&probe_filter::ir::Frame {
                bytes: bytes.as_slice(),
                wire_len: bytes.len() as u32,
                vlan: None,
                outbound: None,
            })
        });
        matching.count() as u64
    };
    for hook in ["xdp-native", "tcx"] {
        let pair = quiet_pair();
        let mut arguments: Vec<String> =
            ["count", "-i", SERVER_LINK, "--hook", hook, "--vlan", "as-frame", "--format", "json"]
                .map(str::to_owned)
                .to_vec();
        for (number, expression) in EXPRESSIONS.iter().enumerate() {
            arguments.extend(["--rule".into(), format!("r{number}={expression}")]);
        }
        let count = crate::rig::attached(&pair.server, &arguments);
        let before = pair.server.counters(SERVER_LINK).unwrap();
        FrameSender::open(&pair.client, CLIENT_LINK).unwrap().send(&frames).unwrap();
        let sent = frames.len() as u64;
        pair.server.wait_for_received(SERVER_LINK, before, sent, LIMIT).unwrap();
        let totals = Totals::of(count);
        for (number, filter) in expressions.iter().enumerate() {
            let ours = totals.packets(&format!("r{number}"));
            assert_eq!(ours, matches(filter), "{hook}: {}", EXPRESSIONS[number]);
        }
    }
}

/// A frame is cut to the snaplen with its tag in it, wherever the tag was when the hook saw the
/// frame: the bytes are tcpdump's.
#[test]
fn a_snaplen_counts_the_tag() {
    const SNAPLEN: usize = 64;
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let frames = segments();
    let cut = frames.iter().filter(|frame| frame.len() > SNAPLEN).count();
    assert!(cut > frames.len() / 2, "{cut} of {} frames are cut", frames.len());
    let count = frames.len().to_string();
    let snaplen = SNAPLEN.to_string();
    let flags = ["-nn", "-t", "-e", "-XX", "-s", &snaplen, "-c", &count, "-Q", "in"];
    for hook in ["xdp-native", "xdp-generic", "tcx"] {
        let pair = quiet_pair();
        let mut command = pair.server.command("tcpdump");
        command.args(["--immediate-mode", "-i", SERVER_LINK]).args(flags);
        let theirs = Running::spawn(command).unwrap();
        theirs.wait_for_line("listening on", LIMIT).unwrap();
        let arguments = ["capture", "-i", SERVER_LINK, "--hook", hook];
        let ours = crate::rig::attached(&pair.server, &[&arguments[..], &flags[..]].concat());
        FrameSender::open(&pair.client, CLIENT_LINK).unwrap().send(&frames).unwrap();
        // Both end by themselves, after so many frames.
        let (ours, theirs) = (ours.wait(LIMIT).unwrap(), theirs.wait(LIMIT).unwrap());
        let (ours, theirs) = (ours.text(), theirs.text());
        let differ = ours.lines().zip(theirs.lines()).find(|(ours, theirs)| ours != theirs);
        assert_eq!(differ, None, "{hook}");
        assert_eq!(ours.lines().count(), theirs.lines().count(), "{hook}");
        // Four rows of sixteen bytes, and none behind them.
        assert!(ours.contains("ethertype 802.1Q (0x8100)"), "{hook}: {ours}");
        assert!(ours.contains("\n\t0x0030:") && !ours.contains("\n\t0x0040:"), "{hook}: {ours}");
    }
}
