//! A snapshot as a table for people, as wide and as high as there is room for.

use std::cmp::Reverse;

use anstyle::Style;
use probe_frame::visible;

use super::{
    cells::{self, Cell, GAP, HEAD, MINUTE, QUIET, RATE, painted},
    key_table,
    lists::OfRule,
    snapshot::{Count, Row, Snapshot},
};
use crate::{
    history::{CELLS, History},
    screen::Room,
    text::{cut, grouped, si, width},
};

/// Widest column of expressions where there is no end of room; JSON has them whole.
const FILTER_WIDTH: usize = 48;
/// Narrowest column of names, and of expressions, that is of any use.
const LEAST_NAME: usize = 8;
const LEAST_FILTER: usize = 12;

/// The lines of the table.
pub fn table(snapshot: &Snapshot, history: Option<&History>, room: Room) -> Vec<String> {
    let total = if snapshot.last { "total after" } else { "after" };
    let seconds = snapshot.elapsed.as_secs_f64();
    let interfaces = visible(&snapshot.interfaces.join(", "));
    let title = format!("{interfaces} on {}, {total} {seconds:.1} s", snapshot.hook);
    let mut lines = vec![cut(&title, room.columns.unwrap_or(usize::MAX))];
    let has_lists = snapshot.rules.iter().any(|row| row.lists != OfRule::default());
    // Where there are lists, rules may have half of the lines.
    let of_rules =
        room.lines.map(|lines| if has_lists { lines.div_ceil(2).max(FIXED + 1) } else { lines });
    let chosen = choose(snapshot, of_rules);
    let table = lay_out(snapshot, history, &chosen, room);
    lines.extend(table);
    if let Some(note) = chosen.note(snapshot) {
        let note = cut(&note, room.columns.unwrap_or(usize::MAX));
        lines.push(painted(&note, QUIET, room.colors));
    }
    let rules: Vec<&Row> =
        chosen.rules.iter().filter_map(|&rule| snapshot.rules.get(rule)).collect();
    let left = room.lines.map(|all| all.saturating_sub(lines.len()));
    lines.extend(key_table::lines(&rules, snapshot.last, Room { lines: left, ..room }));
    lines
}

/// What is shown where not all fits.
struct Chosen {
    /// Places of rules, in the order of the lines.
    rules: Vec<usize>,
    /// Whether there is a line for each interface, below what was seen and below each rule.
    parts_of_seen: bool,
    parts_of_rules: bool,
}

/// The title, the heads of the columns, and what was seen.
const FIXED: usize = 3;

/// All rules, in the order given; where these are too many, the busiest first. Interfaces go first.
fn choose(snapshot: &Snapshot, lines: Option<usize>) -> Chosen {
    let rules: Vec<usize> = (0..snapshot.rules.len()).collect();
    let parts = interfaces(snapshot).len();
    let Some(lines) = lines else {
        let parts = parts > 0;
        return Chosen { rules, parts_of_seen: parts, parts_of_rules: parts };
    };
    // Where something is left out, a line says so.
    let fits = |of_seen: usize, of_each: usize| {
        let note = usize::from(of_each < parts);
        FIXED + of_seen + rules.len() * (1 + of_each) + note <= lines
    };
    let parts_of_rules = parts > 0 && fits(parts, parts);
    let parts_of_seen = parts > 0 && (parts_of_rules || fits(parts, 0));
    if parts_of_rules || parts_of_seen || fits(0, 0) {
        return Chosen { rules, parts_of_seen, parts_of_rules };
    }
    let mut busiest = rules;
    let busy = |rule: &usize| {
        snapshot.rules.get(*rule).map(|row| (row.count.pps as u64, row.count.total.packets))
    };
    // In the order given where they are equally busy.
    busiest.sort_by_key(|rule| Reverse(busy(rule)));
    busiest.truncate(lines.saturating_sub(FIXED + 1));
    Chosen { rules: busiest, parts_of_seen: false, parts_of_rules: false }
}

impl Chosen {
    /// What is left out.
    fn note(&self, snapshot: &Snapshot) -> Option<String> {
        let (shown, all) = (self.rules.len(), snapshot.rules.len());
        let is_split = !interfaces(snapshot).is_empty();
        if shown < all {
            Some(format!("… {} of {all} rules hidden, the least busy", all - shown))
        } else if is_split && !self.parts_of_rules {
            Some("… the lines of each interface are hidden".into())
        } else {
            None
        }
    }
}

