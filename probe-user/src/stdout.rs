//! Standard output: data go there whole, or the error says how far they came. Whoever shares the
//! descriptor may have made it one that does not block (O_NONBLOCK), which is nothing that a
//! reader means by it: what finds no room waits for some.

use std::{
    fs::File,
    io::{self, IoSlice, Write},
    os::fd::AsFd,
};

use anyhow::{Context as _, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// An output that waits where its descriptor does not.
#[derive(Debug)]
pub struct Patient<W>(W);

/// Standard output, without a buffer of ours: after a write that fails it is known what landed.
///
/// # Errors
/// Where there are no descriptors left.
pub fn open() -> io::Result<Patient<File>> {
    Ok(Patient(File::from(io::stdout().as_fd().try_clone_to_owned()?)))
}

/// Writes all of it.
///
/// # Errors
/// Those of writing.
pub fn print(bytes: &[u8]) -> Result<()> {
    open().and_then(|mut stdout| stdout.write_all(bytes)).context("writing to standard output")
}

impl<W: Write + AsFd> Patient<W> {
    fn wait(&mut self, mut write: impl FnMut(&mut W) -> io::Result<usize>) -> io::Result<usize> {
        loop {
            match write(&mut self.0) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let mut fds = [PollFd::new(self.0.as_fd(), PollFlags::POLLOUT)];
                    // A signal interrupts it, as it does a write that blocks.
                    poll(&mut fds, PollTimeout::NONE)?;
                }
                result => return result,
            }
        }
    }
}

impl<W: Write + AsFd> Write for Patient<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.wait(|output| output.write(bytes))
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.wait(|output| output.write_vectored(slices))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<W> Patient<W> {
    /// Makes an output wait.
    pub fn new(output: W) -> Self {
        Self(output)
    }
}
