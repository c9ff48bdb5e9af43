//! A server whose link is called eth0, as tutorials have it: a web server on several ports, mail,
//! telnet, ssh, FTP and DNS; and clients that are served, refused, rejected and ignored.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    thread,
    time::Duration,
};

use anyhow::{Result, ensure};
use testbed::{CLIENT_LINK, CLIENT_MAC, Frame, FrameSender, Namespace, Tcp, run, tcp_flags};

use crate::{names::bind, rig::LIMIT};

pub const LINK: &str = "eth0";
/// The one that tutorials ask for.
pub const MAC: [u8; 6] = [0, 1, 2, 3, 4, 5];
/// The client, by its name and address, and the server's two addresses.
pub const NAME: &str = "client.example";
pub const A: Ipv4Addr = Ipv4Addr::new(192, 168, 152, 1);
pub const B: Ipv4Addr = Ipv4Addr::new(192, 168, 152, 2);
pub const C: Ipv4Addr = Ipv4Addr::new(192, 168, 152, 3);
/// Outside of 192.168.
const OTHER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
const OTHER_SERVER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 2);

/// TCP ports: nobody listens, an ICMP error, nothing at all.
pub const REFUSED: u16 = 81;
pub const REJECTED: u16 = 82;
pub const DROPPED: u16 = 83;

pub struct Server {
    pub client: Namespace,
    pub server: Namespace,
}

impl Server {
    /// Makes the two namespaces and starts the services.
    pub fn start() -> Result<Self> {
        let (client, server) = (Namespace::new()?, Namespace::new()?);
        client.veth((CLIENT_LINK, CLIENT_MAC), &server, (LINK, MAC))?;
        let text = |mac: [u8; 6]| mac.map(|byte| format!("{byte:02x}")).join(":");
        let (client_mac, server_mac) = (text(CLIENT_MAC), text(MAC));
        let neighbour = |address: String, mac: &str, link| {
            format!("neighbour replace {address} lladdr {mac} nud permanent dev {link}")
        };
        client.ip(&[
            format!("address add {A}/24 dev {CLIENT_LINK}"),
            format!("address add {OTHER}/24 dev {CLIENT_LINK}"),
            format!("address add 2001:db8::1/64 dev {CLIENT_LINK} nodad"),
            neighbour(B.to_string(), &server_mac, CLIENT_LINK),
            neighbour(C.to_string(), &server_mac, CLIENT_LINK),
            neighbour(OTHER_SERVER.to_string(), &server_mac, CLIENT_LINK),
            neighbour("2001:db8::2".into(), &server_mac, CLIENT_LINK),
        ])?;
        server.ip(&[
            format!("address add {B}/24 dev {LINK}"),
            format!("address add {C}/24 dev {LINK}"),
            format!("address add {OTHER_SERVER}/24 dev {LINK}"),
            format!("address add 2001:db8::2/64 dev {LINK} nodad"),
            neighbour(A.to_string(), &client_mac, LINK),
            neighbour(OTHER.to_string(), &client_mac, LINK),
            neighbour("2001:db8::1".into(), &client_mac, LINK),
            format!("route add default via {A}"),
        ])?;
        let this = Self { client, server };
        this.names()?;
        this.firewall()?;
        this.services()?;
        Ok(this)
    }

    /// One host has a name, and nobody is asked for others.
    fn names(&self) -> Result<()> {
        for (place, text) in [
            ("hosts", format!("127.0.0.1 localhost\n{A} {NAME}\n")),
            ("nsswitch.conf", "passwd: files\nhosts: files\n".into()),
        ] {
            let file = format!("/dev/shm/{place}");
            self.server.enter(|| Ok(fs::write(&file, text)?))?;
            bind(&self.server, &file, &format!("/etc/{place}"));
        }
        Ok(())
    }

    fn firewall(&self) -> Result<()> {
        let mut nft = self.server.command("nft");
        nft.arg(format!(
            "add table inet t; \
             add chain inet t in {{ type filter hook input priority 0; }}; \
             add rule inet t in tcp dport {REJECTED} reject with icmpx type port-unreachable; \
             add rule inet t in tcp dport {DROPPED} drop"
        ));
        let done = run(nft, LIMIT)?;
        ensure!(done.stderr.is_empty(), "nft: {}", done.stderr);
        // Errors are not rationed, so that each is there to be counted.
        for setting in ["ipv4/icmp_ratelimit", "ipv6/icmp/ratelimit"] {
            self.server.enter(|| Ok(fs::write(format!("/proc/sys/net/{setting}"), "0")?))?;
        }
        Ok(())
    }

