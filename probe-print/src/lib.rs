//! Frames as text, in tcpdump's form: what reads tcpdump's lines reads these.
//!
//! What serves all of them is here; the folders have a file (or a folder) for each protocol, by
//! layer: `link`, `network`, `tunnel`, `transport`, `routing`, `services`. A printer gets the
//! bytes it may look at and the length that the layer below claims, writes what it knows, and
//! hands on to the next. No bytes can make a printer fail.
//!
//! A printer that stops before its end returns a `Stop` (`bytes.rs`), which says why, and so is
//! straight code:
//!
//! ```ignore
//! fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
//!     t.protocol = "example";
//!     put!(t, "EXAMPLE, kind {}", p.u8(0)?); // not captured: `[|example]` ends the line
//!     p.need(0, HEADER)?;                    // ... or ends this packet alone
//!     let mut fields = Fields::new(p.from(HEADER), length - HEADER);
//!     fields.claimed(4)?;                    // the length is too small for the next field
//!     if fields.u32()? == 0 {
//!         return Err(Stop::Invalid);         // `(invalid)`, which ends this packet
//!     }
//!     t.part(|t| options(t, fields))?;       // options that stop early end alone
//!     put!(t, ", length {length}");
//!     Ok(())
//! }
//! ```
//!
//! No I/O, no threads and no clock: names come through [`Names`], the time zone is passed in.

#![forbid(unsafe_code)]
// That no bytes can make a printer fail is a lint here, and not a hope.
#![deny(clippy::indexing_slicing, clippy::string_slice)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable)]

mod address;
mod assigned_numbers;
mod bytes;
mod checksum;
mod color;
mod dump;
mod memory;
mod names;
mod ouis;
mod place;
mod protocol_names;
mod summary;
mod template;
mod text;
mod time;

mod link;
mod network;
mod routing;
mod services;
mod transport;
mod tunnel;

use jiff::tz::TimeZone;
use probe_frame::{Frame, LinkType, MAX_FRAME, Precision};

pub use dump::Dump;
pub use names::{Names, Numbers, Transport};
pub use place::Place;
pub use protocol_names::protocol_name;
pub use summary::{Address, Summary, TcpFlags};
pub use time::TimeStyle;

use bytes::{Bytes, Stop};
use color::Tint;
use link::{bsd, cooked, ethernet, ppp, pppoe};
use memory::Memory;
use network::ip;
use text::{Text, put};
use time::TimePrinter;

/// How frames are shown: tcpdump's flags.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    /// `-e`: the link-layer header.
    pub link_header: bool,
    /// `-q`: less.
    pub quiet: bool,
    /// `-v`, `-vv`, `-vvv`: more.
    pub verbose: u8,
    /// `-S`: absolute sequence numbers.
    pub absolute_sequence: bool,
    /// `-b`: AS numbers of BGP as two halves.
    pub as_dot: bool,
    /// `-K`: checksums are not verified.
    pub no_checksums: bool,
    /// `-t` to `-ttttt`.
    pub time: TimeStyle,
    /// Fraction of a second.
    pub precision: Precision,
    /// `-x`, `-X`, `-A`.
    pub dump: Dump,
    /// `--number`.
    pub number: bool,
    /// `--lengths`.
    pub lengths: bool,
    /// `--color`: escapes for a terminal.
    pub color: bool,
}

/// Turns frames into lines. Keeps what one line needs of those before it: sequence
/// numbers of TCP connections and the time of the frame before.
pub struct Printer {
    style: Style,
    time: TimePrinter,
    memory: Memory,
    names: Box<dyn Names + Send>,
    zone: TimeZone,
    printed: u64,
    places: Vec<Place>,
    interfaces: Box<dyn FnMut(u32) -> Option<String> + Send>,
}

impl Printer {
    /// A printer without names, in UTC.
    pub fn new(style: Style) -> Self {
        Self {
            style,
            time: TimePrinter::new(style.time, style.precision),
            memory: Memory::default(),
            names: Box::new(Numbers),
            zone: TimeZone::UTC,
            printed: 0,
            places: Vec::new(),
            interfaces: Box::new(|_| None),
        }
    }

    /// Makes it show names in place of numbers.
    #[must_use]
    pub fn with_names(self, names: Box<dyn Names + Send>) -> Self {
        Self { names, ..self }
    }

    /// Makes it show local times in a zone.
    #[must_use]
    pub fn in_zone(self, zone: TimeZone) -> Self {
        Self { zone, ..self }
    }

    /// Makes it tell of which interface each frame is, and which way it went.
    #[must_use]
    pub fn with_places(self, places: Vec<Place>) -> Self {
        Self { places, ..self }
    }

