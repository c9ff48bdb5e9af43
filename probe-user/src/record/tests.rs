//! The recorder on rings without a kernel: what is in its files, frame by frame, and what they say.

use std::{fs, path::Path, thread, time::Duration};

use probe_filter::LinkType;
use probe_pcap::{Interface, Origin, Reader};

use super::{Output, Recorded, Recorder, Settings, WhenFull};
use crate::kernel::{
    FlightRings, Ktime,
    bed::{self, Writer},
};

const MILLISECOND: u64 = 1_000_000;

fn now() -> u64 {
    Ktime::default().now()
}

fn settings(folder: &Path, last: u64, after: u64) -> Settings {
    Settings {
        rule: "syn".into(),
        bit: 0,
        last: Duration::from_millis(last),
        after: Duration::from_millis(after),
        snaplen: 96,
        output: Output {
            path: folder.join("i.pcapng"),
            files: 3,
            when_full: WhenFull::End,
            bytes: 1 << 20,
        },
        command: None,
    }
}

fn armed(flight: FlightRings, settings: Settings) -> Recorder {
    Recorder::new(flight, vec![LinkType::Ethernet], Origin::default(), settings).unwrap()
}

/// A frame that has its number in it.
fn write(writer: &mut Writer, time: u64, number: u32) {
    writer.record(time, &[&number.to_be_bytes()[..], &[7; 60]].concat());
}

fn numbers(recorded: &Recorded) -> Vec<u32> {
    let mut reader = Reader::open(&recorded.path).unwrap();
    let mut numbers = Vec::new();
    while let Some(frame) = reader.next().unwrap() {
        assert_eq!((frame.wire_len, frame.bytes.len()), (64, 64));
        numbers.push(u32::from_be_bytes(*frame.bytes.first_chunk().unwrap()));
    }
    assert_eq!(numbers.len() as u64, recorded.frames);
    numbers
}

fn followed(recorder: &mut Recorder) -> Recorded {
    loop {
        if let Some(recorded) = recorder.follow().unwrap() {
            return recorded;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn before_and_after_are_one() {
    let folder = tempfile::tempdir().unwrap();
    let (flight, mut cpus) = bed::rings(2, 64 << 10, 96);
    let mut recorder = armed(flight, settings(folder.path(), 1_000, 60_000));
    // 100 frames, one in ten milliseconds, of which the last 60 are of the last second; on two CPUs.
    let start = now() - 1_400 * MILLISECOND;
    for number in 0..100 {
        let time = start + u64::from(number) * 10 * MILLISECOND;
        write(&mut cpus[(number % 3 % 2) as usize], time, number);
    }
    assert!(recorder.trigger("why", "counts").unwrap().is_none());
    assert!(recorder.is_recording());
    for number in 100..120 {
        write(&mut cpus[(number % 2) as usize], now(), number);
        assert_eq!(recorder.follow().unwrap(), None);
    }
    thread::sleep(Duration::from_millis(1));
    let recorded = recorder.finish().unwrap().unwrap();
    let numbers = numbers(&recorded);
    // The frame at the edge came a second before the trigger, or a moment before that.
    let first = numbers[0];
    assert!((40..=60).contains(&first), "{first}");
    assert_eq!(numbers, (first..120).collect::<Vec<_>>());
    assert_eq!((recorded.before.overwritten, recorded.overwritten_after), (0, 0));
    let text = fs::read(&recorded.path).unwrap();
    for said in ["why, at 2", "counts", "rule syn: all frames of the ", "frames; rule syn: all"] {
        assert!(text.windows(said.len()).any(|part| part == said.as_bytes()), "{said}");
    }
    let name = recorded.path.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("i-2") && name.ends_with("Z-syn.pcapng"), "{name}");
}

/// An interface that went is in files as long as frames of it may be, and one that comes back stays.
#[test]
fn interfaces_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let (flight, _cpus) = bed::rings(1, 16 << 10, 96);
    let mut recorder = armed(flight, settings(folder.path(), 1_000, 0));
    let interface =
        |index| Interface { index, name: format!("veth{index}"), ..Interface::default() };
    let named = |recorder: &mut Recorder| -> Vec<u32> {
        // Names of files have the millisecond.
        thread::sleep(Duration::from_millis(2));
        let recorded = recorder.trigger("why", "").unwrap().unwrap();
        let text = fs::read(&recorded.path).unwrap();
        let text = String::from_utf8_lossy(&text);
        (1..4).filter(|index| text.contains(&format!("veth{index}"))).collect()
    };
    for index in 1..4 {
        recorder.introduce(interface(index));
    }
    recorder.leave(1);
    recorder.leave(2);
    recorder.introduce(interface(2));
    recorder.tick();
    assert_eq!(named(&mut recorder), [1, 2, 3]);
    thread::sleep(Duration::from_millis(1_100));
    recorder.tick();
    assert_eq!(named(&mut recorder), [2, 3]);
}

/// What was overwritten is counted: all of it, whether the file before has it or not.
#[test]
fn what_is_gone_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let (flight, mut cpus) = bed::rings(1, 16 << 10, 96);
    let cpu = &mut cpus[0];
    let mut recorder = armed(flight, settings(folder.path(), 60_000, 0));
    for number in 0..1000 {
        write(cpu, now(), number);
    }
    thread::sleep(Duration::from_millis(1));
    for rounds in 1..3 {
        let recorded = recorder.trigger("why", "").unwrap().unwrap();
        let held = numbers(&recorded);
        assert_eq!(held, (rounds * 1000 - held.len() as u32..rounds * 1000).collect::<Vec<_>>());
        assert_eq!(recorded.before.overwritten, u64::from(held[0]));
        assert!(held.len() > 130, "16 KiB hold 146 slots of 112 bytes: {}", held.len());
        assert!(recorded.before.complete < Duration::from_secs(10));
        let said = recorded.to_string();
        assert!(
            said.contains(" older ones, of the 60.0 s asked for, had been overwritten"),
            "{said}"
        );
        for number in 1000..2000 {
            write(cpu, now(), number);
        }
        thread::sleep(Duration::from_millis(2));
    }
    assert!(recorder.has_files_left());
}

