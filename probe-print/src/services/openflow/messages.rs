//! The messages of OpenFlow 1.0, statistics and vendors' aside.

use super::{
    bitmap, data, invalid, stats,
    structures::{
        MATCH, PORT, PORT_CONFIG, PORT_CONFIG_REST, PORT_FEATURES, PORT_FEATURES_REST, actions,
        matching, port, port_name, queues,
    },
    vendor,
};
use crate::{
    Style,
    bytes::{Fields, Stop},
    link::ethernet,
    summary::Summary,
    text::{Text, name_of, put, put_name},
};

const CAPABILITIES: &[(u32, &str)] = &[
    (1 << 0, "FLOW_STATS"),
    (1 << 1, "TABLE_STATS"),
    (1 << 2, "PORT_STATS"),
    (1 << 3, "STP"),
    (1 << 4, "RESERVED"),
    (1 << 5, "IP_REASM"),
    (1 << 6, "QUEUE_STATS"),
    (1 << 7, "ARP_MATCH_IP"),
];

const ACTIONS: &[(u32, &str)] = &[
    (1 << 0, "OUTPUT"),
    (1 << 1, "SET_VLAN_VID"),
    (1 << 2, "SET_VLAN_PCP"),
    (1 << 3, "STRIP_VLAN"),
    (1 << 4, "SET_DL_SRC"),
    (1 << 5, "SET_DL_DST"),
    (1 << 6, "SET_NW_SRC"),
    (1 << 7, "SET_NW_DST"),
    (1 << 8, "SET_NW_TOS"),
    (1 << 9, "SET_TP_SRC"),
    (1 << 10, "SET_TP_DST"),
    (1 << 11, "ENQUEUE"),
];

const FRAGMENTS: &[(u16, &str)] = &[(0, "FRAG_NORMAL"), (1, "FRAG_DROP"), (2, "FRAG_REASM")];
const COMMANDS: &[(u16, &str)] =
    &[(0, "ADD"), (1, "MODIFY"), (2, "MODIFY_STRICT"), (3, "DELETE"), (4, "DELETE_STRICT")];
const FLOW_FLAGS: &[(u32, &str)] = &[(1, "SEND_FLOW_REM"), (2, "CHECK_OVERLAP"), (4, "EMERG")];
const REMOVALS: &[(u8, &str)] = &[(0, "IDLE_TIMEOUT"), (1, "HARD_TIMEOUT"), (2, "DELETE")];
const CHANGES: &[(u8, &str)] = &[(0, "ADD"), (1, "DELETE"), (2, "MODIFY")];
const ARRIVALS: &[(u8, &str)] = &[(0, "NO_MATCH"), (1, "ACTION")];

/// Kinds of errors, and the codes of each.
const ERRORS: &[(&str, &[&str])] = &[
    ("HELLO_FAILED", &["INCOMPATIBLE", "EPERM"]),
    (
        "BAD_REQUEST",
        &[
            "BAD_VERSION",
            "BAD_TYPE",
            "BAD_STAT",
            "BAD_VENDOR",
            "BAD_SUBTYPE",
            "EPERM",
            "BAD_LEN",
            "BUFFER_EMPTY",
            "BUFFER_UNKNOWN",
        ],
    ),
    (
        "BAD_ACTION",
        &[
            "BAD_TYPE",
            "BAD_LEN",
            "BAD_VENDOR",
            "BAD_VENDOR_TYPE",
            "BAD_OUT_PORT",
            "BAD_ARGUMENT",
            "EPERM",
            "TOO_MANY",
            "BAD_QUEUE",
        ],
    ),
    (
        "FLOW_MOD_FAILED",
        &["ALL_TABLES_FULL", "OVERLAP", "EPERM", "BAD_EMERG_TIMEOUT", "BAD_COMMAND", "UNSUPPORTED"],
    ),
    ("PORT_MOD_FAILED", &["BAD_PORT", "BAD_HW_ADDR"]),
    ("QUEUE_OP_FAILED", &["BAD_PORT", "BAD_QUEUE", "EPERM"]),
];

