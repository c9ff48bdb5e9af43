//! What is written is what was sent: bytes, order, time; and other programs read it.

use std::io::Cursor;

use probe_frame::WallTime;
use probe_pcap::Reader;
use testbed::{
    CLIENT_LINK, CLIENT_V4, CLIENT_V6, Frame, FrameSender, Namespace, SERVER_LINK, SERVER_V4,
    SERVER_V6, requirements::met, run,
};

use crate::rig::{CHOSEN, DELIVERED, LIMIT, NEEDS, alone, attached, ledger, quiet_pair};

const FRAMES: usize = 20_000;

/// Frames of every length from 60 to 1,514 bytes, each with a number of its own; every
/// seventh has a VLAN tag.
fn numbered() -> Vec<Vec<u8>> {
    (0..FRAMES)
        .map(|number| {
            let ip = match number % 3 {
                0 => Frame::ipv6(CLIENT_V6, SERVER_V6),
                _ => Frame::ipv4(CLIENT_V4, SERVER_V4),
            };
            let tagged = if number % 7 == 0 { ip.tagged(0x8100, 42) } else { ip };
            let mut payload = (number as u64).to_be_bytes().to_vec();
            payload.extend((0..number * 31 % 1440).map(|at| (at * number) as u8));
            tagged.udp(1024, 2048).payload(&payload).build()
        })
        .collect()
}

/// A file of a namespace's private folder.
pub fn open(namespace: &Namespace, file: &str) -> Reader {
    let bytes = namespace.enter(|| Ok(std::fs::read(file)?)).unwrap();
    Reader::new(file.to_owned(), Box::new(Cursor::new(bytes))).unwrap()
}

#[test]
fn files_hold_what_was_sent() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let sent = numbered();
    for hook in ["xdp-native", "xdp-generic", "tcx"] {
        let pair = quiet_pair();
        let file = format!("/dev/shm/{hook}.pcap");
        let capture = attached(
            &pair.server,
            &["capture", "-i", SERVER_LINK, "--hook", hook, "-Q", "in", "-w", &file],
        );
        let before = pair.server.counters(SERVER_LINK).unwrap();
        FrameSender::open(&pair.client, CLIENT_LINK).unwrap().send(&sent).unwrap();
        pair.server.wait_for_received(SERVER_LINK, before, FRAMES as u64, LIMIT).unwrap();
        let finished = capture.interrupt(LIMIT).unwrap();
        let ledger = ledger(&finished.stderr);
        assert_eq!(ledger[CHOSEN], FRAMES as u64, "{hook}");

        let mut reader = open(&pair.server, &file);
        let (mut sent, mut time, mut count) = (sent.iter(), WallTime::default(), 0);
        while let Some(frame) = reader.next().unwrap() {
            // A lost frame is in the ledger; what is there must be whole and in order.
            let found = sent.any(|sent| sent == frame.bytes);
            assert!(found, "{hook}: frame {count} is one that nobody sent, or out of order");
            assert_eq!(frame.wire_len as usize, frame.bytes.len(), "{hook}");
            assert!(frame.time >= time, "{hook}: time goes back");
            time = frame.time;
            count += 1;
        }
        assert_eq!(count, ledger[DELIVERED], "{hook}: {}", finished.stderr);

        for tool in [["tcpdump", "-nn", "-r"].as_slice(), ["capinfos", "-M"].as_slice()] {
            let mut command = pair.server.command(tool[0]);
            command.args(&tool[1..]).arg(&file);
            let read = run(command, LIMIT).unwrap();
            let complaints: Vec<&str> =
                read.stderr.lines().filter(|line| !line.starts_with("reading from")).collect();
            assert!(complaints.is_empty(), "{hook} {tool:?}: {complaints:?}");
            if tool[0] == "capinfos" {
                let count = read.text();
                let count = count.lines().find(|line| line.starts_with("Number of packets"));
                let count = count.and_then(|line| line.rsplit(' ').next()).unwrap().to_owned();
                assert_eq!(count, ledger[DELIVERED].to_string(), "{hook}");
            }
        }
    }
}

/// Jumbo frames span pages: XDP sees them in fragments, and the record holds all of them.
#[test]
fn jumbo_frames_are_whole() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    for hook in ["xdp-native", "xdp-generic", "tcx"] {
        let pair = quiet_pair();
        for (namespace, link) in [(&pair.client, CLIENT_LINK), (&pair.server, SERVER_LINK)] {
            namespace.ip(&[format!("link set {link} mtu 9000")]).unwrap();
        }
        let payload: Vec<u8> = (0..8_900u32).map(|at| (at * 7 % 251) as u8).collect();
        let frame = Frame::ipv4(CLIENT_V4, SERVER_V4).udp(9, 9).payload(&payload).build();
        let file = format!("/dev/shm/jumbo-{hook}.pcap");
        // The last bytes lie in a fragment: the filter has to find them there.
        let last =
            format!("udp[8904:4] = {:#x}", u32::from_be_bytes(*payload.last_chunk().unwrap()));
        let capture = attached(
            &pair.server,
            &[
                "capture",
                "-i",
                SERVER_LINK,
                "--hook",
                hook,
                "-Q",
                "in",
                "-w",
                &file,
                "-c",
                "10",
                &last,
            ],
        );
        let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
        sender.send(&[&frame; 10]).unwrap();
        let finished = capture.wait(LIMIT).unwrap();
        assert_eq!(finished.status.code(), Some(0), "{hook}: {}", finished.stderr);
        let mut reader = open(&pair.server, &file);
        let mut count = 0;
        while let Some(read) = reader.next().unwrap() {
            assert!(read.bytes == frame, "{hook}");
            count += 1;
        }
        assert_eq!(count, 10, "{hook}");
    }
}
