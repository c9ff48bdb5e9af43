//! Babel (RFC 8966): the packet and the names of its messages.

mod messages;

use crate::{
    bytes::{Bytes, Stop},
    text::{Text, put},
};
use messages::Messages;

const HEADER: usize = 4;
const MAGIC: u8 = 42;

pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "babel";
    put!(t, "babel");
    p.need(0, 4)?;
    if p.u8(0)? != MAGIC {
        put!(t, " invalid header");
        return Ok(());
    }
    let version = p.u8(1)?;
    put!(t, " {version}");
    if version != 2 {
        put!(t, " unknown version");
        return Ok(());
    }
    if length < HEADER {
        return Err(Stop::Invalid);
    }
    let stated = usize::from(p.u16(2)?);
    put!(t, " ({stated})");
    let (body, length) = (p.from(HEADER), length - HEADER);
    if length < stated {
        return Err(Stop::Invalid);
    }
    Messages::default().print(t, body, stated)?;
    if length > stated {
        put!(t, "{}", if t.style.verbose > 0 { "\n\t----" } else { " |" });
        Messages::default().print(t, body.from(stated), length - stated)?;
    }
    Ok(())
}
