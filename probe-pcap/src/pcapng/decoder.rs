//! Frames out of a pcapng file.

use probe_frame::{LinkType, MAX_FRAME, WallTime};

use super::numbers::{
    BYTE_ORDER_MAGIC, DIRECTION, END_OF_OPTIONS, ENHANCED_PACKET, EPB_FLAGS, IF_TSOFFSET,
    IF_TSRESOL, INBOUND, INTERFACE, OBSOLETE_PACKET, OUTBOUND, SECTION, SIMPLE_PACKET,
};
use crate::{
    error::ReadError,
    input::{Head, Input, Place},
    link,
};

/// Longest block that is believed: libpcap's INITIAL_MAX_BLOCKSIZE is 16 MiB, too.
const LONGEST_BLOCK: u32 = 16 << 20;
/// Type, length, length again.
const FRAMING: u32 = 12;

/// An interface of the section.
struct Interface {
    /// The number of its link type.
    link: u32,
    snaplen: u32,
    /// Units of a time stamp in one second.
    per_second: u64,
    /// Seconds to add to each time stamp.
    offset: i64,
}

/// Where the reading stands.
pub(crate) struct Decoder {
    order: Order,
    interfaces: Vec<Interface>,
    block: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn is_big(self) -> bool {
        matches!(self, Self::Big)
    }

    fn word(self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        })
    }

    fn half(self, bytes: &[u8], at: usize) -> Option<u16> {
        let bytes: [u8; 2] = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        })
    }
}

impl Decoder {
    /// Begins behind the first section's block type.
    pub(crate) fn start(input: &mut Input) -> Result<Self, ReadError> {
        let mut decoder = Self { order: Order::Little, interfaces: Vec::new(), block: Vec::new() };
        decoder.section(input)?;
        Ok(decoder)
    }

    /// Link type of the first interface described so far, if it is one that is understood.
    pub(crate) fn first_link(&self) -> Option<LinkType> {
        let interface = self.interfaces.first()?;
        link::of_number(interface.link, self.order.is_big())
    }

    /// Bytes that are kept of the frames of the interfaces described so far: the most of all, and
    /// [`MAX_FRAME`] where one of them has no limit.
    pub(crate) fn snaplen(&self) -> u32 {
        let limit = |interface: &Interface| match interface.snaplen {
            0 => MAX_FRAME,
            limit if limit > i32::MAX as u32 => MAX_FRAME,
            limit => limit,
        };
        self.interfaces.iter().map(limit).max().unwrap_or(MAX_FRAME)
    }

    /// The block read last, in which its frame's bytes are.
    pub(crate) fn block(&self) -> &[u8] {
        &self.block
    }

    /// Reads blocks up to the next frame.
    pub(crate) fn next(&mut self, input: &mut Input) -> Result<Option<Head>, ReadError> {
        loop {
            input.begin();
            let Some(kind) = input.array_or_end()? else { return Ok(None) };
            if kind == SECTION {
                self.section(input)?;
                continue;
            }
            let length = input.array()?;
            self.body(input, length)?;
            let short = || input.damaged("a block shorter than its fields");
            let head = match self.order.word(&kind, 0) {
                Some(INTERFACE) => {
                    self.interface().ok_or_else(short)?;
                    continue;
                }
                Some(ENHANCED_PACKET) => {
                    let captured = self.order.word(&self.block, 12).ok_or_else(short)?;
                    let options = 20 + (captured as usize).next_multiple_of(4);
                    let outbound = self.direction(options);
                    self.packet(input, 20, captured, outbound)?
                }
                Some(OBSOLETE_PACKET) => {
                    let captured = self.order.word(&self.block, 12).ok_or_else(short)?;
                    self.packet(input, 20, captured, None)?
                }
                Some(SIMPLE_PACKET) => self.simple(input)?,
                // Names, statistics, secrets, comments: nothing that a filter asks for.
                _ => continue,
            };
            return Ok(Some(head));
        }
    }

    /// A section header: byte order, and a new list of interfaces.
    fn section(&mut self, input: &mut Input) -> Result<(), ReadError> {
        let length: [u8; 4] = input.array()?;
        let magic = input.array()?;
        self.order = match (u32::from_le_bytes(magic), u32::from_be_bytes(magic)) {
            (BYTE_ORDER_MAGIC, _) => Order::Little,
            (_, BYTE_ORDER_MAGIC) => Order::Big,
            _ => return Err(input.damaged("an unknown byte order")),
        };
        self.interfaces.clear();
        let total = self.order.word(&length, 0).unwrap_or(0);
        // The magic number, already read, is part of the body.
        self.rest(input, total, 4)?;
        let version = |at| self.order.half(&self.block, at);
        match (version(0), version(2)) {
            // Some programs say 1.2, and mean blocks that others skip.
            (Some(1), Some(0 | 2)) => Ok(()),
            (Some(major), Some(minor)) => Err(input.version(major, minor)),
            _ => Err(input.damaged("a block shorter than its fields")),
        }
    }

    fn body(&mut self, input: &mut Input, length: [u8; 4]) -> Result<(), ReadError> {
        let total = self.order.word(&length, 0).unwrap_or(0);
        self.rest(input, total, 0)
    }

