//! Colours on a terminal: the time recedes, and the line has the colour of what it is
//! about. The text between the escapes is the same as without.

use anstyle::{AnsiColor, Effects, Style};

/// What a line is about, as far as the eye should be led.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tint {
    /// Nothing that stands out.
    #[default]
    Plain,
    /// A connection opens: SYN.
    Opening,
    /// A connection ends in order: FIN.
    Closing,
    /// Something went wrong: RST, or an error that ICMP reports.
    Trouble,
    /// A datagram.
    Datagram,
    /// ICMP in order.
    Control,
    /// Whose address is where: ARP, neighbour discovery.
    Neighbours,
}

impl Tint {
    fn style(self) -> Style {
        let color = match self {
            Self::Plain => return Style::new(),
            Self::Opening => AnsiColor::Green,
            Self::Closing => AnsiColor::Yellow,
            Self::Trouble => AnsiColor::Red,
            Self::Datagram => AnsiColor::Cyan,
            Self::Control => AnsiColor::Magenta,
            Self::Neighbours => AnsiColor::Blue,
        };
        Style::new().fg_color(Some(color.into()))
    }
}

/// What is beside the matter: time stamps and dumps.
const ASIDE: Style = Style::new().effects(Effects::DIMMED);

/// Paints a frame's text: from `line` on the time, from `body` on the line, from `dump`
/// to the end the dump.
pub(super) fn paint(out: &mut Vec<u8>, line: usize, body: usize, dump: usize, tint: Tint) {
    let mut text = out.split_off(line.min(out.len()));
    let mut rest = text.split_off((body - line).min(text.len()));
    let dumped = rest.split_off((dump - body).min(rest.len()));
    // Below its first line a frame's text is plain: it is read, not scanned.
    let end = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
    let below = rest.split_off(end);
    for (part, style) in
        [(text, ASIDE), (rest, tint.style()), (below, Style::new()), (dumped, ASIDE)]
    {
        if part.is_empty() || style.is_plain() {
            out.extend(part);
        } else {
            out.extend(style.render().to_string().bytes());
            out.extend(part);
            out.extend(style.render_reset().to_string().bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_painted_each_in_its_way() {
        let mut out = b"before\n12:00 IP a > b\n    more\n\t0x0000: 00".to_vec();
        paint(&mut out, 7, 13, 30, Tint::Trouble);
        let text = String::from_utf8(out).expect("text");
        assert_eq!(
            text,
            "before\n\x1b[2m12:00 \x1b[0m\x1b[31mIP a > b\x1b[0m\n    more\x1b[2m\n\t0x0000: 00\x1b[0m"
        );
    }

    #[test]
    fn offsets_past_the_end_do_no_harm() {
        let mut out = b"abc".to_vec();
        paint(&mut out, 1, 9, 12, Tint::Opening);
        assert_eq!(out, b"a\x1b[2mbc\x1b[0m");
    }
}
