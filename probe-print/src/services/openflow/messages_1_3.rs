//! The messages of OpenFlow 1.3, as far as tcpdump knows them.

use super::{bitmap, data, invalid, names_1_3 as names, vendor};
use crate::{
    bytes::{Bytes, Fields, Stop},
    text::{Text, name_of, put, put_name},
};

/// Bits that have no meaning.
const CONFIGURATION_REST: u32 = !0x65;
const STATE_REST: u32 = !0x7;
const FEATURES_REST: u32 = !0xffff;
const CAPABILITIES_REST: u32 = !0x16f;
const REASONS_REST: u32 = !0x7;
const VERSIONS_REST: u32 = !0x3f;

const MAC: usize = 6;

/// Prints the body of a message whose length is right.
pub(super) fn print(t: &mut Text<'_>, kind: u8, body: Fields<'_>) -> Result<(), Stop> {
    let p = body.rest();
    match kind {
        0 => hello(t, body),
        1 => error(t, body),
        2 | 3 => data(t, body),
        4 => experimenter(t, body),
        6 => {
            put!(t, "\n\t dpid 0x{:016x}", p.u64(0)?);
            put!(t, ", n_buffers {}", p.u32(8)?);
            put!(t, ", n_tables {}", p.u8(12)?);
            put!(t, ", auxiliary_id {}", p.u8(13)?);
            flags(t, "\n\t capabilities", p.u32(16)?, names::CAPABILITIES, CAPABILITIES_REST);
            p.u32(20).map(|_| ())
        }
        8 | 9 => {
            let fragments = p.u16(0)?;
            put!(t, "\n\t flags ");
            put_name!(t, names::FRAGMENTS, fragments, "invalid (0x{fragments:04x})");
            let length = p.u16(2)?;
            put!(t, ", miss_send_len ");
            put_name!(t, names::LENGTHS, length, "{length}");
            Ok(())
        }
        12 => {
            let reason = p.u8(0)?;
            // That this is all, without the number, is tcpdump's own text.
            put!(t, "\n\t reason {}", name_of(names::REASONS, reason).unwrap_or("invalid (0x02x)"));
            port(t, p.from(8))
        }
        16 => {
            number(t, "\n\t port_no ", p.u32(0)?);
            put!(t, ", hw_addr {}", t.link(p.slice(8, MAC)?));
            for (at, name) in [(16, "\n\t  config"), (20, "\n\t  mask")] {
                flags(t, name, p.u32(at)?, names::PORT_CONFIGURATION, CONFIGURATION_REST);
            }
            flags(t, "\n\t  advertise", p.u32(24)?, names::PORT_FEATURES, FEATURES_REST);
            p.u32(28).map(|_| ())
        }
        17 => {
            let table = p.u8(0)?;
            put!(t, "\n\t table_id ");
            put_name!(t, names::TABLES, table, "{table}");
            put!(t, ", config 0x{:08x}", p.u32(4)?);
            Ok(())
        }
        22 => {
            number(t, "\n\t port ", p.u32(0)?);
            p.u32(4).map(|_| ())
        }
        24 | 25 => {
            let role = p.u32(0)?;
            put!(t, "\n\t role ");
            put_name!(t, names::ROLES, role, "invalid (0x{role:08x})");
            put!(t, ", generation_id 0x{:016x}", p.u64(8)?);
            Ok(())
        }
        27 | 28 => {
            for (at, name, bits) in [
                (0, "\n\t packet_in_mask[EM]", names::PACKET_REASONS),
                (4, "\n\t packet_in_mask[S]", names::PACKET_REASONS),
                (8, "\n\t port_status_mask[EM]", names::CHANGES),
                (12, "\n\t port_status_mask[S]", names::CHANGES),
                (16, "\n\t flow_removed_mask[EM]", names::CHANGES),
                (20, "\n\t flow_removed_mask[S]", names::CHANGES),
            ] {
                flags(t, name, p.u32(at)?, bits, REASONS_REST);
            }
            Ok(())
        }
        _ => p.slice(0, body.left()).map(|_| ()),
    }
}

/// A word, and the names of its bits.
fn flags(t: &mut Text<'_>, lead: &str, value: u32, names: &[(u32, &str)], rest: u32) {
    put!(t, "{lead} 0x{value:08x}");
    bitmap(t, names, value, rest);
}

fn number(t: &mut Text<'_>, lead: &str, port: u32) {
    put!(t, "{lead}");
    put_name!(t, names::PORTS, port, "{port}");
}

fn port(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    const NAME: usize = 16;
    number(t, "\n\t  port_no ", p.u32(0)?);
    put!(t, ", hw_addr {}, name '", t.link(p.slice(8, MAC)?));
    t.padded(p.from(16), NAME)?;
    put!(t, "'");
    if t.style.verbose < 2 {
        return p.slice(32, 32).map(|_| ());
    }
    flags(t, "\n\t   config", p.u32(32)?, names::PORT_CONFIGURATION, CONFIGURATION_REST);
    flags(t, "\n\t   state", p.u32(36)?, names::PORT_STATE, STATE_REST);
    for (at, name) in [
        (40, "\n\t   curr"),
        (44, "\n\t   advertised"),
        (48, "\n\t   supported"),
        (52, "\n\t   peer"),
    ] {
        flags(t, name, p.u32(at)?, names::PORT_FEATURES, FEATURES_REST);
    }
    put!(t, "\n\t   curr_speed {}kbps", p.u32(56)?);
    put!(t, "\n\t   max_speed {}kbps", p.u32(60)?);
    Ok(())
}

/// A hello: the versions that the sender speaks.
fn hello(t: &mut Text<'_>, mut body: Fields<'_>) -> Result<(), Stop> {
    const HEAD: usize = 4;
    const VERSIONS: u16 = 1;
    while body.left() > 0 {
        if body.left() < HEAD {
            return invalid(t, &body);
        }
        let kind = body.u16()?;
        match kind {
            VERSIONS => put!(t, "\n\t type VERSIONBITMAP"),
            _ => put!(t, "\n\t type unknown (0x{kind:04x})"),
        }
        let size = usize::from(body.u16()?);
        put!(t, ", length {size}");
        let Some(size) = size.checked_sub(HEAD).filter(|&size| size <= body.left()) else {
            return invalid(t, &body);
        };
        let value = body.rest();
        match (kind, size) {
            (VERSIONS, 4) => {
                flags(t, ", bitmap", value.u32(0)?, names::VERSIONS, VERSIONS_REST);
            }
            (VERSIONS, _) => {
                put!(t, " (bogus)");
                value.slice(0, size)?;
            }
            _ => {
                value.slice(0, size)?;
            }
        }
        body.skip(size);
    }
    Ok(())
}

fn experimenter(t: &mut Text<'_>, mut body: Fields<'_>) -> Result<(), Stop> {
    let number = body.u32()?;
    put!(t, "\n\t experimenter 0x{number:08x} ({})", vendor::name_of_vendor(number));
    put!(t, ", exp_type 0x{:08x}", body.u32()?);
    data(t, body)
}

fn error(t: &mut Text<'_>, mut body: Fields<'_>) -> Result<(), Stop> {
    let kind = body.u16()?;
    put!(t, "\n\t type ");
    put_name!(t, names::ERRORS, kind, "invalid (0x{kind:04x})");
    let code = body.u16()?;
    let codes = names::CODES.iter().find(|(number, _)| *number == kind);
    put!(t, ", code ");
    match codes.and_then(|(_, codes)| name_of(codes, code)) {
        Some(name) => put!(t, "{name}"),
        None => put!(t, "invalid (0x{code:04x})"),
    }
    data(t, body)
}
