//! A recorder: armed, it costs a look at a clock now and then; triggered, it writes what the kernel's
//! rings hold of the last seconds, and what comes after that, into one file.
//!
//! Both come from the same rings ([`FlightRings`]), read on from where the last look ended, so that
//! there is no joint between before and after. Only a writer that is behind by all of a ring misses
//! frames, and they are counted.

use std::{collections::VecDeque, ffi::OsString, io, path::PathBuf, time::Duration};

use anyhow::{Context as _, Error, Result};
use probe_frame::LinkType;
use probe_pcap::{Contents, Format, Interface, Origin, Statistics, Writer};

use super::{
    files::{Files, Output},
    words::{self, Before, Recorded},
};
use crate::{
    capture::post_rotate::PostRotate,
    clock,
    failure::Hinted,
    framing::Framing,
    kernel::{Fill, FlightRings},
    privileges,
};

/// Over `last` there are so many readings of how much was written.
const MARKS: u32 = 64;

/// Between two looks at the rings so many frames are written at most.
const KEEP_UP: u64 = 4096;

/// What a frame takes in a file beside its bytes, at most: its block, its options, the padding.
const FRAME_OVERHEAD: u64 = 64;

/// What to record, and where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The rule's name, for messages and names of files.
    pub rule: String,
    /// The rule's bit in records: its place among those that sample.
    pub bit: u32,
    /// How far back a file goes.
    pub last: Duration,
    /// For how long it goes on.
    pub after: Duration,
    /// Bytes of a frame that are kept.
    pub snaplen: u32,
    /// The files.
    pub output: Output,
    /// The command that is run on each file that is finished.
    pub command: Option<OsString>,
}

/// Keeps the last frames of a rule, and writes them when it is told to. It knows neither conditions
/// nor signals, waits for nothing, and may be moved to another thread.
pub struct Recorder {
    settings: Settings,
    flight: FlightRings,
    framing: Framing,
    origin: Origin,
    link: LinkType,
    /// The indices of interfaces that went, each with the kernel time when that was noticed: files have
    /// frames of theirs for a while.
    gone: VecDeque<(u64, u32)>,
    files: Files,
    command: Option<PostRotate>,
    /// How many records each ring had been given at a time, the oldest first: the first one is at the
    /// beginning of `last`, or where the recorder was armed.
    marks: VecDeque<Mark>,
    recording: Option<Recording>,
}

struct Mark {
    /// Kernel time, nanoseconds.
    time: u64,
    /// Records of each ring.
    written: Vec<u64>,
    /// Their bytes.
    produced: Vec<u64>,
}

/// A file that is being written.
struct Recording {
    writer: Writer,
    path: PathBuf,
    before: Before,
    /// Kernel time of the trigger, in nanoseconds.
    triggered: u64,
    /// The end, as far as it is known.
    until: u64,
    /// Up to where frames are in the file.
    reached: u64,
    /// Frames that had been overwritten when the file was begun.
    overwritten: u64,
    is_full: bool,
}

impl Recorder {
    /// Arms a recorder on rings of programs that are attached. `origin` is what files say of the
    /// frames' interfaces; `links` what frames of each program set begin with.
    ///
    /// # Errors
    /// Where no file can be created in the folder of the output.
    pub fn new(
        flight: FlightRings,
        links: Vec<LinkType>,
        origin: Origin,
        settings: Settings,
    ) -> Result<Self> {
        let files = Files::new(settings.output.clone());
        let path = &settings.output.path;
        let checked = privileges::creating(|| files.check());
        checked.map_err(|error| not_created(error, format!("the folder of {}", path.display())))?;
        let link = links.first().copied().unwrap_or_default();
        let framing = Framing::new(flight.clock(), links, settings.snaplen);
        let command = settings.command.clone().map(PostRotate::new);
        let mut recorder = Self {
            settings,
            flight,
            framing,
            origin,
            link,
            gone: VecDeque::new(),
            files,
            command,
            marks: VecDeque::new(),
            recording: None,
        };
        recorder.mark(recorder.flight.clock().now());
        Ok(recorder)
    }

    /// To be called now and then, several times in `last`, while the recorder is armed. Makes no
    /// system call.
    pub fn tick(&mut self) {
        self.framing.tick();
        if let Some(command) = &mut self.command {
            command.reap();
        }
        let now = self.flight.clock().now();
        let last = self.last_ns();
        let due = self.marks.back().is_none_or(|mark| now - mark.time >= last / u64::from(MARKS));
        if due {
            self.mark(now);
        }
        let oldest = now.saturating_sub(last);
        while self.marks.get(1).is_some_and(|mark| mark.time <= oldest) {
            self.marks.pop_front();
        }
        while let Some(&(time, index)) = self.gone.front()
            && time < oldest
        {
            self.gone.pop_front();
            self.origin.interfaces.retain(|known| known.index != index);
        }
    }

