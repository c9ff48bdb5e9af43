//! Files packed with gzip or zstd, known by their first bytes, read as if they were not
//! packed: as streams, in constant memory, all members and frames one after the other.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::GzDecoder;
use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};

/// Bytes that are unpacked at a time: a capture is read in small pieces.
const GATHER: usize = 1 << 18;

/// What `magic` says that the stream behind it is packed with; gives the stream back,
/// `magic` in front, if it is not packed.
pub(crate) fn unpack(magic: [u8; 4], stream: Box<dyn Read>) -> (bool, Box<dyn Read>) {
    let whole = Cursor::new(magic).chain(stream);
    match magic {
        // RFC 1952, 2.3.1.
        [0x1f, 0x8b, ..] => {
            (true, Box::new(BufReader::with_capacity(GATHER, Gzip::new(Box::new(whole)))))
        }
        // RFC 8878, 3.1.1 and 3.1.2: a frame, or one to skip.
        [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => {
            (true, Box::new(BufReader::with_capacity(GATHER, Zstd::new(Box::new(whole)))))
        }
        _ => (false, Box::new(whole)),
    }
}

/// gzip's members, one after the other. Zeros may follow the last one, as where a file was filled up
/// to whole blocks; gzip(1) ignores them, too.
struct Gzip(Members);

enum Members {
    /// One is being read.
    Within(Box<GzDecoder<BufReader<Box<dyn Read>>>>),
    /// There are no more.
    Over,
}

impl Gzip {
    fn new(source: Box<dyn Read>) -> Self {
        Self(Members::Within(Box::new(GzDecoder::new(BufReader::new(source)))))
    }

    /// Goes on with what follows a member: another one, or zeros up to the end.
    fn next_member(&mut self) -> io::Result<()> {
        let Members::Within(member) = std::mem::replace(&mut self.0, Members::Over) else {
            return Ok(());
        };
        let mut source = member.into_inner();
        let mut zeros = 0;
        loop {
            let ahead = match source.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                ahead => ahead?,
            };
            if ahead.is_empty() {
                return Ok(());
            }
            let here = ahead.iter().take_while(|&&byte| byte == 0).count();
            if here < ahead.len() {
                zeros += here;
                break;
            }
            zeros += here;
            source.consume(here);
        }
        if zeros > 0 {
            let message = "gzip: something follows the zeros behind the end";
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        self.0 = Members::Within(Box::new(GzDecoder::new(source)));
        Ok(())
    }
}

impl Read for Gzip {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while let Members::Within(member) = &mut self.0 {
            match member.read(buffer)? {
                0 => self.next_member()?,
                read => return Ok(read),
            }
        }
        Ok(0)
    }
}

/// zstd frames, one after the other.
struct Zstd {
    source: Box<dyn Read>,
    decoder: FrameDecoder,
    /// Whether a frame has begun and is not handed out whole.
    within: bool,
}

impl Zstd {
    fn new(source: Box<dyn Read>) -> Self {
        Self { source, decoder: FrameDecoder::new(), within: false }
    }

    /// Begins the next frame; `false` at the end of the stream.
    fn begin(&mut self) -> io::Result<bool> {
        // The end is an end only before the first byte of a frame.
        let mut first = [0; 1];
        let Some(first) = read_some(&mut self.source, &mut first)? else { return Ok(false) };
        match self.decoder.reset(Cursor::new([first]).chain(&mut self.source)) {
            Ok(()) => self.within = true,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => {
                let skipped =
                    io::copy(&mut (&mut self.source).take(length.into()), &mut io::sink())?;
                if skipped < length.into() {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            Err(error) => return Err(bad(error)),
        }
        Ok(true)
    }

    fn check(&self) -> io::Result<()> {
        match (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum()) {
            (Some(said), Some(found)) if said != found => {
                Err(io::Error::new(io::ErrorKind::InvalidData, "zstd: the checksum is wrong"))
            }
            _ => Ok(()),
        }
    }
}

impl Read for Zstd {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.within && !self.begin()? {
                return Ok(0);
            }
            while self.within && self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder.decode_blocks(&mut self.source, one).map_err(bad)?;
            }
            if self.within && self.decoder.can_collect() > 0 {
                return self.decoder.read(buffer);
            }
            if self.within {
                self.within = false;
                self.check()?;
            }
        }
    }
}

