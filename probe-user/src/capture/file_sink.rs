//! Frames into files: one after the other, as the rotation says.

use std::{
    ffi::OsString,
    fs::File,
    io,
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Error, Result, anyhow};
use probe_frame::{Frame, LinkType, Precision, WallTime};
use probe_pcap::{Contents, Format, Lent, MixedLinkTypes, Origin, Statistics, Writer};

use super::{
    Kept,
    cooked::Cooker,
    origin, output,
    post_rotate::PostRotate,
    rotation::{Rotate, Rotation, Turn},
    sink::{Sink, Waits},
    sources::Sources,
};
use crate::{
    clock, failure::Hinted, kernel::Attachment, link_type, privileges, reporter,
    stdout::BlockingWriter,
};

/// Whose time ends a period of -G.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    /// That of the frames, which is now: the file of a second has all its frames.
    Frames,
    /// That of the wall: frames of a file (-r) are old, and come at once.
    Wall,
}

/// Frames into a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOutput {
    /// Its name; `-` is standard output.
    pub path: PathBuf,
    /// Whether that is a named pipe, or nothing at all: the program at its other end, which
    /// started this one, has gone then.
    pub must_be_pipe: bool,
    /// Its form; `None`: as its name says, or what can tell of as many interfaces as there are.
    pub form: Option<FileForm>,
    /// Fraction of a second in the time stamps of pcap; pcapng always has nanoseconds.
    pub precision: Precision,
    /// When to turn to the next file.
    pub rotate: Rotate,
    /// The command that is run on each file that is closed.
    pub post_rotate: Option<OsString>,
    /// Whether each frame is written by itself.
    pub each: bool,
    /// Whether to tell meanwhile how many frames there are.
    pub progress: bool,
}

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileForm {
    /// The format of draft-ietf-opsawg-pcap.
    Pcap,
    /// The format of draft-ietf-opsawg-pcapng.
    PcapNg,
}

impl FileOutput {
    /// One file, in the form that its name says.
    pub fn to(path: PathBuf) -> Self {
        Self {
            path,
            must_be_pipe: false,
            form: None,
            precision: Precision::Micro,
            rotate: Rotate::default(),
            post_rotate: None,
            each: false,
            progress: false,
        }
    }

    /// Whether it is standard output.
    pub fn is_stdout(&self) -> bool {
        self.path.as_os_str() == "-"
    }

    /// The form for frames of one interface, or of several.
    fn form(&self, several: bool) -> FileForm {
        let end = self.path.extension();
        let named = |name: &str| end.is_some_and(|have| have.eq_ignore_ascii_case(name));
        match self.form {
            Some(form) => form,
            None if named("pcapng") => FileForm::PcapNg,
            None if several && !named("pcap") => FileForm::PcapNg,
            None => FileForm::Pcap,
        }
    }

    /// Creates the file, or the first of them, unless it is a pipe that is open already.
    pub(super) fn open(
        &self,
        kept: Kept,
        clock: Clock,
        origin: Origin,
        pipe: Option<File>,
        sources: Sources,
    ) -> Result<FileSink> {
        let Kept { mut link, snaplen, mixed } = kept;
        let several = mixed || origin.interfaces.len() > 1;
        let mut cooker = None;
        let format = match self.form(several) {
            FileForm::PcapNg => Format::PcapNg(origin),
            FileForm::Pcap => {
                if mixed {
                    link = LinkType::LinuxSll2;
                    cooker = Some(Cooker::new(&origin.interfaces));
                    reporter::note(
                        "pcap has one link type for all frames: LINUX_SLL2, as tcpdump -i any \
                         writes it, without Ethernet's destination; --format pcapng has frames as \
                         they are",
                    );
                } else if several {
                    reporter::note(
                        "pcap does not record the interface of a frame; --format pcapng does",
                    );
                }
                Format::Pcap(self.precision)
            }
        };
        let contents = Contents { link, snaplen, format };
        let rotation = Rotation::new(self.rotate, &self.path, clock::now());
        let path = rotation.name()?;
        let writer = match pipe {
            Some(pipe) => Writer::to_stream(Box::new(BlockingWriter::new(pipe)), &contents)
                .with_context(|| format!("writing {}", path.display()))?,
            None => open(&path, path == self.path, &contents, &sources)?,
        };
        if !self.rotate.rotates() {
            privileges::no_more_files()?;
        }
        let output = self.clone();
        let post_rotate = self.post_rotate.clone().map(PostRotate::new);
        Ok(FileSink {
            output,
            contents,
            cooker,
            clock,
            sources,
            post_rotate,
            rotation,
            writer,
            path,
            closed: 0,
            gone: Vec::new(),
            over: false,
        })
    }
}

