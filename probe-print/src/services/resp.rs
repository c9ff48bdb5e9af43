//! What clients and servers of Redis say to each other (RESP).

use crate::{
    bytes::{Bytes, Stop},
    text::{Text, put},
};

/// Prints the commands or answers of a segment.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "resp";
    put!(t, ": RESP");
    // Where all was captured, what is missing is not the capture's fault.
    let whole = p.has(0, length);
    let short = |stop| if stop == Stop::Cut && whole { Stop::Short } else { stop };
    let mut p = p.limit(length);
    let mut taken = 0;
    // Every value takes at least a byte.
    while taken < length {
        let before = p.len();
        value(t, &mut p).map_err(short)?;
        taken += before - p.len();
    }
    Ok(())
}

fn value(t: &mut Text<'_>, p: &mut Bytes<'_>) -> Result<(), Stop> {
    let kind = p.u8(0)?;
    match kind {
        b'+' | b'-' | b':' => {
            let size = line_end(p.from(1))?;
            quoted(t, p.slice(1, size)?);
            *p = p.from(1 + size + 2);
        }
        b'$' | b'*' => {
            *p = p.from(1);
            match (count(p)?, kind) {
                (Count::Of(0), b'*') => put!(t, " empty"),
                (Count::Of(values), b'*') => {
                    // As many as claimed, or as many as there are bytes for.
                    let mut ended = Ok(());
                    t.nested(|t| {
                        ended = (0..values).try_for_each(|_| value(t, p));
                        ended
                    })?;
                    // That it did was said.
                    ended.or(Err(Stop::Here))?;
                }
                (Count::Of(size), _) => {
                    match size {
                        0 => put!(t, " empty"),
                        _ => quoted(t, p.slice(0, size).or(Err(Stop::Short))?),
                    }
                    *p = p.from(size);
                    *p = p.from(line_end(*p)? + 2);
                }
                (Count::None(why), _) => put!(t, " {why}"),
            }
        }
        _ => inline(t, p)?,
    }
    Ok(())
}

/// A command as someone types it.
fn inline(t: &mut Text<'_>, p: &mut Bytes<'_>) -> Result<(), Stop> {
    let ends = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let all = p.all();
    let start = all.iter().position(|byte| !ends(byte)).ok_or(Stop::Cut)?;
    let line = p.from(start).all();
    let size = line.iter().position(ends).ok_or(Stop::Cut)?;
    quoted(t, p.slice(start, size)?);
    let behind = p.from(start + size);
    *p = behind.from(behind.all().iter().take_while(|byte| ends(byte)).count());
    Ok(())
}

fn quoted(t: &mut Text<'_>, bytes: &[u8]) {
    put!(t, " \"");
    t.characters(bytes);
    put!(t, "\"");
}

/// Where the line ends.
fn line_end(p: Bytes<'_>) -> Result<usize, Stop> {
    p.all().windows(2).position(|end| end == b"\r\n").ok_or(Stop::Short)
}

/// How many bytes or values follow.
enum Count {
    Of(usize),
    /// None do, for this reason.
    None(&'static str),
}

fn count(p: &mut Bytes<'_>) -> Result<Count, Stop> {
    let negative = p.u8(0)? == b'-';
    let mut at = usize::from(negative);
    let first = at;
    let mut number = Some(0_i32);
    let byte = loop {
        let byte = p.u8(at)?;
        at += 1;
        if !byte.is_ascii_digit() {
            break byte;
        }
        let digit = i32::from(byte - b'0');
        number = number.and_then(|number| number.checked_mul(10)?.checked_add(digit));
    };
    let mut right = at - 1 > first && byte == b'\r';
    if right {
        right = p.u8(at)? == b'\n';
        at += 1;
    }
    *p = p.from(at);
    Ok(match (right, negative, number) {
        (false, ..) => Count::None("invalid"),
        (true, true, Some(1)) => Count::None("null"),
        (true, true, _) => Count::None("length negative and not -1"),
        (true, false, None) => Count::None("length too large"),
        (true, false, Some(number)) => Count::Of(number as usize),
    })
}
