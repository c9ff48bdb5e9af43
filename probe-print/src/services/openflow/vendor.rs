//! What vendors add to OpenFlow 1.0: their names, and the messages of Big Switch.

use super::{data, invalid};
use crate::{
    bytes::{Fields, Stop},
    ouis::OUIS,
    text::{Text, name_of, put, put_name},
};

const BIG_SWITCH: u32 = 0x5c_16c7;

/// Vendors that have a number from the Open Networking Foundation instead of an OUI.
const EXPERIMENTERS: &[(u32, &str)] = &[
    (0x4f4e_4600, "ONF Extensions"),
    (0xff00_0001, "Budapest University of Technology and Economics"),
    (0xff00_0002, "NoviFlow"),
    (0xff00_0003, "L3+ Extensions, Vendor Neutral"),
    (0xff00_0004, "L4-L7 Extensions"),
    (0xff00_0005, "Wireless and Mobility Extensions"),
    (0xff00_0006, "Forwarding Abstractions Extensions"),
    (0xff00_0007, "Optical Transport Extensions"),
    (0xff00_0008, "Network Benchmarking Lab, NCTU"),
    (0xff00_0009, "Mobile Packet Core Extensions"),
    (0xff00_000a, "MPLS-TP OpenFlow Extensions for SPTN"),
];

const SUBTYPES: &[(u32, &str)] = &[
    (0, "SET_IP_MASK"),
    (1, "GET_IP_MASK_REQUEST"),
    (2, "GET_IP_MASK_REPLY"),
    (3, "SET_MIRRORING"),
    (4, "GET_MIRRORING_REQUEST"),
    (5, "GET_MIRRORING_REPLY"),
    (6, "SHELL_COMMAND"),
    (7, "SHELL_OUTPUT"),
    (8, "SHELL_STATUS"),
    (9, "GET_INTERFACES_REQUEST"),
    (10, "GET_INTERFACES_REPLY"),
    (11, "SET_PKTIN_SUPPRESSION_REQUEST"),
    (12, "SET_L2_TABLE_REQUEST"),
    (13, "GET_L2_TABLE_REQUEST"),
    (14, "GET_L2_TABLE_REPLY"),
    (15, "VIRTUAL_PORT_CREATE_REQUEST"),
    (16, "VIRTUAL_PORT_CREATE_REPLY"),
    (17, "VIRTUAL_PORT_REMOVE_REQUEST"),
    (18, "BW_ENABLE_SET_REQUEST"),
    (19, "BW_ENABLE_GET_REQUEST"),
    (20, "BW_ENABLE_GET_REPLY"),
    (21, "BW_CLEAR_DATA_REQUEST"),
    (22, "BW_CLEAR_DATA_REPLY"),
    (23, "BW_ENABLE_SET_REPLY"),
    (24, "SET_L2_TABLE_REPLY"),
    (25, "SET_PKTIN_SUPPRESSION_REPLY"),
    (26, "VIRTUAL_PORT_REMOVE_REPLY"),
    (27, "HYBRID_GET_REQUEST"),
    (28, "HYBRID_GET_REPLY"),
    (31, "PDU_TX_REQUEST"),
    (32, "PDU_TX_REPLY"),
    (33, "PDU_RX_REQUEST"),
    (34, "PDU_RX_REPLY"),
    (35, "PDU_RX_TIMEOUT"),
];

const ACTIONS: &[(u32, &str)] = &[(1, "MIRROR"), (2, "SET_TUNNEL_DST"), (4, "CHECKSUM")];

/// Prints who the vendor is.
fn name(t: &mut Text<'_>, body: &mut Fields<'_>) -> Result<u32, Stop> {
    let vendor = body.u32()?;
    put!(t, ", vendor 0x{vendor:08x} ({})", name_of_vendor(vendor));
    Ok(vendor)
}

/// The name of a vendor, by the OUI, or by the number that the foundation gave.
pub(super) fn name_of_vendor(vendor: u32) -> &'static str {
    let table = if vendor >> 24 == 0 { OUIS } else { EXPERIMENTERS };
    name_of(table, vendor).unwrap_or("unknown")
}

/// Prints a vendor's data, of whichever vendor.
pub(super) fn data_of(t: &mut Text<'_>, mut body: Fields<'_>) -> Result<(), Stop> {
    if body.left() < 4 {
        return invalid(t, &body);
    }
    name(t, &mut body)?;
    data(t, body)
}

/// Prints a vendor's message.
pub(super) fn message(t: &mut Text<'_>, mut body: Fields<'_>) -> Result<(), Stop> {
    if name(t, &mut body)? != BIG_SWITCH {
        return data(t, body);
    }
    if body.left() < 4 {
        return invalid(t, &body);
    }
    let subtype = body.u32()?;
    put!(t, "\n\t subtype ");
    put_name!(t, SUBTYPES, subtype, "unknown (0x{subtype:08x})");
    let right = match subtype {
        0..=2 => body.left() == 8,
        3..=5 | 8 | 17 => body.left() == 4,
        6 => body.left() >= 4,
        9 | 13 | 19 | 21 | 27 => body.left() == 0,
        _ => true,
    };
    if !right {
        return invalid(t, &body);
    }
    let p = body.rest();
    match subtype {
        1 => put!(t, ", index {}", p.u8(0)?),
        0 | 2 => put!(t, ", index {}, mask {}", p.u8(0)?, t.v4(p, 4)?),
        3..=5 => {
            let on = p.u8(0)?;
            put!(t, ", report_mirror_ports ");
            put_name!(t, &[(0, "OFF"), (1, "ON")], on, "bogus ({on})");
        }
        17 => put!(t, ", vport_no {}", p.u32(0)?),
        8 => put!(t, ", status 0x{:08x}", p.u32(0)?),
        6 | 7 => {
            if subtype == 6 {
                put!(t, ", service {}", body.u32()?);
            }
            put!(t, ", data '");
            t.string(body.rest(), body.left())?;
            put!(t, "'");
        }
        _ => {}
    }
    body.rest().slice(0, body.left()).map(|_| ())
}

/// Prints a vendor's action.
pub(super) fn action(t: &mut Text<'_>, mut body: Fields<'_>) -> Result<(), Stop> {
    const MIRROR: u32 = 1;
    const TAG: u32 = 0x8100;
    if body.left() < 4 {
        return invalid(t, &body);
    }
    if name(t, &mut body)? != BIG_SWITCH {
        return data(t, body);
    }
    if body.left() < 4 {
        return invalid(t, &body);
    }
    let subtype = body.u32()?;
    put!(t, "\n\t  subtype ");
    put_name!(t, ACTIONS, subtype, "unknown (0x{subtype:08x})");
    if subtype != MIRROR {
        return body.rest().slice(0, body.left()).map(|_| ());
    }
    if body.left() != 12 {
        return invalid(t, &body);
    }
    put!(t, ", dest_port {}", body.u32()?);
    let tag = body.u32()?;
    match tag >> 16 {
        0 => put!(t, ", vlan_tag none"),
        TAG => {
            let drop = if tag & 0x1000 == 0 { "" } else { ", DEI" };
            put!(t, ", vlan_tag 802.1Q (vlan {}, p {}{drop})", tag & 0xfff, tag >> 13 & 7);
        }
        kind => put!(t, ", vlan_tag unknown (0x{kind:04x})"),
    }
    let stage = body.u8()?;
    put!(t, ", copy_stage ");
    put_name!(t, &[(0, "INGRESS"), (1, "EGRESS")], stage, "unknown ({stage})");
    body.slice(3).map(|_| ())
}
