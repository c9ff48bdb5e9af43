//! Frames into files: one after the other, as the rotation says.

use std::{
    fs::File,
    io,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Error, Result, anyhow};
use probe_frame::{Frame, WallTime};
use probe_pcap::{Contents, Lent, Statistics, Writer};

use super::{
    output,
    post_rotate::PostRotate,
    rotation::{Rotate, Rotation, Turn},
    sink::{Sink, Waits},
};
use crate::{clock, privileges, reporter, stdout::BlockingWriter};

/// Whose time ends a period of -G.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    /// That of the frames, which is now: the file of a second has all its frames.
    Frames,
    /// That of the wall: frames of a file (-r) are old, and come at once.
    Wall,
}

/// How files are written.
pub(super) struct Files {
    pub(super) contents: Contents,
    pub(super) rotate: Rotate,
    pub(super) clock: Clock,
    /// -U.
    pub(super) each: bool,
    pub(super) post_rotate: Option<PostRotate>,
}

/// One file, or many.
pub(super) struct FileSink {
    files: Files,
    rotation: Rotation,
    writer: Writer,
    path: PathBuf,
    /// Frames in the files that were closed.
    closed: u64,
    /// The last file is closed, or a write failed.
    over: bool,
}

impl FileSink {
    /// Creates the first file, unless it is a pipe that is open already.
    pub(super) fn create(base: &Path, files: Files, fifo: Option<File>) -> Result<Self> {
        let rotation = Rotation::new(files.rotate, base, clock::now());
        let path = rotation.name()?;
        let writer = match fifo {
            Some(fifo) => Writer::to_stream(Box::new(BlockingWriter::new(fifo)), &files.contents)
                .with_context(|| format!("writing {}", path.display()))?,
            None => open(&path, path == base, &files.contents)?,
        };
        if !files.rotate.rotates() {
            privileges::no_more_files()?;
        }
        Ok(Self { files, rotation, writer, path, closed: 0, over: false })
    }

    /// What is to happen before this frame.
    fn turn_before(&mut self, frame: &Frame<'_>) -> Turn {
        if self.over || !self.files.rotate.rotates() {
            return Turn::Stay;
        }
        let time = match self.files.clock {
            Clock::Frames => frame.time,
            // Read only where it is asked for: it costs as much as a small frame.
            Clock::Wall if self.files.rotate.seconds.is_some() => clock::now(),
            Clock::Wall => frame.time,
        };
        self.rotation.frame(time, self.writer.length())
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
        if let Some(post_rotate) = &mut self.files.post_rotate {
            post_rotate.run(&self.path);
        }
        if turn == Turn::Last {
            let files = self.files.rotate.files.unwrap_or_default();
            reporter::plain(format_args!("Maximum file limit reached: {files}"));
            return Ok(ControlFlow::Break(()));
        }
        self.path = self.rotation.name()?;
        let given = self.rotation.is_base(&self.path);
        let next = open(&self.path, given, &self.files.contents)?;
        self.closed += self.writer.frames();
        self.writer = next;
        self.over = false;
        Ok(ControlFlow::Continue(()))
    }

    fn flush_lent(&mut self, lent: &mut Lent<'_>) -> Result<()> {
        match self.over {
            true => Ok(()),
            false => self.writer.flush_lent(lent).map_err(|error| self.explain(error)),
        }
    }

    fn explain(&self, error: io::Error) -> Error {
        let frames = self.writer.frames();
        let path = self.path.display();
        Error::new(error).context(match path.to_string().as_str() {
            "-" => "writing to standard output".to_string(),
            _ => format!("writing {path} (it holds {frames} whole frames)"),
        })
    }
}

/// Whether a name is the one that the user gave decides whether links are followed.
fn open(path: &Path, given: bool, contents: &Contents) -> Result<Writer> {
    let create = || match given {
        true => output::given(path, contents),
        false => output::made_up(path, contents),
    };
    privileges::creating(create).map_err(|error| {
        let hint = privileges::hint(&error);
        let error = Error::new(error).context(format!("creating {}", path.display()));
        match hint {
            Some(hint) => anyhow!("{error:#}\nprobe: {hint}"),
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
        self.writer.write(frame).map_err(|error| self.explain(error))?;
        if self.files.each {
            self.flush()?;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn frames<'a>(
        &mut self,
        frames: &mut dyn Iterator<Item = Frame<'a>>,
    ) -> Result<ControlFlow<()>> {
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
            if self.files.each {
                self.flush_lent(&mut lent)?;
            }
        }
        self.flush_lent(&mut lent).map(ControlFlow::Continue)
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
        self.files.rotate.seconds.is_some() || self.files.post_rotate.is_some()
    }

    fn tick(&mut self, now: WallTime) -> Result<ControlFlow<()>> {
        if let Some(post_rotate) = &mut self.files.post_rotate {
            post_rotate.reap();
        }
        match self.over {
            true => Ok(ControlFlow::Continue(())),
            false => {
                let turn = self.rotation.tick(now);
                self.turn(turn)
            }
        }
    }

    fn finish(&mut self, statistics: Option<&Statistics>) -> Result<()> {
        let result = match self.over {
            true => Ok(()),
            false => self.writer.finish(statistics).map_err(|error| self.explain(error)),
        };
        self.over = true;
        if let Some(post_rotate) = &mut self.files.post_rotate {
            post_rotate.finish();
        }
        result
    }
}
