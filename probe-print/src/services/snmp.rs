//! SNMP (RFC 1157, RFC 3416, RFC 3412): version, community, and what is asked or answered.

use super::ber::{Element, Value, parse, put_octets, put_string, put_value};
use crate::{
    bytes::{Bytes, Stop},
    text::{Text, put},
};

const ERRORS: &[&str] = &[
    "noError",
    "tooBig",
    "noSuchName",
    "badValue",
    "readOnly",
    "genErr",
    "noAccess",
    "wrongType",
    "wrongLength",
    "wrongEncoding",
    "wrongValue",
    "noCreation",
    "inconsistentValue",
    "resourceUnavailable",
    "commitFailed",
    "undoFailed",
    "authorizationError",
    "notWritable",
    "inconsistentName",
];

const TRAPS: &[&str] = &[
    "coldStart",
    "warmStart",
    "linkDown",
    "linkUp",
    "authenticationFailure",
    "egpNeighborLoss",
    "enterpriseSpecific",
];
const ENTERPRISE: i32 = 6;

/// What the user did not change.
const DEFAULT_COMMUNITY: &[u8] = b"public";

const VERSION_1: i32 = 0;
const VERSION_2: i32 = 1;
const VERSION_3: i32 = 3;

/// Kinds of PDU, as the context tag numbers them.
const GET_RESPONSE: u8 = 2;
const TRAP: u8 = 4;
const GET_BULK: u8 = 5;

