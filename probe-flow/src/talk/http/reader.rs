//! One direction of HTTP/1 (RFC 9112): where messages begin and end, and the lines of their heads.

use probe_frame::WallTime;

use super::super::{sniff, stream::Piece};
use crate::connection::Offset;

/// Bytes of a line that are kept; what is longer is cut.
const MAX_LINE: usize = 4096;
/// Bytes of a head; behind them the message's end is unknown.
const MAX_HEAD: usize = 256 << 10;

/// Which messages a direction has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Requests,
    Responses,
}

/// How long a message's body is, as its head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes.
    Length(u64),
    /// Chunks that say their lengths.
    Chunked,
    /// All until the connection ends.
    UntilClose,
    /// What follows is not HTTP/1 any more.
    Another,
}

/// What happens in a direction, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// The first line of a message, without its end. `time` is that of its first byte, `behind_gap`:
    /// it is unknown what was in front.
    /// Where it is not one of HTTP/1, the answer says that something else follows.
    First { line: &'a [u8], start: Offset, time: WallTime, behind_gap: bool },
    /// A field line of its head.
    Field(&'a [u8]),
    /// The head is complete: the answer says how the body ends.
    HeadEnd,
    /// The message is complete: its body had so many bytes.
    End { body: u64 },
    /// Bytes are missing, so that its end is unknown; so many bytes of the body are known of.
    Cut { body: u64 },
}

/// Where in a message the reader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In front of one.
    Between,
    /// In its first line.
    First,
    /// In another line of its head.
    Fields,
    /// In a body with so many bytes to come.
    Body(u64),
    /// In the line with a chunk's size.
    ChunkSize,
    /// In a chunk with so many bytes to come, its line's end among them.
    Chunk(u64),
    /// In the lines behind the last chunk.
    Trailer,
    /// In a body that ends with the connection.
    UntilClose,
    /// It is unknown where: a segment that looks like the beginning of a message is taken for one.
    Lost,
    /// What follows is not read.
    Over,
}

/// A direction's reader.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    kind: Kind,
    state: State,
    line: Vec<u8>,
    /// Where in the stream the message's first byte is, and when that was seen.
    start: Offset,
    begun: WallTime,
    /// Bytes of the head so far.
    head: usize,
    /// Bytes of the body so far, without the chunks' frames.
    body: u64,
    behind_gap: bool,
}

