//! What a recorder waits for beside its conditions: a signal, and the end of a command.

use std::{
    ffi::OsStr,
    io,
    os::{
        fd::{FromRawFd as _, OwnedFd},
        unix::net,
    },
    process::{Child, Command, ExitStatus},
};

use anyhow::{Context as _, Result};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use signal_hook::{consts::SIGUSR2, low_level};
use tokio::{
    io::{Interest, unix::AsyncFd},
    net::UnixStream,
};

/// SIGUSR2, which asks for a recording.
#[derive(Debug)]
pub(super) struct Request {
    came: UnixStream,
}

impl Request {
    /// Starts to watch the signal. Needs the runtime.
    pub(super) fn watch() -> io::Result<Self> {
        let (came, send) = net::UnixStream::pair()?;
        low_level::pipe::register(SIGUSR2, send)?;
        came.set_nonblocking(true)?;
        Ok(Self { came: UnixStream::from_std(came)? })
    }

    /// Waits for the signal. Several that came at once are one.
    pub(super) async fn wait(&self) {
        let mut bytes = [0; 64];
        loop {
            if self.came.readable().await.is_err() {
                // The runtime is about to end.
                std::future::pending::<()>().await;
            }
            if self.came.try_read(&mut bytes).is_ok_and(|count| count > 0) {
                return;
            }
        }
    }
}

/// A command that runs while frames are kept.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    /// Readable when the process has ended (pidfd_open(2)).
    ended: AsyncFd<OwnedFd>,
}

impl Running {
    /// Starts a command by the shell. Needs the runtime.
    pub(super) fn start(command: &OsStr) -> Result<Self> {
        let child = Command::new("/bin/sh").arg("-c").arg(command).spawn();
        let child = child.context("--while: starting /bin/sh")?;
        let ended = descriptor(child.id()).context("--while: watching the command")?;
        // SAFETY: the AsyncFd owns the descriptor, and closes it when it is dropped itself.
        let ended = unsafe { AsyncFd::register_with_interest(ended, Interest::READABLE) };
        Ok(Self { child, ended: ended.context("--while: watching the command")? })
    }

    /// Waits for the end of the command.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.ended.readable().await?.retain_ready();
        self.child.wait()
    }

    /// Asks it to end, if it has not.
    pub(super) fn terminate(mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // Ours, and not waited for: nobody else can have its number.
            let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM);
        }
    }
}

/// A descriptor of a process; it is closed where another program is started.
fn descriptor(process: u32) -> io::Result<OwnedFd> {
    // Neither libc nor nix has a function for it.
    // SAFETY: the call takes numbers and touches no memory of ours.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, process, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just opened it for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}
