//! How connections begin and end.

use std::time::Duration;

use probe_flow::{ConnState, Ending, Event, Limits, Outcome, Role, State, Tracker};
use probe_frame::WallTime;
use testbed::{
    Conversation,
    Speaker::{Client, Server},
    Tcp, tcp_flags,
};

use crate::follow::{ethernet, followed, told};

const PAIRS: [[&str; 2]; 2] =
    [["192.0.2.7:40000", "192.0.2.1:80"], ["[2001:db8::7]:40000", "[2001:db8::1]:80"]];

/// Says something over IPv4 and over IPv6.
fn both(talk: impl Fn(&mut Conversation)) -> Vec<Conversation> {
    let one = |[client, server]: [&str; 2]| {
        let mut conversation = Conversation::new(client, server);
        talk(&mut conversation);
        conversation
    };
    PAIRS.map(one).into()
}

#[test]
fn a_connection_from_its_handshake_to_its_teardown() {
    for talk in both(|talk| {
        talk.handshake(0, 100);
        talk.data(200, Client, b"ping");
        talk.data(1_200, Server, b"pong!");
        talk.fin(2_000, Server);
        talk.ack(2_010, Client);
        talk.fin(3_000, Client);
        talk.ack(3_100, Server);
    }) {
        let told = told(&talk);
        assert_eq!(told.events, ["started", "answered", "opened", "first byte", "ended"]);
        let [connection] = &told.ended[..] else { panic!("{}", told.ended.len()) };
        assert_eq!(connection.outcome(), Outcome::Closed);
        assert_eq!(connection.conn_state(), ConnState::Sf);
        assert_eq!(connection.ending(), Some(Ending::Itself));
        assert_eq!(connection.closed_by(), Some(Role::Server));
        assert_eq!(connection.address(Role::Client).port(), 40_000);
        assert_eq!(connection.syn_to_synack(), Some(Duration::from_micros(100)));
        assert_eq!(connection.synack_to_ack(), Some(Duration::from_micros(10)));
        assert_eq!(connection.first_byte(), Some(Duration::from_micros(1_000)));
        assert_eq!(connection.duration(), Duration::from_micros(3_100));
        let [client, server] = [Role::Client, Role::Server].map(|role| connection.side(role));
        assert_eq!((client.bytes(), server.bytes()), (4, 5));
        assert_eq!((client.packets(), server.packets()), (5, 4));
        assert_eq!(connection.state(Role::Server), State::TimeWait);
        assert_eq!(connection.state(Role::Client), State::Closed);
    }
}

