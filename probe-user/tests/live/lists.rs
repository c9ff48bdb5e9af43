//! `probe count --by` and `--distinct`: exact where few keys come, whatever the hook, on several CPUs
//! and link types at once; and in a flood the truth is inside of what is said.

use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
    thread,
};

use probe_filter::LinkType;
use serde_json::Value;
use testbed::{
    CLIENT_LINK, CLIENT_MAC, CLIENT_V4, CLIENT_V6, Finished, Frame, FrameSender, Namespace, Random,
    Running, SERVER_LINK, SERVER_V4, SERVER_V6, Stream, Tcp, Tun, pin_to_cpu, requirements::met,
    run, tcp_flags,
};

use crate::{
    engines,
    rig::{LIMIT, NEEDS, alone, attached, probe, quiet_pair},
};

/// The last line of `probe count --format json`.
fn last(finished: &Finished) -> Value {
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    let text = finished.text();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(last["final"], true);
    last
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("a number: {value}"))
}

/// The list of a rule by a key.
fn list<'a>(rule: &'a Value, kind: &str, by: &str) -> &'a Value {
    let lists = rule[kind].as_array().unwrap_or_else(|| panic!("{kind} in {rule}"));
    lists.iter().find(|list| list["by"] == by).unwrap_or_else(|| panic!("by {by} in {rule}"))
}

/// A rule's keys with packets and bytes, all of which are exact; its account adds up.
fn exact(rule: &Value, by: &str) -> BTreeMap<String, (u64, u64)> {
    let top = list(rule, "top", by);
    let (other, without) = (number(&top["other"]["packets"]), number(&top["without"]));
    let mut keys = BTreeMap::new();
    for row in top["keys"].as_array().unwrap() {
        let packets = number(&row["packets"]);
        assert_eq!((number(&row["low"]), number(&row["high"])), (packets, packets), "{row}");
        let share = packets as f64 / number(&rule["packets"]) as f64;
        assert!((row["share"].as_f64().unwrap() - share).abs() < 1e-6, "{row}");
        keys.insert(row["key"].as_str().unwrap().to_owned(), (packets, number(&row["bytes"])));
    }
    let shown: u64 = keys.values().map(|(packets, _)| packets).sum();
    assert_eq!(shown + other + without, number(&rule["packets"]), "by {by}: {rule}");
    keys
}

/// A number of a few different keys: two of them may share a register, two pairs do so once in a million
/// runs.
fn few(estimate: &Value, keys: u64) {
    assert!((keys - 1..=keys).contains(&number(estimate)), "{keys}: {estimate}");
}

/// Bytes of a frame of [`frame`], behind the headers of IPv4 or IPv6.
const PAYLOAD: usize = 30;

/// A datagram to another host, which answers nothing, from a source by its number: every second one
/// of IPv6.
fn frame(source: u32, port: u16) -> Frame {
    let elsewhere = [198, 51, 100, 9];
    let address = address(source);
    match address {
        IpAddr::V4(address) => Frame::ipv4(address, elsewhere.into()),
        IpAddr::V6(address) => Frame::ipv6(address, SERVER_V6),
    }
    .udp(1000, port)
    .payload(&[7; PAYLOAD])
}

fn address(source: u32) -> IpAddr {
    if source.is_multiple_of(2) {
        Ipv4Addr::from_bits(0x0a00_0000 | source).into()
    } else {
        Ipv6Addr::new(0x2001, 0xdb8, 0, 7, 0, 0, (source >> 16) as u16, source as u16).into()
    }
}

fn wire_len(source: u32) -> u64 {
    (14 + if source.is_multiple_of(2) { 20 } else { 40 } + 8 + PAYLOAD) as u64
}

/// Not IP: it has no source address of it.
fn arp() -> Vec<u8> {
    let mut frame = Frame::other(0x0806).payload(&[0; 28]);
    frame.destination = [0xff; 6];
    frame.build()
}

/// Few sources: so few that no set of a table, which has room for four, is full in a million runs.
const SOURCES: u32 = 10;

/// Frames of each source, the first one most.
fn frames_of(source: u32) -> u64 {
    u64::from(SOURCES - source) * 100
}

/// All of them mixed, and 50 frames without a source address.
fn few_sources() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for round in 0..frames_of(0) {
        let sources = (0..SOURCES).filter(|&source| round < frames_of(source));
        frames.extend(sources.map(|source| frame(source, 9 + (round % 2) as u16).build()));
        if round < 50 {
            frames.push(arp());
        }
    }
    frames
}

