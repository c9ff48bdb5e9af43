//! BOOTP and DHCP (RFC 951, RFC 2131), their first line.

use super::{
    address::Link,
    bytes::{Bytes, Cut},
    text::{Text, put},
};

const REQUEST: u8 = 1;
const REPLY: u8 = 2;
const ETHERNET: (u8, u8) = (1, 6);
const HARDWARE_ADDRESS: usize = 28;

/// Prints operation, client and length.
pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Cut> {
    t.protocol = "bootp";
    let operation = p.u8(0)?;
    match operation {
        REQUEST => put!(t, "BOOTP/DHCP, Request"),
        REPLY => put!(t, "BOOTP/DHCP, Reply"),
        _ => put!(t, "BOOTP/DHCP, unknown (0x{operation:02x})"),
    }
    if (p.u8(1)?, p.u8(2)?) == ETHERNET && operation == REQUEST {
        put!(t, " from {}", Link(p.slice(HARDWARE_ADDRESS, 6)?));
    }
    put!(t, ", length {length}");
    Ok(())
}
