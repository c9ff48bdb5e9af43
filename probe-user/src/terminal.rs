//! What a terminal and its user ask of a program that draws on it: to draw anew when the size has
//! changed (SIGWINCH), and to give the terminal back while it is stopped (Ctrl-Z, SIGTSTP).

use std::{
    io,
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
    flag,
};

use crate::{screen::Screen, signal_pipe::SignalPipe};

/// The terminal that a table is drawn on, and what it asks for.
#[derive(Debug)]
pub struct Terminal {
    /// What is drawn on.
    pub screen: Screen,
    resized: Arc<AtomicBool>,
    stopping: Arc<AtomicBool>,
    came: SignalPipe,
}

impl Terminal {
    /// Starts to watch the signals: from now on Ctrl-Z stops the program only where that is
    /// [done](Self::answer).
    ///
    /// # Errors
    /// Where the handlers cannot be installed.
    pub fn watch() -> Result<Self> {
        let install = || -> io::Result<Self> {
            let (resized, stopping) = (Arc::default(), Arc::default());
            // Before the pipe: whoever is woken finds them set.
            flag::register(SIGWINCH, Arc::clone(&resized))?;
            flag::register(SIGTSTP, Arc::clone(&stopping))?;
            let came = SignalPipe::watch(&[SIGWINCH, SIGTSTP])?;
            Ok(Self { screen: Screen::default(), resized, stopping, came })
        };
        install().context("watching the terminal's signals")
    }

    /// Waits until something is asked for. Needs the runtime.
    pub async fn asked(&mut self) {
        if self.came.wait().await.is_err() {
            // Another size is drawn with the next table.
            std::future::pending().await
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
