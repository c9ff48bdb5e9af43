//! Text to tokens, by the rule of libpcap's scanner: the longest match wins, and of
//! two equally long ones the earlier in the order of `candidates`.

use std::net::Ipv6Addr;

use crate::error::{Error, Span, quoted};
use crate::keywords::{self, Word};

/// A token and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Where it stands.
    pub span: Span,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenKind {
    Word(Word),
    /// An operator or a bracket.
    Symbol(Symbol),
    /// A number, or a named constant such as `tcp-syn`.
    Number(u32),
    /// A name that is not reserved, or one escaped by a backslash.
    Name(String),
    /// Two to four numbers joined by dots.
    Dotted(String),
    Ipv6(Ipv6Addr),
    Mac([u8; 6]),
    /// An ARCnet address, `$` and one or two hex digits.
    Arcnet,
    /// `@` and a name.
    Macro(String),
    /// Text between double quotes, escapes resolved.
    Text(Vec<u8>),
    /// The end of the filter.
    End,
}

/// Operators and brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symbol {
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `*`
    Times,
    /// `/`
    Slash,
    /// `%`
    Percent,
    /// `&`
    Ampersand,
    /// `|`
    Bar,
    /// `^`
    Caret,
    /// `<<`
    ShiftLeft,
    /// `>>`
    ShiftRight,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `=` or `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `(`
    Open,
    /// `)`
    Close,
    /// `[`
    OpenIndex,
    /// `]`
    CloseIndex,
    /// `:`
    Colon,
}

/// Two-character symbols stand before their prefixes. `&&`, `||` and `!` are words.
const SYMBOLS: [(&str, TokenKind); 24] = {
    use Symbol::*;
    const fn symbol(symbol: Symbol) -> TokenKind {
        TokenKind::Symbol(symbol)
    }
    [
        ("&&", TokenKind::Word(Word::And)),
        ("||", TokenKind::Word(Word::Or)),
        (">=", symbol(GreaterEqual)),
        ("<=", symbol(LessEqual)),
        ("!=", symbol(NotEqual)),
        ("==", symbol(Equal)),
        ("<<", symbol(ShiftLeft)),
        (">>", symbol(ShiftRight)),
        ("+", symbol(Plus)),
        ("-", symbol(Minus)),
        ("*", symbol(Times)),
        ("/", symbol(Slash)),
        ("%", symbol(Percent)),
        (":", symbol(Colon)),
        ("[", symbol(OpenIndex)),
        ("]", symbol(CloseIndex)),
        ("!", TokenKind::Word(Word::Not)),
        ("<", symbol(Less)),
        (">", symbol(Greater)),
        ("(", symbol(Open)),
        (")", symbol(Close)),
        ("&", symbol(Ampersand)),
        ("|", symbol(Bar)),
        ("^", symbol(Caret)),
    ]
};

/// All tokens of the text, and [`TokenKind::End`].
pub fn tokens(text: &str) -> Result<Vec<Token>, Error> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if matches!(byte, b' ' | b'\r' | b'\n' | b'\t') {
            at += 1;
            continue;
        }
        let (kind, length) = token(text, at)?;
        tokens.push(Token { kind, span: at..at + length });
        at += length;
    }
    tokens.push(Token { kind: TokenKind::End, span: text.len()..text.len() });
    Ok(tokens)
}

fn token(text: &str, at: usize) -> Result<(TokenKind, usize), Error> {
    let rest = &text.as_bytes()[at..];
    match rest[0] {
        b'@' => return macro_name(rest, at),
        b'"' => return quoted_text(rest, at),
        b'\\' => return escaped_name(text, at),
        b'=' if rest.get(1) != Some(&b'=') => return Ok((TokenKind::Symbol(Symbol::Equal), 1)),
        _ => {}
    }
    let (shape, length) = longest(rest);
    if length == 0 {
        return symbol(text, at);
    }
    // Every shape is made of ASCII characters.
    let lexeme = &text[at..at + length];
    let span = at..at + length;
    let kind = match shape {
        Shape::Arcnet => TokenKind::Arcnet,
        Shape::Mac => TokenKind::Mac(mac(lexeme)),
        Shape::Number => TokenKind::Number(number(lexeme, span)?),
        Shape::Dotted => TokenKind::Dotted(lexeme.to_owned()),
        Shape::Ipv6 => match lexeme.parse() {
            Ok(address) => TokenKind::Ipv6(address),
            Err(_) => {
                let message = format!("{} is not an IPv6 address", quoted(lexeme));
                return Err(Error::new(span, message).expected("an IPv6 address, as 2001:db8::1"));
            }
        },
        Shape::BrokenMac => {
            let message = format!("{} is not a link-layer address", quoted(lexeme));
            return Err(Error::new(span, message).expected("six bytes, as 00:11:22:33:44:55"));
        }
        Shape::Name => match keywords::word(lexeme) {
            Some(word) => TokenKind::Word(word),
            None => match keywords::constant(lexeme) {
                Some(value) => TokenKind::Number(value),
                None => TokenKind::Name(lexeme.to_owned()),
            },
        },
    };
    Ok((kind, length))
}

fn symbol(text: &str, at: usize) -> Result<(TokenKind, usize), Error> {
    let rest = &text[at..];
    if let Some((spelling, kind)) = SYMBOLS.iter().find(|(spelling, _)| rest.starts_with(spelling))
    {
        return Ok((kind.clone(), spelling.len()));
    }
    let character = rest.chars().next().unwrap_or(' ');
    let span = at..at + character.len_utf8();
    Err(Error::new(span, format!("{} means nothing here", quoted(&character.to_string()))))
}

/// What a run of letters, digits, dots, colons and dashes looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Arcnet,
    Mac,
    Number,
    Dotted,
    Ipv6,
    BrokenMac,
    Name,
}

fn longest(rest: &[u8]) -> (Shape, usize) {
    let candidates = [
        (Shape::Arcnet, arcnet_length(rest)),
        (Shape::Mac, mac_length(rest)),
        (Shape::Number, number_length(rest)),
        (Shape::Dotted, dotted_length(rest)),
        (Shape::Ipv6, ipv6_length(rest)),
        (Shape::BrokenMac, broken_mac_length(rest)),
        (Shape::Name, name_length(rest)),
    ];
    let mut best = (Shape::Name, 0);
    for (shape, length) in candidates {
        if length > best.1 {
            best = (shape, length);
        }
    }
    // A reserved word stands before all shapes, but it has the shape of a name and no
    // digits-only spelling, so only a name can be as long as it.
    best
}

/// How many of the first `most` bytes are hex digits.
fn hex_digits(rest: &[u8], most: usize) -> usize {
    rest.iter().take(most).take_while(|byte| byte.is_ascii_hexdigit()).count()
}

fn arcnet_length(rest: &[u8]) -> usize {
    match rest {
        [b'$', digits @ ..] if hex_digits(digits, 2) > 0 => 1 + hex_digits(digits, 2),
        _ => 0,
    }
}

/// `xx:xx:xx:xx:xx:xx`, with `-` or `.` in place of `:`, `xxxx.xxxx.xxxx`, or twelve digits.
fn mac_length(rest: &[u8]) -> usize {
    let bytes = [b':', b'-', b'.'].map(|separator| groups(rest, separator, 6, 1, 2));
    let halves = groups(rest, b'.', 3, 4, 4);
    let plain = if hex_digits(rest, 12) == 12 { 12 } else { 0 };
    bytes.into_iter().fold(halves.max(plain), usize::max)
}

/// `count` groups of `least` to `most` hex digits each.
fn groups(rest: &[u8], separator: u8, count: usize, least: usize, most: usize) -> usize {
    let mut length = 0;
    for group in 0..count {
        if group > 0 {
            if rest.get(length) != Some(&separator) {
                return 0;
            }
            length += 1;
        }
        let digits = hex_digits(&rest[length..], most);
        if digits < least {
            return 0;
        }
        length += digits;
    }
    length
}

fn number_length(rest: &[u8]) -> usize {
    if let [b'0', b'x' | b'X', digits @ ..] = rest {
        let digits = hex_digits(digits, usize::MAX);
        if digits > 0 {
            return 2 + digits;
        }
    }
    rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// Two, three or four numbers joined by dots, as many as there are.
fn dotted_length(rest: &[u8]) -> usize {
    let mut length = number_length(rest);
    let mut parts = usize::from(length > 0);
    while (1..4).contains(&parts) && rest.get(length) == Some(&b'.') {
        let next = number_length(&rest[length + 1..]);
        if next == 0 {
            break;
        }
        length += 1 + next;
        parts += 1;
    }
    if parts < 2 { 0 } else { length }
}

/// `name`: starts with a letter or digit, goes on with those, `.`, `-` and `_`, and
/// does not end in `-` or `_`.
fn name_length(rest: &[u8]) -> usize {
    if !rest.first().is_some_and(u8::is_ascii_alphanumeric) {
        return 0;
    }
    let run = rest
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        .count();
    let trailing = rest[..run].iter().rev().take_while(|byte| matches!(byte, b'-' | b'_')).count();
    run - trailing
}

/// Groups of one or two hex digits, each followed by colons, two groups or more. What
/// no other shape takes in full is a mistake in an address.
fn broken_mac_length(rest: &[u8]) -> usize {
    let (mut length, mut parts) = (0, 0);
    loop {
        let digits = hex_digits(&rest[length..], 2);
        if digits == 0 {
            break;
        }
        let colons = rest[length + digits..].iter().take_while(|&&byte| byte == b':').count();
        if colons == 0 {
            break;
        }
        length += digits + colons;
        parts += 1;
    }
    if parts < 2 { 0 } else { length }
}

/// Groups in an IPv6 address.
const IPV6_GROUPS: usize = 8;

/// The longest prefix that has the shape of an IPv6 address: up to eight groups of up
/// to four hex digits with one `::` in place of the rest, the last two possibly dotted.
fn ipv6_length(rest: &[u8]) -> usize {
    let mut best = 0;
    let (mut at, mut groups, mut gap) = (0, 0, false);
    if rest.starts_with(b"::") {
        (at, gap, best) = (2, true, 2);
    }
    while groups < IPV6_GROUPS {
        // A dotted tail counts for two groups and ends the address.
        let room = if gap { groups + 2 < IPV6_GROUPS } else { groups + 2 == IPV6_GROUPS };
        let dotted = four_dotted_length(&rest[at..]);
        if room && dotted > 0 {
            best = best.max(at + dotted);
        }
        let digits = hex_digits(&rest[at..], 4);
        if digits == 0 {
            break;
        }
        groups += 1;
        at += digits;
        if groups == IPV6_GROUPS && !gap || gap && groups < IPV6_GROUPS {
            best = best.max(at);
        }
        if rest.get(at) != Some(&b':') {
            break;
        }
        at += 1;
        if !gap && rest.get(at) == Some(&b':') && groups < IPV6_GROUPS {
            at += 1;
            gap = true;
            best = best.max(at);
        }
    }
    best
}

fn four_dotted_length(rest: &[u8]) -> usize {
    let mut length = 0;
    for part in 0..4 {
        if part > 0 {
            if rest.get(length) != Some(&b'.') {
                return 0;
            }
            length += 1;
        }
        let digits = number_length(&rest[length..]);
        if digits == 0 {
            return 0;
        }
        length += digits;
    }
    length
}

fn mac(lexeme: &str) -> [u8; 6] {
    let mut address = [0; 6];
    let separated = lexeme.contains([':', '-']) || lexeme.matches('.').count() == 5;
    if separated {
        for (byte, group) in address.iter_mut().zip(lexeme.split([':', '-', '.'])) {
            *byte = u8::from_str_radix(group, 16).unwrap_or(0);
        }
    } else {
        let digits: Vec<u32> = lexeme.chars().filter_map(|c| c.to_digit(16)).collect();
        for (byte, pair) in address.iter_mut().zip(digits.chunks(2)) {
            *byte = pair.iter().fold(0, |value, &digit| value << 4 | digit as u8);
        }
    }
    address
}

/// Decimal, octal after `0`, hexadecimal after `0x`.
fn number(lexeme: &str, span: Span) -> Result<u32, Error> {
    let overflow =
        |_| Error::new(span.clone(), format!("{} does not fit in 32 bits", quoted(lexeme)));
    if let Some(digits) = lexeme.strip_prefix("0x").or_else(|| lexeme.strip_prefix("0X")) {
        return u32::from_str_radix(digits, 16).map_err(overflow);
    }
    match lexeme.strip_prefix('0') {
        Some("") => Ok(0),
        Some(digits) if digits.contains(['8', '9']) => {
            let message =
                format!("{} starts with 0, so it is octal, but has an 8 or 9", quoted(lexeme));
            Err(Error::new(span.clone(), message)
                .expected("digits from 0 to 7, or no 0 at the front"))
        }
        Some(digits) => u32::from_str_radix(digits, 8).map_err(overflow),
        None => lexeme.parse().map_err(overflow),
    }
}

fn macro_name(rest: &[u8], at: usize) -> Result<(TokenKind, usize), Error> {
    let length = name_length(&rest[1..]);
    if length == 0 {
        return Err(Error::new(at..at + 1, "'@' without a name").expected(keywords::macros()));
    }
    let name = String::from_utf8_lossy(&rest[1..=length]).into_owned();
    Ok((TokenKind::Macro(name), 1 + length))
}

/// `\name` is the name, even where the name is a reserved word.
fn escaped_name(text: &str, at: usize) -> Result<(TokenKind, usize), Error> {
    let rest = &text[at + 1..];
    let end = rest.find([' ', '!', '(', ')', '\n', '\t']).unwrap_or(rest.len());
    if end == 0 {
        return Err(Error::new(at..at + 1, "a name is missing after '\\'")
            .expected("a name right after it"));
    }
    Ok((TokenKind::Name(rest[..end].to_owned()), 1 + end))
}

/// `"GET \x00"`, with `\\ \" \n \r \t \0 \xHH`.
fn quoted_text(rest: &[u8], at: usize) -> Result<(TokenKind, usize), Error> {
    let mut value = Vec::new();
    let mut length = 1;
    loop {
        let byte = match rest.get(length) {
            None => {
                let span = at..at + rest.len();
                return Err(Error::new(span, "this text is not closed").expected("a closing '\"'"));
            }
            Some(b'"') => return Ok((TokenKind::Text(value), length + 1)),
            Some(b'\\') => {
                let (byte, escape) = escape(&rest[length + 1..]).ok_or_else(|| {
                    Error::new(at + length..at + length + 1, "unknown escape in text")
                        .expected("one of \\\\ \\\" \\n \\r \\t \\0 \\xHH")
                })?;
                length += escape;
                byte
            }
            Some(&byte) => byte,
        };
        value.push(byte);
        length += 1;
    }
}

/// The byte that an escape stands for, and its length without the backslash.
fn escape(rest: &[u8]) -> Option<(u8, usize)> {
    Some(match rest.first()? {
        b'\\' => (b'\\', 1),
        b'"' => (b'"', 1),
        b'n' => (b'\n', 1),
        b'r' => (b'\r', 1),
        b't' => (b'\t', 1),
        b'0' => (0, 1),
        b'x' if hex_digits(&rest[1..], 2) == 2 => {
            let digits = std::str::from_utf8(&rest[1..3]).ok()?;
            (u8::from_str_radix(digits, 16).ok()?, 3)
        }
        _ => return None,
    })
}