/// One file, or many.
pub(super) struct FileSink {
    output: FileOutput,
    contents: Contents,
    /// Makes one link type of several.
    cooker: Option<Cooker>,
    clock: Clock,
    /// What is read, and not written to.
    sources: Sources,
    post_rotate: Option<PostRotate>,
    rotation: Rotation,
    writer: Writer,
    path: PathBuf,
    /// Frames in the files that were closed.
    closed: u64,
    /// Interfaces that are gone, and since when: as long as frames of theirs may come, files name them.
    gone: Vec<(WallTime, u32)>,
    /// The last file is closed, or a write failed.
    over: bool,
}

impl FileSink {
    /// What is to happen before this frame.
    fn turn_before(&mut self, frame: &Frame<'_>) -> Turn {
        if self.over || !self.output.rotate.rotates() {
            return Turn::Stay;
        }
        let time = match self.clock {
            Clock::Frames => frame.time,
            // Read only where it is asked for: it costs as much as a small frame.
            Clock::Wall if self.output.rotate.seconds.is_some() => clock::now(),
            Clock::Wall => frame.time,
        };
        let turn = self.rotation.frame(time, self.writer.length());
        if turn != Turn::Stay {
            self.forget_before(frame.time);
        }
        turn
    }

    /// Leaves out of the files to come the interfaces that were gone for long when this frame came.
    fn forget_before(&mut self, frame: WallTime) {
        /// The rings of the CPUs are read one after the other.
        const LATE: Duration = Duration::from_secs(1);
        let Format::PcapNg(origin) = &mut self.contents.format else { return };
        self.gone.retain(|&(gone, index)| {
            let is_late = frame.0.saturating_sub(gone.0) <= LATE.as_nanos() as u64;
            if !is_late {
                origin.interfaces.retain(|known| known.index != index);
            }
            is_late
        });
    }

    /// Turns to the next file where there is one; breaks where there is no file any more.
    fn turn(&mut self, turn: Turn) -> Result<ControlFlow<()>> {
        if self.over {
            return Ok(ControlFlow::Break(()));
        }
        if turn == Turn::Stay {
            return Ok(ControlFlow::Continue(()));
        }
        // What is in the file counts even if the next one cannot be opened.
        self.over = true;
        self.writer.finish(None).map_err(|error| self.explain(error))?;
        // All of it is with the kernel now, though our descriptor is still open.
        if let Some(post_rotate) = &mut self.post_rotate {
            post_rotate.run(&self.path);
        }
        if turn == Turn::Last {
            let files = self.output.rotate.files.unwrap_or_default();
            reporter::plain(format_args!("Maximum file limit reached: {files}"));
            return Ok(ControlFlow::Break(()));
        }
        self.path = self.rotation.name()?;
        let given = self.rotation.is_base(&self.path);
        let next = open(&self.path, given, &self.contents, &self.sources)?;
        self.closed += self.writer.frames();
        self.writer = next;
        self.over = false;
        Ok(ControlFlow::Continue(()))
    }

    fn flush_lent(&mut self, lent: &mut Lent<'_>) -> Result<()> {
        if self.over {
            Ok(())
        } else {
            self.writer.flush_lent(lent).map_err(|error| self.explain(error))
        }
    }

    fn explain(&self, error: io::Error) -> Error {
        let mixed = error.get_ref().and_then(|error| error.downcast_ref::<MixedLinkTypes>());
        if let Some(&MixedLinkTypes { file, frame }) = mixed {
            let name = |link| link_type::known(link).name;
            let error = anyhow!(
                "writing {}: the file is of link type {}, and a frame of {} came",
                self.path.display(),
                name(file),
                name(frame)
            );
            return Hinted::new(error, "use --format pcapng, which holds both").into();
        }
        let frames = self.writer.frames();
        let path = self.path.display();
        Error::new(error).context(match path.to_string().as_str() {
            "-" => "writing to standard output".to_string(),
            _ => format!("writing {path} (it holds {frames} whole frames)"),
        })
    }
}

