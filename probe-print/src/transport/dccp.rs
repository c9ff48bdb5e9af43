//! DCCP (RFC 4340): datagrams with congestion control.

use crate::{
    bytes::{Bytes, Stop},
    checksum,
    color::Tint,
    names::Port,
    network::outer::Outer,
    text::{Text, name_of, put},
};

pub(crate) const PROTOCOL: u8 = 33;
const HEADER: usize = 12;
/// With sequence numbers of 48 bits.
const LONG_HEADER: usize = 16;

const REQUEST: u8 = 0;
const RESPONSE: u8 = 1;
const DATA: u8 = 2;
const RESET: u8 = 7;

const KINDS: &[(u8, &str)] = &[
    (REQUEST, "DCCP-Request"),
    (RESPONSE, "DCCP-Response"),
    (DATA, "DCCP-Data"),
    (3, "DCCP-Ack"),
    (4, "DCCP-DataAck"),
    (5, "DCCP-CloseReq"),
    (6, "DCCP-Close"),
    (RESET, "DCCP-Reset"),
    (8, "DCCP-Sync"),
    (9, "DCCP-SyncAck"),
];

const RESETS: [&str; 12] = [
    "unspecified",
    "closed",
    "aborted",
    "no_connection",
    "packet_error",
    "option_error",
    "mandatory_error",
    "connection_refused",
    "bad_service_code",
    "too_busy",
    "bad_init_cookie",
    "aggression_penalty",
];

const FEATURES: [&str; 10] = [
    "reserved",
    "ccid",
    "allow_short_seqno",
    "sequence_window",
    "ecn_incapable",
    "ack_ratio",
    "send_ack_vector",
    "send_ndp_count",
    "minimum checksum coverage",
    "check data checksum",
];

const OPTIONS: &[(u8, &str)] = &[
    (0, "nop"),
    (1, "mandatory"),
    (2, "slowreceiver"),
    (32, "change_l"),
    (33, "confirm_l"),
    (34, "change_r"),
    (35, "confirm_r"),
    (36, "initcookie"),
    (37, "ndp_count"),
    (38, "ack_vector0"),
    (39, "ack_vector1"),
    (40, "data_dropped"),
    (41, "timestamp"),
    (42, "timestamp_echo"),
    (43, "elapsed_time"),
    (44, "data_checksum"),
];
/// From here on, the congestion control in use defines them.
const CONTROL: u8 = 128;

pub(crate) fn print(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    length: usize,
    outer: Outer<'_>,
) -> Result<(), Stop> {
    t.protocol = "dccp";
    t.tint = Tint::Datagram;
    p.need(0, HEADER)?;
    if length < HEADER {
        put!(t, "truncated-dccp - {} bytes missing!", HEADER - length);
        return Ok(());
    }
    let flags = p.u8(8)?;
    let (kind, long) = (flags >> 1 & 0xf, flags & 1 == 1);
    let basic = if long { LONG_HEADER } else { HEADER };
    if length < basic {
        put!(t, "truncated-dccp - {} bytes missing!", basic - length);
        return Ok(());
    }
    p.need(0, basic)?;
    // Ports are numbers here, whatever is asked for.
    let (from, to) = (p.u16(0)?, p.u16(2)?);
    t.summary.ports = Some((from, to));
    outer.print_ends(t, Some((Port::Number(from), Port::Number(to))))?;
    put!(t, ": DCCP");
    let header = 4 * usize::from(p.u8(4)?);
    if t.style.quiet {
        put!(t, " {}", (length as u32).wrapping_sub(header as u32));
        if header > length {
            put!(t, " [bad hdr length {header} - too long, > {length}]");
        }
        return Ok(());
    }
    if t.style.verbose > 0 {
        let control = p.u8(5)?;
        put!(t, " (CCVal {}, CsCov {}", control >> 4, control & 0xf);
        if let Ok(bytes) = p.slice(0, length) {
            let covered = match usize::from(control & 0xf) {
                0 => length,
                words => length.min((header + 4 * words).saturating_sub(4)),
            };
            let found = p.u16(6)?;
            let covered = bytes.get(..covered).unwrap_or(bytes);
            let residue = outer.partial_checksum(PROTOCOL, covered, length as u32)?;
            checksum::print(t, found, residue);
        }
        put!(t, ")");
    }
    put!(t, " ");
    let more = match kind {
        REQUEST => 4,
        RESPONSE | RESET => 12,
        DATA => 0,
        3..=9 => 8,
        _ => 0,
    };
    let fixed = basic + more;
    let name = name_of(KINDS, kind);
    if length < fixed {
        let name = name.unwrap_or_default();
        put!(t, "truncated-{name} - {} bytes missing!", fixed - length);
        return Ok(());
    }
    if matches!(kind, REQUEST | RESPONSE | RESET) {
        p.need(basic, more)?;
    }
    match name {
        Some(name) => put!(t, "{name} "),
        None => put!(t, "unknown-type-{kind} "),
    }
    match kind {
        REQUEST => put!(t, "(service={}) ", p.u32(basic)?),
        RESPONSE => put!(t, "(service={}) ", p.u32(basic + 8)?),
        RESET => {
            let code = usize::from(p.u8(basic + 8)?);
            put!(t, "(code={}) ", RESETS.get(code).unwrap_or(&"invalid"));
        }
        _ => {}
    }
    let number = |at: usize| -> Result<u64, Stop> {
        Ok(if long {
            u64::from(p.u16(at)?) << 32 | u64::from(p.u32(at + 2)?)
        } else {
            p.u24(at)?.into()
        })
    };
    if !matches!(kind, DATA | REQUEST) {
        put!(t, "(ack={}) ", number(basic + if long { 2 } else { 1 })?);
    }
    if t.style.verbose < 2 {
        return Ok(());
    }
    put!(t, "seq {}", number(if long { 10 } else { 9 })?);
    if header > fixed {
        put!(t, " <");
        t.part(|t| options(t, p, fixed, header))?;
        put!(t, ">");
    }
    Ok(())
}

