//! SOME/IP, the calls between the computers of a car (AUTOSAR R19-11, document 696).

use crate::{
    bytes::{Bytes, Stop},
    text::{Text, name_of, put},
};

const HEADER: usize = 16;
const EVENT: u16 = 0x8000;

const MESSAGES: &[(u8, &str)] = &[
    (0x00, "REQUEST"),
    (0x01, "REQUEST_NO_RETURN"),
    (0x02, "NOTIFICATION"),
    (0x80, "RESPONSE"),
    (0x81, "ERROR"),
    (0x20, "TP_REQUEST"),
    (0x21, "TP_REQUEST_NO_RETURN"),
    (0x22, "TP_NOTIFICATION"),
    (0xa0, "TP_RESPONSE"),
    (0xa1, "TP_ERROR"),
];

const RETURNS: &[(u8, &str)] = &[
    (0, "E_OK"),
    (1, "E_NOT_OK"),
    (2, "E_UNKNOWN_SERVICE"),
    (3, "E_UNKNOWN_METHOD"),
    (4, "E_NOT_READY"),
    (5, "E_NOT_REACHABLE"),
    (6, "E_TIMEOUT"),
    (7, "E_WRONG_PROTOCOL_VERSION"),
    (8, "E_WRONG_INTERFACE_VERSION"),
    (9, "E_MALFORMED_MESSAGE"),
    (10, "E_WRONG_MESSAGE_TYPE"),
    (11, "E_E2E_REPEATED"),
    (12, "E_E2E_WRONG_SEQUENCE"),
    (13, "E_E2E"),
    (14, "E_E2E_NOT_AVAILABLE"),
    (15, "E_E2E_NO_NEW_DATA"),
];

/// Prints the header. The empty line behind it is tcpdump's.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "someip";
    put!(t, "SOMEIP");
    if length < HEADER {
        return Err(Stop::Invalid);
    }
    let (service, method) = (p.u16(0)?, p.u16(2)?);
    let what = if method & EVENT == 0 { "method" } else { "event" };
    put!(t, ", service {service}, {what} {}", method & !EVENT);
    put!(t, ", len {}", p.u32(4)?);
    p.u32(8)?;
    put!(t, ", client {}, session {}", p.u16(8)?, p.u16(10)?);
    put!(t, ", pver {}", p.u8(12)?);
    put!(t, ", iver {}", p.u8(13)?);
    put!(t, ", msgtype {}", name_of(MESSAGES, p.u8(14)?).unwrap_or("Unknown"));
    put!(t, ", retcode {}\n", name_of(RETURNS, p.u8(15)?).unwrap_or("Unknown"));
    Ok(())
}
