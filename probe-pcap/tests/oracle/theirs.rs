//! Files as pcap-parser reads them.

use pcap_parser::{
    Block, EnhancedPacketBlock, OptionCode, PcapBlockOwned, PcapError, PcapNGOption, create_reader,
    traits::PcapNGPacketBlock as _,
};

/// More than the longest block of these tests.
const ROOM: usize = 1 << 16;

/// `if_tsresol` and `if_tsoffset`.
const TSRESOL: OptionCode = OptionCode::IfTsresol;
const TSOFFSET: OptionCode = OptionCode::IfTsoffset;
/// `epb_flags`, and in them the direction.
const FLAGS: OptionCode = OptionCode(2);

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TheirFrame {
    /// Nanoseconds.
    pub time: u64,
    pub wire_len: u32,
    pub bytes: Vec<u8>,
    pub outbound: Option<bool>,
}

/// Hands on every block of a file; fails where not all of it is blocks.
pub fn blocks(file: &[u8], mut each: impl FnMut(PcapBlockOwned<'_>)) {
    let mut reader = create_reader(ROOM, file).expect("a capture file");
    loop {
        match reader.next() {
            Ok((length, block)) => {
                each(block);
                reader.consume(length);
            }
            Err(PcapError::Eof) => break,
            Err(PcapError::Incomplete(_)) => {
                assert!(!reader.reader_exhausted(), "the file ends inside a block");
                reader.refill().expect("memory can be read");
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// An interface's clock and snapshot length.
struct Interface {
    snaplen: u32,
    per_second: u64,
    offset: i64,
}

/// The frames of a file, but for those in obsolete packet blocks, which it does not take.
pub fn frames(file: &[u8]) -> Vec<TheirFrame> {
    let mut frames = Vec::new();
    let (mut nano, mut snaplen) = (false, 0);
    let (mut big, mut interfaces) = (false, Vec::<Interface>::new());
    blocks(file, |block| match block {
        PcapBlockOwned::LegacyHeader(head) => {
            nano = head.is_nanosecond_precision();
            snaplen = head.snaplen;
        }
        PcapBlockOwned::Legacy(block) => {
            // It leaves to its user what libpcap does: 0 and negative numbers are no limit.
            let limit = usize::try_from(snaplen as i32).unwrap_or(0);
            let limit = if limit == 0 { usize::MAX } else { limit };
            let bytes = &block.data[..block.data.len().min(limit)];
            let unit = if nano { 1 } else { 1_000 };
            frames.push(TheirFrame {
                time: u64::from(block.ts_sec) * 1_000_000_000 + u64::from(block.ts_usec) * unit,
                wire_len: block.origlen,
                bytes: bytes.to_vec(),
                outbound: None,
            });
        }
        PcapBlockOwned::NG(Block::SectionHeader(head)) => {
            big = head.big_endian();
            interfaces.clear();
        }
        PcapBlockOwned::NG(Block::InterfaceDescription(block)) => {
            let snaplen = block.snaplen;
            let (per_second, offset) = clock(&block.options, big);
            interfaces.push(Interface { snaplen, per_second, offset });
        }
        PcapBlockOwned::NG(Block::SimplePacket(block)) => {
            let snaplen = interfaces[0].snaplen as usize;
            let limit = if snaplen == 0 { usize::MAX } else { snaplen };
            let length = (block.origlen as usize).min(limit);
            frames.push(TheirFrame {
                time: 0,
                wire_len: block.origlen,
                bytes: block.data[..length].to_vec(),
                outbound: None,
            });
        }
        PcapBlockOwned::NG(Block::EnhancedPacket(block)) => {
            frames.push(enhanced(&block, &interfaces[block.if_id as usize], big));
        }
        PcapBlockOwned::NG(_) => {}
    });
    frames
}

fn enhanced(block: &EnhancedPacketBlock<'_>, interface: &Interface, big: bool) -> TheirFrame {
    let ticks = u64::from(block.ts_high) << 32 | u64::from(block.ts_low);
    let (seconds, fraction) = (ticks / interface.per_second, ticks % interface.per_second);
    let fraction = u128::from(fraction) * 1_000_000_000 / u128::from(interface.per_second);
    let flags = value(&block.options, FLAGS).map(|bytes| {
        let bytes = bytes.try_into().expect("four bytes of flags");
        if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    });
    TheirFrame {
        time: seconds.saturating_add_signed(interface.offset) * 1_000_000_000 + fraction as u64,
        wire_len: block.origlen,
        bytes: block.packet_data().to_vec(),
        outbound: match flags.unwrap_or(0) & 3 {
            1 => Some(false),
            2 => Some(true),
            _ => None,
        },
    }
}

/// Units in a second, and seconds to add: out of the options themselves, as pcap-parser 0.17 reads
/// if_tsoffset in little-endian order also in a big-endian section, and knows no powers of two.
fn clock(options: &[PcapNGOption<'_>], big: bool) -> (u64, i64) {
    let per_second = value(options, TSRESOL).map_or(1_000_000, |bytes| match bytes[0] {
        power if power < 0x80 => 10u64.pow(power.into()),
        power => 1 << (power & 0x7f),
    });
    let offset = value(options, TSOFFSET).map_or(0, |bytes| {
        let bytes = bytes.try_into().expect("eight bytes of an offset");
        if big { i64::from_be_bytes(bytes) } else { i64::from_le_bytes(bytes) }
    });
    (per_second, offset)
}

/// The value of an option, without what fills it up.
pub fn value<'a>(options: &'a [PcapNGOption<'_>], code: OptionCode) -> Option<&'a [u8]> {
    let option = options.iter().find(|option| option.code == code)?;
    Some(option.as_bytes().expect("an option as long as it says"))
}
