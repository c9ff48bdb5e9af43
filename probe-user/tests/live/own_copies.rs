//! Multicast and broadcast of this host that its kernel hands back to it (PACKET_LOOPBACK): they
//! were on the link once, on their way out.

use std::{
    fs,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket},
    path::Path,
    thread,
    time::Duration,
};

use testbed::{
    CLIENT_LINK, CLIENT_V4, CLIENT_V6, Frame, FrameSender, Namespace, Pair, SCRATCH_DIR,
    SERVER_LINK, SERVER_V4, requirements::met,
};

use crate::rig::{NEEDS, Totals, alone, attached, end_tcpdump, tcpdump, tcpdump_count};

const BROADCAST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 255);
/// MCAST-TEST-NET (RFC 5771), and a link-local group that is nobody's.
const GROUP_V4: Ipv4Addr = Ipv4Addr::new(233, 252, 0, 9);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x7777);
const PORT: u16 = 4_000;
/// Datagrams of each kind, and frames that the other end sends.
const OWN: u64 = 5;
const OTHERS: u64 = 3;
/// How long members of a group go on reporting themselves.
const REPORTS: Duration = Duration::from_millis(2500);

/// Sockets that send to their own groups, joined.
fn members(namespace: &Namespace) -> Vec<(UdpSocket, SocketAddr)> {
    namespace
        .enter(|| {
            let v4 = UdpSocket::bind((CLIENT_V4, PORT))?;
            v4.set_broadcast(true)?;
            let group = UdpSocket::bind((CLIENT_V4, PORT + 1))?;
            group.join_multicast_v4(&GROUP_V4, &CLIENT_V4)?;
            let index = fs::read_to_string(format!("/sys/class/net/{CLIENT_LINK}/ifindex"))?
                .trim()
                .parse()?;
            let v6 = UdpSocket::bind((CLIENT_V6, PORT + 2))?;
            v6.join_multicast_v6(&GROUP_V6, index)?;
            let to_v6 = SocketAddrV6::new(GROUP_V6, PORT, 0, index);
            Ok(vec![
                (v4, (BROADCAST, PORT).into()),
                (group, (GROUP_V4, PORT).into()),
                (v6, to_v6.into()),
            ])
        })
        .unwrap()
}

#[test]
fn what_the_kernel_hands_back_was_not_received() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    for hook in ["tcx", "clsact"] {
        for direction in ["in", "inout"] {
            let pair = Pair::new().unwrap();
            // Before anything is counted: to join a group sends a report, and another within a
            // second of it (RFC 3376, 8.11 and RFC 3810, 9.11; the robustness variable is 2).
            let members = members(&pair.client);
            thread::sleep(REPORTS);
            let arguments = [
                "count",
                "-i",
                CLIENT_LINK,
                "--hook",
                hook,
                "-Q",
                direction,
                "--format",
                "json",
                "--rule",
                "udp=udp",
                "--rule",
                "own=udp dst port 4000",
            ];
            let count = attached(&pair.client, &arguments);
            let file = Path::new(SCRATCH_DIR).join("own.pcap");
            let dump = tcpdump(&pair.client, CLIENT_LINK, &file);
            let before = pair.client.counters(CLIENT_LINK).unwrap();
            for (socket, to) in &members {
                for _ in 0..OWN {
                    assert_eq!(socket.send_to(b"own", to).unwrap(), 3);
                }
            }
            let other = Frame::ipv4(SERVER_V4, CLIENT_V4).udp(9, 9).payload(b"other").build();
            let sender = FrameSender::open(&pair.server, SERVER_LINK).unwrap();
            sender.send(&vec![other; OTHERS as usize]).unwrap();
            end_tcpdump(&pair.client, dump, &file);

            let context = format!("{hook}, {direction}");
            let totals = Totals::of(count);
            let link = pair.client.counters(CLIENT_LINK).unwrap().since(before);
            let sent = if direction == "in" { 0 } else { OWN * members.len() as u64 };
            assert_eq!(totals.packets("own"), sent, "{context}");
            assert_eq!(totals.packets("udp"), sent + OTHERS, "{context}");
            let on_the_link = link.rx_packets + if direction == "in" { 0 } else { link.tx_packets };
            assert_eq!(totals.seen.0, on_the_link, "{context}: {link:?}");
            if direction == "inout" {
                assert_eq!(totals.seen.0, tcpdump_count(&pair.client, &file, ""), "{context}");
            }
        }
    }
}
