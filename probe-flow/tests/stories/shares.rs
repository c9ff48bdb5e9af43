//! Whole connections, one in so many: where there is no room for all, and where it is told so.

use std::{
    hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher},
    net::SocketAddr,
};

use probe_flow::{Connection, Event, Limits, Outcome, Protocol, Role, Tracker};
use probe_frame::WallTime;
use testbed::{Conversation, Random};

use crate::{floods, follow::ethernet};

/// One in so many by a hash of both ends, in any order.
fn chooses(_: Protocol, mut ends: [SocketAddr; 2], one_in: u32) -> bool {
    ends.sort_unstable();
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(ends) as u32;
    hash <= u32::MAX / one_in
}

fn ends(connection: &Connection) -> [SocketAddr; 2] {
    [Role::Server, Role::Client].map(|role| connection.address(role))
}

/// 400,000 SYNs from random sources in 0.4 seconds, and 100 clients with a round trip of 200 ms among
/// them, in a table of 16,384.
#[test]
fn a_table_that_may_choose_refuses_nobody() {
    const SYNS: u64 = 400_000;
    const CLIENTS: u64 = 100;
    let clients = floods::clients(CLIENTS, 4_000);
    let mut syn = floods::syn();
    for seed in 1..=5 {
        let mut random = Random::new(seed);
        let mut limits = Limits::default();
        limits.connections = 1 << 14;
        let mut tracker = Tracker::new(limits);
        tracker.choose_by(Box::new(chooses));
        let (mut begun, mut variance, mut real) = (0, 0.0, Vec::new());
        let mut sink = |event: Event<'_>| match event {
            Event::Started(connection) => {
                let one_in = connection.one_in();
                begun += u64::from(one_in);
                variance += f64::from(one_in) * f64::from(one_in - 1);
            }
            Event::Ended(connection) => {
                let client = connection.address(Role::Client).ip().to_string();
                if client.starts_with("198.51.100.") {
                    real.push((connection.outcome(), ends(connection)));
                }
            }
            _ => {}
        };
        let mut clients_left = clients.frames.iter().peekable();
        for number in 0..SYNS {
            let now = Conversation::START + number * 1_000 + 500;
            while let Some((time, bytes)) = clients_left.next_if(|frame| frame.0 <= now) {
                tracker.frame(&ethernet(*time, bytes), &mut sink);
            }
            floods::change(&mut syn, &mut random);
            tracker.frame(&ethernet(now, &syn), &mut sink);
        }
        for (time, bytes) in clients_left {
            tracker.frame(&ethernet(*time, bytes), &mut sink);
        }
        tracker.finish(&mut sink);
        let figures = tracker.figures();
        assert_eq!(figures.refused, 0);
        assert_eq!(figures.frames, figures.followed + figures.not_chosen, "each is in one of them");
        assert_eq!(tracker.one_in(), 32, "16,384 hold a 25th of them");
        assert!(!tracker.has_followed_all());
        let (truth, margin) = (SYNS + CLIENTS, 3.3 * f64::sqrt(variance));
        assert!(begun.abs_diff(truth) as f64 <= margin, "{begun} of {truth}, seed {seed}");
        // Of the clients those that are told are the ones that every share chose, and nothing of theirs is missing.
        assert!(real.iter().all(|(outcome, _)| *outcome == Outcome::Closed), "{real:?}");
        let chosen = |ends: [SocketAddr; 2]| chooses(Protocol::Tcp, ends, 32);
        assert!(real.iter().all(|(_, ends)| chosen(*ends)), "{real:?}");
        let expected = (1..=CLIENTS).filter(|number| {
            let client = format!("198.51.100.{number}:40000").parse().unwrap();
            chosen([client, "10.66.0.1:80".parse().unwrap()])
        });
        assert_eq!(real.len(), expected.count());
    }
}

/// A connection stands for as many as it was chosen among, whatever comes later.
#[test]
fn each_stands_for_those_that_it_was_chosen_among() {
    let mut tracker = Tracker::new(Limits::default());
    tracker.choose_by(Box::new(chooses));
    let mut ended = Vec::new();
    let server: SocketAddr = "192.0.2.1:80".parse().unwrap();
    let chosen = |address: u8, one_in| {
        let ends = move |port| [server, format!("192.0.2.{address}:{port}").parse().unwrap()];
        (1..=200).map(ends).filter(move |ends| chooses(Protocol::Tcp, *ends, one_in))
    };
    // The SYNs of connections that whoever sends frames has chosen.
    let syns = |tracker: &mut Tracker, address, one_in, us| {
        for [_, client] in chosen(address, one_in) {
            let mut talk = Conversation::new(&client.to_string(), &server.to_string());
            talk.syn(us);
            let (time, bytes) = &talk.frames[0];
            tracker.frame(&ethernet(*time, bytes), &mut |_: Event<'_>| {});
        }
    };
    syns(&mut tracker, 10, 1, 0);
    tracker.follow_fewer(4);
    tracker.follow_fewer(2);
    assert_eq!(tracker.one_in(), 4, "fewer than that already");
    // Some that were sent before are still on their way.
    syns(&mut tracker, 11, 1, 100);
    syns(&mut tracker, 12, 4, 150);
    tracker.follow_more(2, WallTime(Conversation::START + 250_000));
    syns(&mut tracker, 13, 4, 200);
    syns(&mut tracker, 14, 2, 300);
    assert_eq!(tracker.one_in(), 2);
    tracker.finish(&mut |event: Event<'_>| {
        if let Event::Ended(connection) = event {
            ended.push((ends(connection), connection.one_in()));
        }
    });
    for (address, one_in, stands_for) in
        [(10, 4, 4), (11, 4, 4), (12, 4, 4), (13, 4, 4), (14, 2, 2)]
    {
        let mut expected: Vec<_> = chosen(address, one_in).map(|ends| (ends, stands_for)).collect();
        let [_, client] = expected[0].0;
        let mut found: Vec<_> =
            ended.iter().copied().filter(|(ends, _)| ends[1].ip() == client.ip()).collect();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "192.0.2.{address}");
    }
}
