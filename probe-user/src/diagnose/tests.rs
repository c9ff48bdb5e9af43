//! Stories told by frames, and what is said of them.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use probe_flow::Protocol;
use probe_frame::{LinkType, WallTime};
use testbed::{Frame, Tcp, tcp_flags};

use super::{
    exchange::{Exchange, Wanted},
    layout,
    neighbours::Neighbour,
    verdict::{Attempted, Facts, judge},
};

const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const SERVER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);
const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 254);
const PORTS: [u16; 2] = [40_000, 80];
/// Where the client's numbers begin, and the server's.
const BEGIN: [u32; 2] = [1_000, 4_294_967_295];

/// A frame, and after how many microseconds it is seen.
type Seen = (u64, Frame);

/// A segment of the client: flags, numbers counted from the beginning, payload.
fn client(flags: u8, seq: u32, ack: u32, payload: &str) -> Frame {
    segment([CLIENT, SERVER], PORTS, flags, [seq, ack], BEGIN).payload(payload.as_bytes())
}

/// The same of the server.
fn server(flags: u8, seq: u32, ack: u32, payload: &str) -> Frame {
    let ([a, b], [x, y]) = (PORTS, BEGIN);
    segment([SERVER, CLIENT], [b, a], flags, [seq, ack], [y, x]).payload(payload.as_bytes())
}

fn segment(
    [from, to]: [Ipv4Addr; 2],
    [source, destination]: [u16; 2],
    flags: u8,
    [seq, ack]: [u32; 2],
    [own, other]: [u32; 2],
) -> Frame {
    let acknowledgment = if flags & tcp_flags::ACK != 0 { other.wrapping_add(ack) } else { 0 };
    let sequence = own.wrapping_add(seq);
    Frame::ipv4(from, to).tcp(Tcp {
        source,
        destination,
        sequence,
        acknowledgment,
        flags,
        ..Tcp::default()
    })
}

/// An ICMP error about a frame of the client.
fn error(from: Ipv4Addr, [kind, code]: [u8; 2], about: &Frame) -> Frame {
    Frame::ipv4(from, CLIENT).icmp(kind, code, [0; 4]).payload(&about.build()[14..])
}

fn exchange(protocol: Protocol, seen: &[Seen]) -> Exchange {
    let server = SocketAddr::new(SERVER.into(), PORTS[1]);
    let mut exchange = Exchange::new(Wanted { protocol, server, client_port: None }, None);
    for (after, frame) in seen {
        let bytes = frame.build();
        exchange.take(&probe_frame::Frame {
            time: WallTime(1_700_000_000_000_000_000 + after * 1_000),
            wire_len: bytes.len() as u32,
            link: LinkType::Ethernet,
            bytes: &bytes,
            ifindex: 0,
            outbound: None,
        });
    }
    exchange
}

fn facts<'a>(protocol: Protocol, exchange: &'a Exchange) -> Facts<'a> {
    Facts {
        protocol,
        server: SERVER.into(),
        place: "eth0",
        connection: exchange.connection(),
        neighbour: None,
        attempt: Attempted::UnderWay,
        waited: Duration::from_millis(3500),
    }
}

fn said(protocol: Protocol, seen: &[Seen]) -> String {
    let exchange = exchange(protocol, seen);
    let finding = judge(&facts(protocol, &exchange));
    format!("{}: {}", finding.verdict, finding.evidence)
}

use tcp_flags::{ACK, FIN, PSH, RST, SYN};

fn handshake() -> Vec<Seen> {
    vec![(0, client(SYN, 0, 0, "")), (21, server(SYN | ACK, 0, 1, "")), (34, client(ACK, 1, 1, ""))]
}

fn talk() -> Vec<Seen> {
    let mut seen = handshake();
    seen.extend([
        (60, client(PSH | ACK, 1, 1, "GET /")),
        (1_260, server(PSH | ACK, 1, 6, "hello")),
        (1_300, server(FIN | ACK, 6, 6, "")),
        (1_340, client(FIN | ACK, 6, 7, "")),
        (1_360, server(ACK, 7, 7, "")),
    ]);
    seen
}