/// Nobody reads while a ring goes round: what follows the trigger has a gap, of a known size.
#[test]
fn a_reader_that_is_behind_counts_what_it_missed() {
    let folder = tempfile::tempdir().unwrap();
    let (flight, mut cpus) = bed::rings(1, 16 << 10, 96);
    let mut recorder = armed(flight, settings(folder.path(), 60_000, 50));
    write(&mut cpus[0], now(), 0);
    thread::sleep(Duration::from_millis(1));
    assert!(recorder.trigger("why", "").unwrap().is_none());
    for number in 1..500 {
        write(&mut cpus[0], now(), number);
    }
    let recorded = followed(&mut recorder);
    let held = numbers(&recorded);
    assert_eq!(held[..2], [0, 500 - (held.len() as u32 - 1)]);
    assert_eq!(recorded.overwritten_after, u64::from(held[1] - 1));
    assert!(recorded.to_string().contains(" frames of that time were overwritten before"));
}

#[test]
fn files_are_bounded_in_bytes_and_number() {
    let folder = tempfile::tempdir().unwrap();
    let (flight, mut cpus) = bed::rings(1, 64 << 10, 96);
    let mut settings = settings(folder.path(), 60_000, 10_000);
    settings.output.bytes = 4_000;
    settings.output.files = 1;
    let mut recorder = armed(flight, settings);
    for number in 0..300 {
        write(&mut cpus[0], now(), number);
    }
    thread::sleep(Duration::from_millis(1));
    let recorded = recorder.trigger("why", "").unwrap().unwrap();
    let held = numbers(&recorded);
    assert_eq!(held, (0..held.len() as u32).collect::<Vec<_>>());
    let length = fs::metadata(&recorded.path).unwrap().len();
    assert!((3_000..4_500).contains(&length), "{length}");
    assert_eq!(recorded.full_at, Some(4_000));
    assert!(!recorder.has_files_left());
    assert_eq!(recorder.trigger("again", "").unwrap(), None);
}

/// Of several recorders on the same rings each has its own frames, and none takes another's.
#[test]
fn recorders_share_rings() {
    let folder = tempfile::tempdir().unwrap();
    let (flight, mut cpus) = bed::rings(1, 64 << 10, 96);
    let mut others = settings(folder.path(), 60_000, 0);
    (others.bit, others.rule) = (1, "get".into());
    let mut other = armed(flight.reader(), others);
    let mut recorder = armed(flight, settings(folder.path(), 60_000, 0));
    for number in 0..5 {
        write(&mut cpus[0], now(), number);
    }
    thread::sleep(Duration::from_millis(1));
    assert_eq!(numbers(&recorder.trigger("a", "").unwrap().unwrap()), [0, 1, 2, 3, 4]);
    assert_eq!(numbers(&other.trigger("b", "").unwrap().unwrap()), [0; 0]);
}

#[test]
fn how_far_back_a_file_would_go() {
    let folder = tempfile::tempdir().unwrap();
    let (flight, mut cpus) = bed::rings(2, 16 << 10, 96);
    let mut recorder = armed(flight, settings(folder.path(), 50, 0));
    write(&mut cpus[0], now(), 0);
    thread::sleep(Duration::from_millis(60));
    recorder.tick();
    assert_eq!(recorder.held(), Duration::from_millis(50));
    // The ring of one CPU goes round, and holds nothing of the time before.
    for number in 0..1000 {
        write(&mut cpus[1], now(), number);
    }
    assert_eq!(recorder.held(), Duration::ZERO);
    thread::sleep(Duration::from_millis(1));
    recorder.tick();
    thread::sleep(Duration::from_millis(1));
    let held = recorder.held();
    assert!(held >= Duration::from_millis(1) && held <= Duration::from_millis(50), "{held:?}");
}

/// The end comes in the middle of a recording: the file has what came until then.
#[test]
fn an_end_leaves_a_whole_file() {
    let folder = tempfile::tempdir().unwrap();
    let (flight, mut cpus) = bed::rings(1, 64 << 10, 96);
    let mut recorder = armed(flight, settings(folder.path(), 60_000, 60_000));
    write(&mut cpus[0], now(), 0);
    thread::sleep(Duration::from_millis(1));
    assert!(recorder.trigger("why", "").unwrap().is_none());
    write(&mut cpus[0], now(), 1);
    thread::sleep(Duration::from_millis(1));
    let recorded = recorder.finish().unwrap().unwrap();
    assert_eq!(numbers(&recorded), [0, 1]);
    assert!(recorded.after < Duration::from_secs(30));
    assert_eq!(recorder.finish().unwrap(), None);
}

/// A long-running program may give a recorder a thread of its own.
#[test]
fn a_recorder_may_move_to_another_thread() {
    fn moves<T: Send>() {}
    moves::<Recorder>();
}
