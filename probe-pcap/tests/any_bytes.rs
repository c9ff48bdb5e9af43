//! Whatever the bytes are, a reader answers: with frames, the end, or an error that names the place.

use std::io::Cursor;

use probe_pcap::{ReadError, Reader};
use proptest::{collection::vec, prelude::*};
use testbed::{CaptureFile, Random};

/// Reads a file to its end or its error: how many frames came before that, and whether they were
/// those of the file that it was.
fn read(bytes: Vec<u8>, whole: &CaptureFile) -> (usize, bool, Result<(), ReadError>) {
    let (mut count, mut right) = (0, true);
    let mut reader = match Reader::new("x".into(), Box::new(Cursor::new(bytes))) {
        Ok(reader) => reader,
        Err(error) => return (0, true, Err(error)),
    };
    let mut expected = whole.frames();
    loop {
        match reader.next() {
            Ok(Some(frame)) => {
                count += 1;
                right &= expected.next().is_some_and(|made| {
                    (made.time, made.wire_len, &made.bytes[..], made.outbound)
                        == (frame.time.0, frame.wire_len, frame.bytes, frame.outbound)
                });
            }
            Ok(None) => return (count, right, Ok(())),
            Err(error) => return (count, right, Err(error)),
        }
    }
}

/// Wherever a file ends, all frames before come, and then the end, or an error that says where
/// the record begins that is not whole.
#[test]
fn a_file_that_is_cut_reads_up_to_there() {
    for seed in 0..60 {
        let file = CaptureFile::random(&mut Random::new(seed));
        for end in 0..file.bytes.len() {
            let whole = file.records.iter().take_while(|record| record.end <= end);
            let (mut frames, mut begins) = (0, 0);
            for record in whole {
                begins = record.end;
                frames += usize::from(record.frame.is_some());
            }
            let (count, right, result) = read(file.bytes[..end].to_vec(), &file);
            assert!(right && count == frames, "seed {seed}, {end}: {count} of {frames} frames");
            match result {
                Ok(()) => assert_eq!(begins, end, "seed {seed}"),
                Err(ReadError::UnknownFormat { .. }) => assert!(end < 4, "seed {seed}, {end}"),
                Err(ReadError::Truncated { offset, .. }) => {
                    assert_eq!(offset, begins as u64, "seed {seed}, {end}");
                    assert!(begins < end, "seed {seed}, {end}: it ends with a record");
                }
                Err(error) => panic!("seed {seed}, {end}: {error}"),
            }
        }
    }
}

/// Of a file with any byte changed, the frames of the records before it come as they were.
#[test]
fn a_file_that_is_damaged_reads_up_to_there() {
    for seed in 0..20 {
        let file = CaptureFile::random(&mut Random::new(seed));
        for at in 0..file.bytes.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut damaged = file.bytes.clone();
                damaged[at] = value;
                let before = file.records.iter().take_while(|record| record.end <= at);
                let mut before = before.filter_map(|record| record.frame.as_ref());
                let Ok(mut reader) = Reader::new("x".into(), Box::new(Cursor::new(damaged))) else {
                    assert!(before.next().is_none(), "seed {seed}, {at}: it has whole frames");
                    continue;
                };
                for made in before {
                    let frame = reader.next().unwrap().expect("a frame before the damage");
                    assert_eq!((made.time, &made.bytes[..]), (frame.time.0, frame.bytes));
                }
                let mut more = 0;
                while let Ok(Some(_)) = reader.next() {
                    more += 1;
                }
                assert!(more <= file.bytes.len(), "seed {seed}, {at}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn noise_reads(bytes in vec(any::<u8>(), 0..500)) {
        let length = bytes.len();
        let (count, _, _) = read(bytes, &CaptureFile::default());
        prop_assert!(count <= length);
    }
}

#[test]
fn an_error_names_the_file_and_the_place() {
    let file = CaptureFile::pcap(&mut Random::new(3));
    let begins = file.records[file.records.len() - 2].end;
    let cut = file.bytes[..file.bytes.len() - 1].to_vec();
    let (_, _, result) = read(cut, &file);
    let expected = format!("x is truncated: the record at byte {begins} is incomplete");
    assert_eq!(result.unwrap_err().to_string(), expected);
}
