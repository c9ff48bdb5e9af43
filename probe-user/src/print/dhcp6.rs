//! DHCPv6 (RFC 8415): the first line.

use super::{
    bytes::{Bytes, Cut},
    text::{Text, need, put, put_name},
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

/// Prints the message's kind.
pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Cut> {
    t.protocol = "dhcp6";
    put!(t, "dhcp6");
    need!(t, p.u32(0));
    let kind = p.u8(0)?;
    put!(t, " ");
    put_name!(t, KINDS, kind, "msgtype-{kind}");
    Ok(())
}
