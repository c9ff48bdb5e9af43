//! A snapshot as a table for people. On a terminal it is redrawn in place.

use std::fmt::Write as _;

use probe_frame::visible;

use super::snapshot::Snapshot;

/// Widest column of expressions; longer ones are cut, the JSON has them whole.
const FILTER_WIDTH: usize = 48;

/// The table.
pub fn table(snapshot: &Snapshot) -> Vec<u8> {
    let mut rows =
        vec![["rule", "packets", "bytes", "packets/s", "bits/s", "filter"].map(String::from)];
    rows.push([
        "(seen)".into(),
        grouped(snapshot.seen.packets),
        grouped(snapshot.seen.bytes),
        String::new(),
        String::new(),
        String::new(),
    ]);
    for row in &snapshot.rules {
        rows.push([
            row.name.clone(),
            grouped(row.total.packets),
            grouped(row.total.bytes),
            si(row.pps),
            si(row.bps),
            shortened(&visible(&row.filter)),
        ]);
    }
    let widths: [usize; 6] = std::array::from_fn(|column| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)
    });
    let mut out = String::new();
    let seconds = snapshot.elapsed.as_secs_f64();
    let total = if snapshot.last { "total after" } else { "after" };
    let _ = writeln!(
        out,
        "{} on {}, {total} {seconds:.1} s",
        visible(&snapshot.interfaces.join(", ")),
        snapshot.hook
    );
    for row in &rows {
        let mut line = format!("{:<width$}", row[0], width = widths[0]);
        for column in 1..5 {
            let _ = write!(line, "  {:>width$}", row[column], width = widths[column]);
        }
        let _ = write!(line, "  {}", row[5]);
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out.into_bytes()
}

/// What goes before a table to draw it over the one before, which had `lines` lines.
pub fn over(lines: usize) -> Vec<u8> {
    // Up, to the first column, and erase to the end of the screen.
    format!("\x1b[{lines}A\r\x1b[J").into_bytes()
}

/// Digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Three or four digits and a factor.
pub fn si(value: f64) -> String {
    let mut value = value;
    let mut factor = "";
    for next in ["k", "M", "G", "T"] {
        // 9,999 stays as it is: most rates that people look at are below it.
        if value < 9_999.5 {
            break;
        }
        value /= 1000.0;
        factor = next;
    }
    let digits = if value < 9.995 {
        2
    } else if value < 99.95 {
        1
    } else {
        0
    };
    format!("{value:.digits$}{factor}")
}

fn shortened(text: &str) -> String {
    if text.chars().count() > FILTER_WIDTH {
        text.chars().take(FILTER_WIDTH - 3).chain("...".chars()).collect()
    } else {
        text.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::snapshot::tests::sample, *};

    #[test]
    fn golden() {
        let expected = "\
eth0 on xdp-native, after 1.0 s
rule      packets       bytes  packets/s  bits/s  filter
(seen)  1,234,567  98,765,432
syn         1,000      60,000       1000    480k  @syn and dst port 80
get             7         700       6.54   5600M  payload \"GET \"
";
        assert_eq!(String::from_utf8(table(&sample())).unwrap(), expected);
    }

    #[test]
    fn numbers() {
        for (value, text) in [
            (0.0, "0.00"),
            (9.994, "9.99"),
            (9.996, "10.0"),
            (99.96, "100"),
            (9_999.0, "9999"),
            (10_000.0, "10.0k"),
            (123_456_789.0, "123M"),
            (1e16, "10000T"),
        ] {
            assert_eq!(si(value), text);
        }
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(18_446_744_073_709_551_615), "18,446,744,073,709,551,615");
    }

    #[test]
    fn escapes_in_an_expression_are_neutralised() {
        let mut snapshot = sample();
        snapshot.rules[0].filter = "payload \"\x1b[2J\"".into();
        assert!(!table(&snapshot).contains(&0x1b));
    }
}
