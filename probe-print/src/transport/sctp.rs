//! SCTP (RFC 9260): its chunks.

use crate::{
    bytes::{Bytes, Stop},
    link::ethernet,
    names::Port,
    network::outer::Outer,
    text::{Text, put, put_name},
};

const HEADER: usize = 12;
const CHUNK: usize = 4;

const DATA: u8 = 0x00;
const INIT: u8 = 0x01;
const INIT_ACK: u8 = 0x02;
const SACK: u8 = 0x03;

const DATA_HEADER: usize = 12;
const INIT_HEADER: usize = 16;
const SACK_HEADER: usize = 12;

const CHUNKS: &[(u8, &str)] = &[
    (DATA, "DATA"),
    (INIT, "INIT"),
    (INIT_ACK, "INIT ACK"),
    (SACK, "SACK"),
    (0x04, "HB REQ"),
    (0x05, "HB ACK"),
    (0x06, "ABORT"),
    (0x07, "SHUTDOWN"),
    (0x08, "SHUTDOWN ACK"),
    (0x09, "OP ERR"),
    (0x0a, "COOKIE ECHO"),
    (0x0b, "COOKIE ACK"),
    (0x0c, "ECN ECHO"),
    (0x0d, "ECN CWR"),
    (0x0e, "SHUTDOWN COMPLETE"),
    (0xc0, "FOR CUM TSN"),
    (0xc1, "REL CTRL"),
    (0xc2, "REL CTRL ACK"),
];

const PAYLOADS: &[(u32, &str)] = &[
    (1, "ISDN Q.921"),
    (2, "M2UA"),
    (3, "M3UA"),
    (4, "SUA"),
    (5, "M2PA"),
    (6, "V5.2"),
    (7, "H.248"),
    (8, "BICC"),
    (9, "TALI"),
    (10, "DUA"),
    (11, "ASAP"),
    (12, "ENRP"),
    (13, "H.323"),
    (14, "Q.IPC"),
    (15, "SIMCO"),
    (16, "DDPSC"),
    (17, "DDPSSC"),
    (18, "S1AP"),
    (19, "RUA"),
    (20, "HNBAP"),
    (21, "ForCES HP"),
    (22, "ForCES MP"),
    (23, "ForCES LP"),
    (24, "SBc-AP"),
    (25, "NBAP"),
    (27, "X2AP"),
];

const FORCES: &[(u16, &str)] = &[(6704, "ForCES HP"), (6705, "ForCES MP"), (6706, "ForCES LP")];

pub(crate) fn print(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    length: usize,
    outer: Outer<'_>,
) -> Result<(), Stop> {
    t.protocol = "sctp";
    if length < HEADER {
        put!(t, "truncated-sctp - {} bytes missing!", HEADER - length);
        return Ok(());
    }
    p.need(0, HEADER)?;
    let ports = [p.u16(0)?, p.u16(2)?];
    t.summary.ports = Some(ports.into());
    outer.print_ends(t, Some((Port::Number(ports[0]), Port::Number(ports[1]))))?;
    put!(t, ": sctp");
    for port in ports {
        if let Some((_, name)) = FORCES.iter().find(|(number, _)| *number == port) {
            put!(t, "[{name}]");
        }
    }
    let mut separator = if t.style.verbose >= 2 { "\n\t" } else { " (" };
    // What is left wraps around in tcpdump, too: a chunk may claim more than there is,
    // and then the captured bytes are the end.
    let mut left = (length - HEADER) as u32;
    let mut at = HEADER;
    // Each chunk takes at least four bytes.
    for count in 1.. {
        if left == 0 {
            break;
        }
        if left < CHUNK as u32 {
            put!(t, "{separator}{count}) [chunk descriptor cut off at end of packet]");
            break;
        }
        p.need(at, CHUNK)?;
        let size = usize::from(p.u16(at + 2)?);
        if size < CHUNK {
            put!(t, "{separator}{count}) [Bad chunk length {size}, < size of chunk descriptor]");
            break;
        }
        let padding = (4 - size % 4) % 4;
        if left < padding as u32 {
            put!(t, "{separator}{count}) [Bad chunk length {size}, > remaining data in packet]");
            break;
        }
        let chunk = Bytes::new(p.slice(at, size).or(Err(Stop::Short))?);
        put!(t, "{separator}{count}) [");
        let kind = chunk.u8(0)?;
        put_name!(t, CHUNKS, kind, "Unknown chunk type: 0x{kind:x}");
        put!(t, "] ");
        let printed = match kind {
            DATA => data(t, chunk, size),
            INIT | INIT_ACK => init(t, chunk, size),
            SACK => selective(t, chunk, size),
            _ => Ok(()),
        };
        if printed == Err(Stop::Invalid) {
            put!(t, "bogus chunk length {size}]");
            return Ok(());
        }
        printed?;
        if t.style.verbose < 2 {
            separator = ", (";
        }
        p.need(at + size, padding)?;
        at += size + padding;
        left = left.wrapping_sub((size + padding) as u32);
    }
    Ok(())
}

