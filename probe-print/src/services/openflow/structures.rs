//! What messages of OpenFlow 1.0 are made of: matches, actions, ports, queues.

use super::{bitmap, invalid, vendor};
use crate::{
    bytes::{Bytes, Fields, Stop},
    text::{Text, name_of, put, put_name},
};

pub(super) const MATCH: usize = 40;
pub(super) const PORT: usize = 48;
const ACTION: usize = 8;
const PORT_NAME: usize = 16;
const MAC: usize = 6;
const QUEUE: usize = 8;
const CONTROLLER: u16 = 0xfffd;

const PORTS: &[(u16, &str)] = &[
    (0xff00, "MAX"),
    (0xfff8, "IN_PORT"),
    (0xfff9, "TABLE"),
    (0xfffa, "NORMAL"),
    (0xfffb, "FLOOD"),
    (0xfffc, "ALL"),
    (CONTROLLER, "CONTROLLER"),
    (0xfffe, "LOCAL"),
    (0xffff, "NONE"),
];

pub(super) const PORT_CONFIG: &[(u32, &str)] = &[
    (1 << 0, "PORT_DOWN"),
    (1 << 1, "NO_STP"),
    (1 << 2, "NO_RECV"),
    (1 << 3, "NO_RECV_STP"),
    (1 << 4, "NO_FLOOD"),
    (1 << 5, "NO_FWD"),
    (1 << 6, "NO_PACKET_IN"),
];
pub(super) const PORT_CONFIG_REST: u32 = !0x7f;

pub(super) const PORT_FEATURES: &[(u32, &str)] = &[
    (1 << 0, "10MB_HD"),
    (1 << 1, "10MB_FD"),
    (1 << 2, "100MB_HD"),
    (1 << 3, "100MB_FD"),
    (1 << 4, "1GB_HD"),
    (1 << 5, "1GB_FD"),
    (1 << 6, "10GB_FD"),
    (1 << 7, "COPPER"),
    (1 << 8, "FIBER"),
    (1 << 9, "AUTONEG"),
    (1 << 10, "PAUSE"),
    (1 << 11, "PAUSE_ASYM"),
];
pub(super) const PORT_FEATURES_REST: u32 = !0xfff;

const SPANNING_TREE: &[(u32, &str)] =
    &[(0, "STP_LISTEN"), (0x100, "STP_LEARN"), (0x200, "STP_FORWARD"), (0x300, "STP_BLOCK")];

const ACTIONS: &[(u16, &str)] = &[
    (0, "OUTPUT"),
    (1, "SET_VLAN_VID"),
    (2, "SET_VLAN_PCP"),
    (3, "STRIP_VLAN"),
    (4, "SET_DL_SRC"),
    (5, "SET_DL_DST"),
    (6, "SET_NW_SRC"),
    (7, "SET_NW_DST"),
    (8, "SET_NW_TOS"),
    (9, "SET_TP_SRC"),
    (10, "SET_TP_DST"),
    (11, "ENQUEUE"),
    (VENDOR, "VENDOR"),
];
const VENDOR: u16 = 0xffff;

/// A port's number or name.
pub(super) fn port_name(t: &mut Text<'_>, port: u16) {
    put_name!(t, PORTS, port, "{port}");
}

pub(super) fn queue_name(queue: u32) -> String {
    if queue == u32::MAX { "ALL".into() } else { queue.to_string() }
}

fn vlan(id: u16) -> String {
    match id {
        u16::MAX => "NONE".into(),
        1..0xfff => id.to_string(),
        _ => format!("{id} (bogus)"),
    }
}

fn priority(priority: u8) -> String {
    if priority <= 7 { priority.to_string() } else { format!("{priority} (bogus)") }
}

