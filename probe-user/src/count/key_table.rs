//! The lists of a snapshot as tables for people, below that of the rules: one for each rule and key.

use anstyle::Style;
use probe_sketch::Estimate;

use super::{
    cells::{Cell, GAP, HEAD, QUIET, RATE, line, painted},
    lists::{Different, KeyRow, Top},
    snapshot::Row,
};
use crate::{
    screen::Room,
    text::{cut, grouped, si, width},
};

/// Lines of a list beside its keys: the blank one above it, and the heads of its columns.
const ABOVE: usize = 2;

/// The largest keys of a rule, the number of different ones, or both: what belongs to one key.
struct Section<'a> {
    title: String,
    top: Option<&'a Top>,
    distinct: Option<&'a Different>,
    /// Whether the interval is the whole run.
    last: bool,
    /// Keys that are shown.
    shown: usize,
}

/// The lines of all lists of these rules, which are no more than `room` has: then each list is
/// shorter, and the last ones are left out, with a line that says so.
pub fn lines(rules: &[&Row], last: bool, room: Room) -> Vec<String> {
    let mut sections: Vec<Section<'_>> = rules.iter().flat_map(|row| of_rule(row, last)).collect();
    let hidden = room.lines.map_or(0, |lines| fit(&mut sections, lines));
    let columns = columns(&sections, room.columns);
    let most = room.columns.unwrap_or(usize::MAX);
    let mut out: Vec<String> = Vec::new();
    for section in &sections {
        out.push(String::new());
        section.draw(&mut out, &columns, most, room.colors);
    }
    if hidden > 0 && room.lines != Some(0) {
        let s = if hidden == 1 { "" } else { "s" };
        let note = cut(&format!("… {hidden} list{s} hidden: there is no room"), most);
        out.push(painted(&note, QUIET, room.colors));
    }
    out
}

fn of_rule(row: &Row, last: bool) -> Vec<Section<'_>> {
    let lists = &row.lists;
    let title = |by: &str| format!("{} by {by}", row.name);
    let mut sections: Vec<Section<'_>> = (lists.top.iter())
        .map(|top| Section {
            title: title(&top.by),
            top: Some(top),
            distinct: None,
            last,
            shown: top.keys.len(),
        })
        .collect();
    for different in &lists.distinct {
        let same =
            |section: &&mut Section<'_>| section.top.is_some_and(|top| top.by == different.by);
        match sections.iter_mut().find(same) {
            Some(section) => section.distinct = Some(different),
            None => {
                let (title, distinct) = (title(&different.by), Some(different));
                sections.push(Section { title, top: None, distinct, last, shown: 0 });
            }
        }
    }
    sections
}

/// Shortens the lists until they fit into so many lines. As many keys of each, where it has them; says
/// how many lists are left out.
fn fit(sections: &mut Vec<Section<'_>>, lines: usize) -> usize {
    let all = sections.len();
    let least = |sections: &[Section<'_>]| {
        let of_lists: usize = sections.iter().map(Section::least).sum();
        of_lists + usize::from(sections.len() < all)
    };
    while !sections.is_empty() && least(sections) > lines {
        sections.pop();
    }
    let mut left = lines - least(sections).min(lines);
    let wanted: Vec<usize> = sections.iter().map(|section| section.shown).collect();
    sections.iter_mut().for_each(|section| section.shown = section.shown.min(1));
    loop {
        let before = left;
        for (section, &wanted) in sections.iter_mut().zip(&wanted) {
            if left > 0 && section.shown < wanted {
                section.shown += 1;
                left -= 1;
            }
        }
        if left == before {
            return all - sections.len();
        }
    }
}

impl Section<'_> {
    /// Lines that it takes with one key.
    fn least(&self) -> usize {
        let of_top = |top: &Top| ABOVE + top.keys.len().min(1) + rest(top, 0).count();
        let top = self.top.map(of_top);
        // Without a list of keys, it is the blank line and the sentence.
        top.unwrap_or(1) + usize::from(self.distinct.is_some())
    }

    fn draw(&self, out: &mut Vec<String>, columns: &[(Column, usize)], room: usize, colors: bool) {
        if let Some(top) = self.top {
            let cells = |cells: &dyn Fn(Column) -> (String, Style)| {
                let cell = |&(column, width): &(Column, usize)| {
                    let (text, style) = cells(column);
                    Cell { text: cut(&text, width), width, is_text: column.is_text(), style }
                };
                line(columns.iter().map(cell), colors)
            };
            out.push(cells(&|column| (column.head(&self.title), HEAD)));
            for row in top.keys.iter().take(self.shown) {
                out.push(cells(&|column| (column.text(row), column.style(row))));
            }
            for (name, packets, share) in rest(top, self.shown) {
                let text = |column| match column {
                    Column::Key => name.to_owned(),
                    Column::Packets => grouped(packets),
                    Column::Share => share.map(percent).unwrap_or_default(),
                    _ => String::new(),
                };
                out.push(cells(&|column| (text(column), QUIET)));
            }
        }
        if let Some(different) = self.distinct {
            let title = if self.top.is_some() { "" } else { &self.title };
            out.push(sentence(different, title, self.last, room));
        }
    }
}