/// The interfaces that have lines of their own: several, each once, with the parts of each.
fn interfaces(snapshot: &Snapshot) -> Vec<(&str, Vec<usize>)> {
    let mut found: Vec<(&str, Vec<usize>)> = Vec::new();
    for (place, part) in snapshot.parts.iter().enumerate() {
        match found.iter_mut().find(|(name, _)| *name == part.interface) {
            Some((_, places)) => places.push(place),
            None => found.push((&part.interface, vec![place])),
        }
    }
    if found.len() > 1 { found } else { Vec::new() }
}

/// What a line is about, as far as its colour goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Head,
    Busy,
    /// Nothing came in the last interval.
    Quiet,
}

/// A line before its columns have widths.
struct Line {
    role: Role,
    name: String,
    /// Of all frames, of those received and of those sent.
    counts: [Option<Count>; 3],
    /// The rates of what was seen are not kept.
    has_rates: bool,
    peak: Option<f64>,
    /// The rule whose last minute is drawn.
    minute: Option<usize>,
    filter: String,
}

fn seen_line(snapshot: &Snapshot, name: String, parts: Option<&[usize]>) -> Line {
    let count = |total| Count { total, ..Count::default() };
    let of_parts = |outbound: Option<bool>| {
        let mut sum = Count::default();
        for (place, part) in snapshot.parts.iter().enumerate() {
            let is_meant = parts.is_none_or(|parts| parts.contains(&place));
            if is_meant && outbound.is_none_or(|outbound| outbound == part.outbound) {
                sum += count(part.seen);
            }
        }
        Some(sum)
    };
    let all = if parts.is_some() { of_parts(None) } else { Some(count(snapshot.seen)) };
    let counts = [all, of_parts(Some(false)), of_parts(Some(true))];
    let filter = String::new();
    Line { role: Role::Busy, name, counts, has_rates: false, peak: None, minute: None, filter }
}

fn rule_line(snapshot: &Snapshot, rule: usize, row: &Row) -> Line {
    let (received, sent) = (sum(snapshot, row, None, false), sum(snapshot, row, None, true));
    Line {
        role: if row.count.pps > 0.0 { Role::Busy } else { Role::Quiet },
        name: row.name.clone(),
        counts: [Some(row.count), Some(received), Some(sent)],
        has_rates: true,
        peak: row.peak_pps,
        minute: Some(rule),
        filter: visible(&row.filter).to_string(),
    }
}

fn part_line(snapshot: &Snapshot, row: &Row, name: &str, places: &[usize]) -> Line {
    let [received, sent] = [false, true].map(|sent| sum(snapshot, row, Some(places), sent));
    let mut all = received;
    all += sent;
    Line {
        role: if all.pps > 0.0 { Role::Busy } else { Role::Quiet },
        name: part_name(name),
        counts: [Some(all), Some(received), Some(sent)],
        has_rates: true,
        peak: None,
        minute: None,
        filter: String::new(),
    }
}

/// Below a rule, and a little to the right.
fn part_name(interface: &str) -> String {
    format!("  {}", visible(interface))
}

/// What a rule counted of one direction, in all parts or in some.
fn sum(snapshot: &Snapshot, row: &Row, places: Option<&[usize]>, outbound: bool) -> Count {
    let mut sum = Count::default();
    for (place, (part, &count)) in snapshot.parts.iter().zip(&row.parts).enumerate() {
        if part.outbound == outbound && places.is_none_or(|places| places.contains(&place)) {
            sum += count;
        }
    }
    sum
}

/// The columns, in the order in which they stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Column {
    Name,
    Packets,
    Received,
    Sent,
    Bytes,
    Rate,
    Peak,
    Bits,
    Minute,
    Filter,
}

impl Column {
    const ALL: [Self; 10] = [
        Self::Name,
        Self::Packets,
        Self::Received,
        Self::Sent,
        Self::Bytes,
        Self::Rate,
        Self::Peak,
        Self::Bits,
        Self::Minute,
        Self::Filter,
    ];

    /// Which of them are kept where there is not room for all, the first ones before the others.
    const BY_USE: [Self; 10] = [
        Self::Name,
        Self::Packets,
        Self::Rate,
        Self::Received,
        Self::Sent,
        Self::Minute,
        Self::Peak,
        Self::Filter,
        Self::Bits,
        Self::Bytes,
    ];

