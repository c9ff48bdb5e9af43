//! Frames of more than 64 KiB: the loopback's, a veth's with the largest MTU, and those of BIG TCP.
//! `bpf_xdp_load_bytes` reads 65,535 bytes at once, from offsets up to 65,535; an skb's bytes are
//! read whole.

use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, TcpListener, TcpStream},
    path::Path,
    thread,
};

use testbed::{
    CLIENT_LINK, CLIENT_V4, Frame, FrameSender, Namespace, Pair, Running, SCRATCH_DIR, SERVER_LINK,
    SERVER_V4, SERVER_V6, requirements::met,
};

use crate::{
    fidelity::open,
    rig::{CHOSEN, DELIVERED, LIMIT, NEEDS, alone, attached, end_tcpdump, ledger},
};

/// What two calls of the helper read.
const XDP_MOST: usize = 2 * 0xffff;

/// One end listens, the other sends so many bytes; both are done when this returns.
fn transfer(from: &Namespace, to: &Namespace, address: IpAddr, bytes: usize) {
    let listener = to.enter(|| Ok(TcpListener::bind((address, 5_000))?)).unwrap();
    thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let mut stream = from.enter(|| Ok(TcpStream::connect((address, 5_000))?)).unwrap();
            let chunk: Vec<u8> = (0..1 << 20).map(|at: u32| (at * 7 % 251) as u8).collect();
            for _ in 0..bytes / chunk.len() {
                stream.write_all(&chunk).unwrap();
            }
        });
        let (mut stream, _) = listener.accept().unwrap();
        let mut sink = Vec::new();
        assert_eq!(stream.read_to_end(&mut sink).unwrap(), bytes);
        sender.join().unwrap();
    });
}

/// tcpdump that keeps whole frames, however long, and that does not lose any of a few hundred.
fn tcpdump(namespace: &Namespace, watch: &[&str], file: &Path) -> Running {
    let mut command = namespace.command("tcpdump");
    command.args(["-nn", "-U", "--immediate-mode", "-B", "524288", "-s", "262144"]);
    command.args(["-w"]).arg(file).args(watch);
    let dump = Running::spawn(command).unwrap();
    dump.wait_for_line("listening on", LIMIT).unwrap();
    dump
}

/// The frames of a file: the length on the wire, and the bytes.
fn read(namespace: &Namespace, file: &Path) -> Vec<(u32, Vec<u8>)> {
    let mut reader = open(namespace, file.to_str().unwrap());
    let mut frames = Vec::new();
    while let Some(frame) = reader.next().unwrap() {
        frames.push((frame.wire_len, frame.bytes.to_vec()));
    }
    frames
}

/// Captures at a hook what `watch` says in words that tcpdump knows, too, beside tcpdump, and
/// holds every frame against tcpdump's. Returns the longest one's length.
fn captured_beside(
    namespace: &Namespace,
    watch: &[&str],
    hook: &str,
    traffic: impl FnOnce(),
    context: &str,
) -> usize {
    let [ours, theirs] = ["ours", "theirs"].map(|name| Path::new(SCRATCH_DIR).join(name));
    // -B: KiB; nothing may be lost here.
    let arguments = ["capture", "--hook", hook, "-B", "65536", "-w", ours.to_str().unwrap()];
    let capture = attached(namespace, &[&arguments, watch].concat());
    let dump = tcpdump(namespace, watch, &theirs);
    traffic();
    end_tcpdump(namespace, dump, &theirs);
    let finished = capture.interrupt(LIMIT).unwrap();
    let ledger = ledger(&finished.stderr);
    assert_eq!(ledger[CHOSEN], ledger[DELIVERED], "{context}: {}", finished.stderr);

    let most = if hook.starts_with("xdp") { XDP_MOST } else { usize::MAX };
    let (mut ours, mut theirs) = (read(namespace, &ours), read(namespace, &theirs));
    let length = theirs.iter().map(|(length, _)| *length).max().unwrap() as usize;
    theirs.iter_mut().for_each(|(_, bytes)| bytes.truncate(most));
    // Of frames that two CPUs receive at once either program may see either first.
    ours.sort();
    theirs.sort();
    let lengths = |frames: &[(u32, Vec<u8>)]| {
        frames.iter().map(|(wire, bytes)| (*wire, bytes.len())).collect::<Vec<_>>()
    };
    assert_eq!(lengths(&ours), lengths(&theirs), "{context}, left is probe");
    assert!(ours == theirs, "{context}: bytes differ");
    length
}

#[test]
fn loopback_frames_are_whole() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    for hook in ["xdp", "xdp-generic", "tcx", "clsact"] {
        let namespace = Namespace::new().unwrap();
        let address = Ipv4Addr::LOCALHOST.into();
        let traffic = || transfer(&namespace, &namespace, address, 20 << 20);
        let watch = ["-i", "lo", "-Q", "in", "tcp"];
        let longest = captured_beside(&namespace, &watch, hook, traffic, hook);
        assert!(longest > 0xffff, "{hook}: {longest}");
    }
}

