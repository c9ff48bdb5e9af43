//! TFTP (RFC 1350, RFC 2347).

use crate::{
    bytes::{Bytes, Stop},
    text::{Text, name_of, put, put_name},
};

const OPERATIONS: &[(u16, &str)] =
    &[(1, "RRQ"), (2, "WRQ"), (3, "DATA"), (4, "ACK"), (5, "ERROR"), (6, "OACK")];

const ERRORS: &[(u16, &str)] = &[
    (0, "EUNDEF"),
    (1, "ENOTFOUND"),
    (2, "EACCESS"),
    (3, "ENOSPACE"),
    (4, "EBADOP"),
    (5, "EBADID"),
    (6, "EEXISTS"),
    (7, "ENOUSER"),
];

/// What is left of a message of strings that zero bytes end.
struct Strings<'a> {
    p: Bytes<'a>,
    length: usize,
}

impl Strings<'_> {
    fn next(&mut self, t: &mut Text<'_>, quote: &str) -> Result<(), Stop> {
        if self.length == 0 {
            return Err(Stop::Short);
        }
        put!(t, "{quote}");
        let used = t.terminated(self.p, self.length);
        put!(t, "{quote}");
        let used = used.ok_or(Stop::Short)?;
        self.p = self.p.from(used);
        self.length -= used;
        Ok(())
    }

    /// Options and their values.
    fn rest(&mut self, t: &mut Text<'_>) -> Result<(), Stop> {
        while self.length > 0 {
            if self.p.u8(0)? != 0 {
                put!(t, " ");
            }
            self.next(t, "")?;
        }
        Ok(())
    }
}

pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "tftp";
    if length >= 2 && !p.has(0, 2) {
        put!(t, "TFTP, length {length}");
        return Err(Stop::Cut);
    }
    message(t, p, length)
}

fn message(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    put!(t, "TFTP, length {length}");
    if length < 2 {
        return Err(Stop::Short);
    }
    let operation = p.u16(0)?;
    put!(t, ", ");
    put_name!(t, OPERATIONS, operation, "tftp-#{operation}");
    let mut strings = Strings { p: p.from(2), length: length - 2 };
    match operation {
        1 | 2 => {
            if length == 2 {
                return Err(Stop::Short);
            }
            put!(t, " ");
            strings.next(t, "\"")?;
            if strings.length == 0 {
                return Err(Stop::Short);
            }
            put!(t, " ");
            strings.next(t, "")?;
            strings.rest(t)?;
        }
        6 => strings.rest(t)?,
        3 | 4 if length < 4 => return Err(Stop::Short),
        3 | 4 => put!(t, " block {}", p.u16(2)?),
        5 if length < 4 => return Err(Stop::Short),
        5 => {
            let code = p.u16(2)?;
            match name_of(ERRORS, code) {
                Some(name) => put!(t, " {name}"),
                None => put!(t, " tftp-err-#{code} \""),
            }
            if length == 4 {
                return Err(Stop::Short);
            }
            put!(t, " ");
            let mut message = Strings { p: p.from(4), length: length - 4 };
            message.next(t, "\"")?;
        }
        _ => {}
    }
    Ok(())
}
