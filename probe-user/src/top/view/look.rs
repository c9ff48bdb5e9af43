//! What things look like: colours by their role, and letters that every font has.

use ratatui::{
    buffer::Buffer,
    style::{Color, Modifier, Style},
    text::Span,
};

/// How the terminal is to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Whether roles have colours; the sixteen that every terminal has.
    pub colors: bool,
    /// Whether it shows more than ASCII.
    pub utf8: bool,
}

/// What a text is, as far as its look goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Nothing special.
    Plain,
    /// Heads.
    Head,
    /// What did not change, and what is said beside the numbers.
    Quiet,
    /// What came in the interval.
    Rate,
    /// What came in the last minute.
    Minute,
    /// What is well.
    Good,
    /// What should be looked at.
    Warning,
    /// What is not well.
    Bad,
    /// The row that keys are about.
    Selected,
}

impl Look {
    /// The style of a role. Without colours weight and inversion are left.
    pub fn style(self, role: Role) -> Style {
        let plain = Style::new();
        let color = |color| if self.colors { plain.fg(color) } else { plain };
        match role {
            Role::Plain => plain,
            Role::Head => plain.add_modifier(Modifier::BOLD),
            Role::Quiet => plain.add_modifier(Modifier::DIM),
            Role::Rate | Role::Good => color(Color::Green),
            Role::Minute => color(Color::Cyan),
            Role::Warning => color(Color::Yellow).add_modifier(Modifier::BOLD),
            Role::Bad => color(Color::Red).add_modifier(Modifier::BOLD),
            Role::Selected => plain.add_modifier(Modifier::REVERSED),
        }
    }

    /// A text in its style.
    pub fn span(self, text: String, role: Role) -> Span<'static> {
        Span::styled(text, self.style(role))
    }
}

/// Puts ASCII in the place of all that is none.
pub fn ascii(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        let plain = match cell.symbol() {
            symbol if symbol.is_ascii() => continue,
            "▁" => "_",
            "▂" => ".",
            "▃" => ":",
            "▄" => "-",
            "▅" => "=",
            "▆" => "+",
            "▇" => "*",
            "█" => "#",
            "…" => "~",
            _ => "?",
        };
        cell.set_symbol(plain);
    }
}