    /// An interface that frames may come from, from here on.
    pub fn introduce(&mut self, interface: Interface) {
        self.gone.retain(|(_, index)| *index != interface.index);
        self.origin.interfaces.retain(|known| known.index != interface.index);
        self.origin.interfaces.push(interface.clone());
        if let Some(recording) = &mut self.recording {
            recording.writer.add_interface(interface);
        }
    }

    /// An interface that no frames come from any more. Where containers come and go there are ever more of
    /// these: files name it as long as they may have a frame of it.
    pub fn leave(&mut self, index: u32) {
        self.gone.push_back((self.flight.clock().now(), index));
    }

    /// How far back a file would go now, at least: to within a part of `last`. Makes no system call.
    pub fn held(&self) -> Duration {
        let (now, last) = (self.flight.clock().now(), self.last_ns());
        let (produced, len) = (self.flight.produced(), self.flight.ring_len());
        let is_whole = |mark: &&Mark| {
            let since = produced.iter().zip(&mark.produced).map(|(now, then)| now - then);
            since.max().unwrap_or(0) <= len
        };
        let oldest = self.marks.iter().find(is_whole).map_or(now, |mark| mark.time);
        Duration::from_nanos((now - oldest).min(last))
    }

    /// How full the rings of all CPUs are. Makes no system call.
    pub fn fill(&self) -> Fill {
        self.flight.fill()
    }

    /// Whether a file is being written.
    pub fn is_recording(&self) -> bool {
        self.recording.is_some()
    }

    /// Whether a trigger would still find a file to write to.
    pub fn has_files_left(&self) -> bool {
        self.files.are_left()
    }

    /// Something happened: writes what is held of the last seconds. `why` is the sentence that the file
    /// says of it, `counts` what it says of the counts. Gives the file if that was all; else
    /// [`follow`](Self::follow) goes on with it. A recording that is under way goes on for longer.
    ///
    /// # Errors
    /// Those of creating and writing the file. The recorder is armed again.
    pub fn trigger(&mut self, why: &str, counts: &str) -> Result<Option<Recorded>> {
        if let Some(recording) = &mut self.recording {
            recording.until = self.flight.clock().now() + nanoseconds(self.settings.after);
            return Ok(None);
        }
        if !self.files.are_left() {
            return Ok(None);
        }
        self.framing.tick();
        let triggered = self.flight.look(u64::MAX);
        let result = self.begin(triggered, why, counts).and_then(|()| self.write(triggered));
        self.settle(result)
    }

    /// Writes what came since the last time. Gives the file once it is finished. To be called several
    /// times a second while a file is being written: a frame that is overwritten before is missing.
    ///
    /// # Errors
    /// Those of writing the file. The recorder is armed again.
    pub fn follow(&mut self) -> Result<Option<Recorded>> {
        let Some(recording) = &self.recording else { return Ok(None) };
        self.framing.tick();
        let reached = self.flight.look(recording.until);
        let result = self.write(reached);
        self.settle(result)
    }

    /// Ends the file that is being written, if any, with all that came until now; and waits a little for
    /// commands on finished files.
    ///
    /// # Errors
    /// Those of writing the file.
    pub fn finish(&mut self) -> Result<Option<Recorded>> {
        if let Some(recording) = &mut self.recording {
            recording.until = recording.until.min(self.flight.clock().now());
            let until = recording.until;
            let reached = self.flight.look(until);
            let written = self.write(reached);
            if let Some(recording) = &mut self.recording {
                recording.until = reached;
            }
            let recorded = self.settle(written);
            self.end_command();
            return recorded;
        }
        self.end_command();
        Ok(None)
    }

    fn end_command(&mut self) {
        if let Some(command) = &mut self.command {
            command.finish();
        }
    }

    fn last_ns(&self) -> u64 {
        nanoseconds(self.settings.last)
    }

    fn mark(&mut self, time: u64) {
        let (written, produced) = (self.flight.written(), self.flight.produced());
        self.marks.push_back(Mark { time, written, produced });
    }

