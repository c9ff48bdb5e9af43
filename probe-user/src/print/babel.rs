//! Babel (RFC 8966): the names of its messages.

use super::{
    bytes::{Bytes, Cut},
    text::{Text, need, put, put_name},
};

const HEADER: usize = 4;
const MAGIC: u8 = 42;
const PAD: u8 = 0;
const UPDATE: u8 = 8;

const MESSAGES: &[(u8, &str)] = &[
    (1, "padN"),
    (2, "ack-req"),
    (3, "ack"),
    (4, "hello"),
    (5, "ihu"),
    (6, "router-id"),
    (7, "nh"),
    (UPDATE, "update"),
    (9, "route-request"),
    (10, "seqno-request"),
    (11, "tspc"),
    (12, "hmac"),
    (13, "ss-update"),
    (14, "ss-request"),
    (15, "ss-mh-request"),
    (16, "mac"),
    (17, "pc"),
    (18, "challenge-request"),
    (19, "challenge-reply"),
];

/// Prints a packet.
pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Cut> {
    t.protocol = "babel";
    put!(t, "babel");
    need!(t, p.u32(0));
    if p.u8(0)? != MAGIC {
        put!(t, " invalid header");
        return Ok(());
    }
    let version = p.u8(1)?;
    put!(t, " {version}");
    if version != 2 {
        put!(t, " unknown version");
        return Ok(());
    }
    if length < HEADER {
        t.invalid();
        return Ok(());
    }
    let stated = usize::from(p.u16(2)?);
    put!(t, " ({stated})");
    let (body, length) = (p.from(HEADER), length - HEADER);
    if length < stated || !messages(t, body, stated)? {
        t.invalid();
        return Ok(());
    }
    if length > stated {
        put!(t, "{}", if t.style.verbose > 0 { "\n\t----" } else { " |" });
        if !messages(t, body.from(stated), length - stated)? {
            t.invalid();
        }
    }
    Ok(())
}

/// Prints messages; `false` where one does not fit.
fn messages(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<bool, Cut> {
    let mut at = 0;
    // Each message takes at least one byte.
    while at < length {
        let kind = p.u8(at)?;
        if kind == PAD {
            put!(t, " pad1");
            at += 1;
            continue;
        }
        if length < at + 2 {
            return Ok(false);
        }
        let size = 2 + usize::from(p.u8(at + 1)?);
        if length < at + size {
            return Ok(false);
        }
        let message = Bytes::new(p.slice(at, size)?);
        put!(t, " ");
        put_name!(t, MESSAGES, kind, "unknown");
        if kind == UPDATE {
            if size < 12 {
                return Ok(false);
            }
            let flags = message.u8(3)?;
            for (mask, name) in [(0x80, "/prefix"), (0x40, "/id"), (0x3f, "/unknown")] {
                if flags & mask != 0 {
                    put!(t, "{name}");
                }
            }
        }
        at += size;
    }
    Ok(true)
}
