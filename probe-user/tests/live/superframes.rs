//! Frames that the kernel has not cut yet (GSO) and will not cut on a veth, or has merged
//! (GRO): one frame of up to 64 KiB whose payload lies in page fragments. They are counted
//! as what they are, as tcpdump counts them, and rules see into their payload.

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    os::fd::AsRawFd,
    path::Path,
    time::Duration,
};

use anyhow::ensure;
use testbed::{
    CLIENT_LINK, CLIENT_V4, HttpServer, LARGE_PAGE, Namespace, Pair, Running, SCRATCH_DIR,
    SERVER_LINK, SERVER_V4, SERVER_V6, http_get_large, requirements::met, run,
};

use crate::{
    beside::Beside,
    exactness::patient_tcp,
    rig::{LIMIT, NEEDS, Totals, alone, attached, counter, end_tcpdump, tcpdump_count},
};

const PORT: u16 = 80;
const REQUESTS: u64 = 40;
/// No frame of a wire with an MTU of 1,500 bytes is longer.
const LONGEST_FRAME: &str = "greater 1515";

/// What a rule asks, and the same in tcpdump's words.
const RULES: [(&str, &str, &str); 5] = [
    ("all", "", ""),
    ("superframes", LONGEST_FRAME, LONGEST_FRAME),
    (
        "response",
        "@http-response",
        "tcp[((tcp[12] & 0xf0) >> 2):4] = 0x48545450 \
         or (ip6[6] = 6 and ip6[40 + ((ip6[52] & 0xf0) >> 2):4] = 0x48545450)",
    ),
    (
        "body",
        "payload[200:2] = 0x7878",
        "tcp[((tcp[12] & 0xf0) >> 2) + 200:2] = 0x7878 \
         or (ip6[6] = 6 and ip6[240 + ((ip6[52] & 0xf0) >> 2):2] = 0x7878)",
    ),
    (
        "deep",
        "payload[9000:4] = 0x78787878",
        "tcp[((tcp[12] & 0xf0) >> 2) + 9000:4] = 0x78787878 \
         or (ip6[6] = 6 and ip6[9040 + ((ip6[52] & 0xf0) >> 2):4] = 0x78787878)",
    ),
];

/// tcpdump writing whole frames that come in, which are long here.
fn tcpdump_in(namespace: &Namespace, link: &str, file: &Path) -> Running {
    let mut command = namespace.command("tcpdump");
    // -B: KiB, in slots of 65,536 bytes and more.
    command.args(["-nn", "-U", "--immediate-mode", "-B", "262144", "-s", "65600", "-Q", "in"]);
    command.args(["-i", link, "-w"]).arg(file);
    let running = Running::spawn(command).unwrap();
    running.wait_for_line("listening on", LIMIT).unwrap();
    running
}

/// Bytes on the wire of those frames of a file that match, from the file's own records.
fn tcpdump_bytes(namespace: &Namespace, file: &Path, expression: &str) -> u64 {
    let matching = Path::new(SCRATCH_DIR).join("matching.pcap");
    let mut command = namespace.command("tcpdump");
    command.arg("-r").arg(file).arg("-w").arg(&matching).arg(expression);
    run(command, LIMIT).unwrap();
    let bytes = namespace.enter(|| Ok(std::fs::read(&matching)?)).unwrap();
    // A file header of 24 bytes; then records of 16 bytes, captured length and length on
    // the wire in the last 8, and the captured bytes.
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!(word(0), 0xa1b2_c3d4);
    let (mut at, mut sum) = (24, 0);
    while at < bytes.len() {
        sum += u64::from(word(at + 12));
        at += 16 + word(at + 8) as usize;
    }
    sum
}

/// Makes the server's end cut what it sends, and the client's end merge what it receives.
fn merging(pair: &Pair) {
    for (namespace, settings) in [
        (&pair.server, [SERVER_LINK, "tso", "off", "gso", "off"]),
        (&pair.client, [CLIENT_LINK, "gro", "on", "tso", "on"]),
    ] {
        let mut ethtool = namespace.command("ethtool");
        ethtool.arg("-K").args(settings);
        run(ethtool, LIMIT).unwrap();
    }
}