/// BIG TCP: superframes of IPv6 that are longer than a packet can be. The kernel puts a jumbo
/// option before TCP (RFC 2675), so that `tcp` does not match them, here as in tcpdump.
#[test]
fn big_tcp_is_whole() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let pair = Pair::new().unwrap();
    for (namespace, link) in [(&pair.client, CLIENT_LINK), (&pair.server, SERVER_LINK)] {
        namespace
            .ip(&[format!(
                "link set {link} mtu 9000 gso_max_size 185000 gso_max_segs 65535 gro_max_size 185000"
            )])
            .unwrap();
    }
    let traffic = || transfer(&pair.client, &pair.server, SERVER_V6.into(), 20 << 20);
    for hook in ["tcx", "clsact"] {
        for (namespace, link, direction) in
            [(&pair.client, CLIENT_LINK, "out"), (&pair.server, SERVER_LINK, "in")]
        {
            let watch = ["-i", link, "-Q", direction, "ip6"];
            let context = format!("{hook}, {direction}");
            let longest = captured_beside(namespace, &watch, hook, traffic, &context);
            // The longest packet, and an Ethernet header.
            assert!(longest > 14 + 40 + 65_535, "{context}: {longest}");
        }
    }
}

/// Longer than two calls of the helper read: the record is cut there, and says how long the frame
/// was. The loopback takes any MTU.
#[test]
fn frames_around_128_kib() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    const LENGTHS: [usize; 6] = [66_000, 100_000, 131_069, 131_070, 131_071, 150_000];
    /// For experiments (IEEE 802, EtherType 0x88b5): nobody answers.
    const HEADER: [u8; 14] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5];
    let frames = LENGTHS.map(|length| {
        let payload = (HEADER.len()..length).map(|at| (at * 7 % 251) as u8);
        HEADER.into_iter().chain(payload).collect::<Vec<u8>>()
    });
    for (hook, most) in [("xdp-generic", XDP_MOST), ("tcx", usize::MAX), ("clsact", usize::MAX)] {
        let namespace = Namespace::new().unwrap();
        namespace.ip(&["link set lo mtu 160000"]).unwrap();
        let file = Path::new(SCRATCH_DIR).join("long.pcap");
        let (name, count) = (file.to_str().unwrap(), LENGTHS.len().to_string());
        let capture = ["capture", "-i", "lo", "--hook", hook, "-w", name, "-c", &count];
        let capture = attached(&namespace, &capture);
        FrameSender::open(&namespace, "lo").unwrap().send(&frames).unwrap();
        let finished = capture.wait(LIMIT).unwrap();
        assert_eq!(finished.status.code(), Some(0), "{hook}: {}", finished.stderr);
        let captured = read(&namespace, &file);
        let expected = frames.iter();
        let expected = expected.map(|all| (all.len() as u32, all[..all.len().min(most)].to_vec()));
        assert!(captured.into_iter().eq(expected), "{hook}");
    }
}

/// Around the helper's reach: one call, two, and the longest frame that a veth takes.
#[test]
fn frames_around_64_kib() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    const LENGTHS: [usize; 8] = [65_500, 65_533, 65_534, 65_535, 65_536, 65_537, 65_542, 65_549];
    const HEADERS: usize = 14 + 20 + 8;
    for hook in ["xdp-native", "xdp-generic", "tcx", "clsact"] {
        let pair = Pair::new().unwrap();
        pair.client.ip(&[format!("link set {CLIENT_LINK} mtu 65535")]).unwrap();
        pair.server.ip(&[format!("link set {SERVER_LINK} mtu 65535")]).unwrap();
        let frames = LENGTHS.map(|length| {
            let payload: Vec<u8> = (0..length - HEADERS).map(|at| (at * 7 % 251) as u8).collect();
            Frame::ipv4(CLIENT_V4, SERVER_V4).udp(9, 9).payload(&payload).build()
        });
        for snaplen in ["262144", "65536", "65535", "100"] {
            let file = Path::new(SCRATCH_DIR).join("long.pcap");
            let name = file.to_str().unwrap();
            let count = LENGTHS.len().to_string();
            let capture = attached(
                &pair.server,
                &[
                    "capture",
                    "-i",
                    SERVER_LINK,
                    "--hook",
                    hook,
                    "-s",
                    snaplen,
                    "-w",
                    name,
                    "-c",
                    &count,
                    "udp",
                ],
            );
            let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
            sender.send(&frames).unwrap();
            let finished = capture.wait(LIMIT).unwrap();
            assert_eq!(finished.status.code(), Some(0), "{hook}: {}", finished.stderr);
            let captured = read(&pair.server, &file);
            let snaplen: usize = snaplen.parse().unwrap();
            let expected = frames
                .iter()
                .map(|frame| (frame.len() as u32, frame[..frame.len().min(snaplen)].to_vec()));
            assert!(captured.iter().cloned().eq(expected), "{hook}, -s {snaplen}");
        }
    }
}
