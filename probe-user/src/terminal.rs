//! What a terminal and its user ask of a program that draws on it: to draw anew when the size has
//! changed (SIGWINCH), and to give the terminal back while it is stopped (Ctrl-Z, SIGTSTP).

use std::{
    io,
    os::unix::net,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use nix::{
    sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction},
    unistd::{getpgrp, tcgetpgrp},
};
use signal_hook::{
    consts::{SIGTSTP, SIGWINCH},
    flag, low_level,
};
use tokio::net::UnixStream;

/// What was asked for and has not been done yet.
#[derive(Debug)]
pub struct Requests {
    resized: Arc<AtomicBool>,
    stopping: Arc<AtomicBool>,
    /// Readable from either on.
    came: net::UnixStream,
}

impl Requests {
    /// Starts to watch the signals: from now on Ctrl-Z stops the program only where it
    /// [asks](Self::stop) for that.
    ///
    /// # Errors
    /// Where the handlers cannot be installed.
    pub fn watch() -> io::Result<Self> {
        let (came, send) = net::UnixStream::pair()?;
        came.set_nonblocking(true)?;
        let requests = Self { resized: Arc::default(), stopping: Arc::default(), came };
        for (signal, asked) in [(SIGWINCH, &requests.resized), (SIGTSTP, &requests.stopping)] {
            // In this order: whoever is woken finds it set.
            flag::register(signal, asked.clone())?;
            low_level::pipe::register(signal, send.try_clone()?)?;
        }
        Ok(requests)
    }

    /// Something to wait for them with. Needs the runtime.
    ///
    /// # Errors
    /// Where the runtime cannot watch it.
    pub fn waiter(&self) -> io::Result<Waiter> {
        Ok(Waiter(UnixStream::from_std(self.came.try_clone()?)?))
    }

    /// Whether the size has changed since this was asked last.
    pub fn resized(&self) -> bool {
        self.resized.swap(false, Ordering::Relaxed)
    }

    /// Whether the program is to stop; asked again, it is not.
    pub fn stopping(&self) -> bool {
        self.stopping.swap(false, Ordering::Relaxed)
    }

    /// Stops the program as if it did not know the signal, and returns when it is continued; at once
    /// where nobody is there who could continue it (an orphaned process group, setpgid(2)).
    ///
    /// # Errors
    /// Those of sigaction(2) and raise(3).
    pub fn stop() -> nix::Result<()> {
        let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
        // SAFETY: the default action runs no code of this process.
        let ours = unsafe { sigaction(Signal::SIGTSTP, &default) }?;
        let raised = raise(Signal::SIGTSTP);
        // SAFETY: the handler is the one that was there before.
        unsafe { sigaction(Signal::SIGTSTP, &ours) }?;
        raised
    }
}

/// Waits for what the terminal asks for.
#[derive(Debug)]
pub struct Waiter(UnixStream);

impl Waiter {
    /// Waits until something is asked for.
    pub async fn wait(&self) {
        let mut bytes = [0; 64];
        loop {
            if self.0.readable().await.is_err() {
                // The runtime is about to end.
                std::future::pending().await
            }
            // A signal a byte. None where the readiness was of bytes that are read already.
            match self.0.try_read(&mut bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                _ => return,
            }
        }
    }
}

/// Whether standard output is a terminal on which others draw now, because a shell has put this
/// program into the background.
pub fn in_background() -> bool {
    // It may be no terminal of this session at all; then nobody's job control is on it.
    match tcgetpgrp(io::stdout()) {
        Ok(group) => group != getpgrp(),
        Err(_) => false,
    }
}