/// The server's answers on their way out of its stack and into the client's.
#[test]
fn http_in_superframes() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    for (hook, merged) in
        [("tcx", false), ("tcx", true), ("xdp-generic", false), ("xdp-native", false)]
    {
        // Offloads stay as they are for a veth: segmentation on, merging off.
        let pair = Pair::new().unwrap();
        if merged {
            merging(&pair);
        }
        patient_tcp(&pair);
        let _server = HttpServer::start(&pair.server, PORT).unwrap();
        let rules = RULES.map(|(name, ours, _)| (name, ours));
        let received = counter(&pair.client, CLIENT_LINK, hook, &rules);
        let mut arguments: Vec<String> =
            ["count", "-i", SERVER_LINK, "--hook", "tcx", "-Q", "out", "--format", "json"]
                .map(str::to_owned)
                .to_vec();
        for (name, ours) in rules {
            arguments.extend(["--rule".into(), format!("{name}={ours}")]);
        }
        let sent = attached(&pair.server, &arguments);
        let file = Path::new(SCRATCH_DIR).join("superframes.pcap");
        let dump = tcpdump_in(&pair.client, CLIENT_LINK, &file);

        let before = pair.server.counters(SERVER_LINK).unwrap();
        for address in [IpAddr::from(SERVER_V4), SERVER_V6.into()] {
            http_get_large(&pair.client, address, PORT, REQUESTS / 2, LIMIT).unwrap();
        }

        end_tcpdump(&pair.client, dump, &file);
        let (received, sent) = (Totals::of(received), Totals::of(sent));
        for (name, _, theirs) in RULES {
            let expected = (
                tcpdump_count(&pair.client, &file, theirs),
                tcpdump_bytes(&pair.client, &file, theirs),
            );
            assert_eq!(received.rules[name], expected, "{hook}: {name}, left is probe");
            if hook == "tcx" && !merged {
                // An XDP program on the other end makes the veth cut what is sent.
                assert_eq!(sent.rules[name], expected, "sent: {name}, left is probe");
            }
        }
        assert_eq!(received.packets("response"), REQUESTS, "{hook}");
        assert_eq!(sent.packets("response"), REQUESTS, "{hook}");
        assert!(received.seen.1 > REQUESTS * LARGE_PAGE as u64, "{hook}: {received:?}");
        let on_the_wire = pair.server.counters(SERVER_LINK).unwrap().since(before).tx_packets;
        assert_eq!(on_the_wire > received.seen.0, merged, "{hook}: {on_the_wire} on the wire");
        if hook != "xdp-native" {
            let (superframes, all) = (received.packets("superframes"), received.seen.0);
            assert!(superframes * 4 > all, "{hook}: {superframes} superframes of {all}");
            assert!(received.packets("deep") > REQUESTS, "{hook}: {received:?}");
        }
    }
}

/// Segments of one datagram, and their length (RFC 768 knows neither: UDP_SEGMENT, udp(7)).
const SEGMENTS: usize = 20;
const SEGMENT: usize = 1_000;
const BURSTS: u64 = 200;

/// A socket from the client to the server, for bursts of datagrams of `segment` bytes: each
/// burst is one buffer that the kernel is to cut (UDP_SEGMENT, udp(7)).
pub fn segmenting_socket(pair: &Pair, segment: usize) -> UdpSocket {
    const UDP_SEGMENT: libc::c_int = 103;
    let open = || {
        let socket = UdpSocket::bind(SocketAddr::new(CLIENT_V4.into(), 4_001))?;
        let (length, size) = (segment as libc::c_int, size_of::<libc::c_int>());
        // SAFETY: the option's value is an int that outlives the call, and its size is given.
        let result = unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::IPPROTO_UDP,
                UDP_SEGMENT,
                (&raw const length).cast(),
                size as libc::socklen_t,
            )
        };
        ensure!(result == 0, "UDP_SEGMENT: {}", std::io::Error::last_os_error());
        socket.connect(SocketAddr::new(SERVER_V4.into(), 4_000))?;
        Ok(socket)
    };
    pair.client.enter(open).unwrap()
}

/// Sends bursts of datagrams, each burst as one buffer that the kernel is to cut, and
/// returns when the server's socket has received every datagram.
fn udp_bursts(pair: &Pair, bursts: u64) {
    let server = pair
        .server
        .enter(|| {
            let socket = UdpSocket::bind(SocketAddr::new(SERVER_V4.into(), 4_000))?;
            socket.set_read_timeout(Some(Duration::from_secs(20)))?;
            Ok(socket)
        })
        .unwrap();
    let client = segmenting_socket(pair, SEGMENT);
    let mut burst = Vec::new();
    for number in 0..SEGMENTS {
        burst.extend(b"GET ");
        burst.resize((number + 1) * SEGMENT, number as u8);
    }
    let mut datagram = [0; 2 * SEGMENT];
    for _ in 0..bursts {
        assert_eq!(client.send(&burst).unwrap(), burst.len());
        for number in 0..SEGMENTS {
            assert_eq!(server.recv(&mut datagram).unwrap(), SEGMENT);
            assert_eq!(datagram[..SEGMENT], burst[number * SEGMENT..][..SEGMENT]);
        }
    }
}

#[test]
fn udp_bursts_in_one_frame() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let expressions = [
        "udp[8:4] = 0x47455420",
        "udp[1008:4] = 0x47455420",
        "udp[8 + 19 * 1000:4] = 0x47455420 and udp[8 + 19 * 1000 + 4:4] = 0x13131313",
        "udp[8 + 19 * 1000 + 999] = 19",
        "udp[8 + 19 * 1000 + 1000] = 19",
        "greater 20042 and not greater 20043",
        LONGEST_FRAME,
        "dst port 4000",
    ];
    for hook in ["tcx", "xdp-generic", "xdp-native"] {
        let pair = Pair::new().unwrap();
        let beside = Beside::start(&pair.server, SERVER_LINK, hook, &expressions, &[]);
        udp_bursts(&pair, BURSTS);
        // An XDP program in the driver makes the veth cut bursts before they are sent.
        let whole = hook != "xdp-native";
        let frames = if whole { BURSTS } else { BURSTS * SEGMENTS as u64 };
        let counts = beside.agreed(frames, hook);
        let long = if whole { BURSTS } else { 0 };
        assert_eq!(counts, [frames, long, long, long, 0, long, long, frames], "{hook}");
    }
}
