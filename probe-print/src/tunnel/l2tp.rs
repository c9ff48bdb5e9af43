//! L2TP (RFC 2661): tunnel and session, and the PPP frame inside of data messages. Of a
//! control message the attributes are named.

use crate::{
    bytes::{Bytes, Stop},
    link::ppp,
    text::{Text, put, put_name},
};

const CONTROL: u16 = 0x8000;
const LENGTH: u16 = 0x4000;
const SEQUENCE: u16 = 0x0800;
const OFFSET: u16 = 0x0200;
const PRIORITY: u16 = 0x0100;

const MANDATORY: u16 = 0x8000;
const HIDDEN: u16 = 0x4000;
const ATTRIBUTE: usize = 6;

/// How an attribute's value is shown.
#[derive(Clone, Copy)]
enum Form {
    Nothing,
    Message,
    Result,
    Version,
    /// Two bits: the second, then the first.
    Capabilities([&'static str; 2]),
    Half,
    Word,
    Text,
    Octets,
    /// So many bytes, and no fewer.
    Exactly(usize),
    Cause,
    Obsolete,
    Authentication,
    Identifier,
    Counters(&'static [&'static str]),
    Maps,
    Disconnect,
}

const FRAMING: Form = Form::Capabilities(["A", "S"]);
const BEARER: Form = Form::Capabilities(["A", "D"]);
const ERRORS: &[&str] = &["CRCErr", "FrameErr", "HardOver", "BufOver", "Timeout", "AlignErr"];

/// Attributes, by number.
const ATTRIBUTES: &[(&str, Form)] = &[
    ("MSGTYPE", Form::Message),
    ("RESULT_CODE", Form::Result),
    ("PROTO_VER", Form::Version),
    ("FRAMING_CAP", FRAMING),
    ("BEARER_CAP", BEARER),
    ("TIE_BREAKER", Form::Exactly(8)),
    ("FIRM_VER", Form::Half),
    ("HOST_NAME", Form::Text),
    ("VENDOR_NAME", Form::Text),
    ("ASSND_TUN_ID", Form::Half),
    ("RECV_WIN_SIZE", Form::Half),
    ("CHALLENGE", Form::Octets),
    ("Q931_CC", Form::Cause),
    ("CHALLENGE_RESP", Form::Exactly(16)),
    ("ASSND_SESS_ID", Form::Half),
    ("CALL_SER_NUM", Form::Word),
    ("MINIMUM_BPS", Form::Word),
    ("MAXIMUM_BPS", Form::Word),
    ("BEARER_TYPE", BEARER),
    ("FRAMING_TYPE", FRAMING),
    ("PACKET_PROC_DELAY", Form::Obsolete),
    ("CALLED_NUMBER", Form::Text),
    ("CALLING_NUMBER", Form::Text),
    ("SUB_ADDRESS", Form::Text),
    ("TX_CONN_SPEED", Form::Word),
    ("PHY_CHANNEL_ID", Form::Word),
    ("INI_RECV_LCP", Form::Octets),
    ("LAST_SENT_LCP", Form::Octets),
    ("LAST_RECV_LCP", Form::Octets),
    ("PROXY_AUTH_TYPE", Form::Authentication),
    ("PROXY_AUTH_NAME", Form::Text),
    ("PROXY_AUTH_CHAL", Form::Octets),
    ("PROXY_AUTH_ID", Form::Identifier),
    ("PROXY_AUTH_RESP", Form::Octets),
    ("CALL_ERRORS", Form::Counters(ERRORS)),
    ("ACCM", Form::Maps),
    ("RANDOM_VECTOR", Form::Octets),
    ("PRIVATE_GRP_ID", Form::Text),
    ("RX_CONN_SPEED", Form::Word),
    ("SEQ_REQUIRED", Form::Nothing),
];
/// The one with a number of its own (RFC 3145).
const DISCONNECT: usize = 46;

const MESSAGES: &[(u16, &str)] = &[
    (1, "SCCRQ"),
    (2, "SCCRP"),
    (3, "SCCCN"),
    (4, "StopCCN"),
    (6, "HELLO"),
    (7, "OCRQ"),
    (8, "OCRP"),
    (9, "OCCN"),
    (10, "ICRQ"),
    (11, "ICRP"),
    (12, "ICCN"),
    (14, "CDN"),
    (15, "WEN"),
    (16, "SLI"),
];

const AUTHENTICATION: &[(u16, &str)] =
    &[(0, "Reserved"), (1, "Textual"), (2, "CHAP"), (3, "PAP"), (4, "No Auth"), (5, "MS-CHAPv1")];

const DIRECTIONS: &[(u8, &str)] = &[(0, "global error"), (1, "at peer"), (2, "at local")];

pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, mut length: usize) -> Result<(), Stop> {
    t.protocol = "l2tp";
    let flags = p.u16(0)?;
    match flags & 0xf {
        2 => put!(t, " l2tp:"),
        1 => {
            put!(t, " l2f:");
            return Ok(());
        }
        _ => {
            put!(t, " Unknown Version, neither L2F(1) nor L2TP(2)");
            return Ok(());
        }
    }
    put!(t, "[");
    for (bit, name) in
        [(CONTROL, "T"), (LENGTH, "L"), (SEQUENCE, "S"), (OFFSET, "O"), (PRIORITY, "P")]
    {
        if flags & bit != 0 {
            put!(t, "{name}");
        }
    }
    put!(t, "]");
    let mut at = 2;
    let mut stated = None;
    if flags & LENGTH != 0 {
        stated = Some(usize::from(p.u16(at)?));
        at += 2;
    }
    put!(t, "({}/", p.u16(at)?);
    put!(t, "{})", p.u16(at + 2)?);
    at += 4;
    if flags & SEQUENCE != 0 {
        put!(t, "Ns={},", p.u16(at)?);
        put!(t, "Nr={}", p.u16(at + 2)?);
        at += 4;
    }
    if flags & OFFSET != 0 {
        let padding = usize::from(p.u16(at)?);
        p.need(at + 2, padding)?;
        at += 2 + padding;
    }
    if let Some(stated) = stated {
        if length < stated {
            put!(t, " Length {stated} larger than packet");
            return Ok(());
        }
        length = stated;
    }
    if length < at {
        put!(t, " Length {length} smaller than header length");
        return Ok(());
    }
    if flags & CONTROL == 0 {
        put!(t, " {{");
        t.part(|t| ppp::print(t, p.from(at), length - at).map(drop))?;
        put!(t, "}}");
    } else if stated.is_none() {
        put!(t, " No length");
    } else if length == at {
        put!(t, " ZLB");
    } else {
        // Each attribute takes at least six bytes.
        while at < length {
            at += attribute(t, p.from(at), length - at)?;
        }
    }
    Ok(())
}

