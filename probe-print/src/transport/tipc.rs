//! TIPC, by which the processes of a cluster talk.

use crate::{
    bytes::{Bytes, Stop},
    text::{Text, name_of, put},
};

const USERS: &[(u32, &str)] = &[
    (0, "Low Importance Data payload"),
    (1, "Medium Importance Data payload"),
    (2, "High Importance Data payload"),
    (3, "Critical Importance Data payload"),
    (5, "Broadcast Link Protocol internal"),
    (6, "Message Bundler Protocol internal"),
    (7, "Link State Protocol internal"),
    (8, "Connection Manager internal"),
    (10, "Link Changeover Protocol internal"),
    (11, "Name Table Update Protocol internal"),
    (12, "Message Fragmentation Protocol internal"),
    (13, "Neighbor Detection Protocol internal"),
];

const MESSAGES: &[(u32, &str)] =
    &[(0, "CONN_MSG"), (1, "MCAST_MSG"), (2, "NAMED_MSG"), (3, "DIRECT_MSG")];
const CONFIGURATIONS: &[(u32, &str)] = &[(0, "Link request"), (1, "Link response")];

pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    t.protocol = "tipc";
    let first = p.u32(0)?;
    let user = first >> 25 & 0xf;
    let verbose = t.style.verbose > 0;
    match user {
        0..=3 | 8 | 11 => {
            let second = p.u32(4)?;
            let (before, ports) = (node(p, 12)?, (p.u32(16)?, p.u32(20)?));
            // The short header leaves the nodes out: it stays within one.
            if first >> 21 & 0xf <= 6 {
                ends(t, first, &format!("{before}:{} > {}", ports.0, ports.1));
                message(t, first, MESSAGES, second);
                return Ok(());
            }
            let nodes = (node(p, 24)?, node(p, 28)?);
            let between = format!("{}:{} > {}:{}", nodes.0, ports.0, nodes.1, ports.1);
            ends(t, first, &between);
            message(t, first, MESSAGES, second);
            if verbose {
                put!(t, "\n\tPrevious Node {before}, Broadcast Ack {}", second & 0xffff);
                put!(t, ", Link Ack {}, Link Sequence {}", p.u16(8)?, p.u16(10)?);
            }
        }
        13 => {
            let second = p.u32(4)?;
            let (domain, before) = (node(p, 8)?, node(p, 12)?);
            ends(t, first, &format!("{before} > {domain}"));
            message(t, first, CONFIGURATIONS, second);
            if verbose {
                let (network, media) = (p.u32(16)?, p.u32(20)? & 0xff);
                put!(t, "\n\tNodeSignature {}, network_id {network}", second & 0xffff);
                put!(t, ", media_id {media}");
            }
        }
        5..=7 | 10 | 12 => {
            let second = p.u32(4)?;
            ends(t, first, &format!("{} > {}", node(p, 24)?, node(p, 28)?));
            message(t, first, MESSAGES, second);
            put!(t, " (0x{second:08x})");
            if verbose {
                internal(t, p, second)?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// Zone, cluster and node.
fn node(p: Bytes<'_>, at: usize) -> Result<String, Stop> {
    let address = p.u32(at)?;
    Ok(format!("{}.{}.{}", address >> 24, address >> 12 & 0xfff, address & 0xfff))
}

fn ends(t: &mut Text<'_>, first: u32, between: &str) {
    put!(t, "TIPC v{}.0 {between}, headerlength {} bytes", first >> 29, 4 * (first >> 21 & 0xf));
    put!(t, ", MessageSize {} bytes", first & 0x1_ffff);
}

fn message(t: &mut Text<'_>, first: u32, kinds: &[(u32, &'static str)], second: u32) {
    put!(t, ", {}", name_of(USERS, first >> 25 & 0xf).unwrap_or("unknown"));
    put!(t, ", messageType {}", name_of(kinds, second >> 29).unwrap_or("Unknown"));
}

fn internal(t: &mut Text<'_>, p: Bytes<'_>, second: u32) -> Result<(), Stop> {
    let (after, to) = (p.u16(8)?, p.u16(10)?);
    let before = node(p, 12)?;
    let (last, next, session) = (p.u16(16)?, p.u16(18)?, p.u16(20)?);
    let (sequence, count, tolerance) = (p.u32(32)?, p.u32(36)? >> 16, p.u16(38)?);
    put!(t, "\n\tPrevious Node {before}, Session No. {session}");
    put!(t, ", Broadcast Ack {}, Sequence Gap {}", second & 0xffff, second >> 16 & 0x1fff);
    put!(t, ",  Broadcast Gap After {after}, Broadcast Gap To {to}");
    put!(t, ", Last Sent Packet No. {last}, Next sent Packet No. {next}");
    put!(t, ", Transport Sequence {sequence}, msg_count {count}, Link Tolerance {tolerance}");
    Ok(())
}
