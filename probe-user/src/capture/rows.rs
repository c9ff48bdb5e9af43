//! Frames as rows for scripts: JSON, an object a line, or CSV (RFC 4180).

use std::{borrow::Cow, fmt::Write as _};

use anyhow::Result;
use probe_frame::{Frame, Precision, WallTime};
use probe_print::{Place, Printer, Summary};

use super::{
    columns::{Column, Columns},
    marks::Marker,
};
use crate::{clock::rfc3339_ns, json, rules::Rule, text::csv_quoted};

/// What the columns mean. It becomes another one where a name gets another meaning or goes; not where one is
/// added.
const VERSION: u64 = 1;

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// An object a line.
    Json,
    /// A row a frame, below one that names the columns.
    Csv,
}

/// Rows in place of lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    /// How they are written.
    pub syntax: Syntax,
    /// What is in them.
    pub columns: Columns,
    /// What the column `rules` knows.
    pub rules: Vec<Rule>,
}

/// Makes rows.
pub(super) struct RowPrinter {
    syntax: Syntax,
    columns: Columns,
    /// Who knows which rules a frame matches, where that is shown.
    marker: Option<Marker>,
    /// Digits of the column `relative`.
    precision: Precision,
    /// Interfaces that frames may be of.
    places: Vec<Place>,
    printed: u64,
    first: Option<WallTime>,
    /// Scratch for the text of a line.
    info: Vec<u8>,
}

/// What stands in a column.
enum Value<'a> {
    /// Nothing: the frame has none.
    Absent,
    Number(u64),
    /// A number with a fraction, as it is written.
    Decimal(String),
    Text(Cow<'a, str>),
    /// Names, which need no quotes.
    Names(&'a [&'a str]),
}

impl RowPrinter {
    pub(super) fn new(
        Rows { syntax, columns, .. }: Rows,
        marker: Option<Marker>,
        precision: Precision,
        places: Vec<Place>,
    ) -> Self {
        let (printed, first, info) = (0, None, Vec::new());
        Self { syntax, columns, marker, precision, places, printed, first, info }
    }

    /// What stands above the first row.
    pub(super) fn head(&self) -> Vec<u8> {
        match self.syntax {
            Syntax::Json => Vec::new(),
            Syntax::Csv => {
                let headings: Vec<_> = self.columns.0.iter().map(|(heading, _)| *heading).collect();
                format!("{}\n", headings.join(",")).into_bytes()
            }
        }
    }

    /// Frames of one more interface may come; it takes the place of one with its index.
    pub(super) fn add_place(&mut self, place: Place) {
        self.places.retain(|known| known.index != place.index);
        self.places.push(place);
    }

    /// Appends the row of a frame.
    ///
    /// # Errors
    /// Those of [`Marker::names`].
    pub(super) fn print(
        &mut self,
        printer: &mut Printer,
        frame: &Frame<'_>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        self.printed += 1;
        let first = *self.first.get_or_insert(frame.time);
        self.info.clear();
        let summary = printer.describe(frame, &mut self.info);
        let rules: Vec<&str> = match &mut self.marker {
            Some(marker) => marker.names(frame)?.collect(),
            None => Vec::new(),
        };
        let row = Row {
            number: self.printed,
            since: relative(first, frame.time, self.precision),
            frame,
            summary: &summary,
            place: self.places.iter().find(|place| place.index == frame.ifindex),
            rules: &rules,
            info: &self.info,
        };
        match self.syntax {
            Syntax::Json => {
                for (index, &(heading, column)) in self.columns.0.iter().enumerate() {
                    out.extend_from_slice(if index == 0 { b"{\"" } else { b",\"" });
                    out.extend_from_slice(heading.as_bytes());
                    out.extend_from_slice(b"\":");
                    put_json(row.value(column), out);
                }
                out.extend_from_slice(b"}\n");
            }
            Syntax::Csv => {
                for (index, &(_, column)) in self.columns.0.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    put_csv(row.value(column), out);
                }
                out.push(b'\n');
            }
        }
        Ok(())
    }
}

/// A frame and what was found in it.
struct Row<'a> {
    number: u64,
    /// Seconds since the first frame.
    since: String,
    frame: &'a Frame<'a>,
    summary: &'a Summary,
    place: Option<&'a Place>,
    rules: &'a [&'a str],
    info: &'a [u8],
}