/// Prints a message's body, whose length has been looked at.
pub(super) fn print(t: &mut Text<'_>, kind: u8, mut body: Fields<'_>) -> Result<(), Stop> {
    let p = body.rest();
    match kind {
        0 | 2 | 3 => return data(t, body),
        1 => return error(t, body),
        4 => return vendor::message(t, body),
        6 => return features(t, body),
        8 | 9 => {
            let flags = p.u16(0)?;
            put!(t, "\n\t flags ");
            put_name!(t, FRAGMENTS, flags, "invalid (0x{flags:04x})");
            put!(t, ", miss_send_len {}", p.u16(2)?);
        }
        10 => {
            buffer(t, "\n\t buffer_id ", body.u32()?);
            put!(t, ", total_len {}", body.u16()?);
            let from = body.u16()?;
            put!(t, ", in_port ");
            port_name(t, from);
            let reason = body.u8()?;
            put!(t, ", reason ");
            put_name!(t, ARRIVALS, reason, "invalid (0x{reason:02x})");
            body.slice(1)?;
            return frame(t, body);
        }
        11 => return removed(t, body),
        12 => {
            let reason = p.u8(0)?;
            put!(t, "\n\t reason ");
            put_name!(t, CHANGES, reason, "invalid (0x{reason:02x})");
            return port(t, p.from(8));
        }
        13 => {
            put!(t, "\n\t buffer_id 0x{:08x}", body.u32()?);
            let from = body.u16()?;
            put!(t, ", in_port ");
            port_name(t, from);
            let length = usize::from(body.u16()?);
            if length > body.left() {
                return invalid(t, &body);
            }
            let part = body.part(length);
            t.part(|t| actions(t, "\n\t ", part))?;
            return frame(t, body);
        }
        14 => return flow(t, body),
        15 => {
            let number = p.u16(0)?;
            put!(t, "\n\t port_no ");
            port_name(t, number);
            put!(t, ", hw_addr {}", t.link(p.slice(2, 6)?));
            for (at, name) in [(8, "config"), (12, "mask")] {
                let value = p.u32(at)?;
                put!(t, "\n\t {name} 0x{value:08x}");
                bitmap(t, PORT_CONFIG, value, PORT_CONFIG_REST);
            }
            let advertised = p.u32(16)?;
            put!(t, "\n\t advertise 0x{advertised:08x}");
            bitmap(t, PORT_FEATURES, advertised, PORT_FEATURES_REST);
            p.slice(20, 4)?;
        }
        16 => return stats::request(t, body),
        17 => return stats::reply(t, body),
        20 | 21 => {
            let number = body.u16()?;
            put!(t, "\n\t port ");
            port_name(t, number);
            if kind == 21 {
                body.slice(6)?;
                return queues(t, body);
            }
            body.slice(2)?;
        }
        _ => {
            p.slice(0, body.left())?;
        }
    }
    Ok(())
}

fn buffer(t: &mut Text<'_>, lead: &str, buffer: u32) {
    match buffer {
        u32::MAX => put!(t, "{lead}NONE"),
        _ => put!(t, "{lead}0x{buffer:08x}"),
    }
}

fn error(t: &mut Text<'_>, mut body: Fields<'_>) -> Result<(), Stop> {
    let kind = body.u16()?;
    let known = ERRORS.get(usize::from(kind));
    match known {
        Some((name, _)) => put!(t, "\n\t type {name}"),
        None => put!(t, "\n\t type invalid (0x{kind:04x})"),
    }
    let code = body.u16()?;
    match known.and_then(|(_, codes)| codes.get(usize::from(code))) {
        Some(name) => put!(t, ", code {name}"),
        None => put!(t, ", code invalid (0x{code:04x})"),
    }
    data(t, body)
}

