//! What is known, as a screen: nothing is asked for here, and only what is visible is made.

mod connections;
mod help;
mod look;
mod losses;
mod ports;
mod rules;
mod sources;
mod table;
#[cfg(test)]
mod tests;

use ratatui::{Frame, layout::Rect, text::Line};

pub use look::Look;
use look::Role;
use table::plain;

use super::app::{App, Origin, Panel, Tab};
use crate::text::{cut, grouped, width};

/// What a tab shows: lines above the rows, and the rows that are visible.
type Body = Vec<Line<'static>>;

/// Where there is room for the body of a tab.
#[derive(Clone, Copy, Debug)]
struct Room {
    columns: usize,
    lines: usize,
}

/// Draws the screen.
pub fn draw(app: &App, look: Look, frame: &mut Frame<'_>) {
    let area = frame.area();
    let (columns, height) = (usize::from(area.width), usize::from(area.height));
    let above = [tabs(app, look, columns), title(app, look, columns)];
    let mut below = Vec::new();
    below.extend(time_bar(app, look, columns));
    let (status, cursor) = status(app, look, columns);
    below.extend(status);
    let lines = height.saturating_sub(above.len() + below.len());
    let room = Room { columns, lines };
    let mut body = if app.help { help::body(look, room) } else { tab(app, look, room) };
    body.resize(lines, Line::default());
    let all = above.into_iter().chain(body).chain(below);
    for (row, line) in all.take(height).enumerate() {
        let place = Rect { x: area.x, y: area.y + row as u16, width: area.width, height: 1 };
        frame.render_widget(line, place);
    }
    if let Some(column) = cursor.filter(|column| *column < columns) {
        frame.set_cursor_position((area.x + column as u16, area.y + area.height.saturating_sub(1)));
    }
    if !look.utf8 {
        look::ascii(frame.buffer_mut());
    }
}

fn tab(app: &App, look: Look, room: Room) -> Body {
    match app.tab {
        Tab::Rules => rules::body(app, look, room),
        Tab::Sources => sources::body(app, look, room),
        Tab::Ports => ports::body(app, look, room),
        Tab::Connections => connections::body(app, look, room),
        Tab::Losses => losses::body(app, look, room),
    }
}

/// The tabs, with their numbers.
fn tabs(app: &App, look: Look, columns: usize) -> Line<'static> {
    let names: usize = Tab::ALL.iter().map(|tab| tab.name().len() + 4).sum();
    let mut spans = Vec::new();
    for (number, tab) in (1..).zip(Tab::ALL) {
        // Where there is no room for names, the open one has its own.
        let name = if names <= columns || tab == app.tab { tab.name() } else { "" };
        let text = format!(" {number} {name} ");
        let role = if tab == app.tab { Role::Selected } else { Role::Plain };
        spans.push(look.span(text.replace("  ", " "), role));
    }
    Line::from(spans)
}

/// What is counted, since when, and how.
fn title(app: &App, look: Look, columns: usize) -> Line<'static> {
    let mut marks = Vec::new();
    if app.is_paused() {
        marks.push("paused".to_owned());
    }
    if let Some((port, _)) = app.drilled.as_ref().filter(|_| app.tab == Tab::Connections) {
        marks.push(format!("port {port}"));
    }
    if !app.filter(app.tab).is_empty() {
        marks.push(format!("only: {}", app.filter(app.tab)));
    }
    let capturing = app.captures.iter().filter(|capture| capture.ended.is_none()).count();
    if capturing > 0 {
        marks.push(format!("writing {capturing}"));
    }
    let marks: String = marks.iter().map(|mark| format!(" [{}]", plain(mark))).collect();
    let (whose, counts) = match app.snapshot() {
        None if app.origin == Origin::File => ("reading the file".to_owned(), String::new()),
        None => ("no counts yet".to_owned(), String::new()),
        Some(snapshot) => {
            let interfaces = snapshot.interfaces.join(", ");
            let whose = match &app.origin {
                Origin::Served(place) => {
                    format!("probe serve at {place}: {interfaces} on {}", snapshot.hook)
                }
                Origin::Live => format!("{interfaces} on {}", snapshot.hook),
                Origin::File => interfaces,
            };
            let seen = grouped(snapshot.seen.packets);
            (whose, format!(", after {:.1} s; {seen} packets seen", snapshot.elapsed))
        }
    };
    let marks = cut(&marks, columns * 2 / 3);
    let room = columns.saturating_sub(width(&marks));
    // Of a long path, or many interfaces, rather these are cut than the numbers.
    let whose = cut(&plain(&whose), room.saturating_sub(width(&counts)).max(room / 3));
    let text = cut(&(whose + &counts), room);
    Line::from(vec![look.span(text, Role::Head), look.span(marks, Role::Warning)])
}

