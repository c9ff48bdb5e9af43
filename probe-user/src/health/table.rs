//! A report as a table for people: for each port a line of numbers and one with the evidence.

use anstyle::{AnsiColor, Effects, Style};
use probe_frame::visible;

use super::{
    report::{Port, Report},
    verdict::{Times, Verdict, time},
};
use crate::{
    screen::Room,
    text::{cut, grouped, si, width},
};

/// Columns between two columns.
const GAP: usize = 2;
/// The evidence stands below the verdict.
const INDENT: &str = "  ";

/// A column: its head, and what stands in it.
struct Column {
    head: &'static str,
    text: fn(&Port) -> String,
    /// The first ones are kept where there is not room for all.
    use_: u8,
}

const COLUMNS: [Column; 17] = [
    column("port", 0, |port| port.service.to_string()),
    column("verdict", 0, |port| port.verdict.to_string()),
    column("SYN/s", 1, |port| si(port.asked_per_second)),
    column("answered", 3, |port| grouped(port.counts.answered)),
    column("completed", 2, |port| grouped(port.counts.completed)),
    column("refused", 6, |port| grouped(port.counts.refused)),
    column("rejected", 6, |port| grouped(port.counts.rejected)),
    column("unanswered", 5, |port| grouped(port.counts.unanswered)),
    column("half-open", 4, |port| grouped(port.counts.half_open)),
    column("again", 7, |port| grouped(port.counts.retransmitted)),
    column("handshake", 3, |port| quantile(&port.handshake, port.handshake.p50_us)),
    column("p90", 8, |port| quantile(&port.handshake, port.handshake.p90_us)),
    column("p99", 9, |port| quantile(&port.handshake, port.handshake.p99_us)),
    column("first byte", 2, |port| quantile(&port.first_byte, port.first_byte.p50_us)),
    column("p90", 7, |port| quantile(&port.first_byte, port.first_byte.p90_us)),
    column("p99", 8, |port| quantile(&port.first_byte, port.first_byte.p99_us)),
    column("2xx/3xx/4xx/5xx", 10, http),
];

const fn column(head: &'static str, use_: u8, text: fn(&Port) -> String) -> Column {
    Column { head, text, use_ }
}

fn quantile(times: &Times, us: f64) -> String {
    if times.n == 0 { String::new() } else { time(us) }
}

fn http(port: &Port) -> String {
    let [informational, classes @ ..] = port.counts.http;
    if informational + classes.iter().sum::<u64>() == 0 {
        return String::new();
    }
    classes.map(grouped).join("/")
}

/// The lines of the table.
pub fn table(report: &Report, room: Room) -> Vec<String> {
    let columns = room.columns.unwrap_or(usize::MAX);
    let total = if report.last { "total after" } else { "after" };
    let interfaces = visible(&report.interfaces.join(", "));
    let seconds = report.elapsed.as_secs_f64();
    let mut title = format!("{interfaces} on {}, {total} {seconds:.1} s", report.hook);
    if report.followed.one_in > 1 {
        title +=
            &format!("; 1 connection in {} is followed", grouped(report.followed.one_in.into()));
    }
    if report.followed.lost > 0 {
        title += &format!("; {} segments lost", grouped(report.followed.lost));
    }
    let mut lines = vec![cut(&title, columns)];
    // A line is left for what does not fit.
    let most = room.lines.map_or(usize::MAX, |lines| lines.saturating_sub(3) / 2);
    let shown = report.ports.get(..most).unwrap_or(&report.ports);
    let kept = fitting(shown, columns);
    let row = |cells: Vec<String>, style: fn(usize) -> Style| {
        let mut line = String::new();
        let mut blanks = 0;
        for (place, ((_, wide), text)) in kept.iter().zip(cells).enumerate() {
            let text = cut(&text, *wide);
            let pad = wide - width(&text);
            // Words begin at the left, numbers end at the right.
            let (before, after) = if place < 2 { (0, pad) } else { (pad, 0) };
            if !text.is_empty() {
                line.extend(std::iter::repeat_n(' ', blanks + before));
                blanks = 0;
                line += &painted(&text, style(place), room.colors);
            } else {
                blanks += before;
            }
            blanks += after + GAP;
        }
        line
    };
    lines.push(row(kept.iter().map(|(column, _)| column.head.into()).collect(), |_| HEAD));
    for port in shown {
        let cells = kept.iter().map(|(column, _)| (column.text)(port)).collect();
        lines.push(row(cells, style_of(port.verdict)));
        let why = cut(&format!("{INDENT}{}", visible(&port.why)), columns);
        lines.push(painted(&why, QUIET, room.colors));
    }
    if shown.len() < report.ports.len() {
        let hidden = report.ports.len() - shown.len();
        lines.push(cut(&format!("… {hidden} of {} ports hidden", report.ports.len()), columns));
    }
    lines
}

