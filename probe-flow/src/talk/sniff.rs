//! What a connection speaks, by its first bytes, whatever its port is.

/// What the client's first bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sniffed {
    /// A request of HTTP/1 (RFC 9112, section 3).
    Http1,
    /// The preface of HTTP/2 (RFC 9113, section 3.4).
    Http2,
    /// A record of TLS with a handshake message (RFC 8446, section 5.1).
    Tls,
    /// None of these.
    Other,
    /// It may still become one of these.
    More,
}

/// Methods of IANA's registry that are in use, and those of UPnP.
const METHODS: [&str; 19] = [
    "GET",
    "POST",
    "HEAD",
    "PUT",
    "DELETE",
    "OPTIONS",
    "PATCH",
    "CONNECT",
    "TRACE",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "REPORT",
    "SEARCH",
    "NOTIFY",
];

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes that are enough for a decision.
pub(super) const ENOUGH: usize = PREFACE.len();

/// What bytes at the beginning of a client's stream are.
pub(super) fn client(bytes: &[u8]) -> Sniffed {
    if bytes.starts_with(PREFACE) {
        return Sniffed::Http2;
    }
    if METHODS.iter().any(|method| begins(bytes, method)) {
        return Sniffed::Http1;
    }
    match bytes {
        // Content type "handshake", major version 3, any length, message type "client hello".
        [22, 3, _, _, _, 1, ..] => return Sniffed::Tls,
        [22] | [22, 3] | [22, 3, _] | [22, 3, _, _] | [22, 3, _, _, _] => return Sniffed::More,
        _ => {}
    }
    let may_become = PREFACE.starts_with(bytes)
        || METHODS.iter().any(|method| method.as_bytes().starts_with(bytes));
    if may_become { Sniffed::More } else { Sniffed::Other }
}

/// Whether bytes at the beginning of a segment begin a request.
pub(super) fn is_request(bytes: &[u8]) -> bool {
    client(bytes) == Sniffed::Http1
}

/// Whether bytes at the beginning of a segment begin a response.
pub(super) fn is_response(bytes: &[u8]) -> bool {
    bytes.starts_with(b"HTTP/1.")
}

fn begins(bytes: &[u8], method: &str) -> bool {
    bytes.strip_prefix(method.as_bytes()).is_some_and(|rest| rest.first() == Some(&b' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_the_first_bytes() {
        assert_eq!(client(b"GET / HTTP/1.1\r\n"), Sniffed::Http1);
        assert_eq!(client(PREFACE), Sniffed::Http2);
        assert_eq!(client(b"\x16\x03\x01\x02\x00\x01\x00"), Sniffed::Tls);
        for more in [&b""[..], b"G", b"GET", b"PR", b"PROPFIN", b"PRI * HTTP/2.0\r\n", b"\x16\x03"]
        {
            assert_eq!(client(more), Sniffed::More, "{more:?}");
        }
        for other in [&b"GETS"[..], b"EHLO", b"\x16\x03\x03\x00\x01\x02", b"\0"] {
            assert_eq!(client(other), Sniffed::Other, "{other:?}");
        }
    }
}