/// Prints a chunk's fields; [`Stop::Invalid`] where it is too short for them. So the next two.
fn data(t: &mut Text<'_>, p: Bytes<'_>, size: usize) -> Result<(), Stop> {
    let flags = p.u8(1)?;
    for (bit, name) in [(4, "(U)"), (2, "(B)"), (1, "(E)")] {
        if flags & bit != 0 {
            put!(t, "{name}");
        }
    }
    if flags & 7 != 0 {
        put!(t, " ");
    }
    if size < CHUNK + DATA_HEADER {
        return Err(Stop::Invalid);
    }
    put!(t, "[TSN: {}] ", p.u32(4)?);
    put!(t, "[SID: {}] ", p.u16(8)?);
    put!(t, "[SSEQ {}] ", p.u16(10)?);
    let payload = p.u32(12)?;
    put!(t, "[PPID ");
    put_name!(t, PAYLOADS, payload, "0x{payload:x}");
    put!(t, "] ");
    if size == CHUNK + DATA_HEADER {
        return Err(Stop::Invalid);
    }
    if t.style.verbose >= 2 {
        let start = t.out.len();
        ethernet::default(t, p.from(CHUNK + DATA_HEADER));
        let shown = t.out.split_off(start);
        put!(t, "[Payload");
        if !shown.is_empty() {
            put!(t, ":");
            t.out.extend(shown);
        }
        put!(t, "]");
    }
    Ok(())
}

fn init(t: &mut Text<'_>, p: Bytes<'_>, size: usize) -> Result<(), Stop> {
    if size < CHUNK + INIT_HEADER {
        return Err(Stop::Invalid);
    }
    put!(t, "[init tag: {}] ", p.u32(4)?);
    put!(t, "[rwnd: {}] ", p.u32(8)?);
    put!(t, "[OS: {}] ", p.u16(12)?);
    put!(t, "[MIS: {}] ", p.u16(14)?);
    put!(t, "[init TSN: {}] ", p.u32(16)?);
    Ok(())
}

fn selective(t: &mut Text<'_>, p: Bytes<'_>, size: usize) -> Result<(), Stop> {
    if size < CHUNK + SACK_HEADER {
        return Err(Stop::Invalid);
    }
    let acknowledged = p.u32(4)?;
    let (gaps, duplicates) = (p.u16(12)?, p.u16(14)?);
    put!(t, "[cum ack {acknowledged}] ");
    put!(t, "[a_rwnd {}] ", p.u32(8)?);
    put!(t, "[#gap acks {gaps}] ");
    put!(t, "[#dup tsns {duplicates}] ");
    let mut at = CHUNK + SACK_HEADER;
    for number in 1..=gaps {
        if at >= size {
            break;
        }
        if size < at + 4 {
            return Err(Stop::Invalid);
        }
        let end = |at| p.u16(at).map(|offset| acknowledged.wrapping_add(offset.into()));
        put!(t, "\n\t\t[gap ack block #{number}: start = {}, end = {}] ", end(at)?, end(at + 2)?);
        at += 4;
    }
    for number in 1..=duplicates {
        if at >= size {
            break;
        }
        if size < at + 4 {
            return Err(Stop::Invalid);
        }
        put!(t, "\n\t\t[dup TSN #{number}: {}] ", p.u32(at)?);
        at += 4;
    }
    Ok(())
}