/// The columns that there is room for, and their widths.
fn fitting(ports: &[Port], room: usize) -> Vec<(&'static Column, usize)> {
    let wide = |column: &Column| {
        let cells = ports.iter().map(|port| width(&(column.text)(port)));
        cells.chain([width(column.head)]).max().unwrap_or(0)
    };
    let mut by_use: Vec<(usize, &Column)> = COLUMNS.iter().enumerate().collect();
    by_use.sort_by_key(|(_, column)| column.use_);
    let mut left = room.saturating_add(GAP);
    let mut kept: Vec<(usize, &'static Column, usize)> = Vec::new();
    for (place, column) in by_use {
        // A column of quantiles without times says nothing.
        let is_empty = ports.iter().all(|port| (column.text)(port).is_empty());
        let wide = wide(column).min(room);
        if is_empty && !ports.is_empty() {
            continue;
        }
        let Some(rest) = left.checked_sub(wide + GAP) else { break };
        left = rest;
        kept.push((place, COLUMNS.get(place).unwrap_or(column), wide));
    }
    kept.sort_by_key(|(place, ..)| *place);
    kept.into_iter().map(|(_, column, wide)| (column, wide)).collect()
}

const HEAD: Style = Style::new().effects(Effects::BOLD);
const QUIET: Style = Style::new().effects(Effects::DIMMED);

/// The verdict has a colour: green for what is well, red for what is not.
fn style_of(verdict: Verdict) -> fn(usize) -> Style {
    const VERDICT: usize = 1;
    fn colored(place: usize, color: AnsiColor) -> Style {
        let color = Some(anstyle::Color::Ansi(color)).filter(|_| place == VERDICT);
        Style::new().fg_color(color)
    }
    match verdict {
        Verdict::Healthy => |place| colored(place, AnsiColor::Green),
        Verdict::Quiet => |_| QUIET,
        Verdict::Slow => |place| colored(place, AnsiColor::Yellow),
        Verdict::Closed | Verdict::Firewalled | Verdict::Flooded | Verdict::Overloaded => {
            |place| colored(place, AnsiColor::Red)
        }
    }
}

fn painted(text: &str, style: Style, colors: bool) -> String {
    let style = if colors && !text.is_empty() { style } else { Style::new() };
    format!("{style}{text}{style:#}")
}

#[cfg(test)]
mod tests {
    use super::{super::report::tests::sample, *};

    fn on_terminal(report: &Report, columns: usize, lines: usize) -> Vec<String> {
        table(report, Room { columns: Some(columns), lines: Some(lines), colors: false })
    }

    #[test]
    fn golden() {
        let expected = [
            "eth0 on tcx, after 10.0 s",
            "port  verdict  SYN/s  answered  completed  unanswered  half-open  handshake  first byte",
        ];
        let lines = on_terminal(&sample(), 90, 24);
        assert_eq!(lines[..2], expected, "{}", lines.join("\n"));
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let mut report = sample();
        report.followed.one_in = 1024;
        report.ports[0].why = "漢字".repeat(60);
        for columns in 1..200 {
            for line in on_terminal(&report, columns, 24) {
                assert!(width(&line) <= columns, "{columns}: {line:?}");
                assert!(!line.ends_with(' '), "{columns}: {line:?}");
            }
        }
    }

    #[test]
    fn ports_that_do_not_fit_are_counted() {
        let mut report = sample();
        report.ports = (0..40).map(|_| report.ports[0].clone()).collect();
        let lines = on_terminal(&report, 80, 24);
        assert_eq!(lines.len(), 23);
        assert_eq!(lines[22], "… 30 of 40 ports hidden");
        for height in 3..100 {
            assert!(on_terminal(&report, 80, height).len() <= height);
        }
    }

    #[test]
    fn colours_change_no_text() {
        let plain = on_terminal(&sample(), 80, 24);
        let colored = table(&sample(), Room { columns: Some(80), lines: Some(24), colors: true });
        assert!(colored[2].contains("\x1b[32mhealthy\x1b[0m"), "{:?}", colored[2]);
        let strip = |line: &String| {
            line.split('\x1b')
                .map(|part| {
                    part.split_once('m').filter(|_| part.starts_with('[')).map_or(part, |it| it.1)
                })
                .collect::<String>()
        };
        assert_eq!(colored.iter().map(strip).collect::<Vec<_>>(), plain);
    }
}
