//! Where the bytes of a capture come from: a file, or a pipe that may be silent for hours. The
//! caller's handler is called before each read, and when the stream becomes idle: so a signal can
//! stop a stream, and output that is buffered is flushed meanwhile.

use std::{
    cell::Cell,
    fs::{File, OpenOptions},
    io::{self, Read},
    ops::ControlFlow,
    os::{
        fd::{AsFd as _, BorrowedFd},
        unix::fs::OpenOptionsExt as _,
    },
    path::Path,
    rc::Rc,
    time::Duration,
};

use nix::{
    fcntl::OFlag,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};

/// A stream without data for so long is idle, and the handler is called as often then.
const LOOK: Duration = Duration::from_millis(20);

/// Why a [`ReadHandler`] is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadEvent {
    /// The next bytes are about to be read, or waited for.
    Reading(Position),
    /// The stream has become idle: no bytes for 20 ms. Once until the next ones.
    Idle,
}

/// How far a stream has been read. Of one that is packed these are the packed bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Bytes so far.
    pub read: u64,
    /// Bytes that the file had when it was opened; `None`: it is a pipe, a terminal or the like.
    pub size: Option<u64>,
}

/// Called while a stream is read; a break ends the stream, as if no whole frame followed.
pub type ReadHandler = Box<dyn FnMut(ReadEvent) -> ControlFlow<()>>;

/// A file or a pipe, with its handler.
pub(crate) struct Source {
    file: File,
    handler: ReadHandler,
    /// Whether the handler stopped it.
    stopped: Rc<Cell<bool>>,
    idle: bool,
    position: Position,
}

impl Source {
    /// Opens a file; `-` is standard input.
    ///
    /// # Errors
    /// Those of open(2), and that a folder is no file.
    pub(crate) fn open(path: &Path, handler: ReadHandler) -> io::Result<Self> {
        let file = if path.as_os_str() == "-" {
            File::from(io::stdin().as_fd().try_clone_to_owned()?)
        } else {
            // A named pipe opens at once, and its writer is waited for as its frames are.
            let flags = OFlag::O_NONBLOCK.bits();
            OpenOptions::new().read(true).custom_flags(flags).open(path)?
        };
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let size = metadata.is_file().then_some(metadata.len());
        let position = Position { read: 0, size };
        Ok(Self { file, handler, stopped: Rc::default(), idle: false, position })
    }

    /// A flag that says, at any time, whether the handler stopped the stream.
    pub(crate) fn stopped(&self) -> Rc<Cell<bool>> {
        Rc::clone(&self.stopped)
    }

    fn goes_on(&mut self, event: ReadEvent) -> bool {
        let stopped = self.stopped.get() || (self.handler)(event).is_break();
        self.stopped.set(stopped);
        !stopped
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.goes_on(ReadEvent::Reading(self.position)) {
            if !is_ready(self.file.as_fd())? {
                if !std::mem::replace(&mut self.idle, true) && !self.goes_on(ReadEvent::Idle) {
                    break;
                }
                continue;
            }
            match self.file.read(buffer) {
                // Somebody else took it, or a signal came.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                    ) => {}
                result => {
                    self.idle = false;
                    if let Ok(length) = result {
                        self.position.read += length as u64;
                    }
                    return result;
                }
            }
        }
        Ok(0)
    }
}

/// Whether there is something to read, or the end; waits a little for it.
fn is_ready(file: BorrowedFd<'_>) -> io::Result<bool> {
    let mut fds = [PollFd::new(file, PollFlags::POLLIN)];
    match poll(&mut fds, PollTimeout::try_from(LOOK).unwrap_or(PollTimeout::ZERO)) {
        Ok(ready) => Ok(ready > 0),
        Err(nix::Error::EINTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
