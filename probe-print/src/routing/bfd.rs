//! BFD (RFC 5880): whether a path is there, many times a second.

use crate::{
    bytes::{Bytes, Stop},
    dump,
    text::{Text, bits, name_of, put},
};

pub(crate) const CONTROL: u16 = 3784;
pub(crate) const ECHO: u16 = 3785;
pub(crate) const MULTIHOP: u16 = 4784;
pub(crate) const LAG: u16 = 6784;

const HEADER: usize = 24;

const DIAGNOSTICS: &[(u8, &str)] = &[
    (0, "No Diagnostic"),
    (1, "Control Detection Time Expired"),
    (2, "Echo Function Failed"),
    (3, "Neighbor Signaled Session Down"),
    (4, "Forwarding Plane Reset"),
    (5, "Path Down"),
    (6, "Concatenated Path Down"),
    (7, "Administratively Down"),
    (8, "Reverse Concatenated Path Down"),
];

const FLAGS_0: &[(u32, &str)] = &[
    (0x80, "I Hear You"),
    (0x40, "Demand"),
    (0x20, "Poll"),
    (0x10, "Final"),
    (0x08, "Control Plane Independent"),
    (0x04, "Authentication Present"),
    (0x02, "Reserved"),
    (0x01, "Reserved"),
];

const FLAGS_1: &[(u32, &str)] = &[
    (0x20, "Poll"),
    (0x10, "Final"),
    (0x08, "Control Plane Independent"),
    (0x04, "Authentication Present"),
    (0x02, "Demand"),
    (0x01, "Multipoint"),
];

const STATES: &[(u8, &str)] = &[(0, "AdminDown"), (1, "Down"), (2, "Init"), (3, "Up")];

const AUTHENTICATED: u8 = 4;
const AUTHENTICATIONS: &[(u8, &str)] = &[
    (1, "Simple Password"),
    (2, "Keyed MD5"),
    (3, "Meticulous Keyed MD5"),
    (4, "Keyed SHA1"),
    (5, "Meticulous Keyed SHA1"),
];

/// Prints a packet to one of the four ports.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize, port: u16) -> Result<(), Stop> {
    t.protocol = "bfd";
    let verbose = t.style.verbose > 0;
    if port == ECHO {
        put!(t, "BFD, Echo, length: {length}");
        if verbose {
            dump::hex(p.limit(length).all(), "\n\t", 0, t.out);
        }
        return Ok(());
    }
    p.slice(0, HEADER)?;
    let (version, diagnostic, flags) = (p.u8(0)? >> 5, p.u8(0)? & 0x1f, p.u8(1)?);
    let (name, flag_names) = match version {
        0 => ("Control".to_string(), bits(FLAGS_0, flags.into(), ", ", "none")),
        1 => {
            let port = match port {
                MULTIHOP => "Multihop",
                LAG => "Lag",
                _ => "Control",
            };
            let state = name_of(STATES, flags >> 6).unwrap_or_default();
            let names = bits(FLAGS_1, u32::from(flags & 0x3f), ", ", "none");
            (format!("{port}, State {state}"), names)
        }
        _ => {
            put!(t, "BFDv{version}, Control, length: {length}");
            if verbose {
                dump::hex(p.limit(length).all(), "\n\t", 0, t.out);
            }
            return Ok(());
        }
    };
    if !verbose {
        put!(t, "BFDv{version}, {name}, Flags: [{flag_names}], length: {length}");
        return Ok(());
    }
    put!(t, "BFDv{version}, length: {length}\n\t{name}, Flags: [{flag_names}], ");
    let text = name_of(DIAGNOSTICS, diagnostic).unwrap_or("unknown");
    put!(t, "Diagnostic: {text} (0x{diagnostic:02x})");
    let (multiplier, transmit) = (p.u8(2)?, p.u32(12)?);
    let detection = u32::from(multiplier).wrapping_mul(transmit) / 1000;
    put!(t, "\n\tDetection Timer Multiplier: {multiplier} ({detection} ms Detection time)");
    put!(t, ", BFD Length: {}", p.u8(3)?);
    put!(t, "\n\tMy Discriminator: 0x{:08x}", p.u32(4)?);
    put!(t, ", Your Discriminator: 0x{:08x}", p.u32(8)?);
    for (at, name) in [
        (12, "Desired min Tx Interval:   "),
        (16, "Required min Rx Interval:  "),
        (20, "Required min Echo Interval:"),
    ] {
        put!(t, "\n\t  {name} {:>4} ms", p.u32(at)? / 1000);
    }
    match flags & AUTHENTICATED {
        0 => Ok(()),
        _ => authentication(t, p.from(HEADER)),
    }
}

fn authentication(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    /// Kind, length and key are not the password's.
    const HEAD: u8 = 3;
    p.slice(0, 4)?;
    let (kind, length) = (p.u8(0)?, p.u8(1)?);
    let name = name_of(AUTHENTICATIONS, kind).unwrap_or("Unknown");
    put!(t, "\n\tAuthentication: {name} ({kind}), length: {length}");
    put!(t, "\n\t  Auth Key ID: {}", p.u8(2)?);
    match (kind, length) {
        (1, 4..=19) => {
            put!(t, ", Password: ");
            t.string(p.from(HEAD.into()), usize::from(length - HEAD))?;
        }
        (2 | 3, 24) | (4 | 5, 28) => {
            put!(t, ", Sequence Number: 0x{:08x}", p.u32(4)?);
            let digest = p.slice(8, usize::from(length) - 8)?;
            put!(t, "\n\t  {}: ", if kind < 4 { "Digest" } else { "Hash" });
            t.hex(digest);
        }
        (1..=5, _) => put!(t, "[invalid length {length}]"),
        _ => {}
    }
    Ok(())
}
