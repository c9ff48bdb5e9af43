//! Standard error, redirected while a capture runs: Wireshark shows whatever is written there as an
//! error, even where the capture succeeds. An error itself is reported after the redirection.

use std::{
    fs::{File, OpenOptions},
    io,
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::fs::OpenOptionsExt as _,
    },
    panic,
    path::Path,
};

use anyhow::{Context as _, Result};
use nix::unistd::dup2_stderr;

/// Standard error goes to the log file, or nowhere, until this is dropped.
pub(super) struct Redirected {
    stderr: OwnedFd,
}

impl Redirected {
    /// Opens the log file, with the rights that there are now.
    ///
    /// # Errors
    /// Where the file cannot be opened.
    pub(super) fn start(log: Option<&Path>) -> Result<Self> {
        let path = log.unwrap_or(Path::new("/dev/null"));
        let mut options = OpenOptions::new();
        // The name is the user's own: a link is followed. A named pipe that nobody reads is not
        // waited for.
        options.append(true).create(log.is_some()).custom_flags(libc::O_NONBLOCK);
        let log = options
            .open(path)
            .with_context(|| format!("opening {} (--log-file)", path.display()))?;
        Self::to(&log).context("redirecting standard error")
    }

    fn to(log: &File) -> io::Result<Self> {
        let stderr = io::stderr().as_fd().try_clone_to_owned()?;
        let for_panics = stderr.try_clone()?;
        // A panic's message must not be lost.
        let say = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            let _ = dup2_stderr(&for_panics);
            say(panic);
        }));
        dup2_stderr(log)?;
        Ok(Self { stderr })
    }
}

impl Drop for Redirected {
    fn drop(&mut self) {
        // If it fails, there is no way to report that.
        let _ = dup2_stderr(&self.stderr);
    }
}
