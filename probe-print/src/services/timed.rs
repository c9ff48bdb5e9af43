//! The time protocol of BSD's timed.

use crate::{
    bytes::{Bytes, Stop},
    text::{Text, put, put_name},
};

const NAME: usize = 12;
const NAME_SIZE: usize = 256;

const KINDS: &[(u8, &str)] = &[
    (0, "TSP_ANY"),
    (1, "TSP_ADJTIME"),
    (2, "TSP_ACK"),
    (3, "TSP_MASTERREQ"),
    (4, "TSP_MASTERACK"),
    (5, "TSP_SETTIME"),
    (6, "TSP_MASTERUP"),
    (7, "TSP_SLAVEUP"),
    (8, "TSP_ELECTION"),
    (9, "TSP_ACCEPT"),
    (10, "TSP_REFUSE"),
    (11, "TSP_CONFLICT"),
    (12, "TSP_RESOLVE"),
    (13, "TSP_QUIT"),
    (14, "TSP_DATE"),
    (15, "TSP_DATEREQ"),
    (16, "TSP_DATEACK"),
    (17, "TSP_TRACEON"),
    (18, "TSP_TRACEOFF"),
    (19, "TSP_MSITE"),
    (20, "TSP_MSITEREQ"),
    (21, "TSP_TEST"),
    (22, "TSP_SETDATE"),
    (23, "TSP_SETDATEREQ"),
    (24, "TSP_LOOP"),
];

pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    t.protocol = "timed";
    let kind = p.u8(0)?;
    put_name!(t, KINDS, kind, "(tsp_type 0x{kind:x})");
    put!(t, " vers {}", p.u8(1)?);
    put!(t, " seq {}", p.u16(2)?);
    match kind {
        24 => put!(t, " hopcnt {}", p.u8(4)?),
        1 | 5 | 22 | 23 => {
            let (mut seconds, mut micros) = (p.u32(4)?.cast_signed(), p.u32(8)?.cast_signed());
            if micros < 0 {
                return Ok(());
            }
            put!(t, " time ");
            if seconds < 0 && micros != 0 {
                seconds += 1;
                if seconds == 0 {
                    put!(t, "-");
                }
                micros = 1_000_000 - micros;
            }
            put!(t, "{seconds}.{micros:06}");
        }
        _ => {}
    }
    put!(t, " name ");
    t.padded(p.from(NAME), NAME_SIZE)
}
