//! The macros. docs/filters.md says the same in words.

use super::ip::number;
use super::predicate::PredicateId;
use super::{Lowering, Whole};
use crate::ast::Macro;
use crate::ir::{Alu, Compare, Width};

/// Bits of the TCP flags byte (RFC 9293).
const FIN: u32 = 0x01;
const SYN: u32 = 0x02;
const RST: u32 = 0x04;
const ACK: u32 = 0x10;

/// How requests start (RFC 9110, RFC 5789).
const HTTP_METHODS: [&[u8]; 9] = [
    b"GET ",
    b"POST ",
    b"HEAD ",
    b"PUT ",
    b"DELETE ",
    b"OPTIONS ",
    b"PATCH ",
    b"CONNECT ",
    b"TRACE ",
];
/// What SMTP clients say before the message, in any case (RFC 5321, RFC 3207).
const SMTP_COMMANDS: [&[u8]; 5] = [b"EHLO ", b"HELO ", b"MAIL FROM:", b"RCPT TO:", b"STARTTLS"];
const SMTP_GREETINGS: [&[u8]; 2] = [b"220 ", b"220-"];
const SMTP_PORTS: [u32; 2] = [25, 587];
const DNS_PORT: u32 = 53;

impl Lowering<'_> {
    /// The walk to the transport header, and what a macro asks behind it.
    pub fn expand(&mut self, name: Macro) -> Whole {
        let question = match name {
            Macro::Syn => self.tcp_flags(SYN | ACK, SYN),
            Macro::SynAck => self.tcp_flags(SYN | ACK, SYN | ACK),
            Macro::Fin => self.tcp_flags(FIN, FIN),
            Macro::Rst => self.tcp_flags(RST, RST),
            Macro::Get => self.tcp_starts(&HTTP_METHODS[..1]),
            Macro::Post => self.tcp_starts(&HTTP_METHODS[1..2]),
            Macro::HttpRequest => self.tcp_starts(&HTTP_METHODS),
            Macro::HttpResponse => self.tcp_starts(&[b"HTTP/"]),
            Macro::Http => {
                let mut starts = HTTP_METHODS.to_vec();
                starts.push(b"HTTP/");
                self.tcp_starts(&starts)
            }
            Macro::Ssh => self.tcp_starts(&[b"SSH-"]),
            Macro::TlsHello => self.tls_hello(),
            Macro::Smtp => self.smtp(),
            Macro::Dns => self.dns(),
            Macro::Unreachable => return self.unreachable(),
        };
        self.after_walk(question)
    }

    fn tcp_flags(&mut self, mask: u32, value: u32) -> PredicateId {
        let tcp = self.is_tcp();
        let flags = self.transport_field(13, Width::Byte);
        let flags = self.alu_constant(Alu::And, flags, mask);
        let flags = self.compare_constant(Compare::Eq, flags, value);
        self.and(tcp, flags)
    }

    fn tcp_starts(&mut self, starts: &[&[u8]]) -> PredicateId {
        let tcp = self.tcp_payload();
        let starts = self.payload_starts(starts, false);
        self.and(tcp, starts)
    }

    fn payload_starts(&mut self, starts: &[&[u8]], fold_case: bool) -> PredicateId {
        let starts: Vec<_> =
            starts.iter().map(|start| self.payload_is(0, start, fold_case)).collect();
        match starts.split_first() {
            Some((first, rest)) => self.any(*first, rest),
            None => self.predicates.constant(false),
        }
    }

    /// `payload "GET "`
    pub fn payload_start(&mut self, text: &[u8]) -> PredicateId {
        let payload = self.any_payload();
        let starts = self.payload_is(0, text, false);
        self.and(payload, starts)
    }

    /// A handshake record of TLS 1.x that starts with a ClientHello (RFC 8446).
    fn tls_hello(&mut self) -> PredicateId {
        let tcp = self.tcp_payload();
        let record = self.payload_is(0, &[22, 3], false);
        let message = self.payload_is(5, &[1], false);
        self.all(tcp, &[record, message])
    }

    fn smtp(&mut self) -> PredicateId {
        let tcp = self.tcp_payload();
        let command = self.payload_starts(&SMTP_COMMANDS, true);
        let port = self.transport_field(0, Width::Half);
        let ports = SMTP_PORTS.map(|value| self.compare_constant(Compare::Eq, port, value));
        let from_server = self.any(ports[0], &ports[1..]);
        let greeting = self.payload_starts(&SMTP_GREETINGS, false);
        let greeting = self.and(from_server, greeting);
        let either = self.or(command, greeting);
        self.and(tcp, either)
    }

    fn dns(&mut self) -> PredicateId {
        let tcp = self.is_tcp();
        let udp = self.protocol_is(number::UDP);
        let either = self.or(udp, tcp);
        let ports = [0, 2].map(|offset| {
            let port = self.transport_field(offset, Width::Half);
            self.compare_constant(Compare::Eq, port, DNS_PORT)
        });
        let port = self.or(ports[0], ports[1]);
        self.and(either, port)
    }
}
