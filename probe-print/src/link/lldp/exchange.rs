//! How switches and servers agree on classes of traffic before IEEE 802.1Qaz (DCBX, revision 1.01).

use crate::{
    bytes::{Bytes, Fields, Stop},
    text::{Text, put},
};

const OLD: u8 = 1;

const CONTROL: u16 = 1;
const GROUPS: u16 = 2;
const FLOW_CONTROL: u16 = 3;
const APPLICATIONS: u16 = 4;

/// Prints an element; says whether its bytes are to be shown, too: of which the last part is
/// unknown.
pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>) -> Result<bool, Stop> {
    let Ok(subtype) = p.u8(3) else { return Ok(false) };
    let name = match subtype {
        OLD => "DCB Capability Exchange Protocol Rev 1",
        2 => "DCB Capability Exchange Protocol Rev 1.01",
        _ => "unknown",
    };
    put!(t, "\n\t  {name} Subtype ({subtype})");
    if subtype == OLD {
        return Ok(true);
    }
    let mut unknown = false;
    let mut parts = Fields::new(p.from(4), p.len() - 4);
    while parts.left() >= 2 {
        let head = parts.u16()?;
        let (kind, size) = (head >> 9, usize::from(head & 0x1ff));
        if kind == 0 || size == 0 || parts.left() < size {
            return Ok(false);
        }
        let part = Bytes::new(parts.slice(size)?);
        let least = match kind {
            CONTROL => 10,
            GROUPS => 17,
            FLOW_CONTROL => 6,
            APPLICATIONS => 4,
            _ => 0,
        };
        if size < least {
            return Ok(false);
        }
        unknown = least == 0;
        if !unknown {
            self::part(t, kind, part)?;
        }
        if t.style.verbose > 1 || unknown {
            t.unknown(part, size, "\n\t    ");
        }
    }
    Ok(unknown)
}

fn part(t: &mut Text<'_>, kind: u16, p: Bytes<'_>) -> Result<(), Stop> {
    let name = match kind {
        CONTROL => "Control - Protocol Control",
        GROUPS => "Feature - Priority Group",
        FLOW_CONTROL => "Feature - Priority Flow Control",
        _ => "Feature - Application",
    };
    put!(t, "\n\t    {name} (type 0x{kind:x}, length {})", p.len());
    put!(t, "\n\t      Oper_Version: {}\n\t      Max_Version: {}", p.u8(0)?, p.u8(1)?);
    if kind == CONTROL {
        put!(t, "\n\t      Sequence Number: {}", p.u32(2)?);
        put!(t, "\n\t      Acknowledgement Number: {}", p.u32(6)?);
        return Ok(());
    }
    let flags = p.u8(2)?;
    put!(t, "\n\t      Info block(0x{flags:02X}): Enable bit: {}", flags >> 7);
    put!(t, ", Willing bit: {}, Error Bit: {}", flags >> 6 & 1, flags >> 5 & 1);
    put!(t, "\n\t      SubType: {}", p.u8(3)?);
    let body = p.from(4);
    match kind {
        GROUPS => {
            put!(t, "\n\t      Priority Allocation");
            let groups = body.u32(0)?;
            for index in 0..8 {
                put!(t, "\n\t          PgId_{index}: {}", groups >> (28 - 4 * index) & 0xf);
            }
            put!(t, "\n\t      Priority Group Allocation");
            for (index, share) in body.slice(4, 8)?.iter().enumerate() {
                put!(t, "\n\t          Pg percentage[{index}]: {share}");
            }
            put!(t, "\n\t      NumTCsSupported: {}", body.u8(12)?);
        }
        FLOW_CONTROL => {
            let priorities = body.u8(0)?;
            put!(t, "\n\t      PFC Config (0x{priorities:02X})");
            for bit in 0..8 {
                let state = if priorities >> bit & 1 == 1 { "Enabled" } else { "Disabled" };
                put!(t, "\n\t          Priority Bit {bit}: {state}");
            }
            put!(t, "\n\t      NumTCPFCSupported: {}", body.u8(1)?);
        }
        _ => {
            for application in body.all().chunks_exact(6).map(Bytes::new) {
                let selected = application.u24(2)?;
                let field = selected >> 22;
                let what = if field == 0 { "L2 EtherType" } else { "Socket Number" };
                put!(t, "\n\t      Application Value");
                put!(t, "\n\t          Application Protocol ID: 0x{:04x}", application.u16(0)?);
                put!(t, "\n\t          SF (0x{field:x}) Application Protocol ID is {what}");
                put!(t, "\n\t          OUI: 0x{:06x}", selected & 0x3f_ffff);
                put!(t, "\n\t          User Priority Map: 0x{:02x}", application.u8(5)?);
            }
        }
    }
    Ok(())
}
