//! Keys as people write them, and what they are called.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use probe_common::key;
use probe_filter::{Key, Prefix};
use probe_print::{Names, Transport, protocol_name};

/// A key of a list: an address (of IPv6 as RFC 5952 has it), a network, an address and a port with a
/// comma between, or a number.
pub fn text(by: Key, &key::Key(words): &key::Key) -> String {
    match by {
        Key::Source(prefix) | Key::Destination(prefix) => network(&words, prefix),
        Key::SourceAndPort => format!("{},{}", address(&words), words[4]),
        Key::SourcePort | Key::DestinationPort | Key::Protocol | Key::Vlan => words[0].to_string(),
        Key::Mac => {
            let ([_, _, a, b], [c, d, e, f]) = (words[0].to_be_bytes(), words[1].to_be_bytes());
            format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
        }
    }
}

/// What it is called, as far as the names know: the host, the service, or both. An IP protocol has
/// its name from IANA in any case.
pub fn name(by: Key, &key::Key(words): &key::Key, names: &dyn Names) -> Option<String> {
    let host = || names.host(address(&words)).map(|name| name.to_string());
    let port = |word: u32| {
        let port = u16::try_from(word).ok()?;
        // A port's number is the same of both, nearly always.
        let of = |transport| names.port(transport, port);
        of(Transport::Tcp).or_else(|| of(Transport::Udp)).map(str::to_owned)
    };
    match by {
        Key::Source(Prefix::WHOLE) | Key::Destination(Prefix::WHOLE) => host(),
        Key::SourcePort | Key::DestinationPort => port(words[0]),
        Key::SourceAndPort => match (host(), port(words[4])) {
            (None, None) => None,
            (host, port) => {
                let host = host.unwrap_or_else(|| address(&words).to_string());
                Some(format!("{host},{}", port.unwrap_or_else(|| words[4].to_string())))
            }
        },
        Key::Protocol => protocol_name(u8::try_from(words[0]).ok()?).map(str::to_owned),
        Key::Source(_) | Key::Destination(_) | Key::Vlan | Key::Mac => None,
    }
}

/// The address of a key's first four words, see [`Key`].
fn address(words: &[u32; key::KEY_WORDS]) -> IpAddr {
    match *words {
        [0, 0, 0xffff, v4, _] => Ipv4Addr::from_bits(v4).into(),
        [a, b, c, d, _] => {
            let bits = [a, b, c, d].into_iter().fold(0, |all, word| all << 32 | u128::from(word));
            Ipv6Addr::from_bits(bits).into()
        }
    }
}

fn network(words: &[u32; key::KEY_WORDS], Prefix { v4, v6 }: Prefix) -> String {
    match address(words) {
        IpAddr::V4(address) if v4 < Prefix::WHOLE.v4 => format!("{address}/{v4}"),
        IpAddr::V6(address) if v6 < Prefix::WHOLE.v6 => format!("{address}/{v6}"),
        address => address.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    struct Known;

    impl Names for Known {
        fn shown(&self) -> bool {
            true
        }

        fn host(&self, address: IpAddr) -> Option<Arc<str>> {
            (address == Ipv4Addr::new(192, 0, 2, 1)).then(|| "a.example".into())
        }

        fn port(&self, transport: Transport, port: u16) -> Option<&str> {
            match (transport, port) {
                (Transport::Tcp, 80) => Some("http"),
                (Transport::Udp, 514) => Some("syslog"),
                _ => None,
            }
        }
    }

    #[test]
    fn keys_as_people_write_them() {
        const FOUR: u32 = 0xc000_0201;
        const SIX: [u32; 5] = [0x2001_0db8, 0, 0, 1, 0];
        for (by, words, written, called) in [
            ("src", [0, 0, 0xffff, FOUR, 0], "192.0.2.1", Some("a.example")),
            ("dst", SIX, "2001:db8::1", None),
            ("src/24", [0, 0, 0xffff, FOUR - 1, 0], "192.0.2.0/24", None),
            ("src/24", SIX, "2001:db8::1", None),
            ("src/32,64", [0x2001_0db8, 0, 0, 0, 0], "2001:db8::/64", None),
            ("src/0,0", [0, 0, 0xffff, 0, 0], "0.0.0.0/0", None),
            ("src/0,0", [0; 5], "::/0", None),
            ("src,dport", [0, 0, 0xffff, FOUR, 80], "192.0.2.1,80", Some("a.example,http")),
            ("src,dport", [0, 0, 0xffff, FOUR, 9], "192.0.2.1,9", Some("a.example,9")),
            ("src,dport", [SIX[0], 0, 0, 1, 80], "2001:db8::1,80", Some("2001:db8::1,http")),
            ("src,dport", [SIX[0], 0, 0, 1, 9], "2001:db8::1,9", None),
            ("sport", [514, 0, 0, 0, 0], "514", Some("syslog")),
            ("dport", [65_535, 0, 0, 0, 0], "65535", None),
            ("proto", [6, 0, 0, 0, 0], "6", Some("tcp")),
            ("vlan", [4095, 0, 0, 0, 0], "4095", None),
            ("mac", [0x0200, 0x0000_0a0b, 0, 0, 0], "02:00:00:00:0a:0b", None),
        ] {
            let (by, key) = (by.parse().unwrap(), key::Key(words));
            assert_eq!(text(by, &key), written);
            assert_eq!(name(by, &key, &Known).as_deref(), called, "{written}");
        }
    }
}
