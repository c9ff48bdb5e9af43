//! A process of this program, started anew beside the one that counts: it has nothing of what was
//! read and loaded there. Its standard input is a socket, on which both sides send lines of JSON.
//! When the socket is closed it ends.

use std::{
    io,
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream as StdStream, process::CommandExt as _},
    },
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result};
use nix::sys::signal::{SigHandler, Signal, signal};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    net::{UnixStream, unix::OwnedReadHalf},
    time::timeout,
};

use crate::{privileges, reporter};

/// A process that was started.
pub struct Process {
    child: Child,
    /// What it is, for messages: `the process that serves HTTP`.
    what: String,
}

/// What a process may do at its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// Load and attach programs, where this one may: until it gives these rights up itself.
    Lent,
    /// What any process of the user may. One of root has what this one has, and gives it up itself.
    None,
}

impl Process {
    /// Starts the hidden command of these words. Needs the runtime.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn start(what: String, words: &[String], rights: Rights) -> Result<(Self, UnixStream)> {
        let (own, other) = StdStream::pair().context("making a socket")?;
        own.set_nonblocking(true).context("making a socket")?;
        let mut command = Command::new("/proc/self/exe");
        command
            .arg0("probe")
            .args(words)
            .stdin(Stdio::from(OwnedFd::from(other)))
            .stdout(Stdio::null());
        let child = match rights {
            Rights::Lent => privileges::lend(|| command.spawn()),
            Rights::None => command.spawn(),
        };
        let child = child.with_context(|| format!("starting {what}"))?;
        let own = UnixStream::from_std(own).context("making a socket")?;
        Ok((Self { child, what }, own))
    }

    /// What it is.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Says how it ended, which it must have done or does now.
    pub fn say_ended(&mut self) {
        // One that closed its socket may go on in some other way.
        let _ = self.child.kill();
        let status: Result<ExitStatus, io::Error> = self.child.wait();
        let status = status.map_or_else(|error| error.to_string(), |it| it.to_string());
        reporter::note(format_args!("{} ended: {status}", self.what));
    }

    /// Waits for its end, after its socket was closed, for so long; then it is killed.
    pub async fn end(mut self, patience: Duration) {
        const LOOK: Duration = Duration::from_millis(5);
        let ended = async {
            while let Ok(None) = self.child.try_wait() {
                tokio::time::sleep(LOOK).await;
            }
        };
        if timeout(patience, ended).await.is_err() {
            if let Err(error) = self.child.kill() {
                reporter::note(format_args!("ending {}: {error}", self.what));
            }
            let _ = self.child.wait();
        }
    }
}

impl Drop for Process {
    /// One that nobody waited for, as where something else failed.
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The next line that a process says, without its end; `None` where there is none any more.
pub async fn line(from: &mut BufReader<OwnedReadHalf>) -> Option<String> {
    /// Bytes of it at most: the process may have been taken over, and shall not fill the memory of this one.
    const LONGEST: u64 = 1 << 20;
    let mut line = String::new();
    from.take(LONGEST).read_line(&mut line).await.ok()?;
    line.strip_suffix('\n').map(str::to_owned)
}

/// Ignores the signals that a user or systemd sends to all processes of `probe serve`: the one that
/// counts sees to the others.
///
/// # Errors
/// Those of sigaction(2).
pub fn leave_signals_to_the_first() -> Result<()> {
    for one in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGUSR2] {
        // SAFETY: no handler of ours runs.
        unsafe { signal(one, SigHandler::SigIgn) }.context("ignoring signals")?;
    }
    Ok(())
}
