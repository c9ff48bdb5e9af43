//! JSON whose text does nothing to a terminal.

use serde::Serialize;

/// The value on one line, newline included.
pub fn line(value: &impl Serialize) -> Vec<u8> {
    // Strings and finite numbers always serialize.
    with_end(escaped(serde_json::to_string(value).unwrap_or_default()))
}

/// The value on many lines, for people too.
pub fn pretty(value: &impl Serialize) -> Vec<u8> {
    with_end(escaped(serde_json::to_string_pretty(value).unwrap_or_default()))
}

/// Appends a string in its quotes.
pub fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(escaped(serde_json::to_string(text).unwrap_or_default()).as_bytes());
}

fn with_end(mut json: String) -> Vec<u8> {
    json.push('\n');
    json.into_bytes()
}

/// RFC 8259, 7 lets DEL and the C1 controls stand as they are; to some terminals U+009B begins an
/// escape. They can be in strings only, where an escape means the same.
fn escaped(json: String) -> String {
    // Nearly always there are none: DEL, and U+0080 to U+009F, which are two bytes in UTF-8.
    if json.bytes().all(|byte| byte < 0x7f) {
        return json;
    }
    let mut out = String::with_capacity(json.len() + 1);
    for c in json.chars() {
        match c {
            '\u{7f}'..='\u{9f}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
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
