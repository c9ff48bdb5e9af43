//! Telnet (RFC 854, RFC 855): the commands at the beginning of a segment. What is typed and
//! shown is not.

use crate::{
    bytes::{Bytes, Fields, Stop},
    dump::{self, Dump},
    text::{Text, put},
};

/// Interpret as command.
const IAC: u8 = 255;
const SE: u8 = 240;
const SB: u8 = 250;
/// The first command has this number, the others follow.
const FIRST: u8 = 236;
const COMMANDS: [&str; 20] = [
    "EOF", "SUSP", "ABORT", "EOR", "SE", "NOP", "DMARK", "BRK", "IP", "AO", "AYT", "EC", "EL",
    "GA", "SB", "WILL", "WONT", "DO", "DONT", "IAC",
];

const OPTIONS: [&str; 40] = [
    "BINARY",
    "ECHO",
    "RCP",
    "SUPPRESS GO AHEAD",
    "NAME",
    "STATUS",
    "TIMING MARK",
    "RCTE",
    "NAOL",
    "NAOP",
    "NAOCRD",
    "NAOHTS",
    "NAOHTD",
    "NAOFFD",
    "NAOVTS",
    "NAOVTD",
    "NAOLFD",
    "EXTEND ASCII",
    "LOGOUT",
    "BYTE MACRO",
    "DATA ENTRY TERMINAL",
    "SUPDUP",
    "SUPDUP OUTPUT",
    "SEND LOCATION",
    "TERMINAL TYPE",
    "END OF RECORD",
    "TACACS UID",
    "OUTPUT MARKING",
    "TTYLOC",
    "3270 REGIME",
    "X.3 PAD",
    "NAWS",
    "TSPEED",
    "LFLOW",
    "LINEMODE",
    "XDISPLOC",
    "OLD-ENVIRON",
    "AUTHENTICATION",
    "ENCRYPT",
    "NEW-ENVIRON",
];
const AUTHENTICATION: u8 = 37;
const ENCRYPTION: u8 = 38;

/// First words of what is said about an option, and the second ones of two of them. Numbers
/// without a meaning have no name.
const WORDS: &[&str] = &["IS", "SEND", "INFO"];
const AUTHENTICATION_WORDS: &[&str] = &["IS", "SEND", "REPLY", "NAME"];
const AUTHENTICATIONS: &[&str] = &[
    "NULL",
    "KERBEROS_V4",
    "KERBEROS_V5",
    "SPX",
    "MINK",
    "SRP",
    "RSA",
    "SSL",
    "",
    "",
    "LOKI",
    "SSA",
    "KEA_SJ",
    "KEA_SJ_INTEG",
    "DSS",
    "NTLM",
];
const ENCRYPTION_WORDS: &[&str] = &[
    "IS",
    "SUPPORT",
    "REPLY",
    "START",
    "END",
    "REQUEST-START",
    "REQUEST-END",
    "END_KEYID",
    "DEC_KEYID",
];
const ENCRYPTIONS: &[&str] = &[
    "NULL",
    "DES_CFB64",
    "DES_OFB64",
    "DES3_CFB64",
    "DES3_OFB64",
    "",
    "CAST5_40_CFB64",
    "CAST5_40_OFB64",
    "CAST128_CFB64",
    "CAST128_OFB64",
];

/// Prints the commands. With `-vvv` and `-X` each has its bytes in front of it.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "telnet";
    let dumped = t.style.verbose > 2 && matches!(t.style.dump, Dump::HexAndText { .. });
    let mut fields = Fields::new(p, length);
    let mut first = true;
    while fields.left() > 0 && fields.rest().u8(0)? == IAC {
        let start = t.out.len();
        let size = match command(t, fields).inspect_err(|_| t.out.truncate(start)) {
            Err(Stop::Here) => break,
            size => size?,
        };
        let text = t.out.split_off(start);
        if dumped {
            put!(t, "{}", if first { "\nTelnet:" } else { "" });
            let at = p.len() - fields.rest().len();
            dump::hex(fields.rest().limit(size).all(), "\n", at, t.out);
            match size {
                0..=8 => put!(t, "{:1$}\t", "", (8 - size) * 3),
                _ => put!(t, "\n\t\t\t\t"),
            }
        } else {
            put!(t, "{}", if first { " [telnet " } else { ", " });
        }
        t.out.extend(text);
        first = false;
        // The last one may lack its SE.
        fields.skip_wrapping(size);
    }
    if !first {
        put!(t, "{}", if dumped { "\n" } else { "]" });
    }
    Ok(())
}

/// A number as C's `%#x` has it.
fn number(t: &mut Text<'_>, byte: u8) {
    match byte {
        0 => put!(t, "0"),
        _ => put!(t, "0x{byte:x}"),
    }
}

fn name(t: &mut Text<'_>, names: &[&str], byte: u8) {
    match names.get(usize::from(byte)) {
        Some(name) if !name.is_empty() => put!(t, "{name}"),
        _ => number(t, byte),
    }
}

/// Prints a command and says how long it is; stops [here](Stop::Here) where it is none or not
/// whole.
fn command(t: &mut Text<'_>, mut fields: Fields<'_>) -> Result<usize, Stop> {
    let whole = fields.left();
    if whole < 2 {
        return Err(Stop::Here);
    }
    fields.skip(1);
    let command = fields.u8()?;
    if command == IAC {
        put!(t, "IAC IAC");
        return Ok(2);
    }
    let Some(text) = command.checked_sub(FIRST).and_then(|index| COMMANDS.get(usize::from(index)))
    else {
        return Err(Stop::Here);
    };
    put!(t, "{text}");
    if command < SB {
        return Ok(2);
    }
    if fields.left() < 1 {
        return Err(Stop::Here);
    }
    let option = fields.u8()?;
    put!(t, " ");
    name(t, &OPTIONS, option);
    if command != SB {
        return Ok(3);
    }
    // Up to IAC SE.
    let (p, left) = (fields.rest(), fields.left());
    let mut end = 0;
    while left > end + 1 && !(p.u8(end)? == IAC && p.u8(end + 1)? == SE) {
        end += 1;
    }
    if p.u8(end)? != IAC {
        return Err(Stop::Here);
    }
    let words: &[&[&str]] = match option {
        AUTHENTICATION => &[AUTHENTICATION_WORDS, AUTHENTICATIONS],
        ENCRYPTION => &[ENCRYPTION_WORDS, ENCRYPTIONS],
        _ => &[WORDS],
    };
    for (index, &byte) in p.slice(0, end)?.iter().enumerate() {
        put!(t, " ");
        match words.get(index) {
            Some(names) => name(t, names, byte),
            None => number(t, byte),
        }
    }
    put!(t, " SE");
    Ok(3 + end + 2)
}
