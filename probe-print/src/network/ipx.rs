//! Novell's IPX, and its RIP and SAP. Services are shown as numbers.

use crate::{
    address::Link,
    bytes::{Bytes, Fields, Stop},
    routing::eigrp,
    text::{Text, put},
};

const HEADER: usize = 30;

pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    t.protocol = "ipx";
    if !t.style.link_header {
        put!(t, "IPX ");
    }
    put!(t, "{}.{:04x} > ", address(p.from(18))?, p.u16(28)?);
    let socket = p.u16(16)?;
    put!(t, "{}.{socket:04x}: ", address(p.from(6))?);
    let stated = usize::from(p.u16(2)?);
    let Some(length) = stated.checked_sub(HEADER) else {
        put!(t, "[length {stated} < {HEADER}]");
        return Err(Stop::Invalid);
    };
    let data = Fields::new(p.from(HEADER), length);
    match socket {
        0x0451 => put!(t, "ipx-ncp {length}"),
        0x0452 => return services(t, data),
        0x0453 => return routes(t, data),
        0x0455 => put!(t, "ipx-netbios {length}"),
        0x0456 => put!(t, "ipx-diags {length}"),
        0x0553 => put!(t, "ipx-nwlink-dgm {length}"),
        0x85be => return eigrp::print(t, data.rest(), length),
        _ => put!(t, "ipx-#{socket:x} {length}"),
    }
    Ok(())
}

/// Network and node.
fn address(p: Bytes<'_>) -> Result<String, Stop> {
    Ok(format!("{:08x}.{}", p.u32(0)?, Link::plain(p.slice(4, 6)?)))
}

/// What a message asks or answers, which ends one that is too short for it.
fn command(t: &mut Text<'_>, data: &mut Fields<'_>) -> Result<u16, Stop> {
    let command = data.rest().u16(0)?;
    if data.left() < 2 {
        put!(t, " [length {} < 2]", data.left());
        return Err(Stop::Invalid);
    }
    data.skip(2);
    Ok(command)
}

/// The service advertising protocol.
fn services(t: &mut Text<'_>, mut data: Fields<'_>) -> Result<(), Stop> {
    const MOST: usize = 8;
    const NAME: usize = 48;
    let command = command(t, &mut data)?;
    match command {
        1 | 3 => {
            put!(t, "ipx-sap{}-req", if command == 1 { "" } else { "-nearest" });
            put!(t, " {:04x}", data.u16()?);
        }
        2 | 4 => {
            put!(t, "ipx-sap{}-resp", if command == 2 { "" } else { "-nearest" });
            for _ in 0..MOST {
                if data.left() == 0 {
                    break;
                }
                let kind = data.rest().u16(0)?;
                if data.left() < 2 {
                    return Err(Stop::Invalid);
                }
                put!(t, " {kind:04x} '");
                data.skip(2);
                if data.left() < NAME {
                    put!(t, "'");
                    return Err(Stop::Invalid);
                }
                t.padded(data.rest(), NAME)?;
                put!(t, "'");
                data.skip(NAME);
                // Then address, socket and distance.
                for size in [10, 4] {
                    data.rest().slice(0, size)?;
                    if data.left() < size {
                        return Err(Stop::Invalid);
                    }
                    if size == 10 {
                        put!(t, " addr {}", address(data.rest())?);
                    }
                    data.skip(size);
                }
            }
        }
        _ => put!(t, "ipx-sap-?{command:x}"),
    }
    Ok(())
}

/// The routing information protocol.
fn routes(t: &mut Text<'_>, mut data: Fields<'_>) -> Result<(), Stop> {
    const MOST: usize = 50;
    const ROUTE: usize = 8;
    let command = command(t, &mut data)?;
    let most = match command {
        1 => {
            put!(t, "ipx-rip-req");
            1
        }
        2 => {
            put!(t, "ipx-rip-resp");
            MOST
        }
        _ => {
            put!(t, "ipx-rip-?{command:x}");
            0
        }
    };
    for _ in 0..most {
        if data.left() == 0 {
            break;
        }
        if data.left() < ROUTE {
            return Err(Stop::Invalid);
        }
        put!(t, " {:08x}/{}.{}", data.u32()?, data.u16()?, data.u16()?);
    }
    Ok(())
}
