//! A snapshot as CSV (RFC 4180): one row for each rule, so that the number of columns
//! does not depend on the number of rules.

use std::fmt::Write as _;

use probe_frame::visible_lines;

use super::snapshot::Snapshot;
use crate::clock::rfc3339_ms;

/// The first line.
pub const HEAD: &str = "time,elapsed,final,hook,interfaces,seen_packets,seen_bytes,\
                        rule,filter,packets,bytes,pps,bps\n";

/// The rows of one snapshot.
pub fn rows(snapshot: &Snapshot) -> Vec<u8> {
    let mut out = String::new();
    let time = rfc3339_ms(snapshot.time);
    let elapsed = snapshot.elapsed.as_secs_f64();
    let interfaces = quoted(&snapshot.interfaces.join(" "));
    for row in &snapshot.rules {
        let _ = writeln!(
            out,
            "{time},{elapsed:.3},{},{},{interfaces},{},{},{},{},{},{},{:.3},{:.3}",
            snapshot.last,
            quoted(&snapshot.hook),
            snapshot.seen.packets,
            snapshot.seen.bytes,
            quoted(&row.name),
            quoted(&row.filter),
            row.total.packets,
            row.total.bytes,
            row.pps,
            row.bps,
        );
    }
    out.into_bytes()
}

/// A field. The ends of lines in it stay, as RFC 4180 has them; other control characters become
/// [visible](visible_lines).
fn quoted(text: &str) -> String {
    let text = visible_lines(text);
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::{super::snapshot::tests::sample, *};

    #[test]
    fn golden() {
        let expected = concat!(
            "2026-11-21T07:00:01.000Z,1.000,false,xdp-native,eth0,1234567,98765432,",
            "syn,@syn and dst port 80,1000,60000,1000.000,480000.000\n",
            "2026-11-21T07:00:01.000Z,1.000,false,xdp-native,eth0,1234567,98765432,",
            "get,\"payload \"\"GET \"\"\",7,700,6.543,5600000000.000\n",
        );
        assert_eq!(String::from_utf8(rows(&sample())).unwrap(), expected);
        assert_eq!(HEAD.split(',').count(), 13);
    }
}
