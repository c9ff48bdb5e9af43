//! `--sample-flows`: the frames of a chosen connection, both directions and all of them, and of no other one.

use std::{collections::BTreeSet, net::IpAddr, path::Path};

use probe_filter::{Flow, FlowSeed, flow_limit};
use probe_frame::{LinkType, Precision, WallTime};
use probe_pcap::{Contents, Reader, Writer};
use testbed::{
    CLIENT_LINK, CLIENT_V4, CLIENT_V6, Frame, FrameSender, SERVER_LINK, SERVER_V4, SERVER_V6, Tcp,
    requirements::met, run, tcp_flags,
};

use crate::rig::{CHOSEN, DELIVERED, LIMIT, NEEDS, alone, attached, ledger, probe, quiet_pair};

const CONVERSATIONS: u16 = 800;
const SEED: u64 = 20;
const ONE_IN: u32 = 8;

const ELSEWHERE: [u8; 6] = [2, 0, 0, 0, 0, 9];

/// Frames of one connection: those of the client and those of the server.
struct Conversation {
    flow: Flow,
    client: Vec<Vec<u8>>,
    server: Vec<Vec<u8>>,
}

impl Conversation {
    /// TCP and UDP over IPv4 and IPv6, behind tags, options and extension headers; the server also answers with an ICMP
    /// error, which quotes what the client sent.
    fn new(number: u16) -> Self {
        let (v6, udp) = (number % 2 == 1, number.is_multiple_of(5));
        let ports = [30_000 + number, 80];
        let frame = |from_client: bool, nth: u8| {
            let (v4s, v6s) = ((CLIENT_V4, SERVER_V4), (CLIENT_V6, SERVER_V6));
            let swapped = |(client, server)| (server, client);
            let frame = if v6 {
                let (from, to) = if from_client { v6s } else { (v6s.1, v6s.0) };
                Frame::ipv6(from, to)
            } else {
                let (from, to) = if from_client { v4s } else { swapped(v4s) };
                Frame::ipv4(from, to)
            };
            let mut frame = frame;
            // To another host: nobody here answers.
            frame.destination = ELSEWHERE;
            let frame = match number / 4 % 4 {
                0 => frame.tagged(0x8100, 5),
                1 if v6 => frame.extension(0, &[1, 4, 0, 0, 0, 0]),
                1 => frame.ipv4_options(&[1, 1, 1, 0]),
                _ => frame,
            };
            let [source, destination] = if from_client { ports } else { [ports[1], ports[0]] };
            let frame = if udp {
                frame.udp(source, destination)
            } else {
                let flags = tcp_flags::ACK;
                frame.tcp(Tcp { source, destination, flags, ..Tcp::default() })
            };
            frame.payload(&[nth; 40]).build()
        };
        let client: Vec<_> = (0..3).map(|nth| frame(true, nth)).collect();
        let mut server: Vec<_> = (3..6).map(|nth| frame(false, nth)).collect();
        // Without the link header and the tag.
        let quoted = &client[0][if (number / 4).is_multiple_of(4) { 18 } else { 14 }..];
        let mut error = if v6 {
            Frame::ipv6(SERVER_V6, CLIENT_V6).icmp(1, 4, [0; 4])
        } else {
            Frame::ipv4(SERVER_V4, CLIENT_V4).icmp(3, 3, [0; 4])
        };
        error.destination = ELSEWHERE;
        // Extension headers are not looked for in what an error quotes.
        if v6 && number / 4 % 4 == 1 {
            server.push(frame(false, 6));
        } else {
            server.push(error.payload(quoted).build());
        }
        let addresses: [IpAddr; 2] = if v6 {
            [CLIENT_V6.into(), SERVER_V6.into()]
        } else {
            [CLIENT_V4.into(), SERVER_V4.into()]
        };
        let protocol = if udp { 17 } else { 6 };
        Self { flow: Flow { addresses, ports: Some((protocol, ports)) }, client, server }
    }

    fn chosen(&self) -> bool {
        FlowSeed::new(SEED).hash(&self.flow) <= flow_limit(ONE_IN)
    }
}

