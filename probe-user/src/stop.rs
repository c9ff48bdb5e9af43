//! SIGINT, SIGTERM and SIGHUP: a flag that the loops look at, so that every end is a
//! clean one. A second signal ends the program at once.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Whether the user asked for the end.
#[derive(Debug)]
pub struct Stop {
    requested: Arc<AtomicBool>,
    interrupt: Signal,
    terminate: Signal,
    /// `None` where nohup(1) has the signal ignored.
    hang_up: Option<Signal>,
}

impl Stop {
    /// Starts to watch the signals. Needs the runtime.
    ///
    /// # Errors
    /// Where the handlers cannot be installed.
    pub fn on_signals() -> io::Result<Self> {
        let requested = Arc::new(AtomicBool::new(false));
        let hangs_up = !is_ignored(SIGHUP);
        let signals = [SIGINT, SIGTERM, SIGHUP];
        for &signal in signals.iter().filter(|&&signal| signal != SIGHUP || hangs_up) {
            // Order matters: the first handler looks at the flag that the second sets,
            // so that only a second signal finds it set.
            signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&requested))?;
            signal_hook::flag::register(signal, Arc::clone(&requested))?;
        }
        Ok(Self {
            requested,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: hangs_up.then(|| signal(SignalKind::hangup())).transpose()?,
        })
    }

    /// Whether a signal came.
    pub fn requested(&self) -> bool {
        self.requested.load(Ordering::Relaxed)
    }

    /// The flag itself, for other threads.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.requested)
    }

    /// Waits for a signal.
    pub async fn wait(&mut self) {
        if self.requested() {
            return;
        }
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            Some(_) = async {
                match &mut self.hang_up {
                    Some(signal) => signal.recv().await,
                    None => std::future::pending().await,
                }
            } => {}
        }
    }
}

/// Whether the signal was ignored when the program began.
fn is_ignored(signal: i32) -> bool {
    // SAFETY: all zeroes is a valid value of this C structure.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: without a new action the call only writes the old one to `action`.
    let result = unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut action) };
    result == 0 && action.sa_sigaction == libc::SIG_IGN
}
