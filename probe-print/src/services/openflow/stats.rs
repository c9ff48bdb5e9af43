//! Statistics of OpenFlow 1.0.

use super::{
    bitmap, invalid,
    structures::{MATCH, actions, matching, port_name, queue_name},
    vendor,
};
use crate::{
    bytes::{Fields, Stop},
    text::{Text, put, put_name},
};

const KINDS: &[(u16, &str)] = &[
    (0, "DESC"),
    (1, "FLOW"),
    (2, "AGGREGATE"),
    (3, "TABLE"),
    (4, "PORT"),
    (5, "QUEUE"),
    (0xffff, "VENDOR"),
];

const WILDCARDS: &[(u32, &str)] = &[
    (1 << 0, "IN_PORT"),
    (1 << 1, "DL_VLAN"),
    (1 << 2, "DL_SRC"),
    (1 << 3, "DL_DST"),
    (1 << 4, "DL_TYPE"),
    (1 << 5, "NW_PROTO"),
    (1 << 6, "TP_SRC"),
    (1 << 7, "TP_DST"),
    (1 << 20, "DL_VLAN_PCP"),
    (1 << 21, "NW_TOS"),
];

fn table(t: &mut Text<'_>, table: u8) {
    put_name!(t, &[(0xfe, "EMERG"), (0xff, "ALL")], table, "{table}");
}

pub(super) fn request(t: &mut Text<'_>, mut body: Fields<'_>) -> Result<(), Stop> {
    let kind = body.u16()?;
    put!(t, "\n\t type ");
    put_name!(t, KINDS, kind, "invalid (0x{kind:04x})");
    let flags = body.u16()?;
    put!(t, ", flags 0x{flags:04x}{}", if flags == 0 { "" } else { " (bogus)" });
    let right = match kind {
        0 | 3 => 0,
        1 | 2 => MATCH + 4,
        4 | 5 => 8,
        0xffff => return vendor::data_of(t, body),
        _ => return Ok(()),
    };
    if body.left() != right {
        return invalid(t, &body);
    }
    match kind {
        1 | 2 => {
            matching(t, "\n\t ", body.rest())?;
            body.skip(MATCH);
            let number = body.u8()?;
            put!(t, "\n\t table_id ");
            table(t, number);
            body.skip(1);
            let out = body.u16()?;
            put!(t, ", out_port ");
            port_name(t, out);
        }
        4 | 5 => {
            let port = body.u16()?;
            put!(t, "\n\t port_no ");
            port_name(t, port);
            match kind {
                4 => drop(body.slice(6)?),
                _ => put!(t, ", queue_id {}", queue_name(body.rest().u32(2)?)),
            }
        }
        _ => {}
    }
    Ok(())
}

pub(super) fn reply(t: &mut Text<'_>, mut body: Fields<'_>) -> Result<(), Stop> {
    let kind = body.u16()?;
    put!(t, "\n\t type ");
    put_name!(t, KINDS, kind, "invalid (0x{kind:04x})");
    let flags = body.u16()?;
    put!(t, ", flags 0x{flags:04x}");
    bitmap(t, &[(1, "MORE")], flags.into(), !1);
    match kind {
        0 => description(t, body),
        1 => flows(t, body),
        2 if body.left() != 24 => invalid(t, &body),
        2 => {
            put!(t, "\n\t packet_count {}", body.u64()?);
            put!(t, ", byte_count {}", body.u64()?);
            put!(t, ", flow_count {}", body.u32()?);
            body.slice(4).map(|_| ())
        }
        3 => tables(t, body),
        4 => ports(t, body),
        5 => queues(t, body),
        0xffff => vendor::data_of(t, body),
        _ => body.rest().slice(0, body.left()).map(|_| ()),
    }
}

fn description(t: &mut Text<'_>, mut body: Fields<'_>) -> Result<(), Stop> {
    const TEXT: usize = 256;
    const NUMBER: usize = 32;
    if body.left() != 4 * TEXT + NUMBER {
        return invalid(t, &body);
    }
    for (name, size) in [
        ("mfr_desc", TEXT),
        ("hw_desc", TEXT),
        ("sw_desc", TEXT),
        ("serial_num", NUMBER),
        ("dp_desc", TEXT),
    ] {
        put!(t, "\n\t  {name} '");
        t.padded(body.rest(), size)?;
        put!(t, "'");
        body.skip(size);
    }
    Ok(())
}

