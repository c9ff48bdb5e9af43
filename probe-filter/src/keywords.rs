//! The reserved words and the named constants of the language.

use crate::ast::{Direction, Macro, Protocol};

/// A reserved word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// `and`, `&&`
    And,
    /// `or`, `||`
    Or,
    /// `not`, `!`
    Not,
    Protocol(Protocol),
    /// `src`
    Src,
    /// `dst`
    Dst,
    /// `addr1` and its like: directions of 802.11 addresses.
    Address(Direction),
    /// `host`
    Host,
    /// `net`
    Net,
    /// `mask`
    Mask,
    /// `port`
    Port,
    /// `portrange`
    PortRange,
    /// `proto`
    Proto,
    /// `protochain`
    ProtoChain,
    /// `gateway`
    Gateway,
    /// `less`
    Less,
    /// `greater`
    Greater,
    /// `byte`
    Byte,
    /// `broadcast`
    Broadcast,
    /// `multicast`
    Multicast,
    /// `len`, `length`
    Length,
    /// `inbound`
    Inbound,
    /// `outbound`
    Outbound,
    /// `ifindex`
    Ifindex,
    /// `vlan`
    Vlan,
    /// `mpls`
    Mpls,
    /// `pppoed`
    Pppoed,
    /// `pppoes`
    Pppoes,
    /// `geneve`
    Geneve,
    /// `llc`
    Llc,
    /// `rnr`, `rulenum`: a packet filter's rule number and an LLC frame
    Rnr,
    /// A word of a link type that this crate does not know.
    Foreign(Foreign),
}

/// The link types whose words are reserved without being of use here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// 802.11
    Wlan,
    /// ATM
    Atm,
    /// SS7
    Ss7,
    /// OpenBSD's packet filter log
    PacketFilter,
}

impl Foreign {
    /// What it is called in a message.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wlan => "802.11",
            Self::Atm => "ATM",
            Self::Ss7 => "SS7",
            Self::PacketFilter => "packet filter log",
        }
    }
}

/// The reserved word that is spelled so.
pub fn word(spelling: &str) -> Option<Word> {
    if let Some(protocol) = protocol(spelling) {
        return Some(Word::Protocol(protocol));
    }
    Some(match spelling {
        "and" => Word::And,
        "or" => Word::Or,
        "not" => Word::Not,
        "src" => Word::Src,
        "dst" => Word::Dst,
        "addr1" | "address1" => Word::Address(Direction::Address1),
        "addr2" | "address2" => Word::Address(Direction::Address2),
        "addr3" | "address3" => Word::Address(Direction::Address3),
        "addr4" | "address4" => Word::Address(Direction::Address4),
        "ra" => Word::Address(Direction::Receiver),
        "ta" => Word::Address(Direction::Transmitter),
        "host" => Word::Host,
        "net" => Word::Net,
        "mask" => Word::Mask,
        "port" => Word::Port,
        "portrange" => Word::PortRange,
        "proto" => Word::Proto,
        "protochain" => Word::ProtoChain,
        "gateway" => Word::Gateway,
        "less" => Word::Less,
        "greater" => Word::Greater,
        "byte" => Word::Byte,
        "broadcast" => Word::Broadcast,
        "multicast" => Word::Multicast,
        "len" | "length" => Word::Length,
        "inbound" => Word::Inbound,
        "outbound" => Word::Outbound,
        "ifindex" => Word::Ifindex,
        "vlan" => Word::Vlan,
        "mpls" => Word::Mpls,
        "pppoed" => Word::Pppoed,
        "pppoes" => Word::Pppoes,
        "geneve" => Word::Geneve,
        "llc" => Word::Llc,
        "rnr" | "rulenum" => Word::Rnr,
        "type" | "subtype" | "direction" | "dir" => Word::Foreign(Foreign::Wlan),
        "lane" | "metac" | "bcc" | "oam" | "oamf4" | "oamf4ec" | "oamf4sc" | "sc" | "ilmic"
        | "vpi" | "vci" | "connectmsg" | "metaconnect" => Word::Foreign(Foreign::Atm),
        "fisu" | "lssu" | "lsu" | "msu" | "hfisu" | "hlssu" | "hmsu" | "sio" | "opc" | "dpc"
        | "sls" | "hsio" | "hopc" | "hdpc" | "hsls" => Word::Foreign(Foreign::Ss7),
        "on" | "ifname" | "rset" | "ruleset" | "srnr" | "subrulenum" | "reason" | "action" => {
            Word::Foreign(Foreign::PacketFilter)
        }
        _ => return None,
    })
}