/// What is not among the keys shown: all other keys, and what has none; nothing where there is nothing.
fn rest(top: &Top, shown: usize) -> impl Iterator<Item = (&'static str, u64, Option<f64>)> + '_ {
    let packets = |row: &KeyRow| row.count.total.packets;
    let hidden: u64 = top.keys.iter().skip(shown).map(packets).sum();
    let all = top.keys.iter().map(packets).sum::<u64>() + top.other + top.without;
    let share = move |packets: u64| (all > 0).then(|| packets as f64 / all as f64);
    let rest = [("(others)", top.other + hidden), ("(without)", top.without)];
    rest.into_iter()
        .filter(|(_, packets)| *packets > 0)
        .map(move |(name, packets)| (name, packets, share(packets)))
}

/// How many different keys, as far as there is room for it.
fn sentence(different: &Different, title: &str, last: bool, room: usize) -> String {
    let Different { since_start, interval, minute, missed, .. } = different;
    let of = if title.is_empty() { String::new() } else { format!("{title}: ") };
    let mut text = format!("{of}{} different", uncertain(since_start));
    let mut more = Vec::new();
    if *missed > 0 {
        more.push(format!("{} may be missing", grouped(*missed)));
    }
    if !last {
        more.push(format!("{} in this interval", grouped(interval.estimate)));
    }
    // Before there was a minute, these are all.
    if minute != since_start {
        more.push(format!("{} in the last minute", grouped(minute.estimate)));
    }
    for part in more {
        if width(&text) + 2 + width(&part) <= room {
            text = format!("{text}, {part}");
        }
    }
    cut(&text, room)
}

/// A number, and how far the truth may be from it.
fn uncertain(Estimate { estimate, low, high }: &Estimate) -> String {
    let by = high.saturating_sub(*estimate).max(estimate.saturating_sub(*low));
    let number = grouped(*estimate);
    if by == 0 { number } else { format!("{number} ±{}", grouped(by)) }
}

fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

/// The columns, in the order in which they stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Column {
    Key,
    Packets,
    Uncertainty,
    Bytes,
    Rate,
    Bits,
    Share,
    Name,
}

impl Column {
    const ALL: [Self; 8] = [
        Self::Key,
        Self::Packets,
        Self::Uncertainty,
        Self::Bytes,
        Self::Rate,
        Self::Bits,
        Self::Share,
        Self::Name,
    ];

    /// Which of them are kept where there is not room for all, the first ones before the others.
    const BY_USE: [Self; 8] = [
        Self::Key,
        Self::Packets,
        Self::Uncertainty,
        Self::Share,
        Self::Rate,
        Self::Name,
        Self::Bits,
        Self::Bytes,
    ];

    const fn is_text(self) -> bool {
        matches!(self, Self::Key | Self::Name)
    }

    /// What stands above it, in a list of this title.
    fn head(self, title: &str) -> String {
        match self {
            Self::Key => title,
            Self::Packets => "packets",
            Self::Uncertainty => "±",
            Self::Bytes => "bytes",
            Self::Rate => "packets/s",
            Self::Bits => "bits/s",
            Self::Share => "share",
            Self::Name => "name",
        }
        .to_owned()
    }

    fn text(self, row: &KeyRow) -> String {
        match self {
            Self::Key => row.key.clone(),
            Self::Packets => grouped(row.count.total.packets),
            Self::Uncertainty if row.is_exact() => String::new(),
            Self::Uncertainty => grouped(row.uncertainty()),
            Self::Bytes => grouped(row.count.total.bytes),
            Self::Rate => si(row.count.pps),
            Self::Bits => si(row.count.bps),
            Self::Share => percent(row.share),
            Self::Name => row.name.clone().unwrap_or_default(),
        }
    }

    fn style(self, row: &KeyRow) -> Style {
        match self {
            _ if row.count.pps <= 0.0 => QUIET,
            Self::Rate => RATE,
            Self::Uncertainty | Self::Name => QUIET,
            _ => Style::new(),
        }
    }
}