    /// Reads what is left of a block's body, and the trailing length.
    fn rest(&mut self, input: &mut Input, total: u32, read: u32) -> Result<(), ReadError> {
        if !total.is_multiple_of(4) || total < FRAMING + read || total > LONGEST_BLOCK {
            return Err(input.damaged(format!("a block of {total} bytes")));
        }
        let body = input.take((total - FRAMING - read) as usize)?;
        self.block.clear();
        self.block.extend_from_slice(input.bytes(body));
        let again: [u8; 4] = input.array()?;
        if self.order.word(&again, 0) != Some(total) {
            return Err(input.damaged("the two lengths of a block differ"));
        }
        Ok(())
    }

    fn interface(&mut self) -> Option<()> {
        let link = self.order.half(&self.block, 0)?.into();
        let snaplen = self.order.word(&self.block, 4)?;
        let mut interface = Interface { link, snaplen, per_second: 1_000_000, offset: 0 };
        let options = Options { order: self.order, bytes: self.block.get(8..)? };
        for (code, value) in options {
            match (code, value) {
                (IF_TSRESOL, &[resolution, ..]) => {
                    let base: u64 = if resolution & 0x80 == 0 { 10 } else { 2 };
                    let digits = u32::from(resolution & 0x7f);
                    interface.per_second = base.checked_pow(digits).unwrap_or(u64::MAX);
                }
                (IF_TSOFFSET, &[a, b, c, d, e, f, g, h, ..]) => {
                    let bytes = [a, b, c, d, e, f, g, h];
                    interface.offset = match self.order {
                        Order::Little => i64::from_le_bytes(bytes),
                        Order::Big => i64::from_be_bytes(bytes),
                    };
                }
                _ => {}
            }
        }
        self.interfaces.push(interface);
        Some(())
    }

    /// The direction in a packet's flags, where there is one.
    fn direction(&self, options: usize) -> Option<bool> {
        let bytes = self.block.get(options..)?;
        let mut options = Options { order: self.order, bytes };
        let (_, flags) = options.find(|(code, _)| *code == EPB_FLAGS)?;
        match self.order.word(flags, 0)? & DIRECTION {
            INBOUND => Some(false),
            OUTBOUND => Some(true),
            _ => None,
        }
    }

    /// An enhanced packet block, or the obsolete packet block, whose interface number is
    /// 16 bits wide and shares its word with a drop count.
    fn packet(
        &mut self,
        input: &Input,
        data: usize,
        captured: u32,
        outbound: Option<bool>,
    ) -> Result<Head, ReadError> {
        let short = || input.damaged("a block shorter than its fields");
        let word = |at| self.order.word(&self.block, at).ok_or_else(short);
        let number = match self.order {
            _ if word(0)? as usize >= self.interfaces.len() => {
                u32::from(self.order.half(&self.block, 0).ok_or_else(short)?)
            }
            _ => word(0)?,
        };
        let interface = self.interfaces.get(number as usize).ok_or_else(|| {
            input.damaged(format!("a frame of interface {number}, not described"))
        })?;
        let link = input.link_type(interface.link, self.order.is_big())?;
        let ticks = u64::from(word(4)?) << 32 | u64::from(word(8)?);
        let wire_len = word(16)?;
        let length = captured as usize;
        let end = data.checked_add(length).filter(|_| captured <= 16 * MAX_FRAME);
        if end.is_none_or(|end| end > self.block.len()) {
            return Err(input.damaged(format!("a frame of {captured} captured bytes")));
        }
        let place = Place { start: data, length };
        Ok(Head { place, time: time(ticks, interface), wire_len, link, outbound })
    }

    /// A simple packet block: the first interface, no time.
    fn simple(&mut self, input: &Input) -> Result<Head, ReadError> {
        let short = || input.damaged("a block shorter than its fields");
        let wire_len = self.order.word(&self.block, 0).ok_or_else(short)?;
        let interface = self
            .interfaces
            .first()
            .ok_or_else(|| input.damaged("a frame before the first interface"))?;
        let link = input.link_type(interface.link, self.order.is_big())?;
        let limit = if interface.snaplen == 0 { u32::MAX } else { interface.snaplen };
        let length = wire_len.min(limit) as usize;
        if self.block.get(4..).is_none_or(|bytes| bytes.len() < length) {
            return Err(short());
        }
        let place = Place { start: 4, length };
        Ok(Head { place, time: WallTime::default(), wire_len, link, outbound: None })
    }
}

/// Ticks of an interface's clock as time of day; saturates.
fn time(ticks: u64, interface: &Interface) -> WallTime {
    let per_second = interface.per_second.max(1);
    let seconds = (ticks / per_second).saturating_add_signed(interface.offset);
    let fraction = u128::from(ticks % per_second) * u128::from(WallTime::SECOND);
    WallTime::new(seconds, (fraction / u128::from(per_second)) as u64)
}

/// The options at the end of a block: code, length, value padded to four bytes.
struct Options<'a> {
    order: Order,
    bytes: &'a [u8],
}

impl<'a> Iterator for Options<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let code = self.order.half(self.bytes, 0)?;
        let length = usize::from(self.order.half(self.bytes, 2)?);
        if code == END_OF_OPTIONS {
            return None;
        }
        let value = self.bytes.get(4..4 + length)?;
        self.bytes = self.bytes.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
        Some((code, value))
    }
}