/// `probe` with these words behind it, attached.
fn counting(namespace: &Namespace, words: &str) -> Running {
    attached(namespace, &words.split_whitespace().collect::<Vec<_>>())
}

/// Two CPUs send the same sources at the same time, by every hook: packets and bytes of each are
/// exact, IPv4 and IPv6; and the account adds up.
#[test]
fn sources_that_two_cpus_send() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let frames = few_sources();
    let cpus = thread::available_parallelism().unwrap().get().min(2);
    for hook in ["tcx", "xdp-native", "xdp-generic", "clsact"] {
        let pair = quiet_pair();
        let words = format!(
            "count -i {SERVER_LINK} --hook {hook} --format json --interval 50ms \
                 --by src,20 --by src/8,64 --by dport --by src,dport,30 --by mac --by \
                 proto --distinct src --distinct dport"
        );
        let running = counting(&pair.server, &words);
        let before = pair.server.counters(SERVER_LINK).unwrap();
        thread::scope(|scope| {
            for cpu in 0..cpus {
                let (pair, frames) = (&pair, &frames);
                scope.spawn(move || {
                    pin_to_cpu(cpu).unwrap();
                    FrameSender::open(&pair.client, CLIENT_LINK).unwrap().send(frames).unwrap();
                });
            }
        });
        let sent = (cpus * frames.len()) as u64;
        pair.server.wait_for_received(SERVER_LINK, before, sent, LIMIT).unwrap();
        let last = last(&running.interrupt(LIMIT).unwrap());
        let rule = &last["rules"][0];
        assert_eq!(number(&rule["packets"]), sent, "{hook}: {rule}");
        let times = cpus as u64;
        let counted = |packets, source| (packets * times, packets * times * wire_len(source));
        let expected: BTreeMap<String, (u64, u64)> = (0..SOURCES)
            .map(|source| (address(source).to_string(), counted(frames_of(source), source)))
            .collect();
        assert_eq!(exact(rule, "src"), expected, "{hook}");
        assert_eq!(number(&list(rule, "top", "src")["without"]), 50 * times);

        let of = |parity: u32| (0..SOURCES).filter(move |source| source % 2 == parity);
        let networks = [("10.0.0.0/8", 0), ("2001:db8:0:7::/64", 1)].map(|(network, parity)| {
            (network.to_owned(), counted(of(parity).map(frames_of).sum(), parity))
        });
        assert_eq!(exact(rule, "src/8,64"), BTreeMap::from(networks), "{hook}");

        let ports = exact(rule, "dport");
        assert_eq!(ports["9"].0 + ports["10"].0, sent - 50 * times, "{hook}: {ports:?}");
        // Each source sends to both ports as often.
        let pairs: BTreeMap<String, (u64, u64)> = (0..SOURCES)
            .flat_map(|source| {
                let of_port = counted(frames_of(source) / 2, source);
                [9, 10].map(|port| (format!("{},{port}", address(source)), of_port))
            })
            .collect();
        assert_eq!(exact(rule, "src,dport"), pairs, "{hook}");
        let udp = &list(rule, "top", "proto")["keys"][0];
        assert_eq!((&udp["key"], &udp["name"]), (&"17".into(), &"udp".into()));
        // ARP has a source, too, of Ethernet.
        let mac = CLIENT_MAC.map(|byte| format!("{byte:02x}")).join(":");
        assert_eq!(exact(rule, "mac")[&mac].0, sent, "{hook}");
        for (by, keys) in [("src", u64::from(SOURCES)), ("dport", 2)] {
            let distinct = list(rule, "distinct", by);
            few(&distinct["estimate"], keys);
            few(&distinct["minute"], keys);
            assert_eq!(number(&distinct["missed"]), 0, "{hook}: {distinct}");
        }
    }
}

/// Received and sent frames are in one list, as they are in one rule.
#[test]
fn both_directions_are_in_one_list() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    let arguments =
        ["count", "-i", SERVER_LINK, "-Q", "inout", "--by", "src", "--format", "json", "udp"];
    let running = attached(&pair.server, &arguments);
    for (namespace, link, source, count) in [
        (&pair.client, CLIENT_LINK, 0, 7),
        (&pair.server, SERVER_LINK, 1, 3),
        (&pair.server, SERVER_LINK, 0, 2),
    ] {
        let frames = vec![frame(source, 9).build(); count];
        FrameSender::open(namespace, link).unwrap().send(&frames).unwrap();
    }
    let last = last(&running.interrupt(LIMIT).unwrap());
    let rule = &last["rules"][0];
    let expected = [(0, 9), (1, 3)].map(|(source, packets)| {
        (address(source).to_string(), (packets, packets * wire_len(source)))
    });
    assert_eq!(exact(rule, "src"), BTreeMap::from(expected), "{rule}");
    // Keys alone ask for the number of different ones; a filter beside them does not.
    assert_eq!(rule["distinct"], Value::Null);
    assert_eq!(rule["parts"].as_array().unwrap().len(), 2);
}

