//! Floods: what they throw out and what they do not.

use std::time::Instant;

use probe_flow::{Event, Limits, Outcome, Tracker};
use testbed::{
    Conversation, Frame, Random,
    Speaker::{Client, Server},
    Tcp, tcp_flags,
};

use crate::follow::ethernet;

/// So many clients of 198.51.100.0/24, with a round trip of 200 ms: one begins so many microseconds behind the
/// other.
pub fn clients(number: u64, distance: u64) -> Conversation {
    let talks = (0..number).map(|number| {
        let mut talk =
            Conversation::new(&format!("198.51.100.{}:40000", number + 1), "10.66.0.1:80");
        let at = number * distance;
        talk.handshake(at, 200_000);
        talk.data(at + 200_020, Client, b"GET / HTTP/1.0\r\n\r\n");
        talk.data(at + 400_020, Server, b"HTTP/1.0 200 OK\r\n\r\n");
        talk.fin(at + 400_030, Server);
        talk.fin(at + 600_030, Client);
        talk.ack(at + 800_030, Server);
        talk
    });
    talks.reduce(Conversation::join).unwrap()
}

/// One of a flood.
pub fn syn() -> Vec<u8> {
    let tcp = Tcp { destination: 80, flags: tcp_flags::SYN, ..Tcp::default() };
    Frame::ipv4(testbed::CLIENT_V4, testbed::SERVER_V4).tcp(tcp).build()
}

/// Makes another SYN out of one, from any address.
pub fn change(syn: &mut [u8], random: &mut Random) {
    syn[26..30].copy_from_slice(&(random.number() as u32).to_be_bytes());
    syn[34..36].copy_from_slice(&(random.number() as u16).to_be_bytes());
    syn[38..42].copy_from_slice(&(random.number() as u32).to_be_bytes());
}

/// A million SYNs from random sources in a second, and a hundred clients with a round trip of 200 ms
/// among them.
#[test]
fn a_flood_takes_no_place_from_clients() {
    const SYNS: u64 = 1_000_000;
    const CLIENTS: u64 = 100;
    let clients = clients(CLIENTS, 5_000);
    let mut random = Random::new(1);
    let mut syn = syn();
    for connections in [1 << 21, 1 << 14] {
        let mut limits = Limits::default();
        limits.connections = connections;
        let mut tracker = Tracker::new(limits);
        let mut real = [0; Outcome::ALL.len()];
        let mut flood = 0;
        let mut sink = |event: Event<'_>| {
            if let Event::Ended(connection) = event {
                match connection.address(probe_flow::Role::Client).to_string() {
                    client if client.starts_with("198.51.100.") => {
                        real[connection.outcome() as usize] += 1;
                    }
                    _ => flood += 1,
                }
            }
        };
        let started = Instant::now();
        let mut clients = clients.frames.iter().peekable();
        for number in 0..SYNS {
            let now = Conversation::START + number * 1_000 + 500;
            while let Some((time, bytes)) = clients.next_if(|frame| frame.0 <= now) {
                tracker.frame(&ethernet(*time, bytes), &mut sink);
            }
            change(&mut syn, &mut random);
            tracker.frame(&ethernet(now, &syn), &mut sink);
        }
        for (time, bytes) in clients {
            tracker.frame(&ethernet(*time, bytes), &mut sink);
        }
        let figures = tracker.figures();
        tracker.finish(&mut sink);
        println!("{connections} places: {:?}, {figures:?}", started.elapsed());
        assert_eq!(
            figures.frames,
            figures.followed + figures.refused,
            "every frame is in one of them"
        );
        if connections > SYNS as usize {
            assert_eq!(real[Outcome::Closed as usize], CLIENTS, "all clients");
            assert_eq!((figures.refused, figures.thrown_out), (0, 0));
        } else {
            // Who was there before the table was full keeps its place: a client comes every 5 ms, and
            // the table is full after 16. Others get one after a second, when the oldest SYNs of the
            // flood make room: their beginning was not seen.
            assert_eq!(real[Outcome::Closed as usize], 4, "{real:?}");
            assert_eq!(
                real[Outcome::Closed as usize] + real[Outcome::Partial as usize],
                real.iter().sum::<u64>()
            );
            assert!(figures.refused > 900_000);
        }
        assert_eq!(flood + real.iter().sum::<u64>(), figures.connections);
    }
}

/// The oldest of those that are old enough goes for a newcomer; who is settled stays.
#[test]
fn who_goes_where_there_is_no_room() {
    let mut limits = Limits::default();
    limits.connections = 2;
    let mut tracker = Tracker::new(limits);
    let mut ended = Vec::new();
    let mut sink = |event: Event<'_>| {
        if let Event::Ended(connection) = event {
            ended.push((connection.address(probe_flow::Role::Client).port(), connection.ending()));
        }
    };
    let talk = |port: u16| Conversation::new(&format!("192.0.2.7:{port}"), "192.0.2.1:80");
    let mut settled = talk(1);
    settled.handshake(0, 100);
    let mut waiting = talk(2);
    waiting.syn(200);
    let mut too_soon = talk(3);
    too_soon.syn(1_000_199);
    let mut newcomer = talk(4);
    newcomer.syn(1_000_200);
    let frames = [settled, waiting, too_soon, newcomer].map(|talk| talk.frames).concat();
    for (time, bytes) in &frames {
        tracker.frame(&ethernet(*time, bytes), &mut sink);
    }
    let figures = tracker.figures();
    assert_eq!((figures.refused, figures.thrown_out, figures.connections), (1, 1, 3));
    let mut open: Vec<_> =
        tracker.open().map(|c| c.address(probe_flow::Role::Client).port()).collect();
    open.sort_unstable();
    assert_eq!(open, [1, 4]);
    assert_eq!(ended, [(2, Some(probe_flow::Ending::ThrownOut))]);
}
