//! Text that did not come from us.

/// Text fit for a terminal: control characters become `^X`, and the C1 controls, of which
/// some terminals take U+009B for the beginning of an escape, a replacement character.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\0'..='\x1f' | '\x7f' => {
                out.push('^');
                out.push(char::from((c as u8) ^ 0x40));
            }
            '\u{80}'..='\u{9f}' => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
    out
}

/// [`visible`] text of several lines, which stay lines.
pub fn visible_lines(text: &str) -> String {
    text.split('\n').map(visible).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_neutralised() {
        assert_eq!(visible("a\x1b[2J\u{9b}\x7f"), "a^[[2J\u{fffd}^?");
        assert_eq!(visible_lines("a\r\n\x1b[2J\n"), "a^M\n^[[2J\n");
    }
}
