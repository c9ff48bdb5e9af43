//! JSON whose text does nothing to a terminal.

use serde::Serialize;

/// The value on one line, newline included.
pub fn line(value: &impl Serialize) -> Vec<u8> {
    // Strings and finite numbers always serialize.
    escaped(serde_json::to_string(value).unwrap_or_default())
}

/// The value on many lines, for people too.
pub fn pretty(value: &impl Serialize) -> Vec<u8> {
    escaped(serde_json::to_string_pretty(value).unwrap_or_default())
}

/// RFC 8259, 7 lets DEL and the C1 controls stand as they are; to some terminals U+009B begins an
/// escape. They can be in strings only, where an escape means the same.
fn escaped(json: String) -> Vec<u8> {
    let mut out = String::with_capacity(json.len() + 1);
    for c in json.chars() {
        match c {
            '\u{7f}'..='\u{9f}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('\n');
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_escaped_and_come_back() {
        let text = "a\x1b[2J\u{9b}2J\x7f\u{e9}\n";
        for json in [line(&text), pretty(&text)] {
            let json = String::from_utf8(json).unwrap();
            assert_eq!(json, "\"a\\u001b[2J\\u009b2J\\u007f\u{e9}\\n\"\n");
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