    const fn head(self) -> &'static str {
        match self {
            Self::Name => "rule",
            Self::Packets => "packets",
            Self::Received => "in",
            Self::Sent => "out",
            Self::Bytes => "bytes",
            Self::Rate => "packets/s",
            Self::Peak => "peak",
            Self::Bits => "bits/s",
            Self::Minute => "last minute",
            Self::Filter => "filter",
        }
    }

    const fn is_text(self) -> bool {
        matches!(self, Self::Name | Self::Minute | Self::Filter)
    }

    /// What stands in it, but for the sparkline, which is made when its width is known.
    fn text(self, line: &Line) -> String {
        let [all, received, sent] = line.counts;
        let rate = |rate: fn(&Count) -> f64| {
            all.as_ref().filter(|_| line.has_rates).map(|count| si(rate(count)))
        };
        let packets = |count: Option<Count>| count.map(|count| grouped(count.total.packets));
        let text = match self {
            _ if line.role == Role::Head => Some(self.head().into()),
            Self::Name => Some(line.name.clone()),
            Self::Packets => packets(all),
            Self::Received => packets(received),
            Self::Sent => packets(sent),
            Self::Bytes => all.map(|count| grouped(count.total.bytes)),
            Self::Rate => rate(|count| count.pps),
            Self::Peak => line.peak.map(si),
            Self::Bits => rate(|count| count.bps),
            Self::Minute => None,
            Self::Filter => Some(line.filter.clone()),
        };
        text.unwrap_or_default()
    }

    fn style(self, role: Role) -> Style {
        match (role, self) {
            (Role::Head, _) => HEAD,
            // What came earlier in the last minute still stands out.
            (_, Self::Minute) => MINUTE,
            (Role::Quiet, _) => QUIET,
            (Role::Busy, Self::Rate) => RATE,
            (Role::Busy, Self::Filter) => QUIET,
            (Role::Busy, _) => Style::new(),
        }
    }
}

/// Lines with all columns that there is room for.
fn lay_out(
    snapshot: &Snapshot,
    history: Option<&History>,
    chosen: &Chosen,
    room: Room,
) -> Vec<String> {
    let lines = lines(snapshot, chosen);
    let columns = columns(snapshot, history, &lines, room.columns);
    let cell = |line: &Line, column: Column, width_of: usize| match (column, line.minute, history) {
        (Column::Minute, Some(rule), Some(history)) => history.sparkline(rule, cells(width_of)),
        _ => cut(&column.text(line), width_of),
    };
    let draw = |line: &Line| {
        let cells = columns.iter().map(|&(column, width)| Cell {
            text: cell(line, column, width),
            width,
            is_text: column.is_text(),
            style: column.style(line.role),
        });
        cells::line(cells, room.colors)
    };
    lines.iter().map(draw).collect()
}

fn lines(snapshot: &Snapshot, chosen: &Chosen) -> Vec<Line> {
    let interfaces = interfaces(snapshot);
    let of_interfaces = |wanted: bool| interfaces.iter().filter(move |_| wanted);
    let mut lines = vec![Line { role: Role::Head, ..seen_line(snapshot, String::new(), None) }];
    lines.push(seen_line(snapshot, "(seen)".into(), None));
    lines.extend(
        of_interfaces(chosen.parts_of_seen)
            .map(|(name, places)| seen_line(snapshot, part_name(name), Some(places))),
    );
    for &rule in &chosen.rules {
        let Some(row) = snapshot.rules.get(rule) else { continue };
        lines.push(rule_line(snapshot, rule, row));
        lines.extend(
            of_interfaces(chosen.parts_of_rules)
                .map(|(name, places)| part_line(snapshot, row, name, places)),
        );
    }
    lines
}

