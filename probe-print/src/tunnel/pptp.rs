//! PPTP (RFC 2637): the messages by which calls are made; what they carry is in GRE.

use crate::{
    bytes::{Bytes, Fields, Stop},
    text::{Text, name_of, put},
};

const HEADER: usize = 12;
const CONTROL: u16 = 1;
const MANAGEMENT: u16 = 2;
const COOKIE: u32 = 0x1a2b_3c4d;
/// The longest text of a field.
const TEXT: usize = 64;

/// A field of a message.
#[derive(Clone, Copy)]
enum Field {
    Half(&'static str),
    Word(&'static str),
    Hex(&'static str),
    /// Major and minor.
    Version,
    /// What became of a request, by a table of its own for each kind of message.
    Outcome(&'static [(u8, &'static str)]),
    Error,
    Reason,
    /// Whether frames may be asynchronous, synchronous.
    Framings,
    /// Whether lines may be analog, digital.
    Bearers,
    Framing,
    Bearer,
    /// What should be zero, of one byte or two.
    Zero1,
    Zero2,
    /// A text in so many bytes.
    Name(&'static str, usize),
    /// A text in 64 bytes, whose length is at that place of the message.
    Number(&'static str, usize),
}
use Field::{
    Bearer, Bearers, Error, Framing, Framings, Half, Hex, Name, Number, Outcome, Reason, Version,
    Word, Zero1, Zero2,
};

const CONNECTED: &[(u8, &str)] = &[
    (1, "Successful channel establishment"),
    (2, "General error"),
    (3, "Command channel already exists"),
    (4, "Requester is not authorized to establish a command channel"),
    (5, "The protocol version of the requester is not supported"),
];
const DONE: &[(u8, &str)] = &[(1, "OK"), (2, "General Error")];
const DIALED: &[(u8, &str)] = &[
    (1, "Connected"),
    (2, "General Error"),
    (3, "No Carrier"),
    (4, "Busy"),
    (5, "No Dial Tone"),
    (6, "Time-out"),
    (7, "Do Not Accept"),
];
const ANSWERED: &[(u8, &str)] = &[(1, "Connect"), (2, "General Error"), (3, "Do Not Accept")];
const HUNG_UP: &[(u8, &str)] =
    &[(1, "Lost Carrier"), (2, "General Error"), (3, "Admin Shutdown"), (4, "Request")];
const ERRORS: &[(u8, &str)] = &[
    (0, "None"),
    (1, "Not-Connected"),
    (2, "Bad-Format"),
    (3, "Bad-Value"),
    (4, "No-Resource"),
    (5, "Bad-Call-ID"),
    (6, "PAC-Error"),
];
const REASONS: &[(u8, &str)] = &[(1, "None"), (2, "Stop-Protocol"), (3, "Stop-Local-Shutdown")];
const FRAMINGS: &[(u32, &str)] = &[(1, "A"), (2, "S"), (3, "E")];
const BEARERS: &[(u32, &str)] = &[(1, "A"), (2, "D"), (3, "Any")];

/// Names and fields of the messages, by number.
const MESSAGES: [(&str, &[Field]); 16] = [
    ("NOT_DEFINED", &[]),
    (
        "SCCRQ",
        &[
            Version,
            Zero2,
            Framings,
            Bearers,
            Half("MAX_CHAN"),
            Half("FIRM_REV"),
            Name("HOSTNAME", TEXT),
            Name("VENDOR", TEXT),
        ],
    ),
    (
        "SCCRP",
        &[
            Version,
            Outcome(CONNECTED),
            Error,
            Framings,
            Bearers,
            Half("MAX_CHAN"),
            Half("FIRM_REV"),
            Name("HOSTNAME", TEXT),
            Name("VENDOR", TEXT),
        ],
    ),
    ("StopCCRQ", &[Reason, Zero1, Zero2]),
    ("StopCCRP", &[Outcome(DONE), Error, Zero2]),
    ("ECHORQ", &[Word("ID")]),
    ("ECHORP", &[Word("ID"), Outcome(DONE), Error, Zero2]),
    (
        "OCRQ",
        &[
            Half("CALL_ID"),
            Half("CALL_SER_NUM"),
            Word("MIN_BPS"),
            Word("MAX_BPS"),
            Bearer,
            Framing,
            Half("RECV_WIN"),
            Half("PROC_DELAY"),
            Half("PHONE_NO_LEN"),
            Zero2,
            Number("PHONE_NO", 24),
            Name("SUB_ADDR", TEXT),
        ],
    ),
    (
        "OCRP",
        &[
            Half("CALL_ID"),
            Half("PEER_CALL_ID"),
            Outcome(DIALED),
            Error,
            Half("CAUSE_CODE"),
            Word("CONN_SPEED"),
            Half("RECV_WIN"),
            Half("PROC_DELAY"),
            Word("PHY_CHAN_ID"),
        ],
    ),
    (
        "ICRQ",
        &[
            Half("CALL_ID"),
            Half("CALL_SER_NUM"),
            Bearer,
            Word("PHY_CHAN_ID"),
            Half("DIALED_NO_LEN"),
            Half("DIALING_NO_LEN"),
            Number("DIALED_NO", 12),
            Number("DIALING_NO", 14),
            Name("SUB_ADDR", TEXT),
        ],
    ),
    (
        "ICRP",
        &[
            Half("CALL_ID"),
            Half("PEER_CALL_ID"),
            Outcome(ANSWERED),
            Error,
            Half("RECV_WIN"),
            Half("PROC_DELAY"),
            Zero2,
        ],
    ),
    (
        "ICCN",
        &[
            Half("PEER_CALL_ID"),
            Zero2,
            Word("CONN_SPEED"),
            Half("RECV_WIN"),
            Half("PROC_DELAY"),
            Framing,
        ],
    ),
    ("CCRQ", &[Half("CALL_ID"), Zero2]),
    (
        "CDN",
        &[
            Half("CALL_ID"),
            Outcome(HUNG_UP),
            Error,
            Half("CAUSE_CODE"),
            Zero2,
            Name("CALL_STATS", 2 * TEXT),
        ],
    ),
    (
        "WEN",
        &[
            Half("PEER_CALL_ID"),
            Zero2,
            Word("CRC_ERR"),
            Word("FRAMING_ERR"),
            Word("HARDWARE_OVERRUN"),
            Word("BUFFER_OVERRUN"),
            Word("TIMEOUT_ERR"),
            Word("ALIGN_ERR"),
        ],
    ),
    ("SLI", &[Half("PEER_CALL_ID"), Zero2, Hex("SEND_ACCM"), Hex("RECV_ACCM")]),
];

pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    t.protocol = "pptp";
    put!(t, ": pptp");
    let verbose = t.style.verbose > 0;
    if verbose {
        put!(t, " Length={}", p.u16(0)?);
        put!(
            t,
            "{}",
            match p.u16(2)? {
                CONTROL => " CTRL-MSG",
                MANAGEMENT => " MGMT-MSG",
                _ => " UNKNOWN-MSG-TYPE",
            }
        );
    }
    let cookie = p.u32(4)?;
    if cookie != COOKIE {
        put!(t, " UNEXPECTED Magic-Cookie!!({cookie:08x})");
    }
    if verbose || cookie != COOKIE {
        put!(t, " Magic-Cookie={cookie:08x}");
    }
    let number = p.u16(8)?;
    let message = MESSAGES.get(usize::from(number));
    match message {
        Some((name, _)) => put!(t, " CTRL_MSGTYPE={name}"),
        None => put!(t, " UNKNOWN_CTRL_MSGTYPE({number})"),
    }
    zero(t, p.u16(10)?);
    let message_bytes = p.from(HEADER);
    let mut fields = Fields::new(message_bytes, message_bytes.len());
    for field in message.map_or(&[][..], |(_, fields)| fields) {
        self::field(t, *field, &mut fields, message_bytes)?;
    }
    Ok(())
}

fn zero(t: &mut Text<'_>, value: u16) {
    if value != 0 {
        put!(t, " [ERROR: reserved={value} must be zero]");
    }
}

/// A number, and with `-v` its name.
fn code(t: &mut Text<'_>, what: &str, names: &[(u8, &'static str)], code: u8) {
    put!(t, " {what}({code}");
    if t.style.verbose > 0 {
        put!(t, ":{}", name_of(names, code).unwrap_or("?"));
    }
    put!(t, ")");
}

