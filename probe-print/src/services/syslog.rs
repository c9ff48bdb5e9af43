//! Syslog over UDP (RFC 3164).

use crate::{
    bytes::{Bytes, Stop},
    dump,
    text::{Text, name_of, put},
};

const SEVERITIES: &[&str] =
    &["emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"];

const FACILITIES: &[(u16, &str)] = &[
    (0, "kernel"),
    (1, "user"),
    (2, "mail"),
    (3, "daemon"),
    (4, "auth"),
    (5, "syslog"),
    (6, "lpr"),
    (7, "news"),
    (8, "uucp"),
    (9, "cron"),
    (10, "authpriv"),
    (11, "ftp"),
    (12, "ntp"),
    (13, "security"),
    (14, "console"),
    (15, "cron"),
    (16, "local0"),
    (17, "local1"),
    (18, "local2"),
    (19, "local3"),
    (20, "local4"),
    (21, "local5"),
    (22, "local6"),
    (23, "local7"),
];

/// Digits of the priority.
const DIGITS: usize = 3;

/// Prints facility and severity, and with `-v` the message.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "syslog";
    if p.u8(0)? != b'<' {
        return Err(Stop::Invalid);
    }
    let (mut at, mut priority) = (1, 0u16);
    while at <= DIGITS && p.u8(at)?.is_ascii_digit() {
        priority = priority * 10 + u16::from(p.u8(at)? - b'0');
        at += 1;
    }
    if p.u8(at)? != b'>' {
        return Err(Stop::Invalid);
    }
    at += 1;
    let facility = priority >> 3 & 0x7f;
    let severity = SEVERITIES.get(usize::from(priority & 7)).copied().unwrap_or_default();
    let name =
        name_of(FACILITIES, facility).map_or_else(|| format!("unknown ({facility})"), Into::into);
    if t.style.verbose == 0 {
        put!(t, "SYSLOG {name}.{severity}, length: {length}");
        return Ok(());
    }
    put!(t, "SYSLOG, length: {length}\n\tFacility {name} ({facility}), ");
    put!(t, "Severity {severity} ({})\n\tMsg: ", priority & 7);
    t.string(p.from(at), length.saturating_sub(at))?;
    if t.style.verbose > 1 {
        dump::hex(p.limit(length).all(), "\n\t", 0, t.out);
    }
    Ok(())
}