/// The states of client and server behind each segment, as RFC 9293 has them in figures 6 and 12.
#[test]
fn states_follow_the_segments() {
    use State::{
        CloseWait, Closed, Established, FinWait1, FinWait2, LastAck, Listen, SynReceived, SynSent,
        TimeWait,
    };
    let mut talk = Conversation::new(PAIRS[0][0], PAIRS[0][1]);
    talk.handshake(0, 10);
    talk.fin(100, Client);
    talk.ack(110, Server);
    talk.fin(120, Server);
    talk.ack(130, Client);
    let mut tracker = Tracker::new(Limits::default());
    let states: Vec<_> = talk
        .frames
        .iter()
        .map(|(time, bytes)| {
            let seen = tracker.frame(&ethernet(*time, bytes), &mut |_: Event<'_>| {}).unwrap();
            let connection = tracker.get(seen.id).unwrap();
            (connection.state(Role::Client), connection.state(Role::Server))
        })
        .collect();
    let expected = [
        (SynSent, Listen),
        (Established, SynReceived),
        (Established, Established),
        (FinWait1, CloseWait),
        (FinWait2, CloseWait),
        (TimeWait, LastAck),
        (TimeWait, Closed),
    ];
    assert_eq!(states, expected);
}

#[test]
fn a_rst_to_a_syn_refuses() {
    for talk in both(|talk| {
        talk.syn(0);
        *talk.next(Server) = 0;
        talk.rst(20, Server);
    }) {
        let connection = followed(&talk);
        assert_eq!(connection.outcome(), Outcome::Refused);
        assert_eq!(connection.conn_state(), ConnState::Rej);
        assert_eq!(connection.reset_by(), Some(Role::Server));
        assert_eq!(connection.duration(), Duration::from_micros(20));
    }
}

/// RFC 9293, section 3.10.7.3: the client does not believe it either.
#[test]
fn a_rst_that_acknowledges_no_syn_refuses_nothing() {
    let mut talk = Conversation::new(PAIRS[0][0], PAIRS[0][1]);
    talk.syn(0);
    let tcp = Tcp { flags: tcp_flags::RST | tcp_flags::ACK, acknowledgment: 5, ..Tcp::default() };
    talk.segment(20, Server, &tcp, &[]);
    assert_eq!(followed(&talk).outcome(), Outcome::Unanswered);
}

#[test]
fn a_rst_behind_the_handshake_resets() {
    for (by, role, state) in
        [(Client, Role::Client, ConnState::Rsto), (Server, Role::Server, ConnState::Rstr)]
    {
        for talk in both(|talk| {
            talk.handshake(0, 100);
            talk.data(200, Client, b"ping");
            talk.rst(300, by);
        }) {
            let connection = followed(&talk);
            assert_eq!(connection.outcome(), Outcome::Reset);
            assert_eq!(connection.conn_state(), state);
            assert_eq!(connection.reset_by(), Some(role));
        }
    }
}

#[test]
fn a_client_that_gives_up_resets() {
    let mut talk = Conversation::new(PAIRS[0][0], PAIRS[0][1]);
    talk.syn(0);
    talk.rst(300, Client);
    let connection = followed(&talk);
    assert_eq!(connection.outcome(), Outcome::Reset);
    assert_eq!(connection.conn_state(), ConnState::Rstos0);
}

#[test]
fn syns_without_answer() {
    for mut talk in both(|talk| {
        for seconds in [0, 1, 3, 7, 15, 31] {
            talk.syn(seconds * 1_000_000);
        }
    }) {
        let connection = followed(&talk);
        assert_eq!(connection.outcome(), Outcome::Unanswered);
        assert_eq!(connection.conn_state(), ConnState::S0);
        assert_eq!(connection.ending(), Some(Ending::CaptureEnd));
        let times: Vec<_> = connection.syns().times().map(|time| time.as_secs()).collect();
        assert_eq!(times, [0, 1, 3, 7, 15, 31]);

        // It is told when no further SYN is to be awaited, and not before.
        let mut ends = Vec::new();
        let mut tracker = Tracker::new(Limits::default());
        let mut sink = |event: Event<'_>| {
            if let Event::Ended(connection) = event {
                ends.push(connection.ending());
            }
        };
        talk.frames.truncate(2);
        for (time, bytes) in &talk.frames {
            tracker.frame(&ethernet(*time, bytes), &mut sink);
        }
        let at = |seconds: u64| WallTime(Conversation::START + seconds * WallTime::SECOND);
        tracker.expire(at(6), &mut sink);
        assert_eq!(tracker.open().count(), 1);
        tracker.expire(at(8), &mut sink);
        assert_eq!(tracker.open().count(), 0);
        assert_eq!(ends, [Some(Ending::Silence)]);
    }
}

#[test]
fn an_answer_that_is_not_taken_is_half_open() {
    for talk in both(|talk| {
        talk.syn(0);
        talk.synack(100);
        talk.synack(1_000_100);
        talk.synack(3_000_100);
    }) {
        let connection = followed(&talk);
        assert_eq!(connection.outcome(), Outcome::HalfOpen);
        assert_eq!(connection.synacks(), 3);
        assert_eq!(connection.syn_to_synack(), Some(Duration::from_micros(100)));
        assert_eq!(connection.synack_to_ack(), None);
    }
}

/// The round trip is that of the SYN that was answered (Karn's algorithm: RFC 6298, section 3).
#[test]
fn a_syn_that_was_sent_twice() {
    let mut talk = Conversation::new(PAIRS[0][0], PAIRS[0][1]);
    talk.syn(0);
    talk.handshake(1_000_000, 100);
    let connection = followed(&talk);
    assert_eq!(connection.outcome(), Outcome::Open);
    assert_eq!(connection.conn_state(), ConnState::S1);
    assert_eq!(connection.syns().count(), 2);
    assert_eq!(connection.syn_to_synack(), Some(Duration::from_micros(100)));
}