impl<'a> Row<'a> {
    fn value(&self, column: Column) -> Value<'a> {
        let Self { frame, summary, .. } = *self;
        let [source_port, destination_port] = match summary.ports {
            Some((from, to)) => [Some(from), Some(to)],
            None => [None, None],
        };
        match column {
            Column::Version => Value::Number(VERSION),
            Column::Time => Value::Text(rfc3339_ns(frame.time).into()),
            Column::Relative => Value::Decimal(self.since.clone()),
            Column::Number => Value::Number(self.number),
            Column::Interface => {
                let name = self.place.map(|place| place.name.as_str());
                text(name.or(summary.interface.as_deref()))
            }
            Column::Direction => {
                let outbound = frame.outbound.or(summary.outbound);
                text(outbound.map(|outbound| if outbound { "out" } else { "in" }))
            }
            Column::Length => Value::Number(frame.wire_len.into()),
            Column::Captured => Value::Number(frame.bytes.len() as u64),
            Column::Source => text(summary.source.map(|address| address.to_string())),
            Column::Destination => text(summary.destination.map(|address| address.to_string())),
            Column::SourcePort => number(source_port),
            Column::DestinationPort => number(destination_port),
            Column::Protocol => text(Some(&*summary.protocol).filter(|name| !name.is_empty())),
            Column::Flags => text(summary.flags.map(|flags| flags.to_string())),
            Column::Vlan => number(summary.vlan),
            Column::Rules => Value::Names(self.rules),
            Column::Info => Value::Text(String::from_utf8_lossy(self.info)),
            Column::Payload => {
                let bytes = summary.payload.clone().and_then(|place| frame.bytes.get(place));
                text(bytes.filter(|bytes| !bytes.is_empty()).map(hex))
            }
            Column::Frame => text(Some(hex(frame.bytes))),
        }
    }
}

fn text<'a>(value: Option<impl Into<Cow<'a, str>>>) -> Value<'a> {
    value.map_or(Value::Absent, |value| Value::Text(value.into()))
}

