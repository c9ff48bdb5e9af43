//! What HTTP, TLS and DNS said.

use std::time::Duration;

use probe_flow::{Application, Event, HttpExchange, Limits, Tracker};
use testbed::{
    Conversation, Random,
    Speaker::{self, Client, Server},
};

use crate::follow::{Told, ethernet, told};

/// An open connection, and a millisecond for each thing that is said.
fn said(what: &[(Speaker, &[u8])]) -> Conversation {
    let mut talk = Conversation::new("192.0.2.7:40000", "192.0.2.1:8080");
    talk.handshake(0, 100);
    for (number, (from, bytes)) in (1..).zip(what) {
        talk.data(number * 1_000, *from, bytes);
    }
    talk
}

/// `GET host/path status body time-in-ms`, with `-` for what is not known.
fn line(exchange: &HttpExchange) -> String {
    let known = |value: Option<String>| value.unwrap_or_else(|| "-".into());
    format!(
        "{} {}{} {} {} {}",
        exchange.method().unwrap_or("-"),
        exchange.host.as_deref().unwrap_or("-"),
        exchange.path().unwrap_or("-"),
        known(exchange.status.map(|status| status.to_string())),
        known(exchange.body.map(|body| body.to_string())),
        known(exchange.first_byte().map(|time| time.as_millis().to_string())),
    )
}

fn lines(told: &Told) -> Vec<String> {
    told.requests.iter().map(line).collect()
}

fn http(what: &[(Speaker, &[u8])]) -> Vec<String> {
    lines(&told(&said(what)))
}

const GET: &[u8] = b"GET /a HTTP/1.1\r\nHost: example.com\r\n\r\n";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

#[test]
fn requests_and_responses() {
    assert_eq!(http(&[(Client, GET), (Server, OK)]), ["GET example.com/a 200 5 1"]);
}

#[test]
fn several_on_a_connection() {
    let second = b"POST /b HTTP/1.1\r\nhost:example.com\r\ncontent-length: 3\r\n\r\nabc";
    let what = [(Client, GET), (Server, OK), (Client, &second[..]), (Server, OK)];
    assert_eq!(http(&what), ["GET example.com/a 200 5 1", "POST example.com/b 200 5 1"]);
}

#[test]
fn pipelined_ones_are_answered_in_order() {
    let three = [GET, b"HEAD /b HTTP/1.1\r\n\r\n", GET].concat();
    let head = b"HTTP/1.1 404 Not Found\r\nContent-Length: 999\r\n\r\n";
    let answers = [OK, head, OK].concat();
    let expected = ["GET example.com/a 200 5 1", "HEAD -/b 404 0 1", "GET example.com/a 200 5 1"];
    assert_eq!(http(&[(Client, &three), (Server, &answers)]), expected);
}

/// The interim response is none (RFC 9110, section 15.2).
#[test]
fn continue_is_no_answer() {
    let head = b"PUT /c HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    let what = [
        (Client, &head[..]),
        (Server, b"HTTP/1.1 100 Continue\r\n\r\n"),
        (Client, b"body"),
        (Server, b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"),
    ];
    assert_eq!(http(&what), ["PUT -/c 201 0 3"]);
}

#[test]
fn bodies_in_chunks_and_until_the_end() {
    let chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n\
                   5;name=value\r\nhello\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n";
    let until_close = b"HTTP/1.0 200 OK\r\n\r\nall that follows";
    let mut talk = said(&[
        (Client, GET),
        (Server, chunks),
        (Client, GET),
        (Server, until_close),
        (Server, b"!"),
    ]);
    talk.fin(9_000, Server);
    talk.fin(9_100, Client);
    let expected = ["GET example.com/a 200 15 1", "GET example.com/a 200 17 1"];
    assert_eq!(lines(&told(&talk)), expected);
}

#[test]
fn what_is_not_answered_is_told_at_the_end() {
    let told = told(&said(&[(Client, GET), (Server, OK), (Client, GET)]));
    assert_eq!(lines(&told), ["GET example.com/a 200 5 1", "GET example.com/a - - -"]);
    assert_eq!(told.events.last(), Some(&"ended"));
    assert_eq!(told.ended[0].http().len(), 2);
    assert_eq!(told.ended[0].application(), Some(Application::Http1));
}