fn bad(error: FrameDecoderError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("zstd: {error}"))
}

/// The next byte, if there is one.
fn read_some(source: &mut dyn Read, byte: &mut [u8; 1]) -> io::Result<Option<u8>> {
    loop {
        match source.read(byte) {
            Ok(0) => return Ok(None),
            Ok(_) => return Ok(byte.first().copied()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        compress_to_vec(bytes, CompressionLevel::Fastest)
    }

    fn unpacked(packed: &[u8]) -> io::Result<Vec<u8>> {
        let (magic, rest) = packed.split_first_chunk::<4>().unwrap();
        let (was_packed, mut stream) = unpack(*magic, Box::new(Cursor::new(rest.to_vec())));
        assert!(was_packed);
        let mut out = Vec::new();
        stream.read_to_end(&mut out).map(|_| out)
    }

    #[test]
    fn several_members_are_one_stream() {
        let long: Vec<u8> = (0..1_000_000u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        for pack in [gzip, zstd] {
            let packed = [pack(b"one"), pack(&long), pack(b""), pack(b"two")].concat();
            let expected = [b"one", &*long, b"two"].concat();
            assert!(unpacked(&packed).unwrap() == expected);
        }
        let skipped = [0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 7, 7, 7];
        let packed = [&skipped[..], &zstd(b"one"), &skipped, &zstd(b"two")].concat();
        assert_eq!(unpacked(&packed).unwrap(), b"onetwo");
    }

    #[test]
    fn zeros_may_follow_gzips_members() {
        let member = gzip(b"one");
        for zeros in [1, 2, 10, 511, 100_000] {
            assert_eq!(unpacked(&[&member[..], &vec![0; zeros]].concat()).unwrap(), b"one");
            let more = [&member[..], &vec![0; zeros], &member].concat();
            assert_eq!(unpacked(&more).unwrap_err().kind(), io::ErrorKind::InvalidData, "{zeros}");
        }
        assert!(unpacked(&[&member[..], b"garbage behind it"].concat()).is_err());
    }

    #[test]
    fn a_stream_that_is_cut_is_an_error() {
        let long: Vec<u8> = (0..10_000u32).flat_map(u32::to_le_bytes).collect();
        for pack in [gzip, zstd] {
            let packed = pack(&long);
            for cut in [5, packed.len() / 2, packed.len() - 1] {
                assert!(unpacked(&packed[..cut]).is_err(), "{cut}");
            }
        }
        assert!(unpacked(&[0x50, 0x2a, 0x4d, 0x18, 255, 255, 255, 255, 0]).is_err());
    }

    #[test]
    fn what_is_not_packed_comes_back() {
        let (was_packed, mut stream) = unpack(*b"abcd", Box::new(Cursor::new(b"efg".to_vec())));
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert_eq!((was_packed, text.as_str()), (false, "abcdefg"));
    }

    proptest! {
        /// Bytes turned over anywhere: an error or other bytes, never a panic.
        #[test]
        fn damage_never_panics(
            data in proptest::collection::vec(any::<u8>(), 0..2000),
            damage in proptest::collection::vec((4usize..2000, any::<u8>()), 1..8),
        ) {
            for pack in [gzip, zstd] {
                let mut packed = pack(&data);
                for &(at, byte) in &damage {
                    let length = packed.len();
                    if let Some(place) = packed.get_mut(4 + at % length) {
                        *place = byte;
                    }
                }
                let _ = unpacked(&packed);
            }
        }
    }
}