    /// As [`with_places`](Self::with_places), of one more; it takes the place of one with its index.
    pub fn add_place(&mut self, place: Place) {
        self.places.retain(|known| known.index != place.index);
        self.places.push(place);
    }

    /// Makes it show the names of interfaces whose numbers stand in frames
    /// ([`LinuxSll2`](LinkType::LinuxSll2)). They are printed as they are; without one, `?` is.
    #[must_use]
    pub fn with_interfaces(self, of: Box<dyn FnMut(u32) -> Option<String> + Send>) -> Self {
        Self { interfaces: of, ..self }
    }

    /// Appends the line (or lines) of a frame.
    pub fn print(&mut self, frame: &Frame<'_>, out: &mut Vec<u8>) {
        self.printed += 1;
        let line = out.len();
        if self.style.number {
            put!(out, "{:>5}  ", self.printed);
        }
        let captured = frame.bytes.len();
        if self.style.lengths {
            put!(out, "caplen {captured} len {} ", frame.wire_len);
        }
        if let Some(complaint) = invalid_header(captured, frame.wire_len) {
            put!(out, "[Invalid header:{complaint}]\n");
            return;
        }
        self.time.print(frame.time, &self.zone, out);
        place::print(&self.places, frame, out);
        let body = out.len();
        let Body { header, tint, .. } = self.body(frame, out);
        let end = out.len();
        dump::print(self.style.dump, frame.bytes, header, out);
        if self.style.color {
            color::paint(out, line, body, end, tint);
        }
        out.push(b'\n');
    }

    /// Appends the text of a frame's line alone, and says what the frame's headers say. There is no number, no
    /// length, no time, no interface, no dump, no colour and no end of the line.
    pub fn describe(&mut self, frame: &Frame<'_>, out: &mut Vec<u8>) -> Summary {
        if let Some(complaint) = invalid_header(frame.bytes.len(), frame.wire_len) {
            put!(out, "[Invalid header:{complaint}]");
            return Summary::default();
        }
        self.body(frame, out).summary
    }

    /// Appends the text of a line.
    fn body(&mut self, frame: &Frame<'_>, out: &mut Vec<u8>) -> Body {
        let mut text =
            Text::new(out, &self.style, &mut self.memory, &*self.names, &self.zone, frame.bytes);
        let bytes = Bytes::new(frame.bytes);
        let length = frame.wire_len as usize;
        let t = &mut text;
        let header = match frame.link {
            LinkType::Ethernet => ethernet::print(t, bytes, length),
            LinkType::Raw | LinkType::Ipv4 | LinkType::Ipv6 => {
                t.part(|t| raw(t, bytes, length)).map(|()| 0)
            }
            LinkType::LinuxSll => cooked::print(t, bytes, length),
            LinkType::LinuxSll2 => cooked::print2(t, bytes, length, &mut self.interfaces),
            LinkType::Null | LinkType::Loop => bsd::print(t, bytes, length),
            LinkType::Ppp => ppp::frame(t, bytes, length),
            LinkType::PppSerial => ppp::serial(t, bytes, length),
            LinkType::PppEther => pppoe::frame(t, bytes, length),
        };
        // Where the captured bytes end inside of it, a dump shows all of the frame.
        let header = header.unwrap_or_else(|_| {
            text.truncated();
            0
        });
        let Text { tint, mut summary, protocol, .. } = text;
        summary.protocol = summary::protocol(protocol, summary.ports);
        Body { header, tint, summary }
    }
}

/// What the text of a line leaves to be said.
struct Body {
    /// Bytes of the link-layer header.
    header: usize,
    tint: Tint,
    summary: Summary,
}

/// What tcpdump says of a record whose lengths make no sense.
fn invalid_header(captured: usize, wire_len: u32) -> Option<String> {
    let mut complaints = Vec::new();
    if captured == 0 {
        complaints.push(" caplen==0".to_string());
    }
    if wire_len == 0 {
        complaints.push(" len==0".to_string());
    } else if (wire_len as usize) < captured {
        complaints.push(format!(" len({wire_len}) < caplen({captured})"));
    }
    if captured > MAX_FRAME as usize {
        complaints.push(format!(" caplen({captured}) > {MAX_FRAME}"));
    }
    if wire_len > MAX_FRAME {
        complaints.push(format!(" len({wire_len}) > {MAX_FRAME}"));
    }
    (!complaints.is_empty()).then(|| complaints.join(","))
}

/// A frame that begins with an IP header.
fn raw(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "raw";
    if t.style.link_header {
        put!(t, "ip: ");
    }
    ip::any(t, p, length)
}
