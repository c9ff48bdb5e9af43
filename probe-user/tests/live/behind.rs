//! Whoever comes behind probe gets the frames that came in: a tc action that sends them on, and
//! a tcx program. Small and large ones, in one buffer and in pieces, and GSO superframes.

use std::{net::UdpSocket, path::Path};

use testbed::{
    CLIENT_LINK, CLIENT_MAC, CLIENT_V4, Frame, FrameSender, Namespace, Pair, SCRATCH_DIR,
    SERVER_LINK, SERVER_MAC, SERVER_V4, requirements::met, run,
};

use crate::{
    fidelity::open,
    rig::{LIMIT, NEEDS, attached, beside_others, counter, end_tcpdump, tcpdump},
    superframes::segmenting_socket,
};

/// Where the server sends frames on to, and the other end of that wire.
const ONWARD_LINK: &str = "out0";
const FAR_LINK: &str = "far0";

/// An Ethernet and IPv4 header, and with UDP's.
const ETHERNET: usize = 14;
const HEADERS: usize = ETHERNET + 20 + 8;

/// IPv4 packets of these lengths, of each so many.
const LENGTHS: [usize; 5] = [286, 1_500, 3_400, 5_000, 9_000];
const OF_EACH: usize = 4;

/// What is sent in one GSO frame: so many segments of so many bytes.
const SEGMENTS: usize = 20;
const SEGMENT: usize = 1_000;
const BURSTS: usize = 10;

/// A server that sends on what it receives.
struct Rig {
    pair: Pair,
    far: Namespace,
}

impl Rig {
    /// `action` is mirred's: `redirect` or `mirror`.
    fn new(action: &str) -> Self {
        let (pair, far) = (Pair::new().unwrap(), Namespace::new().unwrap());
        let (mac, far_mac) = ([2, 0, 0, 0, 0, 3], [2, 0, 0, 0, 0, 4]);
        pair.server.veth((ONWARD_LINK, mac), &far, (FAR_LINK, far_mac)).unwrap();
        pair.client.ip(&[format!("link set {CLIENT_LINK} mtu 9000")]).unwrap();
        let both = [SERVER_LINK, ONWARD_LINK].map(|link| format!("link set {link} mtu 9000"));
        pair.server.ip(&both).unwrap();
        far.ip(&[format!("link set {FAR_LINK} mtu 9000")]).unwrap();
        for line in [
            format!("qdisc add dev {SERVER_LINK} clsact"),
            format!(
                "filter add dev {SERVER_LINK} ingress protocol all prio 1 u32 match u32 0 0 \
                 action mirred egress {action} dev {ONWARD_LINK}"
            ),
        ] {
            let mut tc = pair.server.command("tc");
            tc.args(line.split(' '));
            run(tc, LIMIT).unwrap();
        }
        Self { pair, far }
    }

    /// What the far end and a tcx program at the server see while `send` sends and probe looks
    /// on at a hook.
    fn frames(&self, hook: &str, send: impl FnOnce(&Pair)) -> [Vec<Vec<u8>>; 2] {
        let file = Path::new(SCRATCH_DIR).join("behind.pcap");
        let name = file.to_str().unwrap();
        let server = &self.pair.server;
        // It is there first, and so behind what comes later.
        let tcx = attached(
            server,
            &["capture", "-i", SERVER_LINK, "--hook", "tcx", "-Q", "in", "-w", name, "ip"],
        );
        let count = counter(server, SERVER_LINK, hook, &[("all", "ip")]);
        let dump = tcpdump(&self.far, FAR_LINK, &file);
        send(&self.pair);
        end_tcpdump(&self.far, dump, &file);
        count.interrupt(LIMIT).unwrap();
        tcx.interrupt(LIMIT).unwrap();
        [read(&self.far, name), read(server, name)]
    }
}

fn read(namespace: &Namespace, file: &str) -> Vec<Vec<u8>> {
    let mut reader = open(namespace, file);
    let mut frames = Vec::new();
    while let Some(frame) = reader.next().unwrap() {
        frames.push(frame.bytes.to_vec());
    }
    frames
}

#[test]
fn frames_are_whole_behind_every_hook() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let frame = |length: usize| {
        let payload: Vec<u8> =
            (0..ETHERNET + length - HEADERS).map(|at| (at * 7 % 251) as u8).collect();
        Frame::ipv4(CLIENT_V4, SERVER_V4).udp(9, 9).payload(&payload).build()
    };
    let sent: Vec<Vec<u8>> =
        LENGTHS.iter().flat_map(|&length| vec![frame(length); OF_EACH]).collect();
    for action in ["redirect", "mirror"] {
        for linear in [false, true] {
            for hook in ["xdp-generic", "xdp-native", "tcx", "clsact"] {
                let send = |pair: &Pair| {
                    let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
                    let sender = if linear { sender.linear().unwrap() } else { sender };
                    sender.send(&sent).unwrap();
                };
                for (place, frames) in
                    ["far end", "tcx"].iter().zip(Rig::new(action).frames(hook, send))
                {
                    let context = format!("{hook}, {action}, linear: {linear}, {place}");
                    let lengths = |frames: &[Vec<u8>]| -> Vec<usize> {
                        frames.iter().map(Vec::len).collect()
                    };
                    assert_eq!(lengths(&frames), lengths(&sent), "{context}");
                    assert!(frames == sent, "{context}: bytes differ");
                }
            }
        }
    }
}

/// Sends bursts of datagrams, each burst as one buffer that the kernel is to cut.
fn send_bursts(pair: &Pair, burst: &[u8]) {
    // What is mirrored arrives, too: somebody is there, so that nobody answers that nobody is.
    let bind = || Ok(UdpSocket::bind((SERVER_V4, 4_000))?);
    let _receiver = pair.server.enter(bind).unwrap();
    let socket = segmenting_socket(pair, SEGMENT);
    for _ in 0..BURSTS {
        assert_eq!(socket.send(burst).unwrap(), burst.len());
    }
}

#[test]
fn superframes_are_whole_behind_every_hook() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let burst: Vec<u8> = (0..SEGMENTS * SEGMENT).map(|at| (at / SEGMENT + at % 83) as u8).collect();
    let ethernet = [&SERVER_MAC[..], &CLIENT_MAC, &[0x08, 0x00]].concat();
    for action in ["redirect", "mirror"] {
        for hook in ["xdp-generic", "xdp-native", "tcx", "clsact"] {
            let frames = Rig::new(action).frames(hook, |pair| send_bursts(pair, &burst));
            for (place, frames) in ["far end", "tcx"].iter().zip(frames) {
                let context = format!("{hook}, {action}, {place}");
                // An XDP program in the driver makes the veth cut what is sent to it.
                let pieces = if hook == "xdp-native" { SEGMENTS } else { 1 };
                assert_eq!(frames.len(), BURSTS * pieces, "{context}");
                assert!(frames.iter().all(|frame| frame.starts_with(&ethernet)), "{context}");
                let payloads: Vec<u8> =
                    frames.iter().flat_map(|frame| &frame[HEADERS..]).copied().collect();
                assert!(payloads == burst.repeat(BURSTS), "{context}: bytes differ");
            }
        }
    }
}