    /// Services that greet, read once, answer and close. They end with the test.
    fn services(&self) -> Result<()> {
        let page: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n";
        for (port, greeting, answer) in [
            (80, &b""[..], page),
            (8080, b"", page),
            (8000, b"", page),
            (7001, b"", page),
            (25, b"220 mail ESMTP\r\n", b"250 2.1.0 fine\r\n"),
            (23, b"login: ", b"password: "),
            (22, b"SSH-2.0-Test\r\n", b""),
            (21, b"220 ftp\r\n", b"331 name ok\r\n"),
        ] {
            let listener = self.server.enter(|| Ok(TcpListener::bind(("::", port))?))?;
            thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let _ = serve(stream, greeting, answer);
                }
            });
        }
        let names = self.server.enter(|| Ok(UdpSocket::bind((B, 53))?))?;
        thread::spawn(move || {
            let mut query = [0; 512];
            while let Ok((length, from)) = names.recv_from(&mut query) {
                // The same question, as an answer: no such name.
                query[2..4].copy_from_slice(&[0x81, 0x83]);
                let _ = names.send_to(&query[..length], from);
            }
        });
        Ok(())
    }

    /// All that clients do, one thing after the other.
    pub fn traffic(&self) -> Result<()> {
        let get = b"GET /index.html HTTP/1.1\r\nHost: www.example\r\n\r\n";
        self.client.enter(|| {
            for host in [B, C, OTHER_SERVER] {
                talk((host, 80).into(), false, get)?;
            }
            talk("[2001:db8::2]:80".parse()?, false, get)?;
            talk((B, 8080).into(), false, get)?;
            talk((B, 8000).into(), false, get)?;
            for (port, words) in [
                (25, &b"MAIL FROM:<a@b.example>\r\n"[..]),
                (23, b"root\r\n"),
                (22, b"SSH-1.99-Test\r\n"),
                (21, b"USER anonymous\r\n"),
            ] {
                talk((B, port).into(), true, words)?;
            }
            for port in [REFUSED, REJECTED, DROPPED] {
                let limit = Duration::from_millis(100);
                let refused = TcpStream::connect_timeout(&(B, port).into(), limit);
                ensure!(refused.is_err(), "port {port} is open");
            }
            let ask = UdpSocket::bind((A, 0))?;
            ask.send_to(
                b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\0\0\x01\0\x01",
                (B, 53),
            )?;
            ask.recv(&mut [0; 512])?;
            // Nobody serves files.
            ask.send_to(b"\0\x01boot.cfg\0octet\0", (B, 69))?;
            Ok(())
        })?;
        self.server.enter(|| {
            talk("127.0.0.1:7001".parse()?, false, get)?;
            talk("127.0.0.1:8080".parse()?, false, get)
        })?;
        FrameSender::open(&self.client, CLIENT_LINK)?.send(&frames())?;
        Ok(())
    }
}

fn serve(mut stream: TcpStream, greeting: &[u8], answer: &[u8]) -> Result<()> {
    stream.write_all(greeting)?;
    let mut words = [0; 512];
    if stream.read(&mut words)? > 0 {
        stream.write_all(answer)?;
    }
    Ok(())
}

/// A client that waits for the greeting, if there is one, speaks once, and reads to the end.
fn talk(address: SocketAddr, greeted: bool, words: &[u8]) -> Result<()> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
    if greeted {
        ensure!(stream.read(&mut [0; 512])? > 0, "{address} does not greet");
    }
    stream.write_all(words)?;
    stream.read_to_end(&mut Vec::new())?;
    Ok(())
}

/// What no socket sends: segments without TCP options, echoes, ARP, RARP, PPPoE, a broadcast.
fn frames() -> Vec<Vec<u8>> {
    let segment = |payload: &[u8]| {
        let tcp = Tcp { source: 40_000, destination: 80, flags: tcp_flags::ACK, ..Tcp::default() };
        to_server(Frame::ipv4(A, B).tcp(tcp).payload(payload).build())
    };
    let arp = |ethertype: u16, operation: u8| {
        let body =
            [&[0, 1, 8, 0, 6, 4, 0, operation][..], &CLIENT_MAC, &A.octets(), &[0; 6]].concat();
        let mut frame = Frame::other(ethertype).payload(&[&body[..], &B.octets()].concat()).build();
        frame[..6].fill(0xff);
        frame
    };
    let packet = Frame::ipv4(A, OTHER).udp(5000, 7).payload(b"inside").build()[14..].to_vec();
    let length = (packet.len() as u16 + 2).to_be_bytes();
    let session = [&[0x11, 0, 0, 5][..], &length, &[0, 0x21], &packet].concat();
    let mut everyone = Frame::ipv4(A, Ipv4Addr::BROADCAST).udp(68, 67).payload(&[0; 200]).build();
    everyone[..6].fill(0xff);
    vec![
        segment(b"GET / HTTP/1.0\r\n\r\n"),
        segment(b"HTTP/1.0 200 OK\r\n\r\n"),
        to_server(Frame::ipv4(A, B).icmp(8, 0, [0, 1, 0, 1]).payload(&[7; 40]).build()),
        to_server(Frame::ipv4(A, C).icmp(8, 0, [0, 1, 0, 2]).payload(&[7; 40]).build()),
        arp(0x0806, 1),
        arp(0x8035, 3),
        to_server(Frame::other(0x8864).payload(&session).build()),
        everyone,
    ]
}

fn to_server(mut frame: Vec<u8>) -> Vec<u8> {
    frame[..6].copy_from_slice(&MAC);
    frame
}
