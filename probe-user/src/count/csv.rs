//! A snapshot as CSV (RFC 4180): one row for each rule, so that the number of columns
//! does not depend on the number of rules. Where interfaces or directions are counted apart, a row
//! for each of them follows that of the rule, and names it in two columns.
//!
//! Where rules have lists, there are more columns, the first of which says what a row is about; rows
//! of the lists follow those of their rule.

use std::fmt::Write as _;

use probe_common::Counter;
use probe_sketch::Estimate;

use super::{
    lists::{Different, KeyRow, Top},
    snapshot::{Count, Part, Snapshot},
};
use crate::{clock::rfc3339_ms, text::csv_field};

const HEAD: &str = "time,elapsed,final,hook,interfaces,seen_packets,seen_bytes,\
                    rule,filter,packets,bytes,pps,bps,peak_pps,interface,direction";
/// What a row is about: `rule`, or of a list `key`, `other`, `without` or `distinct`.
const LIST_HEAD: &str = ",kind,by,key,name,low,high,share,distinct,interval,minute";
/// Its columns that are empty but for the first one.
const OF_RULE: &str = ",rule,,,,,,,,,";

/// The first line, of rules with lists or without.
pub fn head(has_lists: bool) -> String {
    format!("{HEAD}{}\n", if has_lists { LIST_HEAD } else { "" })
}

/// The rows of one snapshot.
pub fn rows(snapshot: &Snapshot, has_lists: bool) -> Vec<u8> {
    let of_rule = if has_lists { OF_RULE } else { "" };
    let mut out = String::new();
    let time = rfc3339_ms(snapshot.time);
    let elapsed = snapshot.elapsed.as_secs_f64();
    let interfaces = csv_field(&snapshot.interfaces.join(" "));
    let (last, hook) = (snapshot.last, csv_field(&snapshot.hook));
    for row in &snapshot.rules {
        let (name, filter) = (csv_field(&row.name), csv_field(&row.filter));
        let mut put = |seen: Counter, count: Count, peak: Option<f64>, part: Option<&Part>| {
            let Count { total, pps, bps } = count;
            let peak = peak.map(|peak| format!("{peak:.3}")).unwrap_or_default();
            let interface = part.map(|part| csv_field(&part.interface)).unwrap_or_default();
            let direction = part.map(Part::direction).unwrap_or_default();
            let _ = writeln!(
                out,
                "{time},{elapsed:.3},{last},{hook},{interfaces},{},{},{name},{filter},{},{},\
                 {pps:.3},{bps:.3},{peak},{interface},{direction}{of_rule}",
                seen.packets, seen.bytes, total.packets, total.bytes,
            );
        };
        put(snapshot.seen, row.count, row.peak_pps, None);
        for (part, &count) in snapshot.parts.iter().zip(&row.parts) {
            put(part.seen, count, None, Some(part));
        }
        let seen = snapshot.seen;
        let common = format!(
            "{time},{elapsed:.3},{last},{hook},{interfaces},{},{},{name},{filter}",
            seen.packets, seen.bytes
        );
        row.lists.top.iter().for_each(|top| put_top(&mut out, &common, top));
        for different in &row.lists.distinct {
            let Different { by, since_start, interval, minute, .. } = different;
            let Estimate { estimate, low, high } = since_start;
            let (by, interval, minute) = (csv_field(by), interval.estimate, minute.estimate);
            let _ = writeln!(
                out,
                "{common},,,,,,,,distinct,{by},,,{low},{high},,{estimate},{interval},{minute}"
            );
        }
    }
    out.into_bytes()
}

/// The rows of a list: its keys, the other ones, and the packets without one.
fn put_top(out: &mut String, common: &str, top: &Top) {
    let by = csv_field(&top.by);
    for row in &top.keys {
        let Count { total, pps, bps } = row.count;
        let (key, name) = (csv_field(&row.key), csv_field(row.name.as_deref().unwrap_or_default()));
        let KeyRow { low, high, share, .. } = row;
        let _ = writeln!(
            out,
            "{common},{},{},{pps:.3},{bps:.3},,,,key,{by},{key},{name},{low},{high},{share:.6},,,",
            total.packets, total.bytes,
        );
    }
    for (kind, packets) in [("other", top.other), ("without", top.without)] {
        let _ = writeln!(out, "{common},{packets},,,,,,,{kind},{by},,,,,,,,");
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::snapshot::tests::{listed_sample, sample, split_sample},
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
        assert_eq!(String::from_utf8(rows(&sample(), false)).unwrap(), expected);
        assert_eq!(head(false).split(',').count(), 16);
    }

    #[test]
    fn lists_have_rows_behind_their_rule() {
        let text = String::from_utf8(rows(&listed_sample(), true)).unwrap();
        let common = "2026-11-21T07:00:01.000Z,1.000,false,xdp-native,eth0,1234567,98765432,\
                      syn,@syn and dst port 80,";
        let expected = [
            "1000,60000,1000.000,480000.000,1250.000,,,rule,,,,,,,,,",
            "600,36000,600.000,288000.000,,,,key,src,192.0.2.1,a.example,600,600,0.600000,,,",
            "123,7380,23.500,11280.000,,,,key,src,2001:db8::1,,120,140,0.123000,,,",
            "270,,,,,,,other,src,,,,,,,,",
            "7,,,,,,,without,src,,,,,,,,",
            ",,,,,,,distinct,src,,,98,103,,100,20,90",
        ];
        let lines: Vec<&str> = text.lines().collect();
        for (line, expected) in lines.iter().zip(expected) {
            assert_eq!(*line, format!("{common}{expected}"));
        }
        // Those of the other rule, which has no list, are as long.
        assert_eq!(lines.len(), 7);
        let columns = head(true).split(',').count();
        assert_eq!(columns, 26);
        assert!(lines.iter().all(|line| line.split(',').count() == columns), "{text}");
    }

    #[test]
    fn interfaces_and_directions_apart() {
        let text = String::from_utf8(rows(&split_sample(), false)).unwrap();
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows.len(), 8);
        let common = "2026-11-21T07:00:01.000Z,1.000,false,xdp-native,eth0 eth1,";
        let rest = "300000,18000000,syn,@syn and dst port 80,200,12000,200.000,96000.000,,eth0,out";
        assert_eq!(rows[2], format!("{common}{rest}"));
        assert!(rows.iter().all(|row| row.split(',').count() == 16), "{text}");
    }
}
