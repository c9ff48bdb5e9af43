//! Writes that are cancelled: the reader of the output does not read, or a disk has stopped, and
//! time is up. A write that blocks in the kernel is interrupted, and returns how much of it was
//! written; so the account holds even then.

use std::{
    cell::RefCell,
    io,
    os::unix::thread::RawPthread,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use crate::stop;
use nix::sys::{
    pthread::{Pthread, pthread_kill, pthread_self},
    signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction},
};

/// A signal that does nothing where nobody has a use for it (signal(7)).
const NUDGE: Signal = Signal::SIGURG;

thread_local! {
    static MINE: RefCell<Option<Arc<AtomicBool>>> = const { RefCell::new(None) };
}

/// Makes the flag the one that says whether this thread's writes are cancelled.
///
/// # Errors
/// Those of sigaction(2).
pub fn watch(flag: Arc<AtomicBool>) -> io::Result<()> {
    MINE.with_borrow_mut(|mine| *mine = Some(flag));
    // Without SA_RESTART, which signal-hook sets: a write that is interrupted comes back.
    let action = SigAction::new(SigHandler::Handler(nothing), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler does nothing, which is safe at any moment.
    unsafe { sigaction(NUDGE, &action) }?;
    Ok(())
}

extern "C" fn nothing(_signal: libc::c_int) {}

/// How long whoever reads may take once the user wants the end.
const PATIENCE: Duration = Duration::from_millis(700);
/// How often is asked whether the user does, and whether a write comes back.
const LOOK: Duration = Duration::from_millis(50);

/// Cancels this thread's writes some time after the user wants the end. For the thread that reads
/// and writes by itself, and lives as long as the process.
///
/// # Errors
/// Those of [`watch`], and of starting a thread.
pub fn after_a_signal() -> io::Result<()> {
    let flag = Arc::new(AtomicBool::new(false));
    watch(Arc::clone(&flag))?;
    // A number with glibc, a pointer with musl.
    let writer = pthread_self() as RawPthread;
    let wait = move || {
        while !stop::requested() {
            thread::sleep(LOOK);
        }
        thread::sleep(PATIENCE);
        flag.store(true, Ordering::Relaxed);
        loop {
            interrupt(writer);
            thread::sleep(LOOK);
        }
    };
    thread::Builder::new().name("probe-patience".into()).spawn(wait).map(drop)
}

/// Fails if this thread's writes are cancelled.
///
/// # Errors
/// That one.
pub fn check() -> io::Result<()> {
    let is_set = |flag: &Arc<AtomicBool>| flag.load(Ordering::Relaxed);
    if MINE.with_borrow(|mine| mine.as_ref().is_some_and(is_set)) {
        Err(io::Error::other("the reader of the output has stopped reading, or is too slow"))
    } else {
        Ok(())
    }
}

/// Interrupts what a thread waits for in the kernel. It may be about to wait: whoever wants it to
/// end asks again.
pub fn interrupt(thread: RawPthread) {
    // It fails where the thread has ended.
    let _ = pthread_kill(thread as Pthread, NUDGE);
}