#[test]
fn tcp() {
    let syn = || client(SYN, 0, 0, "");
    let mut greeted = handshake();
    greeted.extend([
        (5_034, server(PSH | ACK, 1, 1, "SSH-2.0-x")),
        (9_000, client(RST | ACK, 1, 10, "")),
    ]);
    let later = |after: u64, seen: Vec<Seen>| {
        seen.into_iter().map(move |(time, frame)| (time + after, frame))
    };
    let mut second = vec![(0, syn())];
    second.extend(later(1_000_000, handshake()));
    for (seen, expected) in [
        (talk(), "OPEN: handshake 0.03 ms, first byte 1.20 ms, closed by the server"),
        (handshake(), "OPEN: handshake 0.03 ms, no data, still open"),
        (
            greeted,
            "OPEN: handshake 0.03 ms, the server speaks first, 5.03 ms after the SYN, reset by the client",
        ),
        (second, "OPEN: handshake 0.03 ms, but SYN at 0, 1.0 s, no data, still open"),
        (
            vec![(0, syn()), (20, server(RST | ACK, 1, 1, ""))],
            "REFUSED: RST after 0.02 ms, nobody listens",
        ),
        (
            vec![(0, syn()), (1_000_000, syn()), (1_000_500, server(RST | ACK, 1, 1, ""))],
            "REFUSED: RST after 0.50 ms, nobody listens",
        ),
        (
            vec![(0, syn()), (250, error(ROUTER, [3, 13], &syn()))],
            "REJECTED: ICMP administratively prohibited from 192.0.2.254 after 0.25 ms (a firewall on the way)",
        ),
        (
            vec![(0, syn()), (250, error(SERVER, [3, 3], &syn()))],
            "REJECTED: ICMP port unreachable from 198.51.100.2 after 0.25 ms (the server's own firewall: a closed port resets)",
        ),
        (
            vec![(0, syn()), (3_100_000, error(ROUTER, [3, 1], &syn()))],
            "REJECTED: ICMP host unreachable from 192.0.2.254 after 3100 ms (a router or firewall on the way)",
        ),
        (
            vec![(0, syn()), (1_000_000, syn()), (3_080_000, syn())],
            "DROPPED: SYN at 0, 1.0, 3.1 s, no answer; nothing came back from 198.51.100.2",
        ),
        (
            vec![
                (0, syn()),
                (20, server(SYN | ACK, 0, 1, "")),
                (1_000_020, server(SYN | ACK, 0, 1, "")),
            ],
            "UNCLEAR: the server answers with SYN-ACK after 0.02 ms, and the client never completed the handshake (2 SYN-ACKs)",
        ),
        (vec![(0, syn()), (40, client(RST, 1, 0, ""))], "UNCLEAR: SYN at 0 s; the client reset it"),
        (
            vec![(0, client(ACK, 9, 9, "a")), (40, server(ACK, 9, 10, "b"))],
            "OPEN: its beginning was not seen; segments of the client: 1, of the server: 1",
        ),
    ] {
        assert_eq!(said(Protocol::Tcp, &seen), expected);
    }
}

#[test]
fn udp() {
    let ask = || Frame::ipv4(CLIENT, SERVER).udp(PORTS[0], PORTS[1]).payload(b"?");
    let answer = || Frame::ipv4(SERVER, CLIENT).udp(PORTS[1], PORTS[0]).payload(b"!");
    for (seen, expected) in [
        (vec![(0, ask()), (180, answer())], "OPEN: answered after 0.18 ms"),
        (
            vec![(0, ask()), (60, error(SERVER, [3, 3], &ask()))],
            "CLOSED: ICMP port unreachable after 0.06 ms, nobody listens",
        ),
        (
            vec![(0, ask()), (60, error(ROUTER, [3, 3], &ask()))],
            "REJECTED: ICMP port unreachable from 192.0.2.254 after 0.06 ms (a firewall on the way)",
        ),
        (
            vec![(0, ask()), (1_000_000, ask())],
            "UNCLEAR: 2 datagrams in 3.5 s, no answer: dropped, or a service that does not answer this",
        ),
    ] {
        assert_eq!(said(Protocol::Udp, &seen), expected);
    }
}