fn name(names: &[&'static str], number: i32) -> Option<&'static str> {
    usize::try_from(number).ok().and_then(|index| names.get(index).copied())
}

/// What remains of a sequence. Where something is wrong the functions here say what, and stop.
#[derive(Clone, Copy)]
struct Rest<'a> {
    p: Bytes<'a>,
    length: usize,
    /// Bytes of the last element taken.
    taken: usize,
}

impl<'a> Rest<'a> {
    /// Inside of an element.
    fn inside(element: &Element<'a>) -> Self {
        Self { p: element.content, length: element.length, taken: 0 }
    }

    /// Takes the next element.
    fn next(&mut self, t: &mut Text<'_>) -> Result<Element<'a>, Stop> {
        let (element, used) = parse(t, self.p, self.length)?;
        self.p = self.p.from(used);
        self.length = self.length.saturating_sub(used);
        self.taken = used;
        Ok(element)
    }

    /// Complains of what is left. As in tcpdump, which takes the last element off twice.
    fn extra(&self, t: &mut Text<'_>, behind: &str) {
        if self.taken < self.length {
            put!(t, "[{} extra after {behind}]", self.length - self.taken);
        }
    }

    /// Takes the next element, which has to pass a test; what it should be stands in
    /// the complaint.
    fn expect(
        &mut self,
        t: &mut Text<'_>,
        complaint: &str,
        test: fn(&Value<'_>) -> bool,
    ) -> Result<Element<'a>, Stop> {
        let element = self.next(t)?;
        if !test(&element.value) {
            put!(t, "[{complaint}]");
            put_value(t, &element)?;
            return Err(Stop::Here);
        }
        Ok(element)
    }

    fn integer(&mut self, t: &mut Text<'_>, complaint: &str) -> Result<i32, Stop> {
        match self.expect(t, complaint, |value| matches!(value, Value::Integer(_)))?.value {
            Value::Integer(number) => Ok(number),
            _ => Err(Stop::Here),
        }
    }

    fn string(&mut self, t: &mut Text<'_>, complaint: &str) -> Result<Element<'a>, Stop> {
        self.expect(t, complaint, |value| matches!(value, Value::String))
    }

    fn sequence(&mut self, t: &mut Text<'_>, complaint: &str) -> Result<Self, Stop> {
        let element = self.expect(t, complaint, |value| matches!(value, Value::Sequence))?;
        Ok(Self::inside(&element))
    }
}

pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "snmp";
    put!(t, " ");
    let mut outer = Rest { p, length, taken: 0 };
    let mut rest = outer.sequence(t, "!init SEQ")?;
    if outer.length > 0 {
        put!(t, "[{} extra after iSEQ]", outer.length);
    }
    let version = rest.integer(t, "version!=INT")?;
    let name = match version {
        VERSION_1 => "SNMPv1",
        VERSION_2 => "SNMPv2c",
        VERSION_3 => "SNMPv3",
        _ => {
            put!(t, "SNMP [version = {version}]");
            return Ok(());
        }
    };
    let verbose = t.style.verbose > 0;
    if verbose {
        put!(t, "{{ {name} ");
    }
    // Its brace closes, wherever the inside stops.
    t.part(|t| match version {
        VERSION_3 => version_3(t, rest),
        _ => community(t, rest, version),
    })?;
    if verbose {
        put!(t, "}} ");
    }
    Ok(())
}

fn community(t: &mut Text<'_>, mut rest: Rest<'_>, version: i32) -> Result<(), Stop> {
    let community = rest.string(t, "comm!=STR")?;
    if community.content.limit(community.length).all() != DEFAULT_COMMUNITY {
        put!(t, "C=");
        put_string(t, &community)?;
        put!(t, " ");
    }
    pdu(t, rest, version)
}

fn pdu(t: &mut Text<'_>, mut rest: Rest<'_>, version: i32) -> Result<(), Stop> {
    let pdu = rest.next(t)?;
    let Value::Pdu(kind) = pdu.value else {
        put!(t, "[no PDU]");
        return Ok(());
    };
    if rest.length > 0 {
        put!(t, "[{} extra after PDU]", rest.length);
    }
    let verbose = t.style.verbose > 0;
    if verbose {
        put!(t, "{{ ");
    }
    put_value(t, &pdu)?;
    put!(t, " ");
    if version == VERSION_1 && kind >= GET_BULK {
        put!(t, "[v2 PDU in v1 message]");
        return Ok(());
    }
    if version == VERSION_2 && kind == TRAP {
        put!(t, "[v1 PDU in v2 message]");
        return Ok(());
    }
    let inside = Rest::inside(&pdu);
    t.part(|t| match kind {
        TRAP => trap(t, inside),
        _ => request(t, inside, kind),
    })?;
    if verbose {
        put!(t, " }} ");
    }
    Ok(())
}

/// Any PDU but the trap of version 1.
fn request(t: &mut Text<'_>, mut rest: Rest<'_>, kind: u8) -> Result<(), Stop> {
    // Kinds of PDU where both error fields are to be zero.
    let no_error = !matches!(kind, GET_RESPONSE | GET_BULK);
    let id = rest.integer(t, "reqId!=INT")?;
    if t.style.verbose > 0 {
        put!(t, "R={id} ");
    }
    let status = rest.integer(t, "errorStatus!=INT")?;
    let text = || name(ERRORS, status).map_or_else(|| format!("err={}", status as u32), Into::into);
    let mut failed = false;
    match status {
        _ if kind == GET_BULK => put!(t, " N={status}"),
        0 => {}
        _ if no_error => put!(t, "[errorStatus({})!=0]", text()),
        _ => {
            put!(t, " {}", text());
            failed = true;
        }
    }
    let index = rest.integer(t, "errorIndex!=INT")?;
    match index {
        _ if kind == GET_BULK => put!(t, " M={index}"),
        0 if failed => put!(t, "[errorIndex==0]"),
        0 => {}
        _ if no_error => put!(t, "[errorIndex({index})!=0]"),
        _ if failed => put!(t, "@{index}"),
        _ => put!(t, "[errorIndex({index}) w/o errorStatus]"),
    }
    bindings(t, rest, kind)
}

/// The trap of version 1.
fn trap(t: &mut Text<'_>, mut rest: Rest<'_>) -> Result<(), Stop> {
    put!(t, " ");
    let enterprise = rest.expect(t, "enterprise!=OID", |value| matches!(value, Value::Object))?;
    put_value(t, &enterprise)?;
    put!(t, " ");
    let agent = rest.expect(t, "agent-addr!=INETADDR", |value| matches!(value, Value::Address))?;
    put_value(t, &agent)?;
    let generic = rest.integer(t, "generic-trap!=INT")?;
    match name(TRAPS, generic) {
        Some(name) => put!(t, " {name}"),
        None => put!(t, " gt={generic}"),
    }
    let specific = rest.integer(t, "specific-trap!=INT")?;
    if generic == ENTERPRISE {
        put!(t, " s={specific}");
    } else if specific != 0 {
        put!(t, "[specific-trap({specific})!=0]");
    }
    put!(t, " ");
    let stamp =
        rest.expect(t, "time-stamp!=TIMETICKS", |value| matches!(value, Value::Unsigned(_)))?;
    put_value(t, &stamp)?;
    bindings(t, rest, TRAP)
}

/// Names of objects, and their values where this is not a question.
fn bindings(t: &mut Text<'_>, mut rest: Rest<'_>, kind: u8) -> Result<(), Stop> {
    let mut list = rest.sequence(t, "!SEQ of varbind")?;
    if rest.length > 0 {
        put!(t, "[{} extra after SEQ of varbind]", rest.length);
    }
    let question = matches!(kind, 0 | 1 | GET_BULK);
    // Each binding takes at least two bytes.
    while list.length > 0 {
        put!(t, " ");
        let mut binding = list.sequence(t, "!varbind")?;
        let object = binding.expect(t, "objName!=OID", |value| matches!(value, Value::Object))?;
        put_value(t, &object)?;
        if !question {
            put!(t, "=");
        }
        let value = binding.next(t)?;
        match value.value {
            Value::Null => {}
            _ => {
                if question {
                    put!(t, "[objVal!=NULL]");
                }
                put_value(t, &value)?;
            }
        }
    }
    Ok(())
}

/// RFC 3412, with the user-based security model of RFC 3414.
fn version_3(t: &mut Text<'_>, mut rest: Rest<'_>) -> Result<(), Stop> {
    const USER_BASED: i32 = 3;
    let verbose = t.style.verbose > 0;
    let brace = |t: &mut Text<'_>, text: &str| {
        if verbose {
            put!(t, "{text}");
        }
    };
    let whole = rest;
    let mut head = rest.sequence(t, "!message")?;
    brace(t, "{ ");
    head.integer(t, "msgID!=INT")?;
    head.integer(t, "msgMaxSize!=INT")?;
    let flags = head.string(t, "msgFlags!=STR")?;
    if flags.length != 1 {
        put!(t, "[msgFlags size {}]", flags.length);
        return Ok(());
    }
    let flags = flags.content.u8(0)?;
    if !matches!(flags, 0 | 1 | 3 | 4 | 5 | 7) {
        put!(t, "[msgFlags=0x{flags:02X}]");
        return Ok(());
    }
    put!(t, "F=");
    for (bit, name) in [(1, "a"), (2, "p"), (4, "r")] {
        if flags & bit != 0 {
            put!(t, "{name}");
        }
    }
    put!(t, " ");
    let model = head.integer(t, "msgSecurityModel!=INT")?;
    head.extra(t, "message SEQ");
    brace(t, "} ");
    if model != USER_BASED {
        put!(t, "[security model {model}]");
        return Ok(());
    }
    brace(t, "{ USM ");
    // As in tcpdump, from behind the last field of the head on, which may not be its end.
    let used = whole.p.len() - head.p.len();
    let mut rest = Rest { p: head.p, length: whole.length.saturating_sub(used), taken: 0 };
    let security = rest.string(t, "msgSecurityParameters!=STR")?;
    t.part(|t| user_based(t, Rest::inside(&security)))?;
    brace(t, "} ");
    brace(t, "{ ScopedPDU ");
    t.part(|t| scoped(t, rest))?;
    brace(t, "} ");
    Ok(())
}

fn user_based(t: &mut Text<'_>, mut rest: Rest<'_>) -> Result<(), Stop> {
    let verbose = t.style.verbose > 0;
    let mut fields = rest.sequence(t, "!usm")?;
    fields.string(t, "msgAuthoritativeEngineID!=STR")?;
    let boots = fields.integer(t, "msgAuthoritativeEngineBoots!=INT")?;
    if verbose {
        put!(t, "B={boots} ");
    }
    let time = fields.integer(t, "msgAuthoritativeEngineTime!=INT")?;
    if verbose {
        put!(t, "T={time} ");
    }
    let user = fields.string(t, "msgUserName!=STR")?;
    put!(t, "U=");
    put_string(t, &user)?;
    put!(t, " ");
    fields.string(t, "msgAuthenticationParameters!=STR")?;
    fields.string(t, "msgPrivacyParameters!=STR")?;
    fields.extra(t, "usm SEQ");
    Ok(())
}

fn scoped(t: &mut Text<'_>, mut rest: Rest<'_>) -> Result<(), Stop> {
    let mut fields = rest.sequence(t, "!scoped PDU")?;
    let engine = fields.string(t, "contextEngineID!=STR")?;
    put!(t, "E=");
    put_octets(t, &engine)?;
    put!(t, " ");
    let context = fields.string(t, "contextName!=STR")?;
    put!(t, "C=");
    put_string(t, &context)?;
    put!(t, " ");
    pdu(t, fields, VERSION_3)
}