fn options(t: &mut Text<'_>, p: Bytes<'_>, mut at: usize, end: usize) -> Result<(), Stop> {
    loop {
        // Each takes at least one byte.
        at += option(t, p.from(at), end - at)?;
        if at >= end {
            return Ok(());
        }
        put!(t, ", ");
    }
}

/// Prints an option and says how long it is.
fn option(t: &mut Text<'_>, p: Bytes<'_>, left: usize) -> Result<usize, Stop> {
    let kind = p.u8(0)?;
    let size = if kind < 32 { 1 } else { usize::from(p.u8(1)?) };
    let name = match kind {
        CONTROL.. => format!("CCID option {kind}"),
        _ => name_of(OPTIONS, kind).map_or_else(|| format!("Option {kind}"), Into::into),
    };
    if size < 2 && kind >= 32 {
        put!(t, "{name} optlen too short");
        return Err(Stop::Here);
    }
    if left < size {
        put!(t, "{name} optlen goes past header length");
        return Err(Stop::Here);
    }
    p.need(0, size)?;
    put!(t, "{name}");
    let value = p.limit(size).from(2);
    match (kind, size) {
        (CONTROL.., 4) => put!(t, " {}", value.u16(0)?),
        (CONTROL.., 6) => put!(t, " {}", value.u32(0)?),
        (CONTROL.., _) => {}
        (32..=35, 2) => put!(t, " optlen too short"),
        (32..=35, _) => {
            if let Some(feature) = FEATURES.get(usize::from(value.u8(0)?)) {
                put!(t, " {feature}");
                for byte in value.from(1).all() {
                    put!(t, " {byte}");
                }
            }
        }
        (36 | 38..=40 | 44, 3..) => {
            put!(t, "{}", if kind == 44 { " " } else { " 0x" });
            t.hex(value.all());
        }
        (37, _) => {
            for byte in value.all() {
                put!(t, " {byte}");
            }
        }
        (41 | 43, 6) => put!(t, " {}", value.u32(0)?),
        (41, _) => put!(t, " [optlen != 6]"),
        (42, 6 | 8 | 10) => {
            put!(t, " {}", value.u32(0)?);
            match size {
                8 => put!(t, " (elapsed time {})", value.u16(4)?),
                10 => put!(t, " (elapsed time {})", value.u32(4)?),
                _ => {}
            }
        }
        (42, _) => put!(t, " [optlen != 6 or 8 or 10]"),
        (43, 4) => put!(t, " {}", value.u16(0)?),
        (43, _) => put!(t, " [optlen != 4 or 6]"),
        _ => {}
    }
    Ok(size)
}