/// The columns that there is room for, with their widths.
fn columns(
    snapshot: &Snapshot,
    history: Option<&History>,
    lines: &[Line],
    room: Option<usize>,
) -> Vec<(Column, usize)> {
    let both = snapshot.parts.iter().any(|part| part.outbound)
        && snapshot.parts.iter().any(|part| !part.outbound);
    let is_there = |column: Column| match column {
        Column::Received | Column::Sent => both,
        Column::Peak => lines.iter().any(|line| line.peak.is_some()),
        Column::Minute => history.is_some(),
        _ => true,
    };
    let natural =
        |column: Column| lines.iter().map(|line| width(&column.text(line))).max().unwrap_or(0);
    let (least_cells, most_cells) = (CELLS[CELLS.len() - 1], CELLS[0]);
    let least = |column: Column| match column {
        Column::Name => natural(column).min(room.map_or(usize::MAX, |room| room / 4)),
        Column::Minute => least_cells,
        Column::Filter => natural(column).min(LEAST_FILTER),
        _ => natural(column),
    };
    let most = |column: Column| match column {
        Column::Minute => most_cells,
        Column::Filter if room.is_none() => natural(column).min(FILTER_WIDTH),
        _ => natural(column),
    };
    let mut widths: Vec<(Column, usize)> = Vec::new();
    let mut left = room.unwrap_or(usize::MAX);
    for column in Column::BY_USE.into_iter().filter(|&column| is_there(column)) {
        let gap = if widths.is_empty() { 0 } else { GAP.len() };
        let floor = if column == Column::Name { LEAST_NAME.min(natural(column)) } else { 0 };
        let wanted = least(column).max(floor);
        // A terminal may be narrower than a name.
        let wanted = if widths.is_empty() { wanted.min(left) } else { wanted };
        if let Some(rest) = left.checked_sub(wanted + gap) {
            left = rest;
            widths.push((column, wanted));
        }
    }
    // What is left goes to those that were kept narrow.
    for column in [Column::Name, Column::Filter, Column::Minute] {
        if let Some((_, width_of)) = widths.iter_mut().find(|(other, _)| *other == column) {
            let mut wider = most(column).min(width_of.saturating_add(left)).max(*width_of);
            if column == Column::Minute {
                wider = cells(wider);
            }
            left -= wider - *width_of;
            *width_of = wider;
        }
    }
    widths.sort_by_key(|(column, _)| Column::ALL.iter().position(|other| other == column));
    widths
}

