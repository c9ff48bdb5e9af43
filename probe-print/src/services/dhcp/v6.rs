//! DHCPv6 (RFC 8415).

use super::v6_options;
use crate::{
    bytes::{Bytes, Fields, Stop},
    text::{Text, put, put_name},
};

const KINDS: &[(u8, &str)] = &[
    (1, "solicit"),
    (2, "advertise"),
    (3, "request"),
    (4, "confirm"),
    (5, "renew"),
    (6, "rebind"),
    (7, "reply"),
    (8, "release"),
    (9, "decline"),
    (10, "reconfigure"),
    (11, "inf-req"),
    (12, "relay-fwd"),
    (13, "relay-reply"),
    (14, "leasequery"),
    (15, "leasequery-reply"),
];

const RELAY_FORWARD: u8 = 12;
const RELAY_REPLY: u8 = 13;

/// Prints the message's kind; with `-v` its options.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "dhcp6";
    put!(t, "dhcp6");
    p.need(0, 4)?;
    let kind = p.u8(0)?;
    put!(t, " ");
    put_name!(t, KINDS, kind, "msgtype-{kind}");
    if t.style.verbose == 0 {
        return Ok(());
    }
    put!(t, " (");
    let header = match kind {
        RELAY_FORWARD | RELAY_REPLY => {
            put!(t, "linkaddr={}", t.v6(p, 2)?);
            put!(t, " peeraddr={}", t.v6(p, 18)?);
            34
        }
        _ => {
            put!(t, "xid={:x}", p.u24(1)?);
            4
        }
    };
    // As in tcpdump, options end with the bytes that were captured.
    let size = p.len().min(length).saturating_sub(header);
    t.part(|t| v6_options::print(t, Fields::new(p.from(header), size)))?;
    put!(t, ")");
    Ok(())
}
