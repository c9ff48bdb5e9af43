//! The capture that Wireshark asks for: `probe capture -w PIPE --format pcapng`.

use std::{
    os::fd::IntoRawFd as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Result;

use super::stderr::Redirected;
use crate::{
    capture::{self, Lost, Pipe},
    reporter,
};

/// A capture for Wireshark.
#[derive(Debug)]
pub struct Recording {
    /// The interface's name.
    pub interface: String,
    /// The capture.
    pub plan: capture::Plan,
    /// The named pipe that it goes to.
    pub pipe: PathBuf,
    /// Where words go.
    pub log_file: Option<PathBuf>,
}

/// How long a failure waits for the pipe's reader.
const PATIENCE: Duration = Duration::from_secs(2);

/// Captures until the pipe's reader goes, or a signal comes. What was lost is told as an
/// error: Wireshark has no other way to show it.
pub(super) fn run(recording: &Recording) -> Result<()> {
    let redirected = Redirected::start(recording.log_file.as_deref())?;
    let result = capture::run(&recording.plan);
    if result.is_err() {
        open_until_the_end(&recording.pipe);
    }
    drop(redirected);
    let Lost(frames) = result?;
    if frames > 0 {
        reporter::say(format_args!(
            "{frames} frames were lost: try a larger buffer, fewer bytes of a frame, or sampling"
        ));
    }
    Ok(())
}

/// Wireshark's dumpcap waits at the pipe until it has had a writer, for ever if none comes.
/// So it gets one: it reads the end of the pipe when this process ends, by when the error
/// has been told.
fn open_until_the_end(pipe: &Path) {
    let since = Instant::now();
    if let Ok(Some(pipe)) = Pipe::demanded(pipe).open(|| since.elapsed() >= PATIENCE) {
        // Left open on purpose.
        let _ = pipe.into_raw_fd();
    }
}
