//! UDP (RFC 768).

use super::{
    bytes::{Bytes, Cut},
    checksum, dhcp, dns, line_protocols, ntp, snmp,
    text::{Text, put},
    transport::Outer,
};

pub(super) const PROTOCOL: u8 = 17;
const HEADER: usize = 8;

/// Prints a datagram.
pub(super) fn print(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    length: usize,
    outer: Outer<'_>,
    fragmented: bool,
) -> Result<(), Cut> {
    t.protocol = "udp";
    let (Ok(from), Ok(to)) = (p.u16(0), p.u16(2)) else {
        if outer.protocol()? == PROTOCOL {
            outer.print_ends(t, None)?;
            put!(t, ": ");
        }
        t.truncated();
        return Ok(());
    };
    let ports = (t.names.udp(from), t.names.udp(to));
    if outer.protocol()? == PROTOCOL {
        outer.print_ends(t, Some(ports))?;
        put!(t, ": ");
    } else {
        put!(t, "{} > {}: ", ports.0, ports.1);
    }
    if length < HEADER {
        put!(t, "truncated-udp {length}");
        return Ok(());
    }
    let Ok(stated) = p.u16(4) else {
        t.truncated();
        return Ok(());
    };
    let mut stated = usize::from(stated);
    if stated == 0 && length > 65_535 {
        // A jumbogram (RFC 2675).
        stated = length;
    }
    if stated < HEADER {
        put!(t, "truncated-udplength {stated}");
        return Ok(());
    }
    let stated = stated - HEADER;
    let length = stated.min(length - HEADER);
    if p.len() < HEADER {
        t.truncated();
        return Ok(());
    }
    if t.style.verbose > 0 && !t.style.no_checksums && !fragmented {
        verify(t, p, length, outer)?;
    }
    let payload = p.from(HEADER);
    let port = |number| from == number || to == number;
    if !t.style.quiet {
        if port(53) {
            return dns::print(t, payload, length, dns::Carrier::Udp);
        } else if port(5353) {
            return dns::print(t, payload, length, dns::Carrier::Multicast);
        } else if port(67) || port(68) {
            return dhcp::print(t, payload, length);
        } else if port(123) {
            return ntp::print(t, payload, length);
        } else if port(161) || port(162) {
            return snmp::print(t, payload, length);
        } else if port(5060) {
            return line_protocols::sip(t, payload, length);
        }
    }
    match stated > length && !fragmented {
        true => put!(t, "UDP, bad length {stated} > {length}"),
        false => put!(t, "UDP, length {stated}"),
    }
    Ok(())
}

fn verify(t: &mut Text<'_>, p: Bytes<'_>, length: usize, outer: Outer<'_>) -> Result<(), Cut> {
    let four = matches!(outer, Outer::V4(_));
    // tcpdump spares the IPv4 checksum, which is optional, for -vv.
    if four && t.style.verbose < 2 {
        return Ok(());
    }
    let found = p.u16(6)?;
    if four && found == 0 {
        put!(t, "[no cksum] ");
    } else if let Ok(bytes) = p.slice(0, HEADER + length) {
        match outer.checksum(PROTOCOL, bytes)? {
            0 => put!(t, "[udp sum ok] "),
            residue => {
                let right = checksum::should_be(found, residue);
                put!(t, "[bad udp cksum 0x{found:04x} -> 0x{right:04x}!] ");
            }
        }
    }
    Ok(())
}