/// Where in a file we are.
fn time_bar(app: &App, look: Look, columns: usize) -> Option<Line<'static>> {
    let timeline = app.timeline.as_ref()?;
    let at = app.snapshot().map_or(0.0, |snapshot| snapshot.elapsed);
    let state = if timeline.is_playing() { "playing" } else { "stands" };
    let text = format!(" {at:.1} of {:.1} s, {state}", timeline.length());
    let room = columns.saturating_sub(width(&text) + 2);
    let last = timeline.size().saturating_sub(1).max(1);
    let done = room * timeline.at() / last;
    let bar = format!("[{}{}]", "=".repeat(done.min(room)), " ".repeat(room.saturating_sub(done)));
    Some(Line::from(vec![look.span(bar, Role::Minute), look.span(text, Role::Plain)]))
}

/// The last lines, and the column of the cursor where something is typed there.
fn status(app: &App, look: Look, columns: usize) -> (Vec<Line<'static>>, Option<usize>) {
    if let Some(prompt) = &app.prompt {
        let wrong = prompt.error.as_deref().unwrap_or_default();
        let mut lines: Vec<Line<'static>> = wrong
            .lines()
            .map(|line| Line::from(look.span(cut(&plain(line), columns), Role::Bad)))
            .collect();
        let text: String = prompt.text().chars().take(prompt.cursor()).collect();
        let before = width(&plain(&text)) + 1;
        // The end of a long text is where it is typed.
        let whole = format!("/{}", plain(prompt.text()));
        let hidden = (before + 1).saturating_sub(columns);
        let shown: String = whole.chars().skip(hidden).collect();
        lines.push(Line::from(look.span(shown, Role::Plain)));
        return (lines, Some(before - hidden));
    }
    if let Some(message) = &app.message {
        let lines = plain(message);
        let line = Line::from(look.span(cut(&lines, columns), Role::Warning));
        return (vec![line], None);
    }
    (vec![Line::from(look.span(keys(app, columns), Role::Quiet))], None)
}

/// The keys that do something here, the most useful first, as far as there is room.
fn keys(app: &App, columns: usize) -> String {
    let order = app.sort(app.tab).map(|sort| format!("s order: {sort}"));
    let space = if app.timeline.is_some() { "space play" } else { "space pause" };
    let (is_served, is_live) =
        (matches!(app.origin, Origin::Served(_)), app.origin == Origin::Live);
    let has_rows = app.tab != Tab::Losses;
    let all = [
        Some("? help"),
        Some("q quit"),
        (has_rows && !is_served).then_some("/ filter"),
        order.as_deref(),
        Some(space),
        (has_rows && is_live).then_some("w write"),
        Some("e export"),
        (app.origin != Origin::File).then_some("r zero"),
    ];
    let mut line = String::new();
    for key in all.into_iter().flatten() {
        let gap = if line.is_empty() { "" } else { "  " };
        if width(&line) + width(gap) + width(key) > columns {
            break;
        }
        line.extend([gap, key]);
    }
    line
}

/// What stands where there are no rows.
fn note(look: Look, text: &str, room: Room) -> Body {
    wrapped(text, room.columns)
        .into_iter()
        .map(|line| Line::from(look.span(line, Role::Quiet)))
        .collect()
}

/// Words in lines that are no longer than that.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(cut(word, columns)),
        }
    }
    lines
}

/// The part of so many lines that is visible, so that the selected one is.
fn window(all: usize, selected: usize, lines: usize) -> std::ops::Range<usize> {
    let begin = selected.saturating_sub(lines / 2).min(all.saturating_sub(lines));
    begin..(begin + lines).min(all)
}

/// What a panel without rows says, where it has none to show.
fn panel_note<T>(panel: &Panel<T>, opening: &str) -> Option<String> {
    match panel {
        Panel::Closed | Panel::Opening => Some(opening.to_owned()),
        Panel::Failed(why) => Some(why.clone()),
        Panel::Open(_) => None,
    }
}
