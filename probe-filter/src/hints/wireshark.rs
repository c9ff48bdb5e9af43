//! Display filters of Wireshark, in this language.

use super::{Mistake, Proposal};

/// What the field of a display filter is here.
enum Field {
    /// Words before the value: `tcp.port == 80` is `tcp port 80`.
    Before(&'static str),
    /// A number to compare.
    Number(&'static str),
    /// A bit: set where it is 1 or stands alone.
    Flag(&'static str),
    /// Without a value.
    Alone(&'static str),
}

fn field(name: &str) -> Option<Field> {
    use Field::*;
    Some(match name {
        "tcp.port" => Before("tcp port"),
        "tcp.srcport" => Before("tcp src port"),
        "tcp.dstport" => Before("tcp dst port"),
        "udp.port" => Before("udp port"),
        "udp.srcport" => Before("udp src port"),
        "udp.dstport" => Before("udp dst port"),
        "sctp.port" => Before("sctp port"),
        "ip.addr" | "ip.host" | "ipv6.addr" | "ipv6.host" => Before("host"),
        "ip.src" | "ip.src_host" | "ipv6.src" => Before("src host"),
        "ip.dst" | "ip.dst_host" | "ipv6.dst" => Before("dst host"),
        "eth.addr" => Before("ether host"),
        "eth.src" => Before("ether src"),
        "eth.dst" => Before("ether dst"),
        "eth.type" => Before("ether proto"),
        "ip.proto" => Before("ip proto"),
        "ipv6.nxt" => Before("ip6 proto"),
        "vlan.id" => Before("vlan"),
        "frame.len" => Number("len"),
        "ip.len" => Number("ip[2:2]"),
        "ip.ttl" => Number("ip[8]"),
        "ip.id" => Number("ip[4:2]"),
        "ipv6.hlim" => Number("ip6[7]"),
        "icmp.type" => Number("icmp[icmptype]"),
        "icmp.code" => Number("icmp[icmpcode]"),
        "icmpv6.type" => Number("icmp6[icmp6type]"),
        "icmpv6.code" => Number("icmp6[icmp6code]"),
        "arp.opcode" => Number("arp[6:2]"),
        "tcp.flags" => Number("tcp[tcpflags]"),
        "tcp.window_size_value" => Number("tcp[14:2]"),
        "tcp.flags.syn" => Flag("tcp-syn"),
        "tcp.flags.ack" => Flag("tcp-ack"),
        "tcp.flags.fin" => Flag("tcp-fin"),
        "tcp.flags.reset" | "tcp.flags.rst" => Flag("tcp-rst"),
        "tcp.flags.push" => Flag("tcp-push"),
        "tcp.flags.urg" => Flag("tcp-urg"),
        "http.request" => Alone("@http-request"),
        "http.response" => Alone("@http-response"),
        "http" => Alone("@http"),
        "dns" => Alone("@dns"),
        "ssh" => Alone("@ssh"),
        "smtp" => Alone("@smtp"),
        "tls" | "ssl" | "tls.handshake" | "ssl.handshake" => Alone("@tls-hello"),
        "icmpv6" => Alone("icmp6"),
        "ipv6" => Alone("ip6"),
        "eth" => Alone(""),
        _ => return None,
    })
}

/// Beginnings of fields that have no word here.
const PROTOCOLS: [&str; 20] = [
    "tcp.", "udp.", "ip.", "ipv6.", "eth.", "http.", "http2.", "dns.", "frame.", "icmp.",
    "icmpv6.", "vlan.", "tls.", "ssl.", "arp.", "ssh.", "sctp.", "smtp.", "dhcp.", "quic.",
];

/// The whole text, where it is a display filter.
pub fn display_filter(mistake: &Mistake<'_>) -> Option<Proposal> {
    let from = mistake.word_at(mistake.span.start)?.start;
    let mut words = mistake.text[from..].split([' ', '(', '!']);
    let is_field = |word: &str| PROTOCOLS.iter().any(|protocol| word.starts_with(protocol));
    let operators = [" contains ", " matches "];
    let begins = words.clone().next().is_some_and(is_field);
    let contains = operators.iter().any(|sign| mistake.text.contains(sign));
    let is_one = begins || contains && words.any(is_protocol);
    if !is_one {
        return None;
    }
    let all = 0..mistake.text.len();
    let here = translated(mistake.text).filter(|text| mistake.comes(&all, text).is_some());
    let words = match here {
        Some(text) => format!("that is a display filter of Wireshark; here: {text}"),
        None => "that is a display filter of Wireshark; here filters are pcap-filter(7)'s, as \
                 tcp port 80, host 192.0.2.1, @http-request or payload \"GET \""
            .to_owned(),
    };
    Some(Proposal { with: None, words })
}

/// `frame`, `http` and the like, which take `contains`.
fn is_protocol(word: &str) -> bool {
    PROTOCOLS
        .iter()
        .any(|protocol| word.starts_with(protocol) || protocol.trim_end_matches('.') == word)
}

/// Words, operators and parentheses, one by one.
fn pieces(text: &str) -> Vec<&str> {
    const SIGNS: [&str; 12] = ["&&", "||", "==", "!=", ">=", "<=", ">", "<", "!", "&", "(", ")"];
    let mut pieces = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign)).map(|sign| sign.len());
        let length = sign.unwrap_or_else(|| match rest.strip_prefix('"') {
            Some(quoted) => quoted.find('"').map_or(rest.len(), |end| end + 2),
            None => rest.find([' ', '&', '|', '=', '!', '>', '<', '(', ')']).unwrap_or(rest.len()),
        });
        let (piece, behind) = rest.split_at(length.max(1));
        pieces.push(piece);
        rest = behind.trim_start();
    }
    pieces
}

/// A display filter in this language, if all of it has words here.
fn translated(text: &str) -> Option<String> {
    let mut pieces = pieces(text).into_iter().peekable();
    let mut words: Vec<String> = Vec::new();
    while let Some(piece) = pieces.next() {
        words.push(match piece {
            "&&" | "and" => "and".to_owned(),
            "||" | "or" => "or".to_owned(),
            "!" | "not" => "not".to_owned(),
            "(" | ")" => piece.to_owned(),
            "http.request.method" => {
                is(pieces.next()?).filter(|is| *is)?;
                match pieces.next()?.trim_matches('"') {
                    "GET" => "@get".to_owned(),
                    "POST" => "@post".to_owned(),
                    other => format!("payload \"{other} \""),
                }
            }
            _ => match field(piece) {
                Some(Field::Alone(here)) => here.to_owned(),
                Some(Field::Before(here)) => {
                    let not = if is(pieces.next()?)? { "" } else { "not " };
                    format!("{not}{here} {}", pieces.next()?)
                }
                Some(Field::Number(here)) => {
                    let sign = pieces.next()?;
                    format!("{here} {} {}", sign_of(sign), pieces.next()?)
                }
                Some(Field::Flag(bit)) => {
                    let compared = pieces.peek().is_some_and(|next| is(next).is_some());
                    let set = if compared {
                        let is = pieces.next().and_then(is)?;
                        is == matches!(pieces.next()?, "1" | "true" | "True")
                    } else {
                        true
                    };
                    format!("tcp[tcpflags] & {bit} {} 0", if set { "!=" } else { "=" })
                }
                None if piece.contains('.') => return None,
                None => piece.to_owned(),
            },
        });
    }
    Some(words.join(" ").replace("( ", "(").replace(" )", ")"))
}

/// Whether a sign asks for what is equal or for what is not.
fn is(sign: &str) -> Option<bool> {
    match sign {
        "==" | "=" | "eq" => Some(true),
        "!=" | "ne" => Some(false),
        _ => None,
    }
}

fn sign_of(sign: &str) -> &str {
    match sign {
        "eq" => "==",
        "ne" => "!=",
        "gt" => ">",
        "lt" => "<",
        "ge" => ">=",
        "le" => "<=",
        other => other,
    }
}
