//! The tree of a filter. It keeps the order of the text: both arenas hold operands
//! before their users and earlier text before later text, so that a walk from front to
//! back sees what libpcap's parser sees, in the same order.

use std::net::Ipv6Addr;

use crate::error::Span;

/// A filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// Expressions; the last is the whole filter. None for the empty filter.
    pub expressions: Vec<Expression>,
    /// Arithmetic.
    pub terms: Vec<Term>,
    /// Each `and` whose left side is an `or` without parentheses.
    pub mixed: Vec<Span>,
}

/// An expression in [`Tree::expressions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpressionId(pub usize);

/// A term in [`Tree::terms`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TermId(pub usize);

/// Something true or false of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// One question and its place in the text.
    Primitive(Primitive, Span),
    /// `not a`
    Not(ExpressionId),
    /// `a and b`
    And(ExpressionId, ExpressionId),
    /// `a or b`
    Or(ExpressionId, ExpressionId),
}

/// One question about a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Primitive {
    /// `tcp`
    Protocol(Protocol),
    /// `src host 192.0.2.1`, and what stands for it after `and` and `or`.
    Address(Option<Qualifiers>, Address),
    /// `tcp[0] < 5`
    Relation { compare: Relation, left: TermId, right: TermId },
    /// `ether broadcast`
    Broadcast(Option<Protocol>),
    /// `ip multicast`
    Multicast(Option<Protocol>),
    /// `less N`: N bytes or fewer
    Less(u32),
    /// `greater N`: N bytes or more
    Greater(u32),
    /// `byte INDEX OP VALUE`
    Byte(u32, ByteTest, u32),
    /// `inbound`
    Inbound,
    /// `outbound`
    Outbound,
    /// `ifindex N`
    Ifindex(u32),
    /// `vlan`, `vlan N`
    Vlan(Option<u32>),
    /// `mpls`, `mpls N`
    Mpls(Option<u32>),
    /// `pppoed`
    Pppoed,
    /// `pppoes`, `pppoes N`
    Pppoes(Option<u32>),
    /// `geneve`, `geneve N`
    Geneve(Option<u32>),
    /// `llc`, `llc TYPE`
    Llc(Option<LlcFrame>),
    /// `@syn`
    Macro(Macro),
    /// `payload "GET "`
    PayloadStart(Vec<u8>),
}

impl Primitive {
    /// Whether what follows in the text looks at other bytes because of it.
    pub fn moves_offsets(&self) -> bool {
        matches!(self, Self::Vlan(_) | Self::Mpls(_) | Self::Pppoes(_) | Self::Geneve(_))
    }
}

/// A number computed from a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// How it is computed.
    pub kind: TermKind,
    /// Where it stands.
    pub span: Span,
}

/// How a number is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TermKind {
    /// `5`
    Number(u32),
    /// `len`
    Length,
    /// `tcp[index:size]`
    Bytes(Protocol, TermId, u32),
    /// `payload[index:size]`
    Payload(TermId, u32),
    /// `-a`
    Negated(TermId),
    /// `a + b`
    Operation(crate::ir::Alu, TermId, TermId),
}

/// Comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
}

/// The questions of `byte`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteTest {
    /// `=`
    Equal,
    /// `<`
    Less,
    /// `>`
    Greater,
    /// `&`: not zero after it
    And,
    /// `|`: not zero after it
    Or,
}

/// What stands before an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Qualifiers {
    /// `ip`
    pub protocol: Option<Protocol>,
    /// `src`
    pub direction: Option<Direction>,
    /// `host`
    pub kind: Option<Kind>,
}

/// Which end of the traffic an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// `src`
    Source,
    /// `dst`
    Destination,
    /// `src or dst`
    Either,
    /// `src and dst`
    Both,
    /// `addr1`
    Address1,
    /// `addr2`
    Address2,
    /// `addr3`
    Address3,
    /// `addr4`
    Address4,
    /// `ra`
    Receiver,
    /// `ta`
    Transmitter,
}

/// What an address is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `host`
    Host,
    /// `net`
    Net,
    /// `port`
    Port,
    /// `portrange`
    PortRange,
    /// `gateway`
    Gateway,
    /// `proto`
    Protocol,
    /// `protochain`
    ProtocolChain,
}

impl Kind {
    /// Its spelling.
    pub fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Net => "net",
            Self::Port => "port",
            Self::PortRange => "portrange",
            Self::Gateway => "gateway",
            Self::Protocol => "proto",
            Self::ProtocolChain => "protochain",
        }
    }
}

/// An address, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A name to look up.
    Name(String),
    Number(u32),
    /// Two to four dotted numbers.
    Dotted(String),
    /// `10.0.0.0/8`
    DottedPrefix(String, u32),
    /// `10.0.0.0 mask 255.0.0.0`
    DottedMask(String, String),
    /// An IPv6 address, with its prefix length if one was given.
    Ipv6(Ipv6Addr, Option<u32>),
    Mac([u8; 6]),
    Arcnet,
}

/// `llc` and a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LlcFrame {
    Information,
    Supervisory,
    Unnumbered,
    /// Supervisory frames with this control byte.
    SupervisoryType(u32),
    /// Unnumbered frames with this control byte.
    UnnumberedType(u32),
}

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $spelling:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $(#[doc = concat!("`", $spelling, "`")] $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its spelling.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $spelling,)* }
            }
        }
    };
}

named! {
    /// Protocols that have a word of their own.
    Protocol {
        Link = "ether",
        Ip = "ip",
        Ip6 = "ip6",
        Arp = "arp",
        Rarp = "rarp",
        Tcp = "tcp",
        Udp = "udp",
        Sctp = "sctp",
        Icmp = "icmp",
        Icmp6 = "icmp6",
        Igmp = "igmp",
        Igrp = "igrp",
        Pim = "pim",
        Vrrp = "vrrp",
        Carp = "carp",
        Ah = "ah",
        Esp = "esp",
        Atalk = "atalk",
        Aarp = "aarp",
        Decnet = "decnet",
        Lat = "lat",
        Sca = "sca",
        Moprc = "moprc",
        Mopdl = "mopdl",
        Iso = "iso",
        Esis = "esis",
        Isis = "isis",
        IsisL1 = "l1",
        IsisL2 = "l2",
        IsisIih = "iih",
        IsisLsp = "lsp",
        IsisSnp = "snp",
        IsisCsnp = "csnp",
        IsisPsnp = "psnp",
        Clnp = "clnp",
        Stp = "stp",
        Ipx = "ipx",
        Netbeui = "netbeui",
        Radio = "radio",
    }
}

named! {
    /// Questions that libpcap has no word for.
    Macro {
        Syn = "syn",
        SynAck = "synack",
        Fin = "fin",
        Rst = "rst",
        Http = "http",
        HttpRequest = "http-request",
        HttpResponse = "http-response",
        Get = "get",
        Post = "post",
        TlsHello = "tls-hello",
        Ssh = "ssh",
        Smtp = "smtp",
        Dns = "dns",
        Unreachable = "unreachable",
    }
}
