//! MAC control (IEEE 802.3, clauses 31 and 64): PAUSE, and the messages by which an optical
//! network shares its line. tcpdump knows them as MPCP, and reads a time where PAUSE has none.

use crate::{
    bytes::{Bytes, Stop},
    text::{Text, bits, put, put_name},
};

const PAUSE: u16 = 1;
const GATE: u16 = 2;
const REPORT: u16 = 3;
const REQUEST: u16 = 4;
const REGISTER: u16 = 5;
const ACKNOWLEDGEMENT: u16 = 6;

const OPERATIONS: &[(u16, &str)] = &[
    (PAUSE, "Pause"),
    (GATE, "Gate"),
    (REPORT, "Report"),
    (REQUEST, "Register Request"),
    (REGISTER, "Register"),
    (ACKNOWLEDGEMENT, "Register ACK"),
];
const GRANT_FLAGS: &[(u32, &str)] = &[
    (0x08, "Discovery"),
    (0x10, "Force Grant #1"),
    (0x20, "Force Grant #2"),
    (0x40, "Force Grant #3"),
    (0x80, "Force Grant #4"),
];
// These are numbers, of which tcpdump asks the bits.
const REQUEST_FLAGS: &[(u32, &str)] = &[(1, "Register"), (3, "De-Register")];
const REGISTER_FLAGS: &[(u32, &str)] =
    &[(1, "Re-Register"), (2, "De-Register"), (3, "ACK"), (4, "NACK")];
const ACKNOWLEDGEMENT_FLAGS: &[(u32, &str)] = &[(1, "ACK")];
const QUEUES: &[(u32, &str)] = &[
    (0x01, "Q0"),
    (0x02, "Q1"),
    (0x04, "Q2"),
    (0x08, "Q3"),
    (0x10, "Q4"),
    (0x20, "Q5"),
    (0x40, "Q6"),
    (0x80, "Q7"),
];

pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    /// Operation and timestamp.
    const HEADER: usize = 6;
    t.protocol = "mpcp";
    let (operation, time) = (p.u16(0)?, p.u32(2)?);
    put!(t, "MPCP, Opcode ");
    put_name!(t, OPERATIONS, operation, "Unknown ({operation})");
    if operation != PAUSE {
        put!(t, ", Timestamp {time} ticks");
    }
    put!(t, ", length {length}");
    if t.style.verbose == 0 {
        return Ok(());
    }
    let body = p.from(HEADER);
    match operation {
        PAUSE => {}
        GATE => {
            let flags = body.u8(0)?;
            let count = usize::from(flags & 7);
            let names = bits(GRANT_FLAGS, (flags & !7).into(), ", ", "?");
            put!(t, "\n\tGrant Numbers {count}, Flags [ {names} ]");
            for index in 0..count {
                let grant = body.from(1 + 6 * index);
                let (start, duration) = (grant.u32(0)?, grant.u16(4)?);
                put!(t, "\n\tGrant #{}, Start-Time {start} ticks", index + 1);
                put!(t, ", duration {duration} ticks");
            }
            put!(t, "\n\tSync-Time {} ticks", body.u16(1 + 6 * count)?);
        }
        REPORT => reports(t, body)?,
        REQUEST => {
            let (flags, grants) = (body.u8(0)?, body.u8(1)?);
            let names = bits(REQUEST_FLAGS, flags.into(), ", ", "Reserved");
            put!(t, "\n\tFlags [ {names} ], Pending-Grants {grants}");
        }
        REGISTER => {
            let (port, flags, time, grants) =
                (body.u16(0)?, body.u8(2)?, body.u16(3)?, body.u8(5)?);
            let names = bits(REGISTER_FLAGS, flags.into(), ", ", "Reserved");
            put!(t, "\n\tAssigned-Port {port}, Flags [ {names} ]");
            put!(t, "\n\tSync-Time {time} ticks, Echoed-Pending-Grants {grants}");
        }
        ACKNOWLEDGEMENT => {
            let (flags, port, time) = (body.u8(0)?, body.u16(1)?, body.u16(3)?);
            let names = bits(ACKNOWLEDGEMENT_FLAGS, flags.into(), ", ", "Reserved");
            put!(t, "\n\tEchoed-Assigned-Port {port}, Flags [ {names} ]");
            put!(t, "\n\tEchoed-Sync-Time {time} ticks");
        }
        _ => t.unknown(p, length, "\n\t"),
    }
    Ok(())
}

/// How much is waiting. As in tcpdump, one set fewer than there are, each under the number of
/// them all.
fn reports(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    let sets = p.u8(0)?;
    put!(t, "\n\tTotal Queue-Sets {sets}");
    let mut at = 1;
    for _ in 1..sets {
        let queues = p.u8(at)?;
        at += 1;
        let names = bits(QUEUES, queues.into(), ", ", "Unknown");
        put!(t, "\n\t  Queue-Set #{sets}, Report-Bitmap [ {names} ]");
        for queue in (0..8).filter(|queue| queues >> queue & 1 == 1) {
            put!(t, "\n\t    Q{} Report, Duration {} ticks", queue + 1, p.u16(at)?);
            at += 2;
        }
    }
    Ok(())
}
