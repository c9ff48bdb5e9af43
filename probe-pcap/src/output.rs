//! Where written bytes go.

use std::{
    fs::File,
    io::{self, IoSlice, Write},
};

/// Where a file's bytes go: `set_len` is what a pipe does not have.
pub(crate) enum Output {
    File(File),
    Stream(Box<dyn Write + Send>),
}

impl Output {
    pub(crate) fn write_all(&mut self, slices: &mut [IoSlice<'_>]) -> (u64, io::Result<()>) {
        match self {
            Self::File(file) => write_all(file, slices),
            Self::Stream(stream) => write_all(stream, slices),
        }
    }
}

/// Writes all of it and flushes the output, and returns how many bytes landed, also where that
/// fails. A write that a signal interrupts goes on.
pub fn write_all(output: &mut dyn Write, mut slices: &mut [IoSlice<'_>]) -> (u64, io::Result<()>) {
    let mut landed = 0;
    // Slices that are empty at the beginning would make an output that takes nothing of them look
    // like one that is full.
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        match output.write_vectored(slices) {
            Ok(0) => return (landed, Err(io::ErrorKind::WriteZero.into())),
            Ok(count) => {
                landed += count as u64;
                IoSlice::advance_slices(&mut slices, count);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (landed, Err(error)),
        }
    }
    (landed, output.flush())
}
