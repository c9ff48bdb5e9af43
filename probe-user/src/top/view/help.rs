//! The keys.

use ratatui::text::Line;

use super::{
    Body, Room,
    look::{Look, Role},
};
use crate::{text::cut, top::app::HELP};

pub(super) fn body(look: Look, room: Room) -> Body {
    let widest = HELP.iter().map(|(keys, _)| keys.len()).max().unwrap_or(0);
    let mut lines =
        vec![Line::from(look.span(cut("Keys (any one goes back)", room.columns), Role::Head))];
    for (keys, what) in HELP {
        let text = cut(&format!("  {keys:widest$}  {what}"), room.columns);
        lines.push(Line::from(look.span(text, Role::Plain)));
    }
    lines
}