#[test]
fn icmp_errors_reject_with_their_words() {
    let v4 = [
        (0, "net unreachable"),
        (1, "host unreachable"),
        (2, "protocol unreachable"),
        (3, "port unreachable"),
        (9, "net administratively prohibited"),
        (10, "host administratively prohibited"),
        (13, "administratively prohibited"),
    ];
    let v6 = [
        (0, "no route to destination"),
        (1, "administratively prohibited"),
        (3, "address unreachable"),
        (4, "port unreachable"),
        (5, "source address failed policy"),
        (6, "reject route to destination"),
    ];
    let cases = v4.map(|case| (PAIRS[0], "192.0.2.254", 3, case)).into_iter();
    let cases = cases.chain(v6.map(|case| (PAIRS[1], "2001:db8::fe", 1, case)));
    for (pair, router, kind, (code, words)) in cases {
        for udp in [false, true] {
            let mut talk = Conversation::new(pair[0], pair[1]);
            if udp {
                talk.datagram(0, Client, b"?");
            } else {
                talk.syn(0);
            }
            talk.error(50, router.parse().unwrap(), [kind, code], 0);
            let connection = followed(&talk);
            assert_eq!(connection.outcome(), Outcome::Rejected, "{words}");
            let rejection = connection.rejection().unwrap();
            assert_eq!(rejection.reason.to_string(), words);
            assert_eq!(rejection.from.to_string(), router);
        }
    }
}

/// A kernel that does not take the first error for an answer; and one that gets an answer after all.
#[test]
fn the_same_syn_behind_an_error_is_the_same_attempt() {
    for (pair, router, kind) in [(PAIRS[0], "192.0.2.254", 3), (PAIRS[1], "2001:db8::fe", 1)] {
        let router = router.parse().unwrap();
        let mut talk = Conversation::new(pair[0], pair[1]);
        talk.syn(0);
        talk.error(50, router, [kind, 1], 0);
        talk.syn(1_000_000);
        talk.error(1_000_050, router, [kind, 1], 2);
        assert_eq!(told(&talk).events, ["started", "ended"]);
        assert_eq!(followed(&talk).outcome(), Outcome::Rejected);
        let mut answered = talk.clone();
        answered.synack(1_000_100);
        answered.ack(1_000_150, Client);
        let told_answered = told(&answered);
        let outcomes: Vec<_> =
            told_answered.ended.iter().map(|connection| connection.outcome()).collect();
        assert_eq!(outcomes, [Outcome::Rejected, Outcome::Open]);
        // The next attempt has a number of its own.
        let next = Tcp { flags: tcp_flags::SYN, sequence: 7, ..Tcp::default() };
        talk.segment(2_000_000, Client, &next, &[]);
        assert_eq!(told(&talk).ended.len(), 2);
    }
}

/// A request for smaller packets, an error about another SYN, one about a connection that is open.
#[test]
fn icmp_errors_that_reject_nothing() {
    let router = "192.0.2.254".parse().unwrap();
    let mut smaller = Conversation::new(PAIRS[0][0], PAIRS[0][1]);
    smaller.syn(0);
    smaller.error(50, router, [3, 4], 0);
    assert_eq!(followed(&smaller).outcome(), Outcome::Unanswered);

    let mut another = Conversation::new(PAIRS[0][0], PAIRS[0][1]);
    another.syn(0);
    let quoted = another.frames[0].1.clone();
    another.frames[0].1[14 + 20 + 7] ^= 1;
    another.frames.push((Conversation::START, quoted));
    another.error(50, router, [3, 1], 1);
    another.frames.remove(1);
    let connection = followed(&another);
    assert_eq!((connection.outcome(), connection.icmp_errors()), (Outcome::Unanswered, 1));

    let mut open = Conversation::new(PAIRS[0][0], PAIRS[0][1]);
    open.handshake(0, 100);
    open.error(500, router, [3, 1], 2);
    assert_eq!(followed(&open).outcome(), Outcome::Open);
}

