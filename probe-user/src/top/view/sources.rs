//! Who sends the packets of a rule: a list for each key, with the interval in which the truth lies.

use ratatui::text::Line;

use super::{
    Body, Room,
    look::{Look, Role},
    note,
    rules::{percent, rate},
    table::{Cell, Column, Table, cell, number, plain, text},
    window,
};
use crate::{
    snapshot::{Distinct, Key, Rule, Top},
    text::{cut, grouped},
    top::app::{App, Origin, Tab, key_name},
};

const COLUMNS: &[Column] = &[
    text("key", 15, 0),
    number("packets", 1),
    number("at least", 4),
    number("at most", 5),
    number("share", 2),
    number("packets/s", 3),
    text("name", 8, 6),
];

/// A line of the lists.
enum Item<'a> {
    List(&'a Top),
    Distinct(&'a Distinct),
    Key(&'a Key),
}

pub(super) fn body(app: &App, look: Look, room: Room) -> Body {
    let Some((_, rule)) = app.rule() else { return Body::new() };
    let head = cut(&format!("rule {}: {}", plain(&rule.name), plain(&rule.filter)), room.columns);
    let mut lines = vec![Line::from(look.span(head, Role::Head))];
    if !rule.has_lists() {
        lines.extend(note(look, &without_lists(app, rule), room));
        return lines;
    }
    let (items, selected) = items(app, rule);
    let window = window(items.len(), selected.unwrap_or(0), room.lines.saturating_sub(2));
    let shown = &items[window.clone()];
    let keys: Vec<&Key> = shown
        .iter()
        .filter_map(|item| if let Item::Key(key) = item { Some(*key) } else { None })
        .collect();
    let table = Table::new(look, COLUMNS, room.columns, keys.len(), |row, column, _| {
        of_key(keys[row], column)
    });
    lines.push(table.head());
    lines.extend((window.start..).zip(shown).map(|(place, item)| match item {
        Item::Key(key) => table.line(Some(place) == selected, |column, _| of_key(key, column)),
        Item::List(top) => words(look, room, list(top)),
        Item::Distinct(distinct) => words(look, room, different(distinct)),
    }));
    lines
}

/// All lines, and which of them is selected.
fn items<'a>(app: &App, rule: &'a Rule) -> (Vec<Item<'a>>, Option<usize>) {
    let names = app.row_names(Tab::Sources);
    let selected = names.get(app.cursor(Tab::Sources).place(&names));
    let (mut items, mut at) = (Vec::new(), None);
    items.extend(rule.distinct.iter().map(Item::Distinct));
    for top in &rule.top {
        items.push(Item::List(top));
        for key in app.keys(top) {
            if Some(&key_name(top, key)) == selected {
                at = Some(items.len());
            }
            items.push(Item::Key(key));
        }
    }
    (items, at)
}

fn of_key(key: &Key, column: usize) -> Cell {
    let role = if key.pps > 0.0 { Role::Plain } else { Role::Quiet };
    match column {
        0 => cell(key.key.clone(), role),
        1 => cell(grouped(key.packets), role),
        2 => cell(grouped(key.low), Role::Quiet),
        3 => cell(grouped(key.high), Role::Quiet),
        4 => cell(percent(key.share), role),
        5 => cell(rate(key.pps), if key.pps > 0.0 { Role::Rate } else { role }),
        _ => cell(key.name.clone().unwrap_or_default(), Role::Quiet),
    }
}

fn list(top: &Top) -> String {
    let others = grouped(top.other.packets);
    let mut text = format!("by {}: {others} packets of others", top.by);
    if top.without > 0 {
        text += &format!(", {} without", grouped(top.without));
    }
    if top.before > 0 {
        text += &format!(", {} before the list began", grouped(top.before));
    }
    text
}

fn different(distinct: &Distinct) -> String {
    let Distinct { by, estimate, low, high, interval, minute, .. } = distinct;
    format!(
        "different {by}: {} ({} to {}); {} in the last minute, {} in the interval",
        grouped(*estimate),
        grouped(*low),
        grouped(*high),
        grouped(*minute),
        grouped(*interval)
    )
}

fn words(look: Look, room: Room, text: String) -> Line<'static> {
    Line::from(look.span(cut(&plain(&text), room.columns), Role::Minute))
}

fn without_lists(app: &App, rule: &Rule) -> String {
    match app.origin {
        Origin::Served(_) => format!(
            "probe serve does not count {} by source: by = [\"src\"] in its configuration asks for it.",
            rule.name
        ),
        Origin::Live | Origin::File => {
            "It is not counted by source: Enter at the rule in tab 1 asks for it (and counts anew), \
             or --by src from the start."
                .into()
        }
    }
}