impl Reader {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            state: State::Between,
            line: Vec::new(),
            start: 0,
            begun: WallTime::default(),
            head: 0,
            body: 0,
            behind_gap: false,
        }
    }

    /// A reader that is somewhere in a stream.
    pub(super) fn lost(kind: Kind) -> Self {
        Self { state: State::Lost, behind_gap: true, ..Self::new(kind) }
    }

    /// Memory in bytes, beside its own size.
    pub(super) fn memory(&self) -> usize {
        self.line.capacity()
    }

    /// Whether bytes that nobody saw do no harm now.
    pub(super) fn in_body(&self) -> bool {
        matches!(self.state, State::Body(_) | State::Chunk(_) | State::UntilClose | State::Lost)
    }

    /// Stops reading.
    pub(super) fn stop(&mut self) {
        self.state = State::Over;
        self.line = Vec::new();
    }

    /// The connection has ended, in this direction.
    pub(super) fn close(&mut self, told: &mut impl FnMut(Part<'_>) -> Framing) {
        match self.state {
            State::UntilClose => {
                told(Part::End { body: self.body });
            }
            State::Body(_)
            | State::Chunk(_)
            | State::ChunkSize
            | State::Trailer
            | State::Fields => {
                told(Part::Cut { body: self.body });
            }
            State::Between | State::First | State::Lost | State::Over => {}
        }
        self.stop();
    }

    /// Takes what comes next.
    pub(super) fn take(&mut self, piece: Piece<'_>, told: &mut impl FnMut(Part<'_>) -> Framing) {
        match piece {
            Piece::Bytes { bytes, start, time, begins } => {
                self.bytes(bytes, start, time, begins, told);
            }
            Piece::Gap(len) => self.gap(len, told),
        }
    }

    fn bytes(
        &mut self,
        mut bytes: &[u8],
        start: Offset,
        time: WallTime,
        begins: bool,
        told: &mut impl FnMut(Part<'_>) -> Framing,
    ) {
        if self.state == State::Lost {
            let is_message = match self.kind {
                Kind::Requests => sniff::is_request(bytes),
                Kind::Responses => sniff::is_response(bytes),
            };
            if !begins || !is_message {
                return;
            }
            self.state = State::Between;
        }
        let end = start.saturating_add(bytes.len() as u64);
        // Each turn takes a byte at least, or changes to a state that does.
        while !bytes.is_empty() {
            match self.state {
                State::Between => {
                    // Empty lines in front of a message are passed over (RFC 9112, section 2.2).
                    if matches!(bytes.first(), Some(b'\r' | b'\n')) {
                        bytes = bytes.get(1..).unwrap_or_default();
                        continue;
                    }
                    self.start = end.saturating_sub(bytes.len() as u64);
                    self.begun = time;
                    self.head = 0;
                    self.body = 0;
                    self.state = State::First;
                }
                State::First | State::Fields | State::ChunkSize | State::Trailer => {
                    bytes = self.line(bytes, told);
                }
                State::Body(left) => bytes = self.skip(bytes, left, told),
                State::Chunk(left) => bytes = self.skip(bytes, left, told),
                State::UntilClose => {
                    self.body = self.body.saturating_add(bytes.len() as u64);
                    return;
                }
                // The rest of a segment in which the place was lost.
                State::Lost | State::Over => return,
            }
        }
    }

    /// Takes bytes of a body or chunk.
    fn skip<'a>(
        &mut self,
        bytes: &'a [u8],
        left: u64,
        told: &mut impl FnMut(Part<'_>) -> Framing,
    ) -> &'a [u8] {
        let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        self.pass(taken as u64, left, told);
        bytes.get(taken..).unwrap_or_default()
    }

    /// Passes over so many of the bytes that are left of a body or chunk; not more than there are.
    fn pass(&mut self, taken: u64, left: u64, told: &mut impl FnMut(Part<'_>) -> Framing) {
        let left = left.saturating_sub(taken);
        match self.state {
            State::Body(_) => {
                self.body = self.body.saturating_add(taken);
                self.state = State::Body(left);
                if left == 0 {
                    self.end(told);
                }
            }
            _ => {
                self.state = if left == 0 { State::ChunkSize } else { State::Chunk(left) };
            }
        }
    }

    fn gap(&mut self, len: u64, told: &mut impl FnMut(Part<'_>) -> Framing) {
        match self.state {
            State::Body(left) | State::Chunk(left) if len <= left => self.pass(len, left, told),
            State::UntilClose => self.body = self.body.saturating_add(len),
            State::Over => {}
            State::Lost | State::Between => {
                self.state = State::Lost;
                self.behind_gap = true;
            }
            State::First
            | State::Fields
            | State::Body(_)
            | State::ChunkSize
            | State::Chunk(_)
            | State::Trailer => {
                // The line so far is worth something: a path, if it was the first.
                if self.state == State::First {
                    self.first(told);
                }
                self.lose(told);
            }
        }
    }

    /// Takes bytes up to the end of a line, and acts by it. Gives the rest.
    fn line<'a>(
        &mut self,
        bytes: &'a [u8],
        told: &mut impl FnMut(Part<'_>) -> Framing,
    ) -> &'a [u8] {
        let end = bytes.iter().position(|&byte| byte == b'\n');
        let (part, rest) = match end {
            Some(end) => bytes.split_at_checked(end + 1).unwrap_or((bytes, &[])),
            None => (bytes, &[][..]),
        };
        self.head = self.head.saturating_add(part.len());
        let room = MAX_LINE.saturating_sub(self.line.len());
        self.line.extend_from_slice(part.get(..room).unwrap_or(part));
        if self.head > MAX_HEAD {
            self.lose(told);
            return &[];
        }
        if end.is_none() {
            return rest;
        }
        while matches!(self.line.last(), Some(b'\r' | b'\n')) {
            self.line.pop();
        }
        match self.state {
            State::First => {
                if self.first(told) == Framing::Another {
                    self.stop();
                    return &[];
                }
                self.state = State::Fields;
            }
            State::Fields if self.line.is_empty() => match told(Part::HeadEnd) {
                Framing::Length(0) => self.end(told),
                Framing::Length(length) => self.state = State::Body(length),
                Framing::Chunked => {
                    self.head = 0;
                    self.state = State::ChunkSize;
                }
                Framing::UntilClose => self.state = State::UntilClose,
                Framing::Another => self.stop(),
            },
            State::Fields => {
                told(Part::Field(&self.line));
            }
            State::ChunkSize => self.chunk_size(told),
            State::Trailer if self.line.is_empty() => self.end(told),
            _ => {}
        }
        self.line.clear();
        rest
    }

    /// A line in hexadecimal digits, and what extensions may follow (RFC 9112, section 7.1).
    fn chunk_size(&mut self, told: &mut impl FnMut(Part<'_>) -> Framing) {
        let digits = self.line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let size = self
            .line
            .get(..digits)
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u64::from_str_radix(digits, 16).ok());
        // Line ends of chunks are no sign of a head without end.
        self.head = 0;
        match size {
            Some(0) => self.state = State::Trailer,
            Some(size) => {
                self.body = self.body.saturating_add(size);
                // Its bytes, and the end of line behind them.
                self.state = State::Chunk(size.saturating_add(2));
            }
            None => self.lose(told),
        }
    }

    fn first(&mut self, told: &mut impl FnMut(Part<'_>) -> Framing) -> Framing {
        let behind_gap = std::mem::take(&mut self.behind_gap);
        told(Part::First { line: &self.line, start: self.start, time: self.begun, behind_gap })
    }

    fn end(&mut self, told: &mut impl FnMut(Part<'_>) -> Framing) {
        self.state = State::Between;
        told(Part::End { body: self.body });
    }

    fn lose(&mut self, told: &mut impl FnMut(Part<'_>) -> Framing) {
        self.state = State::Lost;
        self.behind_gap = true;
        self.line.clear();
        told(Part::Cut { body: self.body });
    }
}
