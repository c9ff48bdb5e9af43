//! Keys: what the frames that match a filter are counted by, such as their source address.

use std::fmt;
use std::str::FromStr;

/// 32-bit words of the longest key.
pub const KEY_WORDS: usize = 5;

/// What frames are counted by. In the words of the key the most significant bytes come first, as on
/// the wire, and words that a key does not need are 0.
///
/// A key looks where the filter's last word looks: behind `vlan` at the tagged packet, behind
/// `geneve` at the packet in the tunnel, behind `@unreachable` at the quoted one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// The source address of IP: an IPv4 address as `::ffff:a.b.c.d`, 0.
    Source(Prefix),
    /// The destination address of IP, likewise.
    Destination(Prefix),
    /// The source address as above, and the destination port of TCP, UDP or SCTP.
    SourceAndPort,
    /// The source port of TCP, UDP or SCTP.
    SourcePort,
    /// The destination port.
    DestinationPort,
    /// The protocol number that the IP header names.
    Protocol,
    /// The number of the outermost VLAN.
    Vlan,
    /// The source address of Ethernet: its first two bytes, then four.
    Mac,
}

/// How much of an address counts, in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prefix {
    /// Of an IPv4 address, 32 at most.
    pub v4: u8,
    /// Of an IPv6 address, 128 at most.
    pub v6: u8,
}

impl Prefix {
    /// All of it.
    pub const WHOLE: Self = Self { v4: 32, v6: 128 };
}

/// A text that names no key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyError {
    text: String,
    why: String,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no key is called '{}': {}", self.text, self.why)
    }
}

impl std::error::Error for KeyError {}

const NAMES: [&str; 8] = ["src", "dst", "sport", "dport", "src,dport", "proto", "vlan", "mac"];

/// What people write, and the key for it.
const ALIASES: [(&str, &str); 20] = [
    ("source", "src"),
    ("saddr", "src"),
    ("srcip", "src"),
    ("ip.src", "src"),
    ("ip", "src"),
    ("host", "src"),
    ("addr", "src"),
    ("destination", "dst"),
    ("daddr", "dst"),
    ("dstip", "dst"),
    ("ip.dst", "dst"),
    ("srcport", "sport"),
    ("dstport", "dport"),
    ("port", "dport"),
    ("service", "dport"),
    ("src,port", "src,dport"),
    ("protocol", "proto"),
    ("ether", "mac"),
    ("smac", "mac"),
    ("eth.src", "mac"),
];

/// What may have been meant, and all that there is.
fn unknown(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    let known = ALIASES.into_iter().chain(NAMES.map(|key| (key, key)));
    let distances = known.map(|(known, key)| (strsim::osa_distance(&name, known), key));
    // One letter: else each of these short words would be near to another.
    let near =
        distances.filter(|(distance, _)| *distance <= 1).min_by_key(|(distance, _)| *distance);
    match near.map(|(_, key)| key) {
        Some(key) => format!("did you mean {key}?"),
        None => format!("the keys are {}, and src/24 or src/24,64 for networks", NAMES.join(" ")),
    }
}

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let error = |why: &str| KeyError { text: text.to_owned(), why: why.to_owned() };
        let (name, prefix) = match text.split_once('/') {
            Some((name, prefix)) => (name, Some(prefix)),
            None => (text, None),
        };
        let prefix_of =
            || prefix.map_or(Ok(Prefix::WHOLE), |text| prefix_from(text).map_err(error));
        match name {
            "src" => return Ok(Self::Source(prefix_of()?)),
            "dst" => return Ok(Self::Destination(prefix_of()?)),
            _ if prefix.is_some() => {
                return Err(error("only src and dst take a prefix length"));
            }
            _ => {}
        }
        match name {
            "src,dport" => Ok(Self::SourceAndPort),
            "sport" => Ok(Self::SourcePort),
            "dport" => Ok(Self::DestinationPort),
            "proto" => Ok(Self::Protocol),
            "vlan" => Ok(Self::Vlan),
            "mac" => Ok(Self::Mac),
            _ => Err(error(&unknown(name))),
        }
    }
}

/// `24`, for IPv4, or `24,64`, for both.
fn prefix_from(text: &str) -> Result<Prefix, &'static str> {
    const LENGTHS: &str =
        "a prefix length is a number up to 32; behind a comma, for IPv6, up to 128";
    let length = |text: &str, most: u8| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let length = text.parse().ok().filter(|&length| digits && length <= most);
        length.ok_or(LENGTHS)
    };
    match text.split_once(',') {
        Some((v4, v6)) => Ok(Prefix { v4: length(v4, 32)?, v6: length(v6, 128)? }),
        None => Ok(Prefix { v4: length(text, 32)?, ..Prefix::WHOLE }),
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, prefix) = match self {
            Self::Source(prefix) => ("src", *prefix),
            Self::Destination(prefix) => ("dst", *prefix),
            Self::SourceAndPort => ("src,dport", Prefix::WHOLE),
            Self::SourcePort => ("sport", Prefix::WHOLE),
            Self::DestinationPort => ("dport", Prefix::WHOLE),
            Self::Protocol => ("proto", Prefix::WHOLE),
            Self::Vlan => ("vlan", Prefix::WHOLE),
            Self::Mac => ("mac", Prefix::WHOLE),
        };
        f.write_str(name)?;
        match prefix {
            Prefix::WHOLE => Ok(()),
            Prefix { v4, v6: 128 } => write!(f, "/{v4}"),
            Prefix { v4, v6 } => write!(f, "/{v4},{v6}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, Prefix};

    #[test]
    fn texts_of_keys() {
        let good = ["src", "dst", "src/24", "dst/0,0", "src/24,64", "src/32,64", "sport", "dport"];
        for text in good.iter().chain(&["src,dport", "proto", "vlan", "mac"]) {
            assert_eq!(text.parse::<Key>().unwrap().to_string(), *text);
        }
        let whole: Key = "src/32,128".parse().unwrap();
        assert_eq!(whole, Key::Source(Prefix::WHOLE));
        for text in ["", "source", "src/", "src/33", "src/24,129", "src/24,", "src/+4", "dport/3"] {
            let error = text.parse::<Key>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("no key is called '{text}': ")), "{error}");
        }
        for (text, meant) in
            [("source", "src"), ("scr", "src"), ("Dport", "dport"), ("sorce", "src")]
        {
            let error = text.parse::<Key>().unwrap_err().to_string();
            assert!(error.ends_with(&format!("did you mean {meant}?")), "{error}");
        }
        let error = "foo".parse::<Key>().unwrap_err().to_string();
        assert!(error.contains("the keys are src dst sport"), "{error}");
    }
}
