//! What was not seen, and who else is attached, before us and behind us.

use ratatui::text::Line;

use super::{
    Body, Room,
    look::{Look, Role},
    table::plain,
    wrapped,
};
use crate::{
    snapshot::Recorder,
    text::{cut, grouped},
    top::app::{App, Hook, Lost, Origin},
};

pub(super) fn body(app: &App, look: Look, room: Room) -> Body {
    let mut lines = Lines { look, room, lines: Vec::new() };
    lines.head("Counting");
    if let Some(snapshot) = app.snapshot() {
        let seen = grouped(snapshot.seen.packets);
        lines.say(&format!(
            "{seen} frames were seen; each was held against all {} rules. Counting copies none, and \
             loses none.",
            grouped(snapshot.rules.len() as u64)
        ));
        for lost in &snapshot.lost {
            let role = if lost.frames > 0 { Role::Bad } else { Role::Quiet };
            lines.put(format!("  {:>12} {}", grouped(lost.frames), cause(&lost.cause)), role);
        }
        for recorder in &snapshot.recorders {
            lines.put(of_recorder(recorder), Role::Plain);
        }
    }
    let shares = app.shares();
    if !shares.is_empty() {
        lines.head("Frames that were copied");
    }
    for share in shares {
        let had = share.had.map(|had| format!(", {} read", grouped(had))).unwrap_or_default();
        let (lost, role) = match share.lost {
            Lost::Later => ("lost: known at its end".into(), Role::Quiet),
            Lost::Some => ("lost: some".into(), Role::Bad),
            Lost::Frames(0) => ("lost: none".into(), Role::Good),
            Lost::Frames(lost) => (format!("lost: {}", grouped(lost)), Role::Bad),
        };
        lines.put(format!("  {}{had}; {lost}", share.what), role);
    }
    match &app.origin {
        Origin::Served(_) => {
            lines.head("Who else is attached");
            lines.say("probe serve does not tell: probe interfaces on its machine does.");
        }
        Origin::File => {}
        Origin::Live => {
            lines.head("Who else is attached, in the order they run");
            app.neighbours.iter().for_each(|hook| lines.hook(hook));
        }
    }
    lines.lines
}

/// A loss by the words of the account, where it has some.
fn cause(name: &str) -> String {
    let counts = crate::account::Account::default().counts();
    let known = counts.iter().find(|count| count.name == name);
    known.map_or_else(|| plain(name).into_owned(), |count| count.label.to_owned())
}

fn of_recorder(recorder: &Recorder) -> String {
    let Recorder { rule, state, files, last_file, held_seconds, overwritten } = recorder;
    let last = last_file.as_ref().map(|name| format!(", the last is {name}")).unwrap_or_default();
    format!(
        "  recorder of {rule}: {state}; {held_seconds:.1} s in memory, {} frames overwritten, {files} \
         files{last}",
        grouped(*overwritten)
    )
}

/// Lines that are gathered.
struct Lines {
    look: Look,
    room: Room,
    lines: Body,
}

impl Lines {
    fn put(&mut self, text: String, role: Role) {
        let text = cut(&plain(&text), self.room.columns);
        self.lines.push(Line::from(self.look.span(text, role)));
    }

    fn head(&mut self, text: &str) {
        if !self.lines.is_empty() {
            self.lines.push(Line::default());
        }
        self.put(text.to_owned(), Role::Head);
    }

    fn say(&mut self, text: &str) {
        for line in wrapped(text, self.room.columns.saturating_sub(2)) {
            self.put(format!("  {line}"), Role::Plain);
        }
    }

    fn hook(&mut self, hook: &Hook) {
        let name = format!("  {} {}:", hook.interface, hook.hook);
        if hook.programs.is_empty() {
            return self.put(format!("{name} nobody"), Role::Quiet);
        }
        self.put(name, Role::Plain);
        let first = hook.programs.iter().position(|program| program.ours);
        let last = hook.programs.iter().rposition(|program| program.ours);
        for (place, program) in hook.programs.iter().enumerate() {
            // Names of those that came after us are not told (neighbours.rs).
            let what = match &program.name {
                Some(name) => format!("{name} (id {})", program.id),
                None => format!("program {}", program.id),
            };
            let (whose, role) = match (first, last) {
                _ if program.ours => ("this probe", Role::Quiet),
                (Some(first), _) if place < first => {
                    ("before us: what it drops, we do not see", Role::Warning)
                }
                (_, Some(last)) if place > last => ("behind us", Role::Plain),
                (None, _) => ("", Role::Plain),
                _ => ("between our programs", Role::Warning),
            };
            self.put(format!("    {place:>2} {what}  {whose}"), role);
        }
    }
}
