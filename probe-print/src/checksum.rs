//! The Internet checksum (RFC 1071), and the two forms in which most printers show it.

use super::text::{Text, put};

/// Sum of 16-bit words, carries folded in, over several pieces of which all but the last
/// are of even length. 0xffff says that a checksum among them is right.
pub(super) fn sum(pieces: &[&[u8]]) -> u16 {
    let mut sum: u64 = 0;
    for piece in pieces {
        let (pairs, rest) = piece.as_chunks::<2>();
        sum += pairs.iter().map(|&pair| u64::from(u16::from_be_bytes(pair))).sum::<u64>();
        sum += rest.first().map_or(0, |&byte| u64::from(byte) << 8);
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// What tcpdump calls the checksum's result: 0 where it is right.
pub(super) fn residue(pieces: &[&[u8]]) -> u16 {
    !sum(pieces)
}

/// What should stand in the checksum's field, given what stands there and the residue.
pub(super) fn should_be(found: u16, residue: u16) -> u16 {
    let mut sum = u32::from(found) + u32::from(residue);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    sum as u16
}

/// `, cksum 0x1234 (correct)`, as of TCP and DCCP.
pub(super) fn print(t: &mut Text<'_>, found: u16, residue: u16) {
    put!(t, ", cksum 0x{found:04x} ");
    match residue {
        0 => put!(t, "(correct)"),
        _ => put!(t, "(incorrect -> 0x{:04x})", should_be(found, residue)),
    }
}

/// `[udp sum ok] `, as of UDP and ICMPv6.
pub(super) fn print_named(t: &mut Text<'_>, name: &str, found: u16, residue: u16) {
    match residue {
        0 => put!(t, "[{name} sum ok] "),
        _ => {
            let right = should_be(found, residue);
            put!(t, "[bad {name} cksum 0x{found:04x} -> 0x{right:04x}!] ");
        }
    }
}
