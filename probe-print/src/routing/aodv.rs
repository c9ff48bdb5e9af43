//! AODV (RFC 3561), of IPv6, too, in the form of its early draft and in the one that came of it.

use crate::{
    address::Host,
    bytes::{Bytes, Stop},
    text::{Text, put},
};

const REQUEST: u8 = 1;
const REPLY: u8 = 2;
const ERROR: u8 = 3;
const ACKNOWLEDGEMENT: u8 = 4;
/// What is added to these in draft-perkins-manet-aodv6-01.
const DRAFT: u8 = 15;

/// Which addresses, and in which order they stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    V4,
    V6,
    /// IPv6, with the numbers before the addresses.
    Draft,
}

impl Form {
    fn size(self) -> usize {
        if self == Self::V4 { 4 } else { 16 }
    }

    fn host(self, t: &Text<'_>, p: Bytes<'_>, at: usize) -> Result<Host, Stop> {
        if self == Self::V4 { t.v4(p, at) } else { t.v6(p, at) }
    }
}

pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize, six: bool) -> Result<(), Stop> {
    t.protocol = "aodv";
    let kind = p.u8(0)?;
    put!(t, " aodv");
    let form = match kind {
        16..=19 => Form::Draft,
        _ if six => Form::V6,
        _ => Form::V4,
    };
    match if form == Form::Draft { kind - DRAFT } else { kind } {
        REQUEST => request(t, p, length, form),
        REPLY => reply(t, p, length, form),
        ERROR => error(t, p, length, form),
        ACKNOWLEDGEMENT => {
            put!(t, " rrep-ack {length}");
            Ok(())
        }
        _ => {
            put!(t, " type {kind} {length}");
            Ok(())
        }
    }
}

/// tcpdump takes the flags from where the kind is.
fn flags(t: &mut Text<'_>, byte: u8, names: &[(u8, &str)]) {
    for (bit, name) in names {
        put!(t, "{}", if byte & bit == 0 { "" } else { name });
    }
    put!(t, " ");
}

fn request(t: &mut Text<'_>, p: Bytes<'_>, length: usize, form: Form) -> Result<(), Stop> {
    let size = form.size();
    let whole = 16 + 2 * size;
    p.need(0, whole)?;
    if length < whole {
        return Err(Stop::Short);
    }
    // Destination and its number, originator and its number.
    let [to, to_number, from, from_number] = match form {
        Form::Draft => [16, 8, 32, 12],
        _ => [8, 8 + size, 12 + size, 12 + 2 * size],
    };
    put!(t, "{} rreq {length} ", if form == Form::V6 { " v6" } else { "" });
    flags(t, p.u8(0)?, &[(0x80, "[J]"), (0x40, "[R]"), (0x20, "[G]"), (0x10, "[D]"), (8, "[U]")]);
    put!(t, "hops {} id 0x{:08x}\n", p.u8(3)?, p.u32(4)?);
    put!(t, "\tdst {} seq {}", form.host(t, p, to)?, p.u32(to_number)?);
    put!(t, " src {} seq {}", form.host(t, p, from)?, p.u32(from_number)?);
    extension(t, p.from(whole), length - whole)
}

fn reply(t: &mut Text<'_>, p: Bytes<'_>, length: usize, form: Form) -> Result<(), Stop> {
    let size = form.size();
    let whole = 12 + 2 * size;
    p.need(0, whole)?;
    if length < whole {
        return Err(Stop::Short);
    }
    let [to, to_number, from] = match form {
        Form::Draft => [8, 4, 24],
        _ => [4, 4 + size, 8 + size],
    };
    put!(t, " rrep {length} ");
    flags(t, p.u8(0)?, &[(0x80, "[R]"), (0x40, "[A]")]);
    put!(t, "prefix {} hops {}\n", p.u8(2)? & 0x1f, p.u8(3)?);
    put!(t, "\tdst {} dseq {}", form.host(t, p, to)?, p.u32(to_number)?);
    put!(t, " src {} {} ms", form.host(t, p, from)?, p.u32(whole - 4)?);
    extension(t, p.from(whole), length - whole)
}

fn error(t: &mut Text<'_>, p: Bytes<'_>, length: usize, form: Form) -> Result<(), Stop> {
    const HEAD: usize = 4;
    p.need(0, HEAD)?;
    if length < HEAD {
        return Err(Stop::Short);
    }
    let kept = if p.u8(1)? & 0x80 == 0 { "" } else { "[D]" };
    let count = usize::from(p.u8(3)?);
    put!(t, " rerr {kept} [items {count}] [{length}]:");
    let entry = form.size() + 4;
    for index in 0..count {
        let at = HEAD + entry * index;
        p.need(at, entry)?;
        if length < at + entry {
            return Err(Stop::Short);
        }
        put!(t, " {{{}}}({})", form.host(t, p, at)?, p.u32(at + form.size())?);
    }
    Ok(())
}

/// The one extension that is printed: the hello interval.
fn extension(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    const HEAD: usize = 2;
    const HELLO: u8 = 1;
    const HELLO_SIZE: usize = 6;
    if length < HEAD {
        return Ok(());
    }
    p.need(0, HEAD)?;
    let (kind, size) = (p.u8(0)?, p.u8(1)?);
    if kind != HELLO {
        put!(t, "\n\text {kind} {size}");
        return Ok(());
    }
    p.need(0, HELLO_SIZE)?;
    if length < HELLO_SIZE {
        return Err(Stop::Short);
    }
    match size {
        0..4 => put!(t, "\n\text HELLO - bad length {size}"),
        _ => put!(t, "\n\text HELLO {} ms", p.u32(HEAD)?),
    }
    Ok(())
}