    /// Creates the file, with what is known by now, and passes over frames that are too old.
    fn begin(&mut self, triggered: u64, why: &str, counts: &str) -> Result<()> {
        let before = self.before(triggered);
        self.flight.skip_before(triggered.saturating_sub(self.last_ns()));
        let time = self.framing.wall(triggered);
        let mut origin = self.origin.clone();
        origin.comments = vec![
            format!("{why}, at {}", clock::rfc3339_ms(time)),
            counts.to_owned(),
            before.to_string(),
        ];
        let created = privileges::creating(|| self.files.create(time, &self.settings.rule));
        let (file, path) = created.map_err(|error| {
            let path = self.settings.output.path.display();
            not_created(error, format!("creating the recording {path}"))
        })?;
        let format = Format::PcapNg(origin);
        let contents = Contents { link: self.link, snaplen: self.settings.snaplen, format };
        let writer = Writer::to_file(file, &contents)
            .with_context(|| format!("writing {}", path.display()))?;
        self.recording = Some(Recording {
            writer,
            path,
            before,
            triggered,
            until: triggered + nanoseconds(self.settings.after),
            reached: triggered,
            overwritten: self.flight.overwritten(),
            is_full: false,
        });
        Ok(())
    }

    /// What the rings hold of the time before the trigger, right after a look.
    fn before(&self, triggered: u64) -> Before {
        let from = triggered.saturating_sub(self.last_ns());
        let mark = self.marks.iter().rev().find(|mark| mark.time <= from);
        let mark = mark.or(self.marks.front());
        let armed = mark.map_or(from, |mark| mark.time);
        let (mut overwritten, mut complete_from) = (0, from.max(armed));
        let held = self.flight.positions().into_iter().zip(self.flight.next_times());
        let written = mark.map_or(&[][..], |mark| &mark.written);
        for ((position, oldest), &written) in held.zip(written) {
            let missing = position.saturating_sub(written);
            // What was overwritten is older than all that is asked for.
            if missing == 0 || oldest.is_some_and(|oldest| oldest <= from) {
                continue;
            }
            overwritten += missing;
            complete_from = complete_from.max(oldest.unwrap_or(triggered));
        }
        Before {
            rule: self.settings.rule.clone(),
            asked: self.settings.last,
            complete: Duration::from_nanos(triggered.saturating_sub(complete_from)),
            overwritten,
            ring_len: self.flight.ring_len(),
        }
    }

    /// Writes the frames of the last look.
    fn write(&mut self, reached: u64) -> Result<()> {
        let Self { settings, flight, framing, recording: Some(recording), .. } = self else {
            return Ok(());
        };
        let mut written = Ok(());
        for number in 1_u64.. {
            if number.is_multiple_of(KEEP_UP) {
                flight.keep_up();
            }
            let Some((set, header, bytes)) = flight.next_record() else { break };
            if header.rules & (1 << settings.bit) == 0 {
                continue;
            }
            let (frame, _) = framing.frame(set, &header, bytes);
            let length = recording.writer.length() + frame.bytes.len() as u64 + FRAME_OVERHEAD;
            if length > settings.output.bytes {
                recording.is_full = true;
                recording.until = header.timestamp_ns.max(recording.triggered);
                break;
            }
            written = recording.writer.write(&frame);
            if written.is_err() {
                break;
            }
        }
        recording.reached = reached;
        let (frames, path) = (recording.writer.frames(), recording.path.display());
        written
            .and_then(|()| recording.writer.flush())
            .with_context(|| format!("writing {path} (it holds {frames} whole frames)"))
    }

    /// Finishes the file if that was its end.
    fn settle(&mut self, written: Result<()>) -> Result<Option<Recorded>> {
        let over = |it: &Recording| it.is_full || it.reached >= it.until;
        let ended = written.is_err() || self.recording.as_ref().is_some_and(over);
        let Some(mut recording) = self.recording.take_if(|_| ended) else {
            if written.is_err() {
                self.flight.release();
            }
            return written.map(|()| None);
        };
        let overwritten = self.flight.overwritten() - recording.overwritten;
        self.flight.release();
        written?;
        let recorded = Recorded {
            path: recording.path,
            frames: recording.writer.frames(),
            before: recording.before,
            after: Duration::from_nanos(recording.until.saturating_sub(recording.triggered)),
            overwritten_after: overwritten,
            full_at: recording.is_full.then_some(self.settings.output.bytes),
        };
        let lost = recorded.before.overwritten + overwritten;
        let statistics = Statistics {
            time: clock::now(),
            matched: recorded.frames + lost,
            chosen: recorded.frames + lost,
            lost,
            dropped: 0,
            words: words::summary(&recorded),
        };
        let path = recorded.path.display();
        recording.writer.finish(Some(&statistics)).with_context(|| {
            format!("writing {path} (it holds {} whole frames)", recorded.frames)
        })?;
        if let Some(command) = &mut self.command {
            command.run(&recorded.path);
        }
        Ok(Some(recorded))
    }
}

/// Why there is no file, and whose rights count.
fn not_created(error: io::Error, what: String) -> Error {
    let hint = privileges::hint(&error);
    let error = Error::new(error).context(what);
    match hint {
        Some(hint) => Hinted::new(error, hint).into(),
        None => error,
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