#[test]
fn udp_is_answered_or_not() {
    for talk in both(|talk| {
        talk.datagram(0, Client, b"question");
        talk.datagram(250, Server, b"the answer");
    }) {
        let told = told(&talk);
        assert_eq!(told.events, ["started", "answered", "first byte", "ended"]);
        let connection = &told.ended[0];
        assert_eq!(connection.outcome(), Outcome::Open);
        assert_eq!(connection.conn_state(), ConnState::Sf);
        assert_eq!(connection.first_byte(), Some(Duration::from_micros(250)));
        assert_eq!(connection.side(Role::Server).bytes(), 10);
    }
    for talk in both(|talk| talk.datagram(0, Client, b"question")) {
        assert_eq!(followed(&talk).outcome(), Outcome::Unanswered);
    }
}

#[test]
fn from_the_middle() {
    for talk in both(|talk| {
        talk.data(0, Server, b"pong");
        talk.data(100, Client, b"ping");
    }) {
        let connection = followed(&talk);
        assert_eq!(connection.outcome(), Outcome::Partial);
        assert_eq!(connection.conn_state(), ConnState::Oth);
        assert!(!connection.roles_known());
        assert_eq!(connection.address(Role::Server).port(), 80);
        assert_eq!(connection.first_byte(), None);
    }
}

/// Only what the client sent was seen: routes differ.
#[test]
fn one_direction_alone() {
    let mut talk = Conversation::new(PAIRS[0][0], PAIRS[0][1]);
    talk.handshake(0, 100);
    talk.data(200, Client, b"ping");
    talk.data(300, Server, b"pong");
    talk.ack(310, Client);
    let mut sent = talk.clone();
    sent.frames = [0, 2, 3, 5].map(|index| talk.frames[index].clone()).into();
    let connection = followed(&sent);
    assert_eq!(connection.outcome(), Outcome::Open);
    assert_eq!(connection.syn_to_synack(), None);
    let mut received = talk.clone();
    received.frames = [1, 4].map(|index| talk.frames[index].clone()).into();
    let connection = followed(&received);
    assert_eq!(connection.outcome(), Outcome::Open);
    assert_eq!(connection.address(Role::Client).port(), 40_000);
}

#[test]
fn ports_that_are_used_again() {
    let mut talk = Conversation::new(PAIRS[0][0], PAIRS[0][1]);
    talk.handshake(0, 100);
    let sequence = *talk.next(Client) + 70_000;
    talk.segment(500, Client, &Tcp { flags: tcp_flags::SYN, sequence, ..Tcp::default() }, &[]);
    let told = told(&talk);
    let outcomes: Vec<_> = told.ended.iter().map(|c| (c.outcome(), c.ending())).collect();
    let expected =
        [(Outcome::Open, Some(Ending::Replaced)), (Outcome::Unanswered, Some(Ending::CaptureEnd))];
    assert_eq!(outcomes, expected);
}

/// The last ACK of a teardown that is sent again belongs to what has ended.
#[test]
fn late_segments_are_no_new_connection() {
    let mut talk = Conversation::new(PAIRS[0][0], PAIRS[0][1]);
    talk.handshake(0, 100);
    talk.fin(200, Client);
    talk.fin(300, Server);
    talk.ack(400, Client);
    talk.ack(900, Client);
    assert_eq!(followed(&talk).outcome(), Outcome::Closed);
}

#[test]
fn what_may_have_been_lost_is_not_unanswered() {
    let mut tracker = Tracker::new(Limits::default());
    let mut outcomes = Vec::new();
    let mut sink = |event: Event<'_>| {
        if let Event::Ended(connection) = event {
            outcomes.push(connection.outcome());
        }
    };
    let mut before = Conversation::new(PAIRS[0][0], PAIRS[0][1]);
    before.syn(0);
    let mut behind = Conversation::new(PAIRS[1][0], PAIRS[1][1]);
    behind.syn(10);
    // On its way when the loss was noted.
    let mut late = Conversation::new("192.0.2.8:40000", PAIRS[0][1]);
    late.syn(5);
    tracker.frame(&ethernet(before.frames[0].0, &before.frames[0].1), &mut sink);
    tracker.lost(WallTime(behind.frames[0].0));
    for talk in [late, behind] {
        tracker.frame(&ethernet(talk.frames[0].0, &talk.frames[0].1), &mut sink);
    }
    tracker.finish(&mut sink);
    assert_eq!(outcomes, [Outcome::Partial, Outcome::Partial, Outcome::Unanswered]);
}
