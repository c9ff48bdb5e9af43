//! ISAKMP: the exchanges of IKE, versions 1 and 2 (RFC 2409, RFC 7296), and IPsec through
//! NAT (RFC 3948). With `-v` payloads are shown as far as they are encrypted; those in the
//! clear are not.

use crate::{
    bytes::{Bytes, Stop},
    network::{ipsec, outer::Outer},
    text::{Text, put, put_name},
};

const HEADER: usize = 28;
const ENCRYPTED: u8 = 1;

const EXCHANGES: &[(u8, &str)] = &[
    (0, "none"),
    (1, "base"),
    (2, "ident"),
    (3, "auth"),
    (4, "agg"),
    (5, "inf"),
    (32, "oakley-quick"),
    (33, "oakley-newgroup"),
    (34, "ikev2_init"),
    (35, "ikev2_auth"),
    (36, "child_sa"),
    (37, "inf2"),
];

const PAYLOADS: [&str; 14] =
    ["none", "sa", "p", "t", "ke", "id", "cert", "cr", "hash", "sig", "nonce", "n", "d", "vid"];
/// From 33 on.
const PAYLOADS_2: [&str; 16] = [
    "v2sa", "v2ke", "v2IDi", "v2IDr", "v2cert", "v2cr", "v2auth", "v2nonce", "v2n", "v2d", "v2vid",
    "v2TSi", "v2TSr", "v2e", "v2cp", "v2eap",
];

/// Who began which exchange, of the latest.
#[derive(Default)]
pub struct Initiators {
    slots: [Slot; REMEMBERED],
    next: usize,
}

const REMEMBERED: usize = 20;

/// An initiator's cookie, and the addresses of its first packet.
#[derive(Clone, Copy, Default)]
struct Slot {
    cookie: [u8; 8],
    ends: Option<([u8; 16], [u8; 16])>,
}

/// Prints a message on port 500.
pub(crate) fn print(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    length: usize,
    outer: Outer<'_>,
) -> Result<(), Stop> {
    t.protocol = "isakmp";
    p.need(0, HEADER)?;
    put!(t, "isakmp");
    let version = p.u8(17)?;
    if t.style.verbose > 0 {
        put!(t, " {}.{} msgid ", version >> 4, version & 0xf);
        t.hex(p.slice(20, 4)?);
    }
    if t.style.verbose > 1 {
        put!(t, " cookie ");
        t.hex(p.slice(0, 8)?);
        put!(t, "->");
        t.hex(p.slice(8, 8)?);
    }
    put!(t, ":");
    let (exchange, flags, first) = (p.u8(18)?, p.u8(19)?, p.u32(20)? == 0);
    let names: &[(u8, &str)] = match version >> 4 {
        1 => {
            put!(t, " phase {}", if first { "1" } else { "2/others" });
            put!(t, " {}", side(t, p, outer)?);
            &[(ENCRYPTED, "E"), (2, "C")]
        }
        2 => {
            put!(t, "{}", if first { " parent_sa" } else { " child_sa " });
            &[(8, "I"), (16, "V"), (32, "R")]
        }
        _ => return Ok(()),
    };
    put!(t, " ");
    put_name!(t, EXCHANGES, exchange, "#{exchange}");
    if flags != 0 {
        put!(t, "[");
        for (bit, name) in names {
            put!(t, "{}", if flags & bit == 0 { "" } else { name });
        }
        put!(t, "]");
    }
    if t.style.verbose > 0 {
        put!(t, ":");
        if flags & ENCRYPTED != 0 {
            put!(t, " [encrypted {}]", payload(p.u8(16)?));
        }
        let stated = p.u32(24)?;
        if stated as usize != length {
            put!(t, " (len mismatch: isakmp {stated}/ip {length})");
        }
    }
    Ok(())
}

fn payload(kind: u8) -> String {
    let at = usize::from(kind);
    match kind {
        14..=32 => format!("pay{kind}"),
        _ => match PAYLOADS.get(at).or_else(|| PAYLOADS_2.get(at.wrapping_sub(33))) {
            Some(name) => (*name).into(),
            None => format!("#{kind}"),
        },
    }
}

/// Whether the initiator or the responder sent this, as far as is known.
fn side(t: &mut Text<'_>, p: Bytes<'_>, outer: Outer<'_>) -> Result<&'static str, Stop> {
    let (cookie, ends) = (p.array::<8>(0)?, outer.ends()?);
    let known = &mut t.memory.initiators;
    match known.slots.iter().find(|slot| slot.cookie == cookie) {
        Some(Slot { ends: Some((initiator, _)), .. }) if *initiator == ends.0 => Ok("I"),
        Some(Slot { ends: Some((_, responder)), .. }) if *responder == ends.0 => Ok("R"),
        // A responder's cookie in what would be the first packet: it was not.
        None if p.u64(8)? == 0 => {
            if let Some(slot) = known.slots.get_mut(known.next) {
                *slot = Slot { cookie, ends: Some(ends) };
            }
            known.next = (known.next + 1) % REMEMBERED;
            Ok("I")
        }
        _ => Ok("?"),
    }
}

/// Prints what goes through NAT on port 4500.
pub(crate) fn through_nat(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    length: usize,
    outer: Outer<'_>,
) -> Result<(), Stop> {
    t.protocol = "isakmp_rfc3948";
    if length == 1 && p.u8(0)? == 0xff {
        put!(t, "isakmp-nat-keep-alive");
        return Ok(());
    }
    if length < 4 {
        return Err(Stop::Short);
    }
    if p.u32(0)? == 0 {
        put!(t, "NONESP-encap: ");
        return print(t, p.from(4), length - 4, outer);
    }
    put!(t, "UDP-encap: ");
    ipsec::esp(t, p, length)
}