/// The columns that there is room for, with their widths: the same of all lists.
fn columns(sections: &[Section<'_>], room: Option<usize>) -> Vec<(Column, usize)> {
    let rows = || {
        sections.iter().flat_map(|section| {
            section.top.into_iter().flat_map(|top| top.keys.iter().take(section.shown))
        })
    };
    let is_there = |column: &Column| match column {
        Column::Uncertainty => rows().any(|row| !row.is_exact()),
        Column::Name => rows().any(|row| row.name.is_some()),
        _ => true,
    };
    let natural = |column: Column| {
        let heads = sections.iter().filter(|section| section.top.is_some());
        let heads = heads.map(|section| width(&column.head(&section.title)));
        let rests = sections
            .iter()
            .flat_map(|section| section.top.into_iter().flat_map(|top| rest(top, section.shown)));
        let rests = rests.map(|(name, packets, _)| match column {
            Column::Key => name.len(),
            Column::Packets => grouped(packets).len(),
            _ => 0,
        });
        heads.chain(rests).chain(rows().map(|row| width(&column.text(row)))).max().unwrap_or(0)
    };
    let mut widths: Vec<(Column, usize)> = Vec::new();
    let mut left = room.unwrap_or(usize::MAX);
    for column in Column::BY_USE.into_iter().filter(is_there) {
        let gap = if widths.is_empty() { 0 } else { GAP.len() };
        // A terminal may be narrower than a key, and a name be cut.
        let wanted = match column {
            Column::Key => natural(column).min(left),
            Column::Name => natural(column).min(left.saturating_sub(gap)).max(LEAST_NAME),
            _ => natural(column),
        };
        if let Some(rest) = left.checked_sub(wanted + gap) {
            left = rest;
            widths.push((column, wanted));
        }
    }
    widths.sort_by_key(|(column, _)| Column::ALL.iter().position(|other| other == column));
    widths
}

/// Narrowest column of names that is of any use.
const LEAST_NAME: usize = 8;

#[cfg(test)]
mod tests {
    use super::{super::snapshot::tests::listed_sample, *};

    /// The lists of the sample, all of its rules, in a room.
    fn drawn(columns: Option<usize>, lines_: Option<usize>) -> Vec<String> {
        let snapshot = listed_sample();
        let rules: Vec<&Row> = snapshot.rules.iter().collect();
        lines(&rules, false, Room { columns, lines: lines_, colors: false })
    }

    /// A row with so many keys by a key.
    fn many(by: &str, keys: u64) -> Row {
        let mut row = listed_sample().rules.swap_remove(0);
        let [top] = &mut row.lists.top[..] else { panic!("one list") };
        top.by = by.into();
        let first = top.keys[0].clone();
        let key = |number: u64| {
            let mut row = first.clone();
            (row.key, row.count.total.packets) = (format!("192.0.2.{number}"), 1000 - number);
            row
        };
        top.keys = (0..keys).map(key).collect();
        row.lists.distinct.clear();
        row
    }

    #[test]
    fn golden() {
        let expected = [
            "",
            "syn by src   packets   ±   bytes  packets/s  bits/s  share  name",
            "192.0.2.1        600      36,000        600    288k  60.0%  a.example",
            "2001:db8::1      123  17   7,380       23.5   11.3k  12.3%",
            "(others)         270                                 27.0%",
            "(without)          7                                  0.7%",
            "100 ±3 different, 20 in this interval, 90 in the last minute",
        ];
        assert_eq!(drawn(None, None), expected);
        let expected = [
            "",
            "syn by src   packets   ±  share",
            "192.0.2.1        600      60.0%",
            "2001:db8::1      123  17  12.3%",
            "(others)         270      27.0%",
            "(without)          7       0.7%",
            "100 ±3 different",
        ];
        assert_eq!(drawn(Some(33), None), expected);
    }

    /// Keys for which there is no room are among the others, and lists without room are counted.
    #[test]
    fn lists_share_the_lines_that_there_are() {
        let expected = [
            "",
            "syn by src  packets  packets/s  share",
            "192.0.2.1       600        600  60.0%",
            "(others)        393             39.3%",
            "(without)         7              0.7%",
            "100 ±3 different, 20 in this interval",
        ];
        assert_eq!(drawn(Some(40), Some(6)), expected);
        assert_eq!(drawn(Some(80), Some(5)), ["… 1 list hidden: there is no room"]);
        assert_eq!(drawn(Some(80), Some(0)), Vec::<String>::new());
        let rows = [many("src", 10), many("dst", 3), many("proto", 2)];
        let rows: Vec<&Row> = rows.iter().collect();
        let keys = |lines_: usize| -> Vec<usize> {
            let room = Room { columns: Some(80), lines: Some(lines_), colors: false };
            let text = lines(&rows, false, room);
            assert!(text.len() <= lines_, "{text:?}");
            let lists = text.split(|line| line.is_empty()).skip(1);
            lists.map(|list| list.iter().filter(|line| line.starts_with("192.")).count()).collect()
        };
        assert_eq!(keys(27), [10, 3, 2]);
        assert_eq!(keys(24), [7, 3, 2]);
        assert_eq!(keys(15), [1, 1, 1]);
        assert_eq!(keys(14), [3, 2]);
        assert_eq!(keys(11), [1, 1]);
        assert_eq!(keys(10), [5]);
        for lines_ in 0..40 {
            keys(lines_);
        }
    }

    #[test]
    fn no_line_is_wider_than_the_room() {
        let mut long = many("src", 3);
        long.name = "n".repeat(64);
        long.lists.top[0].keys[1].key = "2001:db8:1234:5678:9abc:def0:1234:5678".into();
        long.lists.top[0].keys[1].name = Some("a-long-name.".repeat(9));
        long.lists.distinct = listed_sample().rules[0].lists.distinct.clone();
        long.lists.distinct[0].by = "dport".into();
        for columns in 1..200 {
            let room = Room { columns: Some(columns), lines: None, colors: false };
            for line in lines(&[&long], false, room) {
                assert!(width(&line) <= columns, "{columns}: {line:?}");
                assert!(!line.ends_with(' '), "{columns}: {line:?}");
            }
        }
    }
}