/// Whether a name is the one that the user gave decides whether links are followed.
fn open(path: &Path, given: bool, contents: &Contents, sources: &Sources) -> Result<Writer> {
    sources.check(path)?;
    let create =
        || if given { output::given(path, contents) } else { output::made_up(path, contents) };
    privileges::creating(create).map_err(|error| {
        let hint = privileges::hint(&error);
        let error = Error::new(error).context(format!("creating {}", path.display()));
        match hint {
            Some(hint) => Hinted::new(error, hint).into(),
            None => error,
        }
    })
}

impl Sink for FileSink {
    fn frame(&mut self, frame: &Frame<'_>) -> Result<ControlFlow<()>> {
        let turn = self.turn_before(frame);
        if self.turn(turn)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        let written = match &mut self.cooker {
            Some(cooker) => self.writer.write(&cooker.cook(frame)),
            None => self.writer.write(frame),
        };
        written.map_err(|error| self.explain(error))?;
        if self.output.each {
            self.flush()?;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn frames<'a>(
        &mut self,
        frames: &mut dyn Iterator<Item = Frame<'a>>,
    ) -> Result<ControlFlow<()>> {
        if self.cooker.is_some() {
            for frame in frames {
                if self.frame(&frame)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            return self.flush().map(ControlFlow::Continue);
        }
        let mut lent = Lent::default();
        for frame in frames {
            let turn = self.turn_before(&frame);
            if turn != Turn::Stay {
                self.flush_lent(&mut lent)?;
            }
            if self.turn(turn)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            let written = self.writer.write_lent(&frame, &mut lent);
            written.map_err(|error| self.explain(error))?;
            if self.output.each {
                self.flush_lent(&mut lent)?;
            }
        }
        self.flush_lent(&mut lent).map(ControlFlow::Continue)
    }

    fn introduce(&mut self, attachment: &Attachment) -> Result<()> {
        let interface = origin::interface(attachment);
        self.gone.retain(|(_, index)| *index != interface.index);
        // For the files to come, too.
        if let Format::PcapNg(origin) = &mut self.contents.format {
            origin.interfaces.retain(|known| known.index != interface.index);
            origin.interfaces.push(interface.clone());
        }
        if let Some(cooker) = &mut self.cooker {
            cooker.add(&interface);
        }
        if !self.over {
            self.writer.add_interface(interface);
        }
        Ok(())
    }

    fn forget(&mut self, index: u32, gone: WallTime) {
        if self.output.rotate.rotates() {
            self.gone.push((gone, index));
        }
    }

    fn flush(&mut self) -> Result<()> {
        self.flush_lent(&mut Lent::default())
    }

    fn kept(&self) -> u64 {
        self.closed + self.writer.frames()
    }

    fn waits_for(&self) -> Waits {
        match (self.path.as_os_str() == "-", self.writer.is_stream()) {
            (true, _) => Waits::Stdout,
            (false, true) => Waits::Pipe,
            (false, false) => Waits::Disk,
        }
    }

    fn wants_ticks(&self) -> bool {
        self.output.rotate.seconds.is_some() || self.post_rotate.is_some()
    }

    fn tick(&mut self, now: WallTime) -> Result<ControlFlow<()>> {
        if let Some(post_rotate) = &mut self.post_rotate {
            post_rotate.reap();
        }
        if self.over {
            Ok(ControlFlow::Continue(()))
        } else {
            let turn = self.rotation.tick(now);
            self.turn(turn)
        }
    }

    fn finish(&mut self, statistics: Option<&Statistics>) -> Result<()> {
        let result = if self.over {
            Ok(())
        } else {
            self.writer.finish(statistics).map_err(|error| self.explain(error))
        };
        self.over = true;
        if let Some(post_rotate) = &mut self.post_rotate {
            post_rotate.finish();
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_that_of_the_name_unless_it_is_asked_for() {
        let form = |path: &str, several| FileOutput::to(path.into()).form(several);
        for (path, one, several) in [
            ("a", FileForm::Pcap, FileForm::PcapNg),
            ("a.pcap", FileForm::Pcap, FileForm::Pcap),
            ("a.PcapNG", FileForm::PcapNg, FileForm::PcapNg),
            ("-", FileForm::Pcap, FileForm::PcapNg),
        ] {
            assert_eq!((form(path, false), form(path, true)), (one, several), "{path}");
            let asked = Some(FileForm::Pcap);
            let output = FileOutput { form: asked, ..FileOutput::to(path.into()) };
            assert_eq!(output.form(true), FileForm::Pcap);
        }
    }
}
