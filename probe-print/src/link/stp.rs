//! The spanning tree protocols (IEEE 802.1D, 802.1w, 802.1s, 802.1aq).

use crate::{
    bytes::{Bytes, Stop},
    text::{Text, bits, name_of, put, put_name},
};

const CLASSIC: u8 = 0;
const RAPID: u8 = 2;
const MULTIPLE: u8 = 3;
const SHORTEST_PATH: u8 = 4;

const VERSIONS: &[(u8, &str)] =
    &[(CLASSIC, "802.1d"), (RAPID, "802.1w"), (MULTIPLE, "802.1s"), (SHORTEST_PATH, "802.1aq")];

const CONFIG: u8 = 0x00;
const RAPID_CONFIG: u8 = 0x02;

const TYPES: &[(u8, &str)] =
    &[(CONFIG, "Config"), (RAPID_CONFIG, "Rapid STP"), (0x80, "Topology Change")];

const FLAGS: &[(u32, &str)] = &[
    (0x01, "Topology change"),
    (0x02, "Proposal"),
    (0x10, "Learn"),
    (0x20, "Forward"),
    (0x40, "Agreement"),
    (0x80, "Topology change ACK"),
];

const ROLES: &[(u8, &str)] = &[(0, "Unknown"), (1, "Alternate"), (2, "Root"), (3, "Designated")];

const FLAG_BITS: usize = 4;
const ROOT: usize = 5;
const ROOT_COST: usize = 13;
const BRIDGE: usize = 17;
const PORT: usize = 25;
const MESSAGE_AGE: usize = 27;
/// With the length of version 1, which only later versions have.
const HEADER: usize = 36;
const VERSION_1_LENGTH: usize = 35;
const VERSION_3_LENGTH: usize = 36;
const CONFIG_NAME: usize = 39;
const CONFIG_REVISION: usize = 71;
const CONFIG_DIGEST: usize = 73;
const INTERNAL_COST: usize = 89;
const REGIONAL_BRIDGE: usize = 93;
const REMAINING_HOPS: usize = 101;
const INSTANCES: usize = 102;
const INSTANCE: usize = 16;
/// Of an instance's part, name, revision and digest take so many bytes.
const CONFIG_SIZE: usize = 64;
/// Least length of the part of version 4.
const MIN_VERSION_4: usize = 87;

pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "stp";
    if length < 4 {
        return Err(Stop::Invalid);
    }
    if p.u16(0)? != 0 {
        put!(t, "unknown STP version, length {length}");
        return Ok(());
    }
    let version = p.u8(2)?;
    put!(t, "STP ");
    put_name!(t, VERSIONS, version, "Unknown STP protocol (0x{version:02x})");
    if name_of(VERSIONS, version).is_none() {
        return Ok(());
    }
    let kind = p.u8(3)?;
    put!(t, ", ");
    put_name!(t, TYPES, kind, "Unknown BPDU Type (0x{kind:02x})");
    match (kind, version) {
        (CONFIG, _) if length >= HEADER - 1 => config(t, p, length, version),
        (RAPID_CONFIG, RAPID) if length >= HEADER => config(t, p, length, version),
        (RAPID_CONFIG, MULTIPLE | SHORTEST_PATH)
            if length >= INSTANCES && p.u8(VERSION_1_LENGTH)? == 0 =>
        {
            let part = usize::from(p.u16(VERSION_3_LENGTH)?) + 2;
            if length < HEADER + part {
                return Err(Stop::Invalid);
            }
            multiple(t, p, length)?;
            if version == SHORTEST_PATH {
                let last = usize::from(p.u16(VERSION_3_LENGTH + part)?) + 2;
                if length < HEADER + part + last || last < MIN_VERSION_4 {
                    t.invalid();
                } else if t.style.verbose > 0 {
                    shortest_path(t, p.from(HEADER + part))?;
                }
            }
            Ok(())
        }
        (CONFIG, _) | (RAPID_CONFIG, RAPID | MULTIPLE | SHORTEST_PATH) => {
            t.invalid();
            Ok(())
        }
        _ => Ok(()),
    }
}

/// A bridge: priority and address.
fn bridge(t: &mut Text<'_>, p: Bytes<'_>, at: usize) -> Result<(), Stop> {
    let id = p.array::<8>(at)?;
    for (index, byte) in id.into_iter().enumerate() {
        let separator = match index {
            0 | 1 => "",
            2 => ".",
            _ => ":",
        };
        put!(t, "{separator}{byte:02x}");
    }
    Ok(())
}

/// The timers, in 256ths of a second: all of them or none.
fn timers(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    let seconds = |index: usize| Ok(f32::from(p.u16(MESSAGE_AGE + 2 * index)?) / 256.0);
    let (age, max_age, hello, delay) = (seconds(0)?, seconds(1)?, seconds(2)?, seconds(3)?);
    put!(t, "\n\tmessage-age {age:.2}s, max-age {max_age:.2}s");
    put!(t, ", hello-time {hello:.2}s, forwarding-delay {delay:.2}s");
    Ok(())
}

