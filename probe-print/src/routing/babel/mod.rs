//! Babel (RFC 8966): the packet and the names of its messages.

mod messages;

use crate::{
    bytes::{Bytes, Cut},
    text::{Text, need, put},
};
use messages::Messages;

const HEADER: usize = 4;
const MAGIC: u8 = 42;
/// Prints a packet.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Cut> {
    t.protocol = "babel";
    put!(t, "babel");
    need!(t, p.u32(0));
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
        t.invalid();
        return Ok(());
    }
    let stated = usize::from(p.u16(2)?);
    put!(t, " ({stated})");
    let (body, length) = (p.from(HEADER), length - HEADER);
    if length < stated || !Messages::default().print(t, body, stated)? {
        t.invalid();
        return Ok(());
    }
    if length > stated {
        put!(t, "{}", if t.style.verbose > 0 { "\n\t----" } else { " |" });
        if !Messages::default().print(t, body.from(stated), length - stated)? {
            t.invalid();
        }
    }
    Ok(())
}