/// Interfaces with and without a link layer have programs of their own, and one list; what a packet
/// without a link layer cannot have, it is counted without.
#[test]
fn two_link_types_are_in_one_list() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    let tun = Tun::new(&pair.server, "tun0").unwrap();
    let words = "count -i any --by src --by mac --distinct src --format json udp";
    let running = counting(&pair.server, words);
    let before = pair.server.counters("tun0").unwrap();
    for source in 0..SOURCES {
        let frame = frame(source, 9).build();
        let frames = vec![frame.clone(); 1 + source as usize];
        FrameSender::open(&pair.client, CLIENT_LINK).unwrap().send(&frames).unwrap();
        tun.send(&vec![frame[14..].to_vec(); 2]).unwrap();
    }
    let sent = u64::from(SOURCES) * 2;
    pair.server.wait_for_received("tun0", before, sent, LIMIT).unwrap();
    let finished = running.interrupt(LIMIT).unwrap();
    let note = "--by mac: frames of link type RAW have no such key; they are counted as without it";
    assert!(finished.stderr.contains(note), "{}", finished.stderr);
    let last = last(&finished);
    let rule = &last["rules"][0];
    let expected: BTreeMap<String, (u64, u64)> = (0..SOURCES)
        .map(|source| {
            let (framed, bare) = (u64::from(source) + 1, 2);
            let bytes = (framed + bare) * wire_len(source) - bare * 14;
            (address(source).to_string(), (framed + bare, bytes))
        })
        .collect();
    assert_eq!(exact(rule, "src"), expected, "{rule}");
    few(&list(rule, "distinct", "src")["estimate"], SOURCES.into());
    assert_eq!(exact(rule, "mac").len(), 1);
    assert_eq!(number(&list(rule, "top", "mac")["without"]), sent);
}

/// A flood of random sources, in which every frame is accounted for, the ten that send most are named
/// in their order, and the truth lies where it is said to lie.
#[test]
fn the_truth_is_inside_of_the_interval_in_a_flood() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    const FRAMES: usize = 300_000;
    let (mut rows, mut outside) = (0, Vec::new());
    for (seed, hook) in (1u64..).zip(["tcx", "xdp-native", "tcx"]) {
        let mut random = Random::new(seed);
        let sources: Vec<u64> = Stream::Twice.sources(FRAMES, || random.number()).collect();
        let mut truth: HashMap<String, u64> = HashMap::new();
        // Each tenth frame is of a few sources that stand out, the largest first.
        let sources: Vec<u32> = (sources.into_iter())
            .map(|source| match random.below(10) {
                0 => 0x0080_0000 + (random.below(100) as f64).sqrt() as u32,
                _ => source as u32 & 0x7f_ffff,
            })
            .collect();
        for &source in &sources {
            *truth.entry(address(source).to_string()).or_default() += 1;
        }
        let frames: Vec<Vec<u8>> = sources.iter().map(|&source| frame(source, 9).build()).collect();
        let pair = quiet_pair();
        let words = format!(
            "count -i {SERVER_LINK} --hook {hook} --format json --interval 300ms \
                 --by src,50 --distinct src udp"
        );
        let running = counting(&pair.server, &words);
        let before = pair.server.counters(SERVER_LINK).unwrap();
        thread::scope(|scope| {
            for half in frames.chunks(FRAMES / 2) {
                let pair = &pair;
                scope.spawn(move || {
                    FrameSender::open(&pair.client, CLIENT_LINK).unwrap().send(half).unwrap();
                });
            }
        });
        pair.server.wait_for_received(SERVER_LINK, before, FRAMES as u64, LIMIT).unwrap();
        let last = last(&running.interrupt(LIMIT).unwrap());
        let rule = &last["rules"][0];
        assert_eq!(number(&rule["packets"]), FRAMES as u64);
        let top = list(rule, "top", "src");
        let keys = top["keys"].as_array().unwrap();
        let mut shown = 0;
        for row in keys {
            let [packets, low, high] = ["packets", "low", "high"].map(|name| number(&row[name]));
            let true_packets = truth[row["key"].as_str().unwrap()];
            assert!((low..=high).contains(&packets), "{row}");
            rows += 1;
            if !(low..=high).contains(&true_packets) {
                outside.push(format!("{true_packets}: {row}"));
            }
            shown += packets;
        }
        assert_eq!(shown + number(&top["other"]["packets"]), FRAMES as u64, "{hook}");
        assert_eq!(number(&top["without"]), 0);
        let mut largest: Vec<(&String, &u64)> = truth.iter().collect();
        largest.sort_by_key(|(_, packets)| std::cmp::Reverse(**packets));
        for ((key, packets), row) in largest.into_iter().take(8).zip(keys) {
            assert_eq!(row["key"], **key, "{hook}: {packets} packets: {row}");
            let wrong = number(&row["packets"]).abs_diff(*packets) as f64;
            assert!(wrong <= *packets as f64 / 100.0, "{hook}: {packets} packets: {row}");
        }
        let distinct = list(rule, "distinct", "src");
        let (true_keys, estimate) = (truth.len() as u64, number(&distinct["estimate"]));
        let error = true_keys.abs_diff(estimate) as f64 / true_keys as f64;
        assert!(error <= 0.02, "{hook}: {true_keys} different sources: {distinct}");
    }
    // At most one in a hundred.
    assert!(outside.len() * 100 <= rows, "{} of {rows} rows: {outside:#?}", outside.len());
}

