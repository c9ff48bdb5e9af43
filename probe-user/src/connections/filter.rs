//! Which frames are needed to follow connections: the user's filter, made one that keeps connections
//! whole, and live one that leaves out what tells nothing.

use probe_filter::{LinkType, compile};

use crate::{rules, source::Source};

/// Segments that tell how a connection goes: SYN, FIN and RST; ACKs without data, one of which completes
/// the handshake; what begins with a message of HTTP/1 or TLS; and the last segment of each write (PSH),
/// among which are requests and responses that fit into one. Data in between are known by their sequence
/// numbers alone.
///
/// PSH is looked for where it is behind IPv4, and behind IPv6 without extension headers.
pub(crate) const TCP: &str = "@syn or @synack or @fin or @rst or (tcp and not payload[0] >= 0) \
                   or @http or @tls-hello \
                   or (ip proto 6 and ip[6:2] & 0x1fff = 0 and ip[((ip[0] & 15) << 2) + 13] & 8 != 0) \
                   or (ip6 proto 6 and ip6[53] & 8 != 0)";

/// What is to be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Connections of TCP, exchanges of UDP.
    All,
    /// Connections of TCP.
    Tcp,
}

/// The filter for what the user asks for.
///
/// ICMP errors carry no ports but those of the packet that they quote: what the user says of packets is
/// asked of that one, too. Words that cannot be asked there, such as those about a link header, get all
/// errors instead.
pub(super) fn complete<F>(user: &str, source: &Source<F>, wanted: Wanted) -> String {
    let live = matches!(source, Source::Live(_));
    let options = match source {
        Source::Live(live) => rules::live_options(&live.interfaces, LinkType::Ethernet, live.vlan),
        Source::Stored { .. } => rules::file_options(LinkType::Ethernet),
    };
    let words = words(user, live, wanted);
    let compiles = |text: &str| compile(text, &options).is_ok();
    match words.iter().find(|text| compiles(text)) {
        Some(text) => text.clone(),
        // A mistake is reported in the user's own words.
        None => user.to_owned(),
    }
}

/// Filters that ask for it, the best one first.
fn words(user: &str, live: bool, wanted: Wanted) -> [String; 2] {
    let control = match wanted {
        _ if !live => "",
        Wanted::All => &format!("{TCP} or udp"),
        Wanted::Tcp => TCP,
    };
    let user = user.trim();
    let both = match (user, control) {
        ("", "") => return [String::new(), String::new()],
        ("", control) => return [(); 2].map(|()| format!("@unreachable or {control}")),
        (user, "") => format!("({user})"),
        (user, control) => format!("(({user}) and ({control}))"),
    };
    // Behind an `or`, words look at the frame's own packet again.
    [format!("(@unreachable and ({user})) or {both}"), format!("@unreachable or {both}")]
}

#[cfg(test)]
mod tests {
    use probe_filter::{Frame, Options, eval};
    use testbed::{
        Conversation,
        Speaker::{Client, Server},
    };

    use super::*;

    fn matches(text: &str, bytes: &[u8]) -> bool {
        let filter = compile(text, &Options::default()).unwrap();
        let wire_len = bytes.len() as u32;
        eval::matches(filter.graph(), &Frame { bytes, wire_len, vlan: None, outbound: None })
    }

    #[test]
    fn live_only_what_tells_something() {
        for [client, server] in
            [["192.0.2.7:40000", "192.0.2.1:80"], ["[2001:db8::7]:40000", "[2001:db8::1]:80"]]
        {
            let mut talk = Conversation::new(client, server);
            talk.handshake(0, 100);
            talk.data(300, Client, b"ping");
            talk.flags(400, Server, 0x10, b"HTTP/1.1 200 OK\r\n\r\n");
            talk.flags(500, Server, 0x10, b"data in between");
            talk.ack(600, Client);
            talk.fin(700, Client);
            talk.rst(800, Server);
            let router = if server.starts_with('[') { "2001:db8::fe" } else { "192.0.2.254" };
            let kind = if server.starts_with('[') { 1 } else { 3 };
            talk.error(900, router.parse().unwrap(), [kind, 1], 0);
            let [text, _] = words("port 80", true, Wanted::All);
            let seen: Vec<_> = talk.frames.iter().map(|(_, bytes)| matches(&text, bytes)).collect();
            let expected = [true, true, true, true, true, false, true, true, true, true];
            assert_eq!(seen, expected, "{client}");
            let [other, _] = words("port 81", true, Wanted::All);
            assert!(talk.frames.iter().all(|(_, bytes)| !matches(&other, bytes)));
        }
    }

    #[test]
    fn errors_about_what_is_asked_for_come_too() {
        for text in [
            "",
            "port 80",
            "host 192.0.2.1 and not port 22",
            "vlan 5 or port 80",
            "ether host 2:0:0:0:0:1",
        ] {
            for (live, wanted) in [(false, Wanted::All), (true, Wanted::All), (true, Wanted::Tcp)] {
                let words = words(text, live, wanted);
                assert!(
                    words.iter().any(|text| compile(text, &Options::default()).is_ok()),
                    "{words:?}"
                );
            }
        }
    }
}
