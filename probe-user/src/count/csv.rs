//! A snapshot as CSV (RFC 4180): one row for each rule, so that the number of columns
//! does not depend on the number of rules. Where interfaces or directions are counted apart, a row
//! for each of them follows that of the rule, and names it in the last two columns.

use std::fmt::Write as _;

use probe_common::Counter;
use probe_frame::visible_lines;

use super::snapshot::{Count, Part, Snapshot};
use crate::clock::rfc3339_ms;

/// The first line.
pub const HEAD: &str = "time,elapsed,final,hook,interfaces,seen_packets,seen_bytes,\
                        rule,filter,packets,bytes,pps,bps,peak_pps,interface,direction\n";

/// The rows of one snapshot.
pub fn rows(snapshot: &Snapshot) -> Vec<u8> {
    let mut out = String::new();
    let time = rfc3339_ms(snapshot.time);
    let elapsed = snapshot.elapsed.as_secs_f64();
    let interfaces = quoted(&snapshot.interfaces.join(" "));
    let (last, hook) = (snapshot.last, quoted(&snapshot.hook));
    for row in &snapshot.rules {
        let (name, filter) = (quoted(&row.name), quoted(&row.filter));
        let mut put = |seen: Counter, count: Count, peak: Option<f64>, part: Option<&Part>| {
            let Count { total, pps, bps } = count;
            let peak = peak.map(|peak| format!("{peak:.3}")).unwrap_or_default();
            let interface = part.map(|part| quoted(&part.interface)).unwrap_or_default();
            let direction = part.map(Part::direction).unwrap_or_default();
            let _ = writeln!(
                out,
                "{time},{elapsed:.3},{last},{hook},{interfaces},{},{},{name},{filter},{},{},\
                 {pps:.3},{bps:.3},{peak},{interface},{direction}",
                seen.packets, seen.bytes, total.packets, total.bytes,
            );
        };
        put(snapshot.seen, row.count, row.peak_pps, None);
        for (part, &count) in snapshot.parts.iter().zip(&row.parts) {
            put(part.seen, count, None, Some(part));
        }
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
    use super::{
        super::snapshot::tests::{sample, split_sample},
        *,
    };

    #[test]
    fn golden() {
        let expected = concat!(
            "2026-11-21T07:00:01.000Z,1.000,false,xdp-native,eth0,1234567,98765432,",
            "syn,@syn and dst port 80,1000,60000,1000.000,480000.000,1250.000,,\n",
            "2026-11-21T07:00:01.000Z,1.000,false,xdp-native,eth0,1234567,98765432,",
            "get,\"payload \"\"GET \"\"\",7,700,6.543,5600000000.000,6.543,,\n",
        );
        assert_eq!(String::from_utf8(rows(&sample())).unwrap(), expected);
        assert_eq!(HEAD.split(',').count(), 16);
    }

    #[test]
    fn interfaces_and_directions_apart() {
        let text = String::from_utf8(rows(&split_sample())).unwrap();
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows.len(), 8);
        let common = "2026-11-21T07:00:01.000Z,1.000,false,xdp-native,eth0 eth1,";
        let rest = "300000,18000000,syn,@syn and dst port 80,200,12000,200.000,96000.000,,eth0,out";
        assert_eq!(rows[2], format!("{common}{rest}"));
        assert!(rows.iter().all(|row| row.split(',').count() == 16), "{text}");
    }
}
