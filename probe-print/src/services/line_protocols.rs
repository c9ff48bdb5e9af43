//! Protocols of text lines: HTTP, SMTP, FTP, RTSP, SIP, WHOIS, and the greeting of SSH.
//! Without `-v` the first line, with it all of them. What is no text is not shown.

use crate::{
    bytes::{Bytes, Stop},
    text::{Text, put},
};

const HTTP: &[&str] = &[
    "GET",
    "PUT",
    "COPY",
    "HEAD",
    "LOCK",
    "MOVE",
    "POLL",
    "POST",
    "BCOPY",
    "BMOVE",
    "MKCOL",
    "TRACE",
    "LABEL",
    "MERGE",
    "DELETE",
    "SEARCH",
    "UNLOCK",
    "REPORT",
    "UPDATE",
    "NOTIFY",
    "BDELETE",
    "CONNECT",
    "OPTIONS",
    "CHECKIN",
    "PROPFIND",
    "CHECKOUT",
    "CCM_POST",
    "SUBSCRIBE",
    "PROPPATCH",
    "BPROPFIND",
    "BPROPPATCH",
    "UNCHECKOUT",
    "MKACTIVITY",
    "MKWORKSPACE",
    "UNSUBSCRIBE",
    "RPC_CONNECT",
    "VERSION-CONTROL",
    "BASELINE-CONTROL",
];

const RTSP: &[&str] = &[
    "DESCRIBE",
    "ANNOUNCE",
    "GET_PARAMETER",
    "OPTIONS",
    "PAUSE",
    "PLAY",
    "RECORD",
    "REDIRECT",
    "SETUP",
    "SET_PARAMETER",
    "TEARDOWN",
];

const SIP: &[&str] = &[
    "ACK",
    "BYE",
    "CANCEL",
    "DO",
    "INFO",
    "INVITE",
    "MESSAGE",
    "NOTIFY",
    "OPTIONS",
    "PRACK",
    "QAUTH",
    "REFER",
    "REGISTER",
    "SPRACK",
    "SUBSCRIBE",
    "UPDATE",
    "PUBLISH",
];

/// Longest word that can be a method.
const MAX_WORD: usize = 128;

pub(crate) fn http(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "http";
    put!(t, ": HTTP");
    requests(t, p, length, HTTP)
}

pub(crate) fn rtsp(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "rtsp";
    put!(t, ": RTSP");
    requests(t, p, length, RTSP)
}

pub(crate) fn sip(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "sip";
    put!(t, "SIP");
    requests(t, p, length, SIP)
}

pub(crate) fn smtp(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "smtp";
    put!(t, ": SMTP");
    lines(t, p, length)
}

pub(crate) fn ftp(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "ftp";
    put!(t, ": FTP");
    lines(t, p, length)
}

pub(crate) fn whois(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "whois";
    put!(t, ": WHOIS");
    lines(t, p, length)
}

/// The line that each side of an SSH connection begins with (RFC 4253).
pub(crate) fn ssh(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "ssh";
    for (at, expected) in b"SSH-".iter().enumerate() {
        if p.u8(at)? != *expected {
            return Ok(());
        }
    }
    for at in 4..length {
        match p.u8(at)? {
            b'\r' if at + 1 < length && p.u8(at + 1)? == b'\n' => {}
            b'\n' => {}
            0x20..0x7f => continue,
            _ => return Ok(()),
        }
        put!(t, ": SSH: ");
        t.out.extend_from_slice(p.slice(0, at)?);
        return Ok(());
    }
    Ok(())
}

/// Lines of requests and responses; bodies are left out.
fn requests(t: &mut Text<'_>, p: Bytes<'_>, length: usize, methods: &[&str]) -> Result<(), Stop> {
    let bytes = p.limit(length).all();
    let cut = bytes.len() < length;
    let is_message = word(bytes, cut).is_some_and(|(first, rest)| {
        let method = methods.iter().any(|method| first.eq_ignore_ascii_case(method.as_bytes()));
        let response = word(rest, cut)
            .is_some_and(|(code, _)| code.len() == 3 && code.iter().all(u8::is_ascii_digit));
        method || response
    });
    if is_message { lines(t, p, length) } else { Ok(()) }
}

/// The kind of a BEEP frame (RFC 3080), by its first word.
pub(crate) fn beep(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    // tcpdump looks for the zero byte behind these two in place of a space.
    const WORDS: [&[u8; 4]; 7] = [b"MSG\0", b"RPY ", b"ERR ", b"ANS ", b"NUL ", b"SEQ ", b"END\0"];
    t.protocol = "beep";
    let first = p.limit(length).array::<4>(0).ok();
    let word = WORDS.iter().find(|word| first.as_ref() == Some(**word));
    match word.and_then(|word| std::str::from_utf8(word.first_chunk::<3>()?).ok()) {
        Some(word) => put!(t, " BEEP {word}"),
        None => put!(t, " BEEP (payload or undecoded)"),
    }
    Ok(())
}

/// The first word, and what begins with the second. A word that the captured bytes end
/// in may be longer, and is none.
fn word(bytes: &[u8], cut: bool) -> Option<(&[u8], &[u8])> {
    let is_end = |b: &u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n');
    let end = match bytes.iter().position(is_end) {
        Some(end) => end,
        None if cut => return None,
        None => bytes.len(),
    };
    let (word, rest) = bytes.split_at(end);
    let plain = word.iter().all(|b| (0x20..0x7f).contains(b));
    if word.is_empty() || !plain || word.len() > MAX_WORD {
        return None;
    }
    let skip = rest.iter().position(|b| !matches!(b, b' ')).unwrap_or(rest.len());
    Some((word, rest.get(skip..).unwrap_or_default()))
}

/// The first line, or with `-v` all.
fn lines(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    if t.style.verbose == 0 {
        line(t, ": ", p, 0, length)?;
        return Ok(());
    }
    put!(t, ", length: {length}");
    let mut at = 0;
    while at < length {
        match line(t, "\n\t", p, at, length)? {
            Some(next) => at = next,
            None => break,
        }
    }
    Ok(())
}

/// Prints a line and says where the next begins; `None` behind the last, and where what
/// stands there is no text.
fn line(
    t: &mut Text<'_>,
    prefix: &str,
    p: Bytes<'_>,
    start: usize,
    length: usize,
) -> Result<Option<usize>, Stop> {
    let mut end = start;
    let mut next = None;
    while end < length {
        match p.u8(end)? {
            b'\n' => {
                next = Some(end + 1);
                break;
            }
            b'\r' => {
                if end + 1 >= length || p.u8(end + 1)? != b'\n' {
                    return Ok(None);
                }
                next = Some(end + 2);
                break;
            }
            b'\t' | 0x20..0x7f => end += 1,
            _ => return Ok(None),
        }
    }
    put!(t, "{prefix}");
    t.out.extend_from_slice(p.slice(start, end - start)?);
    if next.is_none() {
        t.truncated();
    }
    Ok(next)
}