fn config(t: &mut Text<'_>, p: Bytes<'_>, length: usize, version: u8) -> Result<(), Stop> {
    let flags = p.u8(FLAG_BITS)?;
    put!(t, ", Flags [{}]", bits(FLAGS, flags.into(), ", ", "none"));
    let port = p.u16(PORT)?;
    put!(t, ", bridge-id ");
    bridge(t, p, BRIDGE)?;
    put!(t, ".{port:04x}, length {length}");
    if t.style.verbose == 0 {
        return Ok(());
    }
    timers(t, p)?;
    put!(t, "\n\troot-id ");
    bridge(t, p, ROOT)?;
    put!(t, ", root-pathcost {}", p.u32(ROOT_COST)?);
    if version == RAPID {
        put!(t, ", port-role {}", name_of(ROLES, flags >> 2 & 3).unwrap_or("Unknown"));
    }
    Ok(())
}

/// Several trees (IEEE 802.1s).
fn multiple(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    let flags = p.u8(FLAG_BITS)?;
    put!(t, ", CIST Flags [{}], length {length}", bits(FLAGS, flags.into(), ", ", "none"));
    if t.style.verbose == 0 {
        return Ok(());
    }
    let role = |flags: u8| name_of(ROLES, flags >> 2 & 3).unwrap_or("Unknown");
    put!(t, "\n\tport-role {}, CIST root-id ", role(flags));
    bridge(t, p, ROOT)?;
    put!(t, ", CIST ext-pathcost {}", p.u32(ROOT_COST)?);
    put!(t, "\n\tCIST regional-root-id ");
    bridge(t, p, BRIDGE)?;
    put!(t, ", CIST port-id {:04x},", p.u16(PORT)?);
    timers(t, p)?;
    let part = usize::from(p.u16(VERSION_3_LENGTH)?);
    put!(t, "\n\tv3len {part}, MCID Name ");
    t.padded(p.from(CONFIG_NAME), 32)?;
    let digest = p.slice(CONFIG_DIGEST, 16)?;
    put!(t, ", rev {},\n\t\tdigest ", p.u16(CONFIG_REVISION)?);
    t.hex(digest);
    put!(t, ", ");
    put!(t, "CIST int-root-pathcost {},", p.u32(INTERNAL_COST)?);
    p.slice(REGIONAL_BRIDGE, 8)?;
    put!(t, "\n\tCIST bridge-id ");
    bridge(t, p, REGIONAL_BRIDGE)?;
    put!(t, ", ");
    put!(t, "CIST remaining-hops {}", p.u8(REMAINING_HOPS)?);
    let mut left = part.saturating_sub(CONFIG_SIZE);
    let mut at = INSTANCES;
    while left >= INSTANCE {
        let flags = p.u8(at)?;
        let root = p.u16(at + 1)?;
        put!(t, "\n\tMSTI {}, Flags [{}]", root & 0xfff, bits(FLAGS, flags.into(), ", ", "none"));
        put!(t, ", port-role {}", role(flags));
        let cost = p.u32(at + 9)?;
        put!(t, "\n\t\tMSTI regional-root-id ");
        bridge(t, p, at + 1)?;
        put!(t, ", pathcost {cost}");
        let (bridge, port, hops) = (p.u8(at + 13)? >> 4, p.u8(at + 14)? >> 4, p.u8(at + 15)?);
        put!(t, "\n\t\tMSTI bridge-prio {bridge}, port-prio {port}, hops {hops}");
        left -= INSTANCE;
        at += INSTANCE;
    }
    Ok(())
}

/// What IEEE 802.1aq adds, in the part of version 4.
fn shortest_path(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    put!(t, "\n\tv4len {}, AUXMCID Name ", p.u16(0)?);
    t.padded(p.from(3), 32)?;
    put!(t, ", Rev {},\n\t\tdigest ", p.u16(35)?);
    t.hex(p.slice(37, 16)?);
    let agreement = p.u8(53)?;
    put!(t, "\n\tAgreement num {}", agreement >> 6);
    put!(t, ", Discarded Agreement num {}", agreement >> 4 & 3);
    put!(t, ", Agreement valid-flag {}", agreement >> 3 & 1);
    put!(t, ",\n\tRestricted role-flag: {}", agreement >> 2 & 1);
    let (format, convention) = (p.u8(55)?, p.u8(56)?);
    put!(t, ", Format id {} cap {format}", format >> 4);
    put!(t, ", Convention id {} cap {convention}", convention >> 4);
    put!(t, ",\n\tEdge count {}, Agreement digest ", p.u16(57)?);
    t.hex(p.slice(67, 20)?);
    Ok(())
}