fn number(value: Option<u16>) -> Value<'static> {
    value.map_or(Value::Absent, |value| Value::Number(value.into()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Seconds from one time to another, which may be before it.
fn relative(first: WallTime, time: WallTime, precision: Precision) -> String {
    // As in text, the difference of what is shown of the two.
    let (unit, digits) = match precision {
        Precision::Micro => (1_000, 6),
        Precision::Nano => (1, 9),
    };
    let [from, to] = [first, time].map(|time| time.0 / unit);
    let (seconds, fraction) = (
        from.abs_diff(to) / (WallTime::SECOND / unit),
        from.abs_diff(to) % (WallTime::SECOND / unit),
    );
    let sign = if to < from { "-" } else { "" };
    format!("{sign}{seconds}.{fraction:0digits$}")
}

fn put_json(value: Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Absent => out.extend_from_slice(b"null"),
        Value::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::Decimal(text) => out.extend_from_slice(text.as_bytes()),
        Value::Text(text) => json::put_text(out, &text),
        Value::Names([]) => out.extend_from_slice(b"[]"),
        Value::Names(names) => {
            out.extend_from_slice(format!("[\"{}\"]", names.join("\",\"")).as_bytes());
        }
    }
}

fn put_csv(value: Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Absent => {}
        Value::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::Decimal(text) => out.extend_from_slice(text.as_bytes()),
        Value::Text(text) => out.extend_from_slice(csv_quoted(&text).as_bytes()),
        Value::Names(names) => out.extend_from_slice(names.join(" ").as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use probe_frame::{LinkType, VlanTag};
    use probe_print::Style;
    use testbed::{Frame as Built, Tcp, tcp_flags};

    use super::*;
    use crate::source::{Engine, Source};

    fn printed(syntax: Syntax, columns: &str, frames: &[Frame<'_>]) -> String {
        let columns = match (columns, syntax) {
            ("", Syntax::Json) => Columns::of_json(false),
            ("", Syntax::Csv) => Columns::of_csv(false),
            _ => columns.parse().unwrap(),
        };
        let place = Place { index: 3, name: "eth0".into(), address: None };
        let rules = vec!["web=vlan and port 80".parse().unwrap(), "udp=udp".parse().unwrap()];
        let source = Source::Stored { files: (), engine: Engine::User, user: None };
        let marker = Marker::new(&rules, &source, LinkType::Ethernet).unwrap();
        let rows = Rows { syntax, columns, rules };
        let mut rows = RowPrinter::new(rows, Some(marker), Precision::Micro, vec![place]);
        let mut printer = Printer::new(Style::default());
        let mut out = rows.head();
        frames.iter().for_each(|frame| rows.print(&mut printer, frame, &mut out).unwrap());
        String::from_utf8(out).unwrap()
    }

    fn syn() -> Vec<u8> {
        let (from, to) = ([192, 0, 2, 7].into(), [192, 0, 2, 1].into());
        let (source, destination, flags) = (40_000, 80, tcp_flags::SYN);
        let tcp = Tcp { source, destination, flags, ..Tcp::default() };
        let mut tagged = Vec::new();
        let tag = VlanTag { tpid: 0x8100, tci: 0x2007 };
        tag.put_back(&Built::ipv4(from, to).tcp(tcp).build(), &mut tagged);
        tagged
    }

    fn frame(bytes: &[u8], nanoseconds: u64) -> Frame<'_> {
        Frame {
            time: WallTime(1_795_244_401_000_000_000 + nanoseconds),
            wire_len: bytes.len() as u32,
            link: LinkType::Ethernet,
            bytes,
            ifindex: 3,
            outbound: Some(true),
        }
    }

    #[test]
    fn golden() {
        let bytes = syn();
        let all = printed(Syntax::Json, "", &[frame(&bytes, 42)]);
        let length = bytes.len();
        let info =
            printed(Syntax::Csv, "info", &[frame(&bytes, 42)]).lines().nth(1).unwrap().to_owned();
        let info = info.trim_matches('"');
        assert!(info.starts_with("IP 192.0.2.7.40000 > 192.0.2.1.80: Flags [S], seq "), "{info}");
        assert_eq!(
            all,
            format!(
                "{{\"version\":1,\"time\":\"2026-11-21T07:00:01.000000042Z\",\"number\":1,\
                 \"interface\":\"eth0\",\"direction\":\"out\",\"length\":{length},\"captured\":{length},\
                 \"src\":\"192.0.2.7\",\"sport\":40000,\"dst\":\"192.0.2.1\",\"dport\":80,\
                 \"protocol\":\"TCP\",\"flags\":\"S\",\"vlan\":7,\"info\":\"{info}\"}}\n"
            )
        );
        // What a frame does not have.
        let unknown = [[2u8; 12].as_slice(), &[0x7a, 0x7a, 1, 2]].concat();
        let unknown = Frame { ifindex: 9, outbound: None, ..frame(&unknown, 0) };
        let row = printed(
            Syntax::Csv,
            "interface,direction,src,sport,protocol,flags,vlan,payload",
            &[unknown],
        );
        assert_eq!(row.lines().nth(1), Some(",,02:02:02:02:02:02,,Ethernet,,,"));
        let nothing = Frame { bytes: &[], ..unknown };
        let row = printed(Syntax::Json, "protocol,info,frame", &[nothing]);
        assert_eq!(
            row,
            "{\"protocol\":null,\"info\":\"[Invalid header: caplen==0]\",\"frame\":\"\"}\n"
        );
    }

    #[test]
    fn rules_that_a_frame_matches() {
        let bytes = syn();
        let untagged = [&bytes[..12], &bytes[16..]].concat();
        let frames = [frame(&bytes, 0), frame(&untagged, 1)];
        let rows = printed(Syntax::Json, "number,rules", &frames);
        assert_eq!(rows, "{\"number\":1,\"rules\":[\"web\"]}\n{\"number\":2,\"rules\":[]}\n");
        assert_eq!(printed(Syntax::Csv, "rules,number", &frames), "rules,number\nweb,1\n,2\n");
    }

    #[test]
    fn chosen_columns_under_their_headings() {
        let bytes = syn();
        let frames = [frame(&bytes, 1_500), frame(&bytes, 2_001_001_000), frame(&bytes, 0)];
        let rows = printed(Syntax::Csv, "tshark", &frames);
        let mut lines = rows.lines();
        assert_eq!(lines.next(), Some("No.,Time,Source,Destination,Protocol,Length,Info"));
        assert!(lines.next().unwrap().starts_with("1,0.000000,192.0.2.7,192.0.2.1,TCP,"));
        assert!(lines.next().unwrap().starts_with("2,2.001000,"));
        assert!(lines.next().unwrap().starts_with("3,-0.000001,"));
    }
}
