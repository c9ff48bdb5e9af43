//! Standard output: data are written whole, or the error says how much was. Whoever shares the
//! descriptor may have made it non-blocking (O_NONBLOCK), which does not mean that data may be
//! lost: a write that finds no room waits for it.

use std::{
    fs::File,
    io::{self, IoSlice, Write},
    os::fd::AsFd,
};

use anyhow::{Context as _, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::cancel;

/// An output that waits where its descriptor does not.
#[derive(Debug)]
pub struct BlockingWriter<W>(W);

/// Standard output, without a buffer of ours: after a write that fails it is known what landed.
///
/// # Errors
/// Where there are no descriptors left.
pub fn open() -> io::Result<BlockingWriter<File>> {
    Ok(BlockingWriter(File::from(io::stdout().as_fd().try_clone_to_owned()?)))
}

/// Writes all of it.
///
/// # Errors
/// Those of writing.
pub fn print(bytes: &[u8]) -> Result<()> {
    open().and_then(|mut stdout| stdout.write_all(bytes)).context("writing to standard output")
}

impl<W: Write + AsFd> BlockingWriter<W> {
    fn wait(&mut self, mut write: impl FnMut(&mut W) -> io::Result<usize>) -> io::Result<usize> {
        loop {
            cancel::check()?;
            match write(&mut self.0) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let mut fds = [PollFd::new(self.0.as_fd(), PollFlags::POLLOUT)];
                    // Signals interrupt it, as they do a write that blocks.
                    match poll(&mut fds, PollTimeout::NONE) {
                        Ok(_) | Err(nix::Error::EINTR) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                result => return result,
            }
        }
    }
}

impl<W: Write + AsFd> Write for BlockingWriter<W> {
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

impl<W> BlockingWriter<W> {
    /// Makes an output wait.
    pub fn new(output: W) -> Self {
        Self(output)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Read as _,
        os::unix::thread::JoinHandleExt as _,
        sync::{Arc, atomic::AtomicBool, atomic::Ordering},
        thread,
    };

    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    use probe_pcap::write_all;

    use super::*;

    /// More than a pipe holds.
    const MUCH: usize = 1 << 20;

    #[test]
    fn what_finds_no_room_waits_for_some() {
        let (mut reader, writer) = io::pipe().unwrap();
        fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
        let reading = thread::spawn(move || {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).map(|_| bytes)
        });
        let (bytes, mut writer) = (vec![7; MUCH], BlockingWriter::new(writer));
        let (landed, result) = write_all(&mut writer, &mut [IoSlice::new(&bytes)]);
        result.unwrap();
        drop(writer);
        assert_eq!((landed, reading.join().unwrap().unwrap().len()), (MUCH as u64, MUCH));
    }

    /// Whether the descriptor blocks or not, it is known what the pipe has.
    #[test]
    fn a_write_that_is_given_up_says_what_landed() {
        for flags in [OFlag::empty(), OFlag::O_NONBLOCK] {
            let (mut reader, writer) = io::pipe().unwrap();
            fcntl(&writer, FcntlArg::F_SETFL(flags)).unwrap();
            let given_up = Arc::new(AtomicBool::new(false));
            let flag = Arc::clone(&given_up);
            let writing = thread::spawn(move || {
                cancel::watch(flag).unwrap();
                let bytes = vec![7; MUCH];
                write_all(&mut BlockingWriter::new(writer), &mut [IoSlice::new(&bytes)])
            });
            // It may be given up before the write, within it, or while it waits.
            given_up.store(true, Ordering::Relaxed);
            while !writing.is_finished() {
                cancel::interrupt(writing.as_pthread_t());
                thread::yield_now();
            }
            let (landed, result) = writing.join().unwrap();
            assert!(result.unwrap_err().to_string().contains("has stopped reading"));
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).unwrap();
            assert_eq!(landed, bytes.len() as u64);
        }
    }
}
