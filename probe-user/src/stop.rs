//! SIGINT, SIGTERM and SIGHUP ask for the end: every loop checks for them, so that each ending is
//! a clean one. A second signal ends the program at once, unless the command [handles
//! it](handle_second_signal): then it stops the wait for the output, and a third one ends the program.

use std::{
    io,
    os::unix::net,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    low_level,
};
use tokio::net::UnixStream;

/// Signals that came.
static SIGNALS: AtomicU32 = AtomicU32::new(0);
/// Whether a second signal has a meaning of its own here.
static SECOND_HANDLED: AtomicBool = AtomicBool::new(false);

/// Set where SIGHUP asks for something else than the end.
static HANGUP_IS_NO_END: AtomicBool = AtomicBool::new(false);

/// The signals that ask for the end. nohup(1) has SIGHUP ignored, and it stays so.
fn handled() -> impl Iterator<Item = i32> {
    let ends = |&signal: &i32| {
        signal != SIGHUP || !(is_ignored(SIGHUP) || HANGUP_IS_NO_END.load(Ordering::Relaxed))
    };
    [SIGINT, SIGTERM, SIGHUP].into_iter().filter(ends)
}

/// Promises to handle SIGHUP as what it means to a service: to read its configuration again. To be
/// called before [`on_signals`].
pub fn hangup_is_no_end() {
    HANGUP_IS_NO_END.store(true, Ordering::Relaxed);
}

/// Starts to count the signals, once: a signal that two handlers counted would be two.
///
/// # Errors
/// Where the handlers cannot be installed.
pub fn on_signals() -> io::Result<()> {
    static COUNTING: Mutex<bool> = Mutex::new(false);
    let mut counting = COUNTING.lock().unwrap_or_else(PoisonError::into_inner);
    if *counting {
        return Ok(());
    }
    for signal in handled() {
        // SAFETY: the handler works on atomics, and may end the process by _exit(2).
        unsafe { low_level::register(signal, count) }?;
    }
    *counting = true;
    Ok(())
}

/// Makes the limit on the length of files (RLIMIT_FSIZE) an error of the write that reaches it,
/// and not the end of the process. A handler, unlike an ignored signal, is not inherited by the
/// commands that are started.
///
/// # Errors
/// Where the handler cannot be installed.
pub fn outlive_file_limit() -> io::Result<()> {
    signal_hook::flag::register(libc::SIGXFSZ, Arc::default()).map(drop)
}

/// Runs as a signal handler.
fn count() {
    let before = SIGNALS.fetch_add(1, Ordering::Relaxed);
    if before > u32::from(SECOND_HANDLED.load(Ordering::Relaxed)) {
        low_level::exit(1);
    }
}

/// Whether the user asked for the end.
pub fn requested() -> bool {
    SIGNALS.load(Ordering::Relaxed) > 0
}

/// How often the user asked for the end.
pub fn signals() -> u32 {
    SIGNALS.load(Ordering::Relaxed)
}

/// Promises to look at the number of [signals], and to end at the second with what there is to
/// tell.
pub fn handle_second_signal() {
    SECOND_HANDLED.store(true, Ordering::Relaxed);
}

/// The wait for a signal, beside other things.
#[derive(Debug)]
pub struct Stop {
    /// Readable from the first signal on; nobody reads it.
    came: UnixStream,
}

impl Stop {
    /// Starts to watch the [signals](on_signals). Needs the runtime.
    ///
    /// # Errors
    /// Where the handlers cannot be installed.
    pub fn on_signals() -> io::Result<Self> {
        // Counted first: whoever is woken finds the signal counted.
        on_signals()?;
        let (came, send) = net::UnixStream::pair()?;
        for signal in handled() {
            low_level::pipe::register(signal, send.try_clone()?)?;
        }
        came.set_nonblocking(true)?;
        Ok(Self { came: UnixStream::from_std(came)? })
    }

    /// Waits for a signal.
    pub async fn wait(&self) {
        while !requested() {
            if self.came.readable().await.is_err() {
                // The runtime is about to end.
                std::future::pending().await
            }
        }
    }
}

/// Whether the signal was ignored when the program began.
fn is_ignored(signal: i32) -> bool {
    // nix sets an action wherever it asks for one.
    // SAFETY: all zeroes is a valid value of this C structure.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: without a new action the call only writes the old one to `action`.
    let result = unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut action) };
    result == 0 && action.sa_sigaction == libc::SIG_IGN
}