#[test]
fn other_protocols_on_the_same_connection() {
    let upgrade =
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nGET x HTTP/1.1\r\n";
    let what = [(Client, GET), (Server, &upgrade[..]), (Client, GET)];
    assert_eq!(http(&what), ["GET example.com/a 101 - 1"]);
    let connect = b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n";
    let established = b"HTTP/1.1 200 Connection established\r\n\r\n";
    let what = [(Client, &connect[..]), (Server, established), (Client, GET)];
    assert_eq!(http(&what), ["CONNECT example.comexample.com:443 200 - 1"]);
}

#[test]
fn whatever_the_segments_are() {
    let requests = [GET, b"POST /b HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", GET].concat();
    let responses =
        [OK, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", OK]
            .concat();
    let mut random = Random::new(3);
    for round in 0..200 {
        let mut talk = Conversation::new("192.0.2.7:40000", "192.0.2.1:8080");
        talk.handshake(0, 100);
        let begun = talk.frames.len();
        let mut after = 1_000;
        for (from, all) in [(Client, &requests), (Server, &responses)] {
            let mut rest = &all[..];
            while !rest.is_empty() {
                let longest = [1, 7, 40, 1_000][round % 4];
                let (segment, behind) = rest.split_at(rest.len().min(1 + random.below(longest)));
                talk.data(after, from, segment);
                after += 1;
                rest = behind;
            }
        }
        // Out of order, within what waits; and one in eight is sent again.
        let mut at = begun;
        while at + 1 < talk.frames.len() {
            if random.one_in(3) {
                talk.frames.swap(at, at + 1);
                let earlier = talk.frames[at].0.min(talk.frames[at + 1].0);
                talk.frames[at + 1].0 = talk.frames[at].0.max(talk.frames[at + 1].0);
                talk.frames[at].0 = earlier;
            }
            if random.one_in(8) {
                let again = talk.frames[at].clone();
                talk.frames.insert(at + 1, again);
            }
            at += 2;
        }
        let told = told(&talk);
        let found: Vec<_> = told
            .requests
            .iter()
            .map(|exchange| (exchange.path().unwrap(), exchange.status, exchange.body))
            .collect();
        let expected =
            [("/a", Some(200), Some(5)), ("/b", Some(200), Some(2)), ("/a", Some(200), Some(5))];
        assert_eq!(found, expected, "round {round}");
    }
}

/// A filter lets through heads alone, or a capture keeps the first bytes of each frame.
#[test]
fn bodies_that_nobody_saw_are_skipped_by_their_length() {
    let long = [&b"HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n"[..], &[b'x'; 1000]].concat();
    let mut talk = said(&[
        (Client, GET),
        (Server, &long),
        (Server, &[b'x'; 1000]),
        (Server, &[b'x'; 1000]),
        (Client, GET),
        (Server, OK),
    ]);
    let expected = ["GET example.com/a 200 3000 1", "GET example.com/a 200 5 1"];
    assert_eq!(lines(&told(&talk)), expected);
    talk.frames.drain(5..7);
    assert_eq!(lines(&told(&talk)), expected);

    // Cut behind 150 bytes of each frame: heads are whole, bodies not.
    let mut tracker = Tracker::new(Limits::default());
    let mut kept = Told::default();
    let mut sink = |event: Event<'_>| kept.take(event);
    for (time, bytes) in &talk.frames {
        let mut frame = ethernet(*time, bytes);
        frame.bytes = &bytes[..bytes.len().min(150)];
        tracker.frame(&frame, &mut sink);
    }
    tracker.finish(&mut sink);
    assert_eq!(lines(&kept), expected);
}

/// Chunks do not say how long all of them are: the next head is told by its first bytes, and belongs to
/// the request that was sent when all in front of it had arrived.
#[test]
fn behind_a_gap_the_next_head_is_found() {
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n400\r\nxxxxxx";
    let mut talk = said(&[
        (Client, GET),
        (Server, chunked),
        (Server, &[b'x'; 1000]),
        (Client, b"GET /b HTTP/1.1\r\n\r\n"),
        (Server, OK),
        (Client, b"GET /c HTTP/1.1\r\n\r\n"),
        (Server, OK),
    ]);
    // Of the first response the rest was not seen, of the second nothing.
    talk.frames.remove(7);
    talk.frames.remove(5);
    let told = told(&talk);
    assert_eq!(lines(&told), ["GET example.com/a 200 - 1", "GET -/b - - -", "GET -/c 200 5 1"]);
    assert!(told.requests[1].unseen);
}

/// A head that was cut off: what is known of it, and no guess.
#[test]
fn heads_that_were_cut() {
    let talk = said(&[(Client, GET), (Server, OK), (Client, GET), (Server, OK)]);
    let mut tracker = Tracker::new(Limits::default());
    let mut kept = Told::default();
    let mut sink = |event: Event<'_>| kept.take(event);
    for (time, bytes) in &talk.frames {
        let mut frame = ethernet(*time, bytes);
        frame.bytes = &bytes[..bytes.len().min(54 + 16)];
        tracker.frame(&frame, &mut sink);
    }
    tracker.finish(&mut sink);
    assert_eq!(lines(&kept), ["GET -/a 200 - 1", "GET -/a 200 - 1"]);
}

/// From the middle of a connection the first request begins.
#[test]
fn from_the_middle() {
    let mut talk = said(&[(Client, b"rest of a body"), (Server, OK), (Client, GET), (Server, OK)]);
    talk.frames.drain(..3);
    assert_eq!(lines(&told(&talk)), ["GET example.com/a 200 5 1"]);
}

#[test]
fn hellos_of_tls() {
    let name = b"example.com";
    let mut extensions = vec![0, 0, 0, 16, 0, 14, 0, 0, 11];
    extensions.extend(name);
    extensions.extend([0, 16, 0, 5, 0, 3, 2, b'h', b'2']);
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0x13, 1, 1, 0]);
    body.extend((extensions.len() as u16).to_be_bytes());
    body.extend(&extensions);
    let hello = record(1, &body);
    let mut answer = vec![3, 3];
    answer.extend([9; 32]);
    answer.extend([0, 0x13, 1, 0, 0, 6, 0, 43, 0, 2, 3, 4]);
    let answer = record(2, &answer);
    let (first, second) = hello.split_at(30);
    let told = told(&said(&[(Client, first), (Client, second), (Server, &answer)]));
    let tls = told.ended[0].tls().unwrap();
    assert_eq!(tls.server_name.as_deref(), Some("example.com"));
    assert_eq!(tls.alpn.as_deref(), Some("h2"));
    assert_eq!(tls.version.unwrap().to_string(), "TLS 1.3");
    assert_eq!(told.events, ["started", "answered", "opened", "first byte", "hellos", "ended"]);
}