fn flows(t: &mut Text<'_>, mut body: Fields<'_>) -> Result<(), Stop> {
    const FLOW: usize = 88;
    while body.left() > 0 {
        if body.left() < FLOW {
            return invalid(t, &body);
        }
        let length = usize::from(body.rest().u16(0)?);
        put!(t, "\n\t length {length}");
        if length < FLOW || length > body.left() {
            return invalid(t, &body);
        }
        let mut flow = body.part(length);
        flow.skip(2);
        let number = flow.u8()?;
        put!(t, ", table_id ");
        table(t, number);
        flow.skip(1);
        matching(t, "\n\t  ", flow.rest())?;
        flow.skip(MATCH);
        put!(t, "\n\t  duration_sec {}", flow.u32()?);
        put!(t, ", duration_nsec {}", flow.u32()?);
        for name in ["priority", "idle_timeout", "hard_timeout"] {
            put!(t, ", {name} {}", flow.u16()?);
        }
        flow.skip(6);
        put!(t, ", cookie 0x{:016x}", flow.u64()?);
        put!(t, ", packet_count {}", flow.u64()?);
        put!(t, ", byte_count {}", flow.u64()?);
        t.part(|t| actions(t, "\n\t  ", flow))?;
    }
    Ok(())
}

fn tables(t: &mut Text<'_>, mut body: Fields<'_>) -> Result<(), Stop> {
    const TABLE: usize = 64;
    const NAME: usize = 32;
    while body.left() > 0 {
        if body.left() < TABLE {
            return invalid(t, &body);
        }
        let number = body.u8()?;
        put!(t, "\n\t table_id ");
        table(t, number);
        body.skip(3);
        put!(t, ", name '");
        t.padded(body.rest(), NAME)?;
        put!(t, "'");
        body.skip(NAME);
        let wildcards = body.u32()?;
        put!(t, "\n\t  wildcards 0x{wildcards:08x}");
        bitmap(t, WILDCARDS, wildcards, !0x3f_ffff);
        put!(t, "\n\t  max_entries {}", body.u32()?);
        put!(t, ", active_count {}", body.u32()?);
        put!(t, ", lookup_count {}", body.u64()?);
        put!(t, ", matched_count {}", body.u64()?);
    }
    Ok(())
}

fn ports(t: &mut Text<'_>, mut body: Fields<'_>) -> Result<(), Stop> {
    const PORT: usize = 104;
    const COUNTERS: [&str; 12] = [
        "rx_packets",
        "tx_packets",
        "rx_bytes",
        "tx_bytes",
        "rx_dropped",
        "tx_dropped",
        "rx_errors",
        "tx_errors",
        "rx_frame_err",
        "rx_over_err",
        "rx_crc_err",
        "collisions",
    ];
    while body.left() > 0 {
        if body.left() < PORT {
            return invalid(t, &body);
        }
        let port = body.u16()?;
        put!(t, "\n\t  port_no ");
        port_name(t, port);
        if t.style.verbose < 2 {
            body.slice(PORT - 2)?;
            continue;
        }
        body.skip(6);
        for name in COUNTERS {
            put!(t, ", {name} {}", body.u64()?);
        }
    }
    Ok(())
}

fn queues(t: &mut Text<'_>, mut body: Fields<'_>) -> Result<(), Stop> {
    const QUEUE: usize = 32;
    while body.left() > 0 {
        if body.left() < QUEUE {
            return invalid(t, &body);
        }
        let port = body.u16()?;
        put!(t, "\n\t  port_no ");
        port_name(t, port);
        body.skip(2);
        put!(t, ", queue_id {}", body.u32()?);
        for name in ["tx_bytes", "tx_packets", "tx_errors"] {
            put!(t, ", {name} {}", body.u64()?);
        }
    }
    Ok(())
}
