//! Zeek's word for how a connection went, each after the sentence of its documentation (docs.zeek.org, `Conn::Info`,
//! field `conn_state`) that stands beside it.

use probe_flow::ConnState;
use testbed::{
    Conversation,
    Speaker::{Client, Server},
    Tcp, tcp_flags,
};

use crate::follow::followed;

type Story = fn(&mut Conversation);

fn closed(talk: &mut Conversation) {
    talk.handshake(0, 100);
    talk.fin(200, Client);
    talk.fin(300, Server);
    talk.ack(400, Client);
}

/// RFC 9293, section 3.10.7.1: the answer to a SYN to a port where nobody listens.
fn rejected(talk: &mut Conversation) {
    talk.syn(0);
    let acknowledgment = *talk.next(Client);
    let tcp = Tcp { flags: tcp_flags::RST | tcp_flags::ACK, acknowledgment, ..Tcp::default() };
    talk.segment(20, Server, &tcp, &[]);
}

const STORIES: [(ConnState, &str, Story); 13] = [
    (ConnState::S0, "Connection attempt seen, no reply", |talk| talk.syn(0)),
    (ConnState::S1, "Connection established, not terminated", |talk| talk.handshake(0, 100)),
    (ConnState::Sf, "Normal establishment and termination", closed),
    (ConnState::Rej, "Connection attempt rejected", rejected),
    (
        ConnState::S2,
        "Connection established and close attempt by originator seen (but no reply from responder)",
        |talk| {
            talk.handshake(0, 100);
            talk.fin(200, Client);
        },
    ),
    (
        ConnState::S3,
        "Connection established and close attempt by responder seen (but no reply from originator)",
        |talk| {
            talk.handshake(0, 100);
            talk.fin(200, Server);
        },
    ),
    (ConnState::Rsto, "Connection established, originator aborted (sent a RST)", |talk| {
        talk.handshake(0, 100);
        talk.rst(200, Client);
    }),
    (ConnState::Rstr, "Responder sent a RST", |talk| {
        talk.handshake(0, 100);
        talk.rst(200, Server);
    }),
    (
        ConnState::Rstos0,
        "Originator sent a SYN followed by a RST, we never saw a SYN-ACK from the responder",
        |talk| {
            talk.syn(0);
            talk.rst(200, Client);
        },
    ),
    (
        ConnState::Rstrh,
        "Responder sent a SYN ACK followed by a RST, we never saw a SYN from the originator",
        |talk| {
            talk.synack(0);
            talk.rst(200, Server);
        },
    ),
    (
        ConnState::Sh,
        "Originator sent a SYN followed by a FIN, we never saw a SYN ACK from the responder",
        |talk| {
            talk.syn(0);
            talk.fin(200, Client);
        },
    ),
    (
        ConnState::Shr,
        "Responder sent a SYN ACK followed by a FIN, we never saw a SYN from the originator",
        |talk| {
            talk.synack(0);
            talk.fin(200, Server);
        },
    ),
    (ConnState::Oth, "No SYN seen, just midstream traffic", |talk| {
        talk.data(0, Client, b"ping");
        talk.data(100, Server, b"pong");
    }),
];

#[test]
fn each_documented_state() {
    for (index, (state, sentence, story)) in STORIES.into_iter().enumerate() {
        let told = STORIES.iter().filter(|(other, ..)| *other == state).count();
        assert_eq!(told, 1, "{index}: a state twice");
        for [client, server] in
            [["192.0.2.7:40000", "192.0.2.1:80"], ["[2001:db8::7]:40000", "[2001:db8::1]:80"]]
        {
            let mut talk = Conversation::new(client, server);
            story(&mut talk);
            assert_eq!(followed(&talk).conn_state(), state, "{sentence}");
        }
    }
}

/// For UDP, Zeek's states are those of the datagrams that each side sent.
#[test]
fn datagrams() {
    let stories: [(ConnState, Story); 3] = [
        (ConnState::S0, |talk| talk.datagram(0, Client, b"ping")),
        (ConnState::Shr, |talk| talk.datagram(0, Server, b"pong")),
        (ConnState::Sf, |talk| {
            talk.datagram(0, Client, b"ping");
            talk.datagram(100, Server, b"pong");
        }),
    ];
    for (state, story) in stories {
        let mut talk = Conversation::new("192.0.2.7:40000", "192.0.2.1:53");
        story(&mut talk);
        assert_eq!(followed(&talk).conn_state(), state);
    }
}