/// The frames in a file, without the order of two directions.
fn frames_of(path: &Path) -> BTreeSet<Vec<u8>> {
    let mut reader = Reader::open(path).unwrap();
    let mut frames = BTreeSet::new();
    let mut count = 0;
    while let Some(frame) = reader.next().unwrap() {
        frames.insert(frame.bytes.to_vec());
        count += 1;
    }
    assert_eq!(frames.len(), count, "{}: a frame twice", path.display());
    frames
}

#[test]
fn chosen_connections_are_whole() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let conversations: Vec<_> = (0..CONVERSATIONS).map(Conversation::new).collect();
    let all: Vec<&Vec<u8>> =
        conversations.iter().flat_map(|one| one.client.iter().chain(&one.server)).collect();
    let chosen: Vec<&Conversation> = conversations.iter().filter(|one| one.chosen()).collect();
    let expected: BTreeSet<Vec<u8>> =
        chosen.iter().flat_map(|one| one.client.iter().chain(&one.server)).cloned().collect();
    // 100 on average, with a deviation of 9.4.
    assert!((63..=137).contains(&chosen.len()), "{} connections", chosen.len());

    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let flags = ["--sample-flows", &ONE_IN.to_string(), "--flow-seed", &SEED.to_string()]
        .map(str::to_owned);
    let pair = quiet_pair();
    let live = path("live.pcap");
    let mut arguments =
        ["capture", "-v", "-i", SERVER_LINK, "--hook", "tcx", "-w", live.to_str().unwrap()]
            .map(str::to_owned)
            .to_vec();
    arguments.extend(flags.clone());
    let running = attached(&pair.server, &arguments);
    let before = pair.server.counters(SERVER_LINK).unwrap();
    let [client, server] = [(&pair.client, CLIENT_LINK), (&pair.server, SERVER_LINK)]
        .map(|(namespace, link)| FrameSender::open(namespace, link).unwrap());
    for one in &conversations {
        client.send(&one.client).unwrap();
        server.send(&one.server).unwrap();
    }
    pair.server
        .wait_for_received(SERVER_LINK, before, 3 * u64::from(CONVERSATIONS), LIMIT)
        .unwrap();
    let finished = running.interrupt(LIMIT).unwrap();
    let ledger = ledger(&finished.stderr);
    assert_eq!(ledger["matched"], all.len() as u64, "all are counted");
    assert_eq!((ledger[CHOSEN], ledger[DELIVERED]), (expected.len() as u64, ledger[CHOSEN]));
    assert!(frames_of(&live) == expected, "other frames than those of the chosen connections");

    // The same of a file, in this process and in the kernel.
    let stored = path("all.pcap");
    let mut writer =
        Writer::create(&stored, &Contents::pcap(LinkType::Ethernet, Precision::Micro)).unwrap();
    for bytes in &all {
        let wire_len = bytes.len() as u32;
        writer
            .write(&probe_frame::Frame {
                time: WallTime(1_700_000_000_000_000_000),
                wire_len,
                bytes,
                link: LinkType::Ethernet,
                ifindex: 0,
                outbound: None,
            })
            .unwrap();
    }
    writer.flush().unwrap();
    drop(writer);
    for (name, engine) in
        [("user", vec![]), ("tcx", vec!["--hook", "tcx"]), ("xdp", vec!["--hook", "xdp"])]
    {
        let out = path(name);
        let mut arguments =
            vec!["capture", "-r", stored.to_str().unwrap(), "-w", out.to_str().unwrap()];
        if !engine.is_empty() {
            arguments.extend(["--engine", "kernel"]);
            arguments.extend(engine);
        }
        arguments.extend(flags.iter().map(String::as_str));
        let finished = run(probe(&pair.server, &arguments), LIMIT).unwrap();
        let said = format!("probe: matched {}, sampled {}", all.len(), expected.len());
        assert!(finished.stderr.contains(&said), "{name}: {}", finished.stderr);
        assert!(frames_of(&out) == expected, "{name}: other frames");
    }
}