fn features(t: &mut Text<'_>, mut body: Fields<'_>) -> Result<(), Stop> {
    put!(t, "\n\t dpid 0x{:016x}", body.u64()?);
    put!(t, ", n_buffers {}", body.u32()?);
    put!(t, ", n_tables {}", body.u8()?);
    body.skip(3);
    let capabilities = body.u32()?;
    put!(t, "\n\t capabilities 0x{capabilities:08x}");
    bitmap(t, CAPABILITIES, capabilities, !0xef);
    let known = body.u32()?;
    put!(t, "\n\t actions 0x{known:08x}");
    bitmap(t, ACTIONS, known, !0xfff);
    while body.left() > 0 {
        if body.left() < PORT {
            return invalid(t, &body);
        }
        port(t, body.rest())?;
        body.skip(PORT);
    }
    Ok(())
}

fn removed(t: &mut Text<'_>, mut body: Fields<'_>) -> Result<(), Stop> {
    matching(t, "\n\t ", body.rest())?;
    body.skip(MATCH);
    put!(t, "\n\t cookie 0x{:016x}", body.u64()?);
    let priority = body.u16()?;
    if priority != 0 {
        put!(t, ", priority {priority}");
    }
    let reason = body.u8()?;
    put!(t, ", reason ");
    put_name!(t, REMOVALS, reason, "unknown (0x{reason:02x})");
    body.skip(1);
    put!(t, ", duration_sec {}", body.u32()?);
    put!(t, ", duration_nsec {}", body.u32()?);
    let idle = body.u16()?;
    if idle != 0 {
        put!(t, ", idle_timeout {idle}");
    }
    body.skip(2);
    put!(t, ", packet_count {}", body.u64()?);
    put!(t, ", byte_count {}", body.u64()?);
    Ok(())
}

fn flow(t: &mut Text<'_>, mut body: Fields<'_>) -> Result<(), Stop> {
    matching(t, "\n\t ", body.rest())?;
    body.skip(MATCH);
    put!(t, "\n\t cookie 0x{:016x}", body.u64()?);
    let command = body.u16()?;
    put!(t, ", command ");
    put_name!(t, COMMANDS, command, "invalid (0x{command:04x})");
    for name in ["idle_timeout", "hard_timeout", "priority"] {
        let value = body.u16()?;
        if value != 0 {
            put!(t, ", {name} {value}");
        }
    }
    let waiting = body.u32()?;
    if command <= 2 {
        buffer(t, ", buffer_id ", waiting);
    }
    let out = body.u16()?;
    if name_of(COMMANDS, command).is_some_and(|name| name.starts_with("DELETE")) {
        put!(t, ", out_port ");
        port_name(t, out);
    }
    let flags = body.u16()?;
    put!(t, ", flags 0x{flags:04x}");
    bitmap(t, FLOW_FLAGS, flags.into(), !7);
    actions(t, "\n\t ", body)
}

/// A frame on its way through the controller. It is shown from `-vvv` on, with as many
/// `-v` less.
fn frame(t: &mut Text<'_>, body: Fields<'_>) -> Result<(), Stop> {
    let length = body.left();
    if length == 0 {
        return Ok(());
    }
    put!(t, "\n\t data ({length} octets)");
    let Some(verbose) = t.style.verbose.checked_sub(3) else {
        return body.rest().slice(0, length).map(|_| ());
    };
    put!(t, ", frame decoding below\n");
    let style = Style { verbose, ..*t.style };
    t.quoted(|t| {
        let mut inner = Text {
            out: &mut *t.out,
            style: &style,
            memory: &mut *t.memory,
            names: t.names,
            zone: t.zone,
            protocol: t.protocol,
            depth: t.depth,
            tint: t.tint,
            summary: Summary::default(),
            frame: t.frame,
        };
        let printed = ethernet::print(&mut inner, body.rest().limit(length), length);
        t.protocol = inner.protocol;
        printed.map(|_| ())
    })
}