/// A record of TLS with a handshake message.
fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32).to_be_bytes();
    let message = [&[kind, length[1], length[2], length[3]], body].concat();
    [&[22, 3, 1], &(message.len() as u16).to_be_bytes()[..], &message].concat()
}

#[test]
fn what_is_not_read_is_named() {
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04";
    let kinds = [&preface[..], b"EHLO example.com\r\n"].map(|bytes| {
        let told = told(&said(&[(Client, bytes)]));
        told.ended[0].application()
    });
    assert_eq!(kinds, [Some(Application::Http2), None]);
}

#[test]
fn names_are_looked_up() {
    let question = |id: u8| {
        let mut bytes = vec![0, id, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        bytes.extend(b"\x07example\x03com\0\0\x1c\0\x01");
        bytes
    };
    let mut answer = question(2);
    answer[2] = 0x81;
    answer[3] = 0x83;
    let mut talk = Conversation::new("192.0.2.7:40000", "192.0.2.1:53");
    talk.datagram(0, Client, &question(1));
    talk.datagram(10, Client, &question(2));
    talk.datagram(260, Server, &answer);
    let told = told(&talk);
    let [second, first] = &told.lookups[..] else { panic!("{:?}", told.lookups) };
    assert_eq!((&*second.name, second.kind.to_string()), ("example.com", "AAAA".into()));
    assert_eq!(second.code.unwrap().to_string(), "NXDOMAIN");
    assert_eq!(second.time(), Some(Duration::from_micros(250)));
    assert_eq!((first.code, first.time()), (None, None));
    assert_eq!(told.ended[0].dns().len(), 2);
}

/// However much is said, memory has a bound: what is beyond it is counted.
#[test]
fn no_more_is_read_than_there_is_memory_for() {
    let mut limits = Limits::default();
    limits.detail_bytes = 10_000;
    let mut tracker = Tracker::new(limits);
    let mut requests = 0;
    let mut sink = |event: Event<'_>| requests += u64::from(matches!(event, Event::Request(..)));
    for port in 1..=100 {
        let mut talk = Conversation::new(&format!("192.0.2.7:{port}"), "192.0.2.1:80");
        talk.handshake(0, 100);
        talk.data(300, Client, GET);
        for (time, bytes) in &talk.frames {
            tracker.frame(&ethernet(*time, bytes), &mut sink);
        }
    }
    let unread = tracker.figures().unread;
    tracker.finish(&mut sink);
    assert_eq!(requests + unread, 100);
    assert!((5..20).contains(&requests), "{requests}");
}