/// Both engines list the same of a file, whatever the hook; a stream is a file.
#[test]
fn engines_list_the_same() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let namespace = Namespace::new().unwrap();
    let file = "/dev/shm/lists.pcap";
    let mut frames = few_sources();
    let tcp = Tcp { source: 1000, destination: 80, flags: tcp_flags::SYN, ..Tcp::default() };
    frames.push(Frame::ipv4(CLIENT_V4, SERVER_V4).tcp(tcp).build());
    frames.push(Frame::ipv6(CLIENT_V6, SERVER_V6).tagged(0x8100, 5).udp(7, 7).build());
    // Too short for a program in the kernel: it has a source address of Ethernet, and no more.
    frames.push(frame(0, 9).build()[..13].to_vec());
    let frames: Vec<(Vec<u8>, u32)> =
        frames.into_iter().map(|bytes| (bytes.clone(), bytes.len() as u32)).collect();
    namespace.enter(|| engines::write(Path::new(file), LinkType::Ethernet, &frames)).unwrap();
    let count = |engine: &[&str]| {
        let arguments = [
            "count",
            "--format",
            "json",
            "--by",
            "src,20",
            "--by",
            "mac",
            "--by",
            "vlan",
            "--by",
            "src,dport,50",
            "--distinct",
            "src",
            "--distinct",
            "proto",
            "--rule",
            "all=",
            "--rule",
            "udp=udp",
        ];
        let finished = run(probe(&namespace, &[&arguments[..], engine].concat()), LIMIT).unwrap();
        let mut rules = last(&finished)["rules"].clone();
        // Estimates go by hashes, which are others in each process.
        for (rule, sources) in rules.as_array_mut().unwrap().iter_mut().zip([SOURCES + 1, SOURCES])
        {
            let proto = number(&list(rule, "distinct", "proto")["estimate"]);
            few(&list(rule, "distinct", "src")["estimate"], sources.into());
            assert!((1..=2).contains(&proto), "{rule}");
            rule["distinct"].take();
        }
        rules
    };
    let user = count(&["-r", file]);
    assert_eq!(exact(&user[0], "src").len(), SOURCES as usize + 1, "{user}");
    assert_eq!(number(&list(&user[0], "top", "src")["without"]), 52, "{user}");
    assert_eq!(number(&list(&user[0], "top", "mac")["without"]), 0, "{user}");
    assert_eq!(exact(&user[0], "vlan"), BTreeMap::from([("5".into(), (1, 66))]));
    for hook in ["xdp", "tcx"] {
        let kernel = count(&["-r", file, "--engine", "kernel", "--hook", hook]);
        assert!(kernel == user, "{hook}: {kernel:#}\n{user:#}");
    }
    let line =
        format!("{} count -r - --by src --format json < {file}", env!("CARGO_BIN_EXE_probe"));
    let mut shell = namespace.command("sh");
    shell.args(["-c", &line]);
    let stream = last(&run(shell, LIMIT).unwrap());
    few(&list(&stream["rules"][0], "distinct", "src")["estimate"], u64::from(SOURCES) + 1);
}