fn field(
    t: &mut Text<'_>,
    field: Field,
    fields: &mut Fields<'_>,
    message: Bytes<'_>,
) -> Result<(), Stop> {
    match field {
        Half(name) => put!(t, " {name}({})", fields.u16()?),
        Word(name) => put!(t, " {name}({})", fields.u32()?),
        Hex(name) => put!(t, " {name}(0x{:08x})", fields.u32()?),
        Version => put!(t, " PROTO_VER({}.{})", fields.u8()?, fields.u8()?),
        Outcome(names) => code(t, "RESULT_CODE", names, fields.u8()?),
        Error => code(t, "ERR_CODE", ERRORS, fields.u8()?),
        Reason => code(t, "REASON", REASONS, fields.u8()?),
        Framings | Bearers => {
            let (name, second) = match field {
                Framings => ("FRAME_CAP", "S"),
                _ => ("BEARER_CAP", "D"),
            };
            if matches!(field, Framings) {
                put!(t, " {name}(");
            }
            let set = fields.u32()?;
            let first = if set & 1 == 0 { "" } else { "A" };
            let second = if set & 2 == 0 { "" } else { second };
            match field {
                Framings => put!(t, "{first}{second})"),
                _ => put!(t, " {name}({second}{first})"),
            }
        }
        Framing => {
            put!(t, " FRAME_TYPE({})", name_of(FRAMINGS, fields.u32()?).unwrap_or("?"));
        }
        Bearer => put!(t, " BEARER_TYPE({})", name_of(BEARERS, fields.u32()?).unwrap_or("?")),
        Zero1 => zero(t, fields.u8()?.into()),
        Zero2 => zero(t, fields.u16()?),
        Name(name, size) => text(t, name, fields, size, size)?,
        Number(name, at) => text(t, name, fields, TEXT, TEXT.min(message.u16(at)?.into()))?,
    }
    Ok(())
}

/// A text in `size` bytes, of which so many are it.
fn text(
    t: &mut Text<'_>,
    name: &str,
    fields: &mut Fields<'_>,
    size: usize,
    shown: usize,
) -> Result<(), Stop> {
    put!(t, " {name}(");
    t.padded(fields.rest(), shown)?;
    put!(t, ")");
    fields.skip(size);
    Ok(())
}
