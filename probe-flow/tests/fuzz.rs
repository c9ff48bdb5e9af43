//! The fuzz target over its seeds and over random changes to them: bounded, the same every
//! time, and without a fuzzer. `PROBE_TEST_TIMES=n` changes n times as many.
//!
//! `PROBE_WRITE_SEEDS=1` writes the seeds into fuzz/corpus, for a fuzzer to start from.

use test_support::fuzz::{
    flow::{self as target, input},
    shown, times, write_seeds,
};
use testbed::{
    Conversation, Random,
    Speaker::{Client, Server},
    changed,
};

/// Conversations of every kind, over IPv4 and IPv6.
fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for [client, server] in [["192.0.2.7", "192.0.2.1"], ["[2001:db8::7]", "[2001:db8::1]"]] {
        let talk =
            |port| Conversation::new(&format!("{client}:40000"), &format!("{server}:{port}"));
        let mut http = talk(80);
        http.handshake(0, 100);
        http.data(300, Client, b"GET /a HTTP/1.1\r\nHost: a\r\n\r\nHEAD /b HTTP/1.1\r\n\r\n");
        http.data(400, Server, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel");
        http.data(
            500,
            Server,
            b"lo\r\n0\r\n\r\nHTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n",
        );
        http.data(
            600,
            Client,
            b"PUT /c HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n",
        );
        http.data(700, Server, b"HTTP/1.1 100 Continue\r\n\r\n");
        http.data(800, Client, b"body");
        http.data(900, Server, b"HTTP/1.0 200 OK\r\n\r\nuntil the end");
        http.fin(1_000, Server);
        http.fin(1_100, Client);
        http.ack(1_200, Server);
        let mut tls = talk(443);
        tls.handshake(0, 100);
        let mut hello = vec![22, 3, 1, 0, 66, 1, 0, 0, 62, 3, 3];
        hello.extend([7; 32]);
        hello.extend([0, 0, 2, 0x13, 1, 1, 0, 0, 20, 0, 0, 0, 16, 0, 14, 0, 0, 11]);
        hello.extend(b"example.com");
        tls.data(300, Client, &hello);
        tls.data(400, Server, &[21, 3, 3, 0, 2, 2, 40]);
        tls.rst(500, Server);
        let mut dns = talk(53);
        dns.datagram(0, Client, b"\0\x01\x01\0\0\x01\0\0\0\0\0\0\x07example\x03com\0\0\x01\0\x01");
        dns.datagram(
            80,
            Server,
            b"\0\x01\x81\x83\0\x01\0\0\0\0\0\0\x07example\x03com\0\0\x01\0\x01",
        );
        let mut silent = talk(25);
        for seconds in [0, 1, 3, 7] {
            silent.syn(seconds * 1_000_000);
        }
        let router = if server.starts_with('[') { "2001:db8::fe" } else { "192.0.2.254" };
        silent.error(
            7_000_100,
            router.parse().unwrap(),
            [if server.starts_with('[') { 1 } else { 3 }, 1],
            3,
        );
        let mut half = talk(8080);
        half.syn(0);
        half.synack(100);
        half.synack(1_000_100);
        for talk in [http, tls, dns, silent, half] {
            seeds.push(input(&talk.frames));
        }
    }
    seeds
}

#[test]
fn seeds_and_changes_are_followed() {
    let seeds = seeds();
    write_seeds("flow", &seeds);
    seeds.iter().for_each(|seed| shown(target::run, seed));
    let mut random = Random::new(1);
    for _ in 0..50_000 * times() {
        shown(target::run, &changed(&seeds, &mut random));
    }
}
