//! PTP (IEEE 1588).

use crate::{
    bytes::{Bytes, Stop},
    text::{Text, bits, name_of, put},
};

const HEADER: usize = 34;

const SYNC: u8 = 0;
const DELAY_REQUEST: u8 = 1;
const PEER_REQUEST: u8 = 2;
const PEER_RESPONSE: u8 = 3;
const FOLLOW_UP: u8 = 8;
const DELAY_RESPONSE: u8 = 9;
const PEER_FOLLOW_UP: u8 = 10;
const ANNOUNCE: u8 = 11;
const SIGNALLING: u8 = 12;
const MANAGEMENT: u8 = 13;

const KINDS: &[(u8, &str)] = &[
    (SYNC, "sync msg"),
    (DELAY_REQUEST, "delay req msg"),
    (PEER_REQUEST, "peer delay req msg"),
    (PEER_RESPONSE, "peer delay resp msg"),
    (FOLLOW_UP, "follow up msg"),
    (DELAY_RESPONSE, "delay resp msg"),
    (PEER_FOLLOW_UP, "pdelay resp fup msg"),
    (ANNOUNCE, "announce msg"),
    (SIGNALLING, "signalling msg"),
    (MANAGEMENT, "management msg"),
];

const CONTROLS: &[(u8, &str)] = &[
    (0, "Sync"),
    (1, "Delay_Req"),
    (2, "Follow_Up"),
    (3, "Delay_Resp"),
    (4, "Management"),
    (5, "Other"),
];

const FLAGS: &[(u32, &str)] = &[
    (0x1, "l1 61"),
    (0x2, "l1 59"),
    (0x4, "utc reasonable"),
    (0x8, "timescale"),
    (0x10, "time tracable"),
    (0x20, "frequency tracable"),
    (0x100, "alternate master"),
    (0x200, "two step"),
    (0x400, "unicast"),
    (0x1000, "profile specific 1"),
    (0x2000, "profile specific 2"),
    (0x4000, "security mask"),
    (0x18c0, "unknown"),
];

pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "ptp";
    if length < HEADER {
        put!(t, " [length {length} < {HEADER}]");
        return Err(Stop::Invalid);
    }
    let version = p.u16(0)? & 0xff;
    put!(t, "PTPv{version}");
    match version {
        1 => put!(t, " (not implemented)"),
        2 => version_2(t, p)?,
        _ => {}
    }
    Ok(())
}

fn version_2(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    let first = p.u8(0)?;
    let kind = first & 0xf;
    put!(t, ", v1 compat : {}", if first & 0x10 == 0 { "no" } else { "yes" });
    put!(t, ", msg type : {}", name_of(KINDS, kind).unwrap_or("Reserved"));
    put!(t, ", length : {}", p.u16(2)?);
    let domain = p.u16(4)?;
    put!(t, ", domain : {}, reserved1 : {}", domain >> 8, domain & 0xff);
    let flags = p.u16(6)?;
    put!(t, ", Flags [{}]", bits(FLAGS, flags.into(), ", ", "none"));
    put!(t, ", NS correction : {}", six(p, 8)?);
    put!(t, ", sub NS correction : {}", p.u16(14)?);
    put!(t, ", reserved2 : {}", p.u32(16)?);
    put!(t, ", clock identity : 0x{:x}", p.u64(20)?);
    put!(t, ", port id : {}", p.u16(28)?);
    put!(t, ", seq id : {}", p.u16(30)?);
    let control = p.u8(32)?;
    put!(t, ", control : {control} ({})", name_of(CONTROLS, control).unwrap_or("Reserved"));
    put!(t, ", log message interval : {}", p.u16(32)? & 0xff);
    match kind {
        SYNC | DELAY_REQUEST => stamp(t, p, "originTimeStamp"),
        FOLLOW_UP => stamp(t, p, "preciseOriginTimeStamp"),
        PEER_REQUEST | PEER_FOLLOW_UP => {
            stamp(t, p, "preciseOriginTimeStamp")?;
            port(t, p, HEADER + 10)
        }
        PEER_RESPONSE | DELAY_RESPONSE => {
            stamp(t, p, "receiveTimeStamp")?;
            port(t, p, HEADER + 10)
        }
        ANNOUNCE => announce(t, p),
        SIGNALLING => port(t, p, HEADER),
        MANAGEMENT => {
            port(t, p, HEADER)?;
            // As in tcpdump, each of these has the first byte of the identity in front of it.
            for (name, hex) in [
                ("start boundary hops", false),
                ("boundary hops", false),
                ("flags", true),
                ("reserved", true),
            ] {
                put!(t, ", , {name} ");
                let byte = p.u8(HEADER)?;
                if hex { put!(t, " 0x{byte:x}") } else { put!(t, " {byte}") }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Six bytes, big-endian.
fn six(p: Bytes<'_>, at: usize) -> Result<u64, Stop> {
    let [a, b, c, d, e, f] = p.array(at)?;
    Ok(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
}

fn stamp(t: &mut Text<'_>, p: Bytes<'_>, name: &str) -> Result<(), Stop> {
    put!(t, ", {name} :");
    put!(t, " {} seconds,", six(p, HEADER)?);
    put!(t, " {} nanoseconds", p.u32(HEADER + 6)?);
    Ok(())
}

fn port(t: &mut Text<'_>, p: Bytes<'_>, at: usize) -> Result<(), Stop> {
    put!(t, ", port identity : 0x{:x}", p.u64(at)?);
    put!(t, ", port id : {}", p.u16(at + 8)?);
    Ok(())
}

/// Who is the best clock.
fn announce(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    put!(t, ", originTimeStamp :");
    put!(t, " {} seconds", six(p, HEADER)?);
    put!(t, " {} nanoseconds", p.u32(HEADER + 6)?);
    let body = p.from(HEADER + 10);
    put!(t, ", origin cur utc :{}", body.u16(0)?);
    put!(t, ", rsvd : {}", body.u8(2)?);
    put!(t, ", gm priority_1 : {}", body.u8(3)?);
    put!(t, ", gm clock class : {}", body.u8(4)?);
    put!(t, ", gm clock accuracy : {}", body.u8(5)?);
    put!(t, ", gm clock variance : {}", body.u16(6)?);
    put!(t, ", gm priority_2 : {}", body.u8(8)?);
    put!(t, ", gm clock id : 0x{:x}", body.u64(9)?);
    put!(t, ", steps removed : {}", body.u16(17)?);
    put!(t, ", time source : 0x{:x}", body.u8(19)?);
    Ok(())
}
