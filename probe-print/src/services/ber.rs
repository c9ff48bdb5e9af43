//! The part of ASN.1's basic encoding (X.690) that SNMP uses.

use crate::{
    bytes::{Bytes, Stop},
    text::{Text, put},
};

/// One element: its kind, and the bytes of its content.
pub(super) struct Element<'a> {
    pub(super) value: Value<'a>,
    /// From the content on; of this the first `length` bytes are its own.
    pub(super) content: Bytes<'a>,
    pub(super) length: usize,
}

/// What an element is.
pub(super) enum Value<'a> {
    /// Of no kind that SNMP uses.
    Octets,
    Null,
    Object,
    Integer(i32),
    Unsigned(u32),
    Unsigned64(u64),
    String,
    Sequence,
    Address,
    /// A PDU of this kind.
    Pdu(u8),
    /// No value, and why.
    Exception(&'a str),
    /// Of no kind at all.
    Unknown,
}

const LONG: u8 = 0x80;
const EXTENDED: u8 = 0x1f;

const FORMS: [&str; 2] = ["Primitive", "Constructed"];
/// What tcpdump calls every class: the argument of a macro that stands in a string.
const CLASS: &str = "x";

const UNIVERSAL: &[&str] = &[
    "U-0",
    "Boolean",
    "Integer",
    "Bitstring",
    "String",
    "Null",
    "ObjID",
    "ObjectDes",
    "U-8",
    "U-9",
    "U-10",
    "U-11",
    "U-12",
    "U-13",
    "U-14",
    "U-15",
    "Sequence",
    "Set",
];
const APPLICATION: &[&str] =
    &["IpAddress", "Counter", "Gauge", "TimeTicks", "Opaque", "C-5", "Counter64"];
/// The kinds of PDU.
const CONTEXT: &[&str] = &[
    "GetRequest",
    "GetNextRequest",
    "GetResponse",
    "SetRequest",
    "Trap",
    "GetBulk",
    "Inform",
    "V2Trap",
    "Report",
];
const PRIVATE: &[&str] = &["P-0"];
const EXCEPTIONS: &[&str] = &["noSuchObject", "noSuchInstance", "endOfMibView"];

/// The element at the beginning, and how many bytes it takes. Where it makes no sense, the
/// line says so.
pub(super) fn parse<'a>(
    t: &mut Text<'_>,
    p: Bytes<'a>,
    mut length: usize,
) -> Result<(Element<'a>, usize), Stop> {
    if length < 1 {
        put!(t, "[nothing to parse]");
        return Err(Stop::Here);
    }
    let first = p.u8(0)?;
    let (form, class) = (usize::from(first >> 5 & 1), usize::from(first >> 6));
    let mut tag = usize::from(first & EXTENDED);
    let mut at = 1;
    length -= 1;
    if first & EXTENDED == EXTENDED {
        tag = 0;
        // Seven bits a byte. The loop ends with the bytes.
        loop {
            let byte = p.u8(at)?;
            if length < 1 {
                put!(t, "[Xtagfield?]");
                return Err(Stop::Here);
            }
            // As in tcpdump, where the tag is a byte, higher bits are lost.
            tag = (tag << 7 | usize::from(byte & !LONG)) & 0xff;
            length -= 1;
            at += 1;
            if byte & LONG == 0 {
                break;
            }
        }
    }
    if length < 1 {
        put!(t, "[no asnlen]");
        return Err(Stop::Here);
    }
    let mut size = u32::from(p.u8(at)?);
    at += 1;
    length -= 1;
    if size & u32::from(LONG) != 0 {
        let octets = (size & 0x7f) as usize;
        if length < octets {
            put!(t, "[asnlen? {length}<{octets}]");
            return Err(Stop::Here);
        }
        let bytes = p.slice(at, octets).or(Err(Stop::Short))?;
        size = bytes.iter().fold(0, |size, &byte| size << 8 | u32::from(byte));
        at += octets;
        length -= octets;
    }
    if length < size as usize {
        put!(t, "[len{length}<asnlen{size}]");
        return Err(Stop::Here);
    }
    let tables = [UNIVERSAL, APPLICATION, CONTEXT, PRIVATE];
    let (Some(form_name), Some(table)) = (FORMS.get(form), tables.get(class)) else {
        return Err(Stop::Here);
    };
    let Some(name) = table.get(tag) else {
        put!(t, "[id?{form_name:.1}/{CLASS}/{tag}]");
        return Err(Stop::Here);
    };
    let content = p.slice(at, size as usize).or(Err(Stop::Short))?;
    let signed = || {
        let start = if content.first().is_some_and(|byte| byte & 0x80 != 0) { -1 } else { 0 };
        content.iter().fold(start, |n: i32, &byte| n << 8 | i32::from(byte))
    };
    let unsigned = || content.iter().fold(0u64, |n, &byte| n << 8 | u64::from(byte));
    let value = match (form, class, tag) {
        (0, 0, 2) if content.is_empty() => {
            put!(t, "[asnlen=0]");
            return Err(Stop::Here);
        }
        (0, 0, 2) => Value::Integer(signed()),
        (0, 0, 4) => Value::String,
        (0, 0, 5) => Value::Null,
        (0, 0, 6) => Value::Object,
        (0, 0, _) => {
            put!(t, "[P/U/{name}]");
            Value::Octets
        }
        (0, 1, 0) => Value::Address,
        (0, 1, 1..=3) => Value::Unsigned(unsigned() as u32),
        (0, 1, 6) => Value::Unsigned64(unsigned()),
        (0, 1, _) => {
            put!(t, "[P/A/{name}]");
            Value::Octets
        }
        (0, 2, _) => EXCEPTIONS.get(tag).map_or(Value::Unknown, |name| Value::Exception(name)),
        (0, _, _) => {
            put!(t, "[P/{CLASS}/{name}]");
            Value::Octets
        }
        (_, 0, 16) => Value::Sequence,
        (_, 0, _) => {
            put!(t, "C/U/{name}");
            Value::Octets
        }
        (_, 2, _) => Value::Pdu(tag as u8),
        _ => {
            put!(t, "C/{CLASS}/{name}");
            Value::Octets
        }
    };
    let element = Element { value, content: p.from(at), length: size as usize };
    Ok((element, at + size as usize))
}

