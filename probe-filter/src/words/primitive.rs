//! One question in words.

use super::{Teller, protocol};
use crate::ast::{ByteTest, LlcFrame, Macro, Primitive, Protocol};

/// Said of words that move what follows them.
const BEHIND: &str = "what follows looks behind it";

impl Teller<'_> {
    /// The words of a question; none for arithmetic that has no better ones than its text.
    pub fn primitive(&self, primitive: &Primitive) -> Option<String> {
        Some(match primitive {
            Primitive::Protocol(protocol) => protocol::name(*protocol).to_owned(),
            Primitive::Address(qualifiers, address) => return self.address(*qualifiers, address),
            Primitive::Relation { compare, left, right } => {
                return self.relation(*compare, *left, *right);
            }
            Primitive::Broadcast(protocol) => self.broadcast(*protocol),
            Primitive::Multicast(protocol) => multicast(*protocol).to_owned(),
            Primitive::Less(length) => format!("the frame is at most {} long", bytes(*length)),
            Primitive::Greater(length) => format!("the frame is at least {} long", bytes(*length)),
            Primitive::Byte(index, test, value) => byte(*index, *test, *value),
            Primitive::Inbound => "the frame was received".to_owned(),
            Primitive::Outbound => "the frame was sent".to_owned(),
            Primitive::Ifindex(index) => format!("the frame came by interface number {index}"),
            Primitive::Vlan(id) => with("a VLAN tag", "ID", *id),
            Primitive::Mpls(label) => with("an MPLS label", "number", *label),
            Primitive::Pppoed => "PPPoE discovery".to_owned(),
            Primitive::Pppoes(session) => with("PPPoE", "session", *session),
            Primitive::Geneve(vni) => with("a Geneve tunnel", "network identifier", *vni),
            Primitive::Llc(frame) => llc(*frame),
            Primitive::Macro(name) => of_macro(*name).to_owned(),
            Primitive::PayloadStart(text) => {
                format!("the payload of TCP or UDP starts with \"{}\"", text.escape_ascii())
            }
        })
    }

    fn broadcast(&self, protocol: Option<Protocol>) -> String {
        match (protocol, self.options.netmask) {
            (Some(Protocol::Ip), Some(0)) => {
                "destination address is 0.0.0.0 or 255.255.255.255 (IPv4)".to_owned()
            }
            (Some(Protocol::Ip), mask) => format!(
                "destination address is a broadcast of its network, by the mask {} (IPv4)",
                std::net::Ipv4Addr::from_bits(mask.unwrap_or_default())
            ),
            _ => "Ethernet destination is the broadcast address".to_owned(),
        }
    }
}

fn multicast(protocol: Option<Protocol>) -> &'static str {
    match protocol {
        Some(Protocol::Ip) => "destination address is 224.0.0.0 or above (IPv4)",
        Some(Protocol::Ip6) => "destination address is in ff00::/8 (IPv6)",
        _ => "Ethernet destination is a group: multicast or broadcast",
    }
}

/// So many bytes.
pub fn bytes(number: u32) -> String {
    if number == 1 { "1 byte".to_owned() } else { format!("{number} bytes") }
}

fn with(what: &str, named: &str, number: Option<u32>) -> String {
    match number {
        Some(number) => format!("{what}, {named} {number}; {BEHIND}"),
        None => format!("{what}; {BEHIND}"),
    }
}

fn byte(index: u32, test: ByteTest, value: u32) -> String {
    let place = format!("byte {index} of the frame");
    match test {
        ByteTest::Equal => format!("{place} is {value}"),
        ByteTest::Less => format!("{place} is less than {value}"),
        ByteTest::Greater => format!("{place} is greater than {value}"),
        ByteTest::And => format!("{place} has any bit of {value:#04x} set"),
        ByteTest::Or => format!("{place} or {value:#04x} has any bit set"),
    }
}

fn llc(frame: Option<LlcFrame>) -> String {
    let kind = match frame {
        None => return "an LLC header (802.2)".to_owned(),
        Some(LlcFrame::Information) => "information",
        Some(LlcFrame::Supervisory) => "supervisory",
        Some(LlcFrame::Unnumbered) => "unnumbered",
        Some(LlcFrame::SupervisoryType(0x01)) => "receiver ready",
        Some(LlcFrame::SupervisoryType(0x05)) => "receiver not ready",
        Some(LlcFrame::SupervisoryType(0x09)) => "reject",
        Some(LlcFrame::UnnumberedType(0x03)) => "unnumbered information",
        Some(LlcFrame::UnnumberedType(0x63)) => "unnumbered acknowledgment",
        Some(LlcFrame::UnnumberedType(0x43)) => "disconnect",
        Some(LlcFrame::UnnumberedType(0x0f)) => "disconnected mode",
        Some(LlcFrame::UnnumberedType(0x6f)) => "set asynchronous balanced mode extended",
        Some(LlcFrame::UnnumberedType(0xe3)) => "test",
        Some(LlcFrame::UnnumberedType(0xaf)) => "exchange identification",
        Some(LlcFrame::UnnumberedType(0x87)) => "frame reject",
        Some(LlcFrame::SupervisoryType(control) | LlcFrame::UnnumberedType(control)) => {
            return format!("an LLC frame with control byte {control:#04x}");
        }
    };
    format!("an LLC frame, {kind}")
}

fn of_macro(name: Macro) -> &'static str {
    match name {
        Macro::Syn => "TCP with SYN set and ACK not: a connection is asked for",
        Macro::SynAck => "TCP with SYN and ACK set: a connection is accepted",
        Macro::Fin => "TCP with FIN set",
        Macro::Rst => "TCP with RST set",
        Macro::Get => "TCP payload starts with \"GET \"",
        Macro::Post => "TCP payload starts with \"POST \"",
        Macro::HttpRequest => "TCP payload starts with an HTTP method and a blank",
        Macro::HttpResponse => "TCP payload starts with \"HTTP/\"",
        Macro::Http => "TCP payload starts with an HTTP method and a blank, or with \"HTTP/\"",
        Macro::TlsHello => "TCP payload starts with a TLS ClientHello",
        Macro::Ssh => "TCP payload starts with \"SSH-\"",
        Macro::Smtp => {
            "TCP payload starts with an SMTP command; or with \"220 \" or \"220-\", from port 25 or 587"
        }
        Macro::Dns => "source or destination port is 53 (UDP or TCP)",
        Macro::Unreachable => {
            "an ICMP or ICMPv6 error that quotes a packet; what follows, up to the end of this list, \
             looks at the quoted packet"
        }
    }
}
