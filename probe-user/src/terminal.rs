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

use anyhow::{Context as _, Result};
use nix::{
    sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction},
    unistd::{getpgrp, tcgetpgrp},
};
use signal_hook::{
    consts::{SIGTSTP, SIGWINCH},
    flag, low_level,
};
use tokio::net::UnixStream;

use crate::screen::Screen;

/// The terminal that a table is drawn on, and what it asks for.
#[derive(Debug)]
pub struct Terminal {
    /// What is drawn on.
    pub screen: Screen,
    resized: Arc<AtomicBool>,
    stopping: Arc<AtomicBool>,
    /// Readable from either on.
    came: net::UnixStream,
    /// To wait for that in the runtime; made when it is needed.
    waiter: Option<UnixStream>,
}

impl Terminal {
    /// Starts to watch the signals: from now on Ctrl-Z stops the program only where that is
    /// [done](Self::answer).
    ///
    /// # Errors
    /// Where the handlers cannot be installed.
    pub fn watch() -> Result<Self> {
        let install = || -> io::Result<Self> {
            let (came, send) = net::UnixStream::pair()?;
            came.set_nonblocking(true)?;
            let (resized, stopping) = (Arc::default(), Arc::default());
            for (signal, asked) in [(SIGWINCH, &resized), (SIGTSTP, &stopping)] {
                // In this order: whoever is woken finds it set.
                flag::register(signal, Arc::clone(asked))?;
                low_level::pipe::register(signal, send.try_clone()?)?;
            }
            Ok(Self { screen: Screen::default(), resized, stopping, came, waiter: None })
        };
        install().context("watching the terminal's signals")
    }

    /// Waits until something is asked for. Needs the runtime.
    pub async fn asked(&mut self) {
        if self.waiter.is_none() {
            // Without one, another size is drawn with the next table.
            self.waiter = self.came.try_clone().and_then(UnixStream::from_std).ok();
        }
        let Some(waiter) = &self.waiter else { return std::future::pending().await };
        let mut bytes = [0; 64];
        loop {
            if waiter.readable().await.is_err() {
                // The runtime is about to end.
                std::future::pending().await
            }
            // A byte for each signal; none where the readiness was of bytes that are read already.
            match waiter.try_read(&mut bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                _ => return,
            }
        }
    }

    /// Does what is asked for. Where the program is to stop, it has to write what gives the terminal
    /// back before it does. Says whether the table is to be drawn anew.
    ///
    /// # Errors
    /// Those of writing, of sigaction(2) and of raise(3).
    pub fn answer(&mut self, write: impl FnOnce(&'static str) -> Result<()>) -> Result<bool> {
        let stopping = self.stopping.swap(false, Ordering::Relaxed);
        if stopping {
            write(self.screen.leave())?;
            stop().context("stopping at Ctrl-Z")?;
        }
        Ok(self.resized.swap(false, Ordering::Relaxed) || stopping)
    }
}

/// Stops the program as if it did not know the signal, and returns when it is continued; at once
/// where nobody is there who could continue it (an orphaned process group, setpgid(2)).
fn stop() -> nix::Result<()> {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: the default action runs no code of this process.
    let ours = unsafe { sigaction(Signal::SIGTSTP, &default) }?;
    let raised = raise(Signal::SIGTSTP);
    // SAFETY: the handler is the one that was there before.
    unsafe { sigaction(Signal::SIGTSTP, &ours) }?;
    raised
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