/// Cells of a sparkline that fit.
fn cells(room: usize) -> usize {
    CELLS.into_iter().find(|&cells| cells <= room).unwrap_or(CELLS[CELLS.len() - 1])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use probe_common::Counter;

    use super::{
        super::snapshot::tests::{sample, split_sample},
        *,
    };

    fn text(snapshot: &Snapshot, room: Room) -> String {
        table(snapshot, None, room).join("\n") + "\n"
    }

    /// A terminal of this size, with a minute behind it.
    fn on_terminal(snapshot: &Snapshot, columns: usize, lines: usize) -> Vec<String> {
        let mut history = History::default();
        let counters = vec![Counter { packets: 60, bytes: 0 }; snapshot.rules.len()];
        history.add(Duration::from_secs(60), &counters);
        let room = Room { columns: Some(columns), lines: Some(lines), colors: false };
        table(snapshot, Some(&history), room)
    }

    /// `rules` rules, of which each is busier than the one before; the first counts nothing.
    fn many(rules: usize) -> Snapshot {
        let mut snapshot = sample();
        let row = snapshot.rules[0].clone();
        snapshot.rules = (0..rules)
            .map(|number| {
                let mut row = row.clone();
                row.name = format!("rule-{number}");
                row.count.pps = number as f64;
                row
            })
            .collect();
        snapshot
    }

    #[test]
    fn golden() {
        let expected = "\
eth0 on xdp-native, after 1.0 s
rule      packets       bytes  packets/s  peak  bits/s  filter
(seen)  1,234,567  98,765,432
syn         1,000      60,000       1000  1250    480k  @syn and dst port 80
get             7         700       6.54  6.54   5600M  payload \"GET \"
";
        assert_eq!(text(&sample(), Room::default()), expected);
    }

    #[test]
    fn interfaces_and_directions_have_lines_and_columns() {
        let expected = "\
eth0, eth1 on xdp-native, after 1.0 s
rule      packets       in      out       bytes  packets/s  peak  bits/s  filter
(seen)  1,234,567  934,567  300,000  98,765,432
  eth0  1,200,000  900,000  300,000  72,000,000
  eth1     34,567   34,567        0   2,074,020
syn         1,000      800      200      60,000       1000  1250    480k  @syn and dst port 80
  eth0        900      700      200      54,000        900          432k
  eth1        100      100        0       6,000        100         48.0k
get             7        7        0         700       6.54  6.54   5600M  payload \"GET \"
  eth0          7        7        0         420       7.00          3360
  eth1          0        0        0           0          0             0
";
        assert_eq!(text(&split_sample(), Room::default()), expected);
    }

    #[test]
    fn narrow_terminals_get_the_columns_of_most_use() {
        let expected = [
            "eth0 on xdp-native, after 1.0 s",
            "rule      packets  packets/s  peak  bits/s  last minute   filter",
            "(seen)  1,234,567",
            "syn         1,000       1000  1250    480k  ████████████  @syn and dst port 80",
            "get             7       6.54  6.54   5600M  ████████████  payload \"GET \"",
        ];
        assert_eq!(on_terminal(&sample(), 80, 24), expected);
        let expected = [
            "eth0 on xdp-native, after 1.0 s",
            "rule      packets  packets/s  peak",
            "(seen)  1,234,567",
            "syn         1,000       1000  1250",
            "get             7       6.54  6.54",
        ];
        assert_eq!(on_terminal(&sample(), 40, 24), expected);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let mut long = many(3);
        long.rules[1].name = "n".repeat(64);
        long.rules[1].filter = "host 192.0.2.1 or ".repeat(20) + "漢字";
        long.interfaces = vec!["a-long-name-0123".into(); 9];
        for snapshot in [&sample(), &split_sample(), &long, &many(100)] {
            for columns in 1..200 {
                for line in on_terminal(snapshot, columns, 24) {
                    assert!(width(&line) <= columns, "{columns}: {line:?}");
                    assert!(!line.ends_with(' '), "{columns}: {line:?}");
                }
            }
        }
        let narrow = on_terminal(&long, 80, 24).join("\n");
        assert!(narrow.contains("nnnn…  "), "{narrow}");
        let wide = on_terminal(&long, 160, 24).join("\n");
        assert!(
            wide.contains(&long.rules[1].name) && wide.contains("host 192.0.2.1 or host 192.0.2.…"),
            "{wide}"
        );
    }

    #[test]
    fn the_busiest_come_first_where_not_all_fit() {
        // All fit: in the order given.
        let lines = on_terminal(&many(21), 80, 24);
        assert_eq!(lines.len(), 24);
        assert!(lines[3].starts_with("rule-0 ") && lines[23].starts_with("rule-20"), "{lines:?}");
        let lines = on_terminal(&many(40), 80, 24);
        assert_eq!(lines.len(), 24);
        assert!(lines[3].starts_with("rule-39") && lines[22].starts_with("rule-20"), "{lines:?}");
        assert_eq!(lines[23], "… 20 of 40 rules hidden, the least busy");
        for height in 4..60 {
            assert!(on_terminal(&many(40), 80, height).len() <= height);
            assert!(on_terminal(&split_sample(), 80, height).len() <= height.max(FIXED + 1));
        }
        let lines = on_terminal(&split_sample(), 100, 8);
        assert_eq!(lines.last().unwrap(), "… the lines of each interface are hidden");
        // A file has room for all.
        assert_eq!(table(&many(100), None, Room::default()).len(), 103);
    }

    #[test]
    fn colours_show_roles_and_change_no_text() {
        let plain = on_terminal(&many(2), 80, 24);
        let mut history = History::default();
        history.add(Duration::from_secs(60), &[Counter { packets: 60, bytes: 0 }; 2]);
        let room = Room { columns: Some(80), lines: Some(24), colors: true };
        let colored = table(&many(2), Some(&history), room);
        // The first rule counted nothing: all but its minute is dim.
        assert!(colored[3].starts_with("\x1b[2mrule-0\x1b[0m"), "{:?}", colored[3]);
        assert!(colored[4].contains("\x1b[32m1.00\x1b[0m"), "{:?}", colored[4]);
        let strip = |line: &String| {
            line.split('\x1b')
                .map(|part| {
                    part.split_once('m').filter(|_| part.starts_with('[')).map_or(part, |it| it.1)
                })
                .collect::<String>()
        };
        assert_eq!(colored.iter().map(strip).collect::<Vec<_>>(), plain);
    }

    #[test]
    fn escapes_in_an_expression_are_neutralised() {
        let mut snapshot = sample();
        snapshot.rules[0].filter = "payload \"\x1b[2J\"".into();
        assert!(!text(&snapshot, Room::default()).contains('\x1b'));
    }
}
