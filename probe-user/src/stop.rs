//! SIGINT, SIGTERM and SIGHUP: every loop looks whether one came, so that each end is a clean
//! one. A second signal ends the program at once, unless somebody [sees to it](seen_to): then it
//! ends the waiting for the output, and a third one the program.

use std::{
    io,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    low_level,
};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals that came.
static SIGNALS: AtomicU32 = AtomicU32::new(0);
/// Whether somebody does what the second one asks for.
static SEEN_TO: AtomicBool = AtomicBool::new(false);

/// Starts to count the signals.
///
/// # Errors
/// Where the handlers cannot be installed.
pub fn on_signals() -> io::Result<()> {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        // nohup(1) has SIGHUP ignored, and it stays so.
        if signal != SIGHUP || !is_ignored(SIGHUP) {
            // SAFETY: the handler works on atomics, and may end the process by _exit(2).
            unsafe { low_level::register(signal, count) }?;
        }
    }
    Ok(())
}

/// Runs as a signal handler.
fn count() {
    let before = SIGNALS.fetch_add(1, Ordering::Relaxed);
    if before > u32::from(SEEN_TO.load(Ordering::Relaxed)) {
        low_level::exit(1);
    }
}

/// Whether the user asked for the end.
pub fn requested() -> bool {
    SIGNALS.load(Ordering::Relaxed) > 0
}

/// Whether the user asked for it a second time.
pub fn insisted() -> bool {
    SIGNALS.load(Ordering::Relaxed) > 1
}

/// Promises to look whether the user has [insisted], and to end then with what there is to tell.
pub fn seen_to() {
    SEEN_TO.store(true, Ordering::Relaxed);
}

/// The wait for a signal, beside other things.
#[derive(Debug)]
pub struct Stop {
    interrupt: Signal,
    terminate: Signal,
    /// `None` where nohup(1) has the signal ignored.
    hang_up: Option<Signal>,
}

impl Stop {
    /// Starts to watch the [signals](on_signals). Needs the runtime.
    ///
    /// # Errors
    /// Where the handlers cannot be installed.
    pub fn on_signals() -> io::Result<Self> {
        let hangs_up = !is_ignored(SIGHUP);
        on_signals()?;
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: hangs_up.then(|| signal(SignalKind::hangup())).transpose()?,
        })
    }

    /// Waits for a signal.
    pub async fn wait(&mut self) {
        if requested() {
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