#[test]
fn without_a_frame() {
    let nothing = exchange(Protocol::Tcp, &[]);
    let with = |attempt, neighbour| {
        let facts = Facts { attempt, neighbour, ..facts(Protocol::Tcp, &nothing) };
        let finding = judge(&facts);
        format!("{}: {}", finding.verdict, finding.evidence)
    };
    let asked = |address: Ipv4Addr, asked, answered| {
        Some(Neighbour { address: address.into(), asked, answered })
    };
    let failed = Attempted::Failed;
    for (attempt, neighbour, expected) in [
        (
            Attempted::UnderWay,
            asked(ROUTER, 3, true),
            "DROPPED: no SYN left by eth0 in 3.5 s: this host's own firewall (output) drops it, or it goes another way",
        ),
        (
            failed(libc::EHOSTUNREACH),
            asked(SERVER, 3, false),
            "UNCLEAR: nobody has 198.51.100.2 on eth0: 3 ARP requests, no answer",
        ),
        (
            Attempted::UnderWay,
            asked(ROUTER, 1, false),
            "UNCLEAR: nobody has 192.0.2.254 on eth0, which is to pass packets on to 198.51.100.2: 1 ARP request, no answer",
        ),
        (failed(libc::EPERM), None, "DROPPED: this host's own firewall (output) let no SYN out"),
        (
            failed(libc::ENETUNREACH),
            None,
            "UNCLEAR: no SYN left this host: it has no route to 198.51.100.2 (Network is unreachable)",
        ),
        (
            failed(libc::EACCES),
            None,
            "UNCLEAR: no SYN was seen at eth0; the kernel says: Permission denied",
        ),
        (
            Attempted::ByOthers,
            None,
            "UNCLEAR: no connection to 198.51.100.2 at this port was seen at eth0",
        ),
    ] {
        assert_eq!(with(attempt, neighbour), expected);
    }
}

#[test]
fn the_first_connection_is_looked_at() {
    let mut seen = talk();
    let other = segment([CLIENT, SERVER], [40_001, 80], SYN, [0, 0], BEGIN);
    seen.insert(3, (40, other));
    let both = exchange(Protocol::Tcp, &seen);
    assert_eq!((both.others(), both.steps().len()), (1, 8));
    assert!(said(Protocol::Tcp, &seen).starts_with("OPEN: "));
}

#[test]
fn laid_out() {
    let expected = "\
client 192.0.2.1:40000, server 198.51.100.2:80, tcp

handshake, 1 of 3: the client asks
    0.000 ms  client > server  SYN seq 0 (1000)
              client SYN-SENT, server LISTEN

handshake, 2 of 3: the server agrees
    0.021 ms  client < server  SYN ACK seq 0 (4294967295) ack 1 (1001)
              client ESTABLISHED, server SYN-RECEIVED

handshake, 3 of 3: the client confirms
    0.034 ms  client > server  ACK seq 1 (1001) ack 1 (0)
              client ESTABLISHED, server ESTABLISHED

the client sends 5 bytes
    0.060 ms  client > server  PSH ACK seq 1 (1001) ack 1 (0), 5 bytes
              client ESTABLISHED, server ESTABLISHED

the server sends 5 bytes
    1.260 ms  client < server  PSH ACK seq 1 (0) ack 6 (1006), 5 bytes
              client ESTABLISHED, server ESTABLISHED

teardown, 1 of 4: the server has no more to say
    1.300 ms  client < server  FIN ACK seq 6 (5) ack 6 (1006)
              client CLOSE-WAIT, server FIN-WAIT-1

teardown, 2 of 4: the client has heard that; teardown, 3 of 4: the client has no more to say
    1.340 ms  client > server  FIN ACK seq 6 (1006) ack 7 (6)
              client LAST-ACK, server TIME-WAIT

teardown, 4 of 4: the server has heard that
    1.360 ms  client < server  ACK seq 7 (6) ack 7 (1007)
              client CLOSED, server TIME-WAIT
";
    assert_eq!(layout::text(&exchange(Protocol::Tcp, &talk())), expected);
    let syn = client(SYN, 0, 0, "");
    let rejected = exchange(Protocol::Tcp, &[(0, syn.clone()), (70, error(ROUTER, [3, 13], &syn))]);
    let last = layout::text(&rejected).lines().skip(6).collect::<Vec<_>>().join("\n");
    assert_eq!(
        last,
        "\
192.0.2.254 says of the client's packet: administratively prohibited
    0.070 ms  client < server  ICMP administratively prohibited from 192.0.2.254
              client CLOSED, server CLOSED"
    );
    let refused = exchange(Protocol::Tcp, &[(0, syn), (20, server(RST | ACK, 1, 1, ""))]);
    let text = layout::text(&refused);
    assert!(text.contains("the server refuses: nobody listens\n    0.020 ms  client < server  RST ACK seq (0) ack 1 (1001)\n"), "{text}");
    assert_eq!(
        layout::text(&exchange(Protocol::Tcp, &[])),
        "no frame of the connection was seen\n"
    );
}