fn protocol(spelling: &str) -> Option<Protocol> {
    Some(match spelling {
        "link" | "ether" | "ppp" | "slip" | "fddi" | "tr" | "wlan" => Protocol::Link,
        "es-is" => Protocol::Esis,
        "is-is" => Protocol::Isis,
        _ => *Protocol::ALL.iter().find(|p| **p != Protocol::Link && p.name() == spelling)?,
    })
}

/// Named numbers: offsets of fields, and values to compare them with.
const CONSTANTS: [(&str, u32); 57] = [
    ("icmptype", 0),
    ("icmpcode", 1),
    ("icmp-echoreply", 0),
    ("icmp-unreach", 3),
    ("icmp-sourcequench", 4),
    ("icmp-redirect", 5),
    ("icmp-echo", 8),
    ("icmp-routeradvert", 9),
    ("icmp-routersolicit", 10),
    ("icmp-timxceed", 11),
    ("icmp-paramprob", 12),
    ("icmp-tstamp", 13),
    ("icmp-tstampreply", 14),
    ("icmp-ireq", 15),
    ("icmp-ireqreply", 16),
    ("icmp-maskreq", 17),
    ("icmp-maskreply", 18),
    ("icmp6type", 0),
    ("icmp6code", 1),
    ("icmp6-destinationunreach", 1),
    ("icmp6-packettoobig", 2),
    ("icmp6-timeexceeded", 3),
    ("icmp6-parameterproblem", 4),
    ("icmp6-echo", 128),
    ("icmp6-echoreply", 129),
    ("icmp6-multicastlistenerquery", 130),
    ("icmp6-multicastlistenerreportv1", 131),
    ("icmp6-multicastlistenerdone", 132),
    ("icmp6-routersolicit", 133),
    ("icmp6-routeradvert", 134),
    ("icmp6-neighborsolicit", 135),
    ("icmp6-neighboradvert", 136),
    ("icmp6-redirect", 137),
    ("icmp6-routerrenum", 138),
    ("icmp6-nodeinformationquery", 139),
    ("icmp6-nodeinformationresponse", 140),
    ("icmp6-ineighbordiscoverysolicit", 141),
    ("icmp6-ineighbordiscoveryadvert", 142),
    ("icmp6-multicastlistenerreportv2", 143),
    ("icmp6-homeagentdiscoveryrequest", 144),
    ("icmp6-homeagentdiscoveryreply", 145),
    ("icmp6-mobileprefixsolicit", 146),
    ("icmp6-mobileprefixadvert", 147),
    ("icmp6-certpathsolicit", 148),
    ("icmp6-certpathadvert", 149),
    ("icmp6-multicastrouteradvert", 151),
    ("icmp6-multicastroutersolicit", 152),
    ("icmp6-multicastrouterterm", 153),
    ("tcpflags", 13),
    ("tcp-fin", 0x01),
    ("tcp-syn", 0x02),
    ("tcp-rst", 0x04),
    ("tcp-push", 0x08),
    ("tcp-ack", 0x10),
    ("tcp-urg", 0x20),
    ("tcp-ece", 0x40),
    ("tcp-cwr", 0x80),
];

/// The value of a named constant.
pub fn constant(spelling: &str) -> Option<u32> {
    CONSTANTS.iter().find(|(name, _)| *name == spelling).map(|&(_, value)| value)
}

/// The named constants.
pub fn constants() -> impl Iterator<Item = &'static str> {
    CONSTANTS.iter().map(|&(name, _)| name)
}

/// The macros, for messages.
pub fn macros() -> String {
    let names: Vec<String> = Macro::ALL.iter().map(|name| format!("@{}", name.name())).collect();
    format!("one of {}", names.join(" "))
}

/// The words of Ethernet and raw IP frames that are no protocols: those that a mistaken word may
/// have been meant for.
pub const WORDS: [&str; 27] = [
    "and",
    "or",
    "not",
    "src",
    "dst",
    "host",
    "net",
    "mask",
    "port",
    "portrange",
    "proto",
    "protochain",
    "less",
    "greater",
    "byte",
    "broadcast",
    "multicast",
    "len",
    "inbound",
    "outbound",
    "ifindex",
    "vlan",
    "mpls",
    "pppoed",
    "pppoes",
    "geneve",
    "llc",
];