/// Prints what a flow is matched by, each line behind `lead`.
pub(super) fn matching(t: &mut Text<'_>, lead: &str, p: Bytes<'_>) -> Result<(), Stop> {
    const ARP: u16 = 0x0806;
    const IPV4: u16 = 0x0800;
    const ICMP: u8 = 1;
    let wildcards = p.u32(0)?;
    let given = |bit: u32| wildcards & (1 << bit) == 0;
    if wildcards >> 22 != 0 {
        put!(t, "{lead}wildcards 0x{wildcards:08x} (bogus)");
    }
    if given(0) {
        let port = p.u16(4)?;
        put!(t, "{lead}match in_port ");
        port_name(t, port);
    }
    for (bit, at, name) in [(2, 6, "dl_src"), (3, 12, "dl_dst")] {
        if given(bit) {
            put!(t, "{lead}match {name} {}", t.link(p.slice(at, MAC)?));
        }
    }
    if given(1) {
        put!(t, "{lead}match dl_vlan {}", vlan(p.u16(18)?));
    }
    if given(20) {
        put!(t, "{lead}match dl_vlan_pcp {}", priority(p.u8(20)?));
    }
    let ethertype = p.u16(22)?;
    if given(4) {
        put!(t, "{lead}match dl_type 0x{ethertype:04x}");
    }
    if given(21) {
        put!(t, "{lead}match nw_tos 0x{:02x}", p.u8(24)?);
    }
    let protocol = p.u8(25)?;
    if given(5) {
        let name = if given(4) && ethertype == ARP { "arp_opcode" } else { "nw_proto" };
        put!(t, "{lead}match {name} {protocol}");
    }
    for (shift, at, name) in [(8, 28, "nw_src"), (14, 32, "nw_dst")] {
        let free = wildcards >> shift & 0x3f;
        if free < 32 {
            put!(t, "{lead}match {name} {}/{}", t.v4(p, at)?, 32 - free);
        }
    }
    let icmp = given(4) && ethertype == IPV4 && given(5) && protocol == ICMP;
    let names = if icmp { ["icmp_type", "icmp_code"] } else { ["tp_src", "tp_dst"] };
    for (bit, at, name) in [(6, 36, names[0]), (7, 38, names[1])] {
        if given(bit) {
            put!(t, "{lead}match {name} {}", p.u16(at)?);
        }
    }
    p.slice(38, 2).map(|_| ())
}

/// Prints actions to the end of `fields`.
pub(super) fn actions(t: &mut Text<'_>, lead: &str, mut fields: Fields<'_>) -> Result<(), Stop> {
    while fields.left() > 0 {
        if fields.left() < ACTION {
            return invalid(t, &fields);
        }
        let kind = fields.u16()?;
        put!(t, "{lead}action type ");
        put_name!(t, ACTIONS, kind, "invalid (0x{kind:04x})");
        let length = usize::from(fields.u16()?);
        put!(t, ", len {length}");
        if length < ACTION || length > fields.left() + 4 {
            return invalid(t, &fields);
        }
        let right = match kind {
            0..=3 | 6..=10 => length == 8,
            4 | 5 | 11 => length == 16,
            VENDOR => length.is_multiple_of(8),
            _ => true,
        };
        if !right {
            put!(t, " (bogus)");
        }
        let part = fields.part(length - 4);
        match name_of(ACTIONS, kind).filter(|_| right) {
            Some(_) => t.part(|t| action(t, kind, part))?,
            None => drop(part.rest().slice(0, length - 4)?),
        }
    }
    Ok(())
}

fn action(t: &mut Text<'_>, kind: u16, part: Fields<'_>) -> Result<(), Stop> {
    let p = part.rest();
    match kind {
        0 => {
            let port = p.u16(0)?;
            put!(t, ", port ");
            port_name(t, port);
            let most = p.u16(2)?;
            if port == CONTROLLER {
                put!(t, ", max_len {most}");
            }
        }
        1 => put!(t, ", vlan_vid {}", vlan(p.u16(0)?)),
        2 => put!(t, ", vlan_pcp {}", priority(p.u8(0)?)),
        4 | 5 => put!(t, ", dl_addr {}", t.link(p.slice(0, MAC)?)),
        6 | 7 => put!(t, ", nw_addr {}", t.v4(p, 0)?),
        8 => put!(t, ", nw_tos 0x{:02x}", p.u8(0)?),
        9 | 10 => put!(t, ", tp_port {}", p.u16(0)?),
        11 => {
            let port = p.u16(0)?;
            put!(t, ", port ");
            port_name(t, port);
            put!(t, ", queue_id {}", queue_name(p.u32(8)?));
        }
        VENDOR => return vendor::action(t, part),
        _ => {}
    }
    p.slice(0, part.left()).map(|_| ())
}