pub(super) fn put_value(t: &mut Text<'_>, element: &Element<'_>) -> Result<(), Stop> {
    match element.value {
        Value::Octets => put_octets(t, element)?,
        Value::Null => {}
        Value::Object => put_object(t, element)?,
        Value::Integer(number) => put!(t, "{number}"),
        Value::Unsigned(number) => put!(t, "{number}"),
        Value::Unsigned64(number) => put!(t, "{number}"),
        Value::String => put_string(t, element)?,
        Value::Sequence => put!(t, "Seq({})", element.length),
        Value::Address => {
            if element.length != 4 {
                put!(t, "[inetaddr len!=4]");
            }
            for (index, byte) in element.content.slice(0, element.length)?.iter().enumerate() {
                put!(t, "{}{byte}", if index > 0 { "." } else { "" });
            }
        }
        Value::Pdu(kind) => {
            let name = CONTEXT.get(usize::from(kind)).copied().unwrap_or_default();
            put!(t, "{name}({})", element.length);
        }
        Value::Exception(name) => put!(t, "[{name}]"),
        Value::Unknown => put!(t, "[BE_ANY!?]"),
    }
    Ok(())
}

/// An object's identifier: the first number holds two.
fn put_object(t: &mut Text<'_>, element: &Element<'_>) -> Result<(), Stop> {
    let (mut number, mut first) = (0u32, true);
    for &byte in element.content.slice(0, element.length)? {
        number = number.wrapping_shl(7).wrapping_add(u32::from(byte & !LONG));
        if byte & LONG != 0 {
            continue;
        }
        if first {
            let root = (number.cast_signed() / 40).min(2);
            put!(t, ".{}", root.cast_unsigned());
            number = number.wrapping_sub((root * 40).cast_unsigned());
            first = false;
        }
        put!(t, ".{number}");
        number = 0;
    }
    Ok(())
}

pub(super) fn put_octets(t: &mut Text<'_>, element: &Element<'_>) -> Result<(), Stop> {
    for byte in element.content.slice(0, element.length)? {
        put!(t, "_{byte:02x}");
    }
    Ok(())
}

/// Text in quotes, or bytes.
pub(super) fn put_string(t: &mut Text<'_>, element: &Element<'_>) -> Result<(), Stop> {
    let bytes = element.content.slice(0, element.length)?;
    if bytes.iter().all(|byte| (0x20..0x7f).contains(byte)) {
        put!(t, "\"");
        t.characters(bytes);
        put!(t, "\"");
    } else {
        for (index, byte) in bytes.iter().enumerate() {
            put!(t, "{}{byte:02x}", if index > 0 { "_" } else { "" });
        }
    }
    Ok(())
}
