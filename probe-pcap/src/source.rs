//! Where the bytes of a capture come from: a file, or a pipe that may be silent for hours. Whoever
//! reads frames is asked before each piece whether there shall be more, and told when nothing
//! comes; so a signal ends a stream as it ends everything else, and what gathered goes out.

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

/// How long nothing comes until the stream is idle, and how often is asked then.
const LOOK: Duration = Duration::from_millis(20);

/// When an [`Attendant`] is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A piece is about to be read, or waited for.
    Reading,
    /// Nothing comes now, for the first time since something came.
    Idle,
}

/// Asked while a stream is read; a break ends the stream, as if it had no more whole frames.
pub type Attendant = Box<dyn FnMut(Moment) -> ControlFlow<()>>;

/// A file or a pipe, with its attendant.
pub(crate) struct Source {
    file: File,
    attendant: Attendant,
    /// The attendant ended it.
    ended: Rc<Cell<bool>>,
    idle: bool,
}

impl Source {
    /// Opens a file; `-` is standard input.
    ///
    /// # Errors
    /// Those of open(2), and that a folder is no file.
    pub(crate) fn open(path: &Path, attendant: Attendant) -> io::Result<Self> {
        let file = if path.as_os_str() == "-" {
            File::from(io::stdin().as_fd().try_clone_to_owned()?)
        } else {
            // A named pipe opens at once, and its writer is waited for as its frames are.
            let flags = OFlag::O_NONBLOCK.bits();
            OpenOptions::new().read(true).custom_flags(flags).open(path)?
        };
        if file.metadata()?.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(Self { file, attendant, ended: Rc::default(), idle: false })
    }

    /// Says, at any time, whether the attendant ended it.
    pub(crate) fn ended(&self) -> Rc<Cell<bool>> {
        Rc::clone(&self.ended)
    }

    fn goes_on(&mut self, moment: Moment) -> bool {
        let ended = self.ended.get() || (self.attendant)(moment).is_break();
        self.ended.set(ended);
        !ended
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.goes_on(Moment::Reading) {
            if !is_ready(self.file.as_fd())? {
                if !std::mem::replace(&mut self.idle, true) && !self.goes_on(Moment::Idle) {
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