pub(super) fn port(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    const LINK_DOWN: u32 = 1;
    let number = p.u16(0)?;
    put!(t, "\n\t  port_no ");
    port_name(t, number);
    put!(t, ", hw_addr {}, name '", t.link(p.slice(2, MAC)?));
    t.padded(p.from(8), PORT_NAME)?;
    put!(t, "'");
    if t.style.verbose < 2 {
        return p.slice(24, 24).map(|_| ());
    }
    let config = p.u32(24)?;
    put!(t, "\n\t   config 0x{config:08x}");
    bitmap(t, PORT_CONFIG, config, PORT_CONFIG_REST);
    let state = p.u32(28)?;
    put!(t, "\n\t   state 0x{state:08x} (");
    put!(t, "{}", name_of(SPANNING_TREE, state & 0x300).unwrap_or_default());
    put!(t, "{})", if state & LINK_DOWN == 0 { "" } else { ", LINK_DOWN" });
    put!(t, "{}", if state & !(LINK_DOWN | 0x300) == 0 { "" } else { " (bogus)" });
    for (at, name) in [(32, "curr"), (36, "advertised"), (40, "supported"), (44, "peer")] {
        let features = p.u32(at)?;
        put!(t, "\n\t   {name} 0x{features:08x}");
        bitmap(t, PORT_FEATURES, features, PORT_FEATURES_REST);
    }
    Ok(())
}

/// Prints queues to the end of `fields`.
pub(super) fn queues(t: &mut Text<'_>, mut fields: Fields<'_>) -> Result<(), Stop> {
    while fields.left() > 0 {
        if fields.left() < QUEUE {
            return invalid(t, &fields);
        }
        put!(t, "\n\t  queue_id {}", fields.u32()?);
        let length = usize::from(fields.u16()?);
        put!(t, ", len {length}");
        if length < QUEUE || length > fields.left() + 6 {
            return invalid(t, &fields);
        }
        fields.slice(2)?;
        let part = fields.part(length - QUEUE);
        match t.style.verbose {
            2.. => t.part(|t| properties(t, part))?,
            _ => drop(part.rest().slice(0, length - QUEUE)?),
        }
    }
    Ok(())
}

fn properties(t: &mut Text<'_>, mut fields: Fields<'_>) -> Result<(), Stop> {
    const NONE: u16 = 0;
    const MIN_RATE: u16 = 1;
    while fields.left() > 0 {
        if fields.left() < QUEUE {
            return invalid(t, &fields);
        }
        let kind = fields.u16()?;
        put!(t, "\n\t   property ");
        put_name!(t, &[(NONE, "NONE"), (MIN_RATE, "MIN_RATE")], kind, "invalid (0x{kind:04x})");
        let length = usize::from(fields.u16()?);
        put!(t, ", len {length}");
        if length < QUEUE || length > fields.left() + 4 {
            return invalid(t, &fields);
        }
        fields.slice(4)?;
        if kind == NONE && length != QUEUE || kind == MIN_RATE && length != 2 * QUEUE {
            put!(t, " (bogus)");
        } else if kind == MIN_RATE {
            match fields.rest().u16(0)? {
                1001.. => put!(t, ", rate disabled"),
                rate => put!(t, ", rate {}.{}%", rate / 10, rate % 10),
            }
        }
        fields.slice(length - QUEUE)?;
    }
    Ok(())
}