/// Prints an attribute and says how many bytes it takes.
fn attribute(t: &mut Text<'_>, p: Bytes<'_>, left: usize) -> Result<usize, Stop> {
    put!(t, " ");
    let head = p.u16(0)?;
    let size = usize::from(head & 0x3ff);
    if size < ATTRIBUTE || size > left {
        return Err(Stop::Short);
    }
    p.need(0, size)?;
    let value = p.limit(size).from(ATTRIBUTE);
    if head & MANDATORY != 0 {
        put!(t, "*");
    }
    if head & HIDDEN != 0 {
        put!(t, "?");
    }
    let (vendor, number) = (p.u16(2)?, p.u16(4)?);
    if vendor != 0 {
        put!(t, "VENDOR{vendor:04x}:ATTR{number:04x}(");
        t.hex(value.all());
        put!(t, ")");
        return Ok(size);
    }
    let known = match usize::from(number) {
        DISCONNECT => Some(("PPP_DISCON_CC", Form::Disconnect)),
        number => ATTRIBUTES.get(number).copied(),
    };
    match known {
        Some((name, _)) => put!(t, "{name}("),
        None => put!(t, "AVP-#{number}("),
    }
    match known {
        _ if head & HIDDEN != 0 => put!(t, "???"),
        // What is cut here is the attribute's own fault, not the capture's.
        Some((_, form)) if content(t, value, form).is_err() => put!(t, "AVP too short"),
        Some(_) | None => {}
    }
    put!(t, ")");
    Ok(size)
}

fn content(t: &mut Text<'_>, p: Bytes<'_>, form: Form) -> Result<(), Stop> {
    let spaced = |t: &mut Text<'_>, rest: Bytes<'_>| {
        if !rest.is_empty() {
            put!(t, " ");
            t.characters(rest.all());
        }
    };
    match form {
        Form::Nothing => {}
        Form::Message => {
            let kind = p.u16(0)?;
            put_name!(t, MESSAGES, kind, "MSGTYPE-#{kind}");
        }
        Form::Result => {
            put!(t, "{}", p.u16(0)?);
            if p.len() > 2 {
                match p.u16(2) {
                    Ok(error) => put!(t, "/{error}"),
                    Err(_) => put!(t, " AVP too short"),
                }
                spaced(t, p.from(4));
            }
        }
        Form::Version => put!(t, "{}.{}", p.u8(0)?, p.u8(1)?),
        Form::Capabilities([second, first]) => {
            let value = p.u32(0)?;
            put!(t, "{}", if value & 2 == 0 { "" } else { second });
            put!(t, "{}", if value & 1 == 0 { "" } else { first });
        }
        Form::Half => put!(t, "{}", p.u16(0)?),
        Form::Word => put!(t, "{}", p.u32(0)?),
        Form::Text => t.characters(p.all()),
        Form::Octets => t.hex(p.all()),
        Form::Exactly(size) => t.hex(p.slice(0, size)?),
        Form::Cause => {
            p.u24(0)?;
            put!(t, "{}, {:02x}", p.u16(0)?, p.u8(2)?);
            spaced(t, p.from(3));
        }
        Form::Obsolete => put!(t, "obsolete"),
        Form::Authentication => {
            let kind = p.u16(0)?;
            put_name!(t, AUTHENTICATION, kind, "AuthType-#{kind}");
        }
        Form::Identifier => put!(t, "{}", p.u16(0)? & 0xff),
        Form::Counters(names) => {
            p.u16(0)?;
            for (index, name) in names.iter().enumerate() {
                put!(t, "{name}={} ", p.u32(2 + 4 * index)?);
            }
        }
        Form::Maps => {
            p.u16(0)?;
            put!(t, "send={:08x} ", p.u32(2)?);
            put!(t, "recv={:08x} ", p.u32(6)?);
        }
        Form::Disconnect => {
            p.array::<5>(0)?;
            let direction = p.u8(4)?;
            put!(t, "{:04x}, {:04x} ", p.u16(0)?, p.u16(2)?);
            put_name!(t, DIRECTIONS, direction, "Direction-#{direction}");
            spaced(t, p.from(5));
        }
    }
    Ok(())
}
