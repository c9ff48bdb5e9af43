//! Everything that is reported to the user: the one place that writes to standard error.
//!
//! A message never ends a capture. Where the disk is full or the reader has gone, the message is
//! lost and nothing else. A reader that does not read is waited for until the user asks for the
//! end, and then for a moment. Names that others chose, such as those of interfaces and files,
//! reach no terminal with control characters in them.

use std::{
    fmt::Display,
    io::{self, IsTerminal as _, Write as _},
    os::fd::AsFd as _,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use probe_frame::visible_lines;
use terminal_size::{Width, terminal_size_of};

use crate::{stop, text::cut};

/// Where poll(2) says that a pipe takes something, a write of so many bytes does not wait
/// (PIPE_BUF in pipe(7)).
const AT_ONCE: usize = 4096;

/// How long a reader that does not read is waited for once the user wants the end.
const PATIENCE: Duration = Duration::from_millis(100);
/// How often the user is asked.
const LOOK: Duration = Duration::from_millis(20);

/// Says something, behind the program's name: `probe: TEXT`.
pub fn say(text: impl Display) {
    plain(format_args!("probe: {text}"));
}

/// Says what the user may not expect, and what goes on all the same: `probe: note: TEXT`.
pub fn note(text: impl Display) {
    say(format_args!("note: {text}"));
}

/// Says something in tcpdump's own words, without a name before it.
pub fn plain(text: impl Display) {
    let mut line = visible_lines(&text.to_string());
    if let Some(held) = held().as_mut() {
        held.push(line);
        return;
    }
    line.push('\n');
    write(line.as_bytes());
}

/// Messages that wait until the terminal shows lines again.
static HELD: Mutex<Option<Vec<String>>> = Mutex::new(None);

fn held() -> MutexGuard<'static, Option<Vec<String>>> {
    // A list of lines is whole whoever panicked with it.
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Holds messages back while a table has the terminal, where they go to one; until [`release`].
pub fn hold() {
    if io::stderr().is_terminal() {
        held().get_or_insert_default();
    }
}

/// The last lines that are held back, the newest last.
pub fn last_held(most: usize) -> Vec<String> {
    let held = held();
    let mut lines: Vec<String> = (held.iter().flatten())
        .flat_map(|text| text.lines())
        .rev()
        .take(most)
        .map(String::from)
        .collect();
    lines.reverse();
    lines
}

/// Says what was held back, and from now on each message at once.
pub fn release() {
    let lines = held().take();
    for line in lines.into_iter().flatten() {
        write(format!("{line}\n").as_bytes());
    }
}

/// Shows a line that the next words are written over; none takes it away again. As much of it as fits
/// on the terminal: what wraps would stay behind.
pub fn in_place(text: impl Display) {
    let text = visible_lines(&text.to_string());
    let line = match terminal_size_of(io::stderr()) {
        // The last column stays free: a cursor behind it is already on the next line on some.
        Some((Width(columns), _)) => cut(&text, usize::from(columns).saturating_sub(1)),
        None => text,
    };
    let erase = if io::stderr().is_terminal() { "\x1b[K" } else { "" };
    write(format!("{line}{erase}\r").as_bytes());
}

/// Makes the `log` facade, by which aya-log tells what the kernel programs say, speak here.
pub fn install_logger() {
    // It fails where a logger is set already, which then is this one.
    let _ = log::set_logger(&Log).map(|()| log::set_max_level(log::LevelFilter::Debug));
}

struct Log;

impl log::Log for Log {
    /// What libraries tell in detail is not about the capture.
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Warn || metadata.target().starts_with("probe")
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            say(record.args());
        }
    }

    fn flush(&self) {}
}

/// Writes as much as can be written.
fn write(mut bytes: &[u8]) {
    // Lines of several threads do not mix.
    let mut stderr = io::stderr().lock();
    while !bytes.is_empty() && is_ready(&stderr) {
        match stderr.write(&bytes[..bytes.len().min(AT_ONCE)]) {
            Ok(0) => return,
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            // Somebody else wrote first to what does not block.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // There is nobody to tell.
            Err(_) => return,
        }
    }
}

/// Waits until a write would not wait; `false` where there is no time left for that.
fn is_ready(stderr: &io::StderrLock<'_>) -> bool {
    /// Whoever did not read in time once is not waited for again.
    static GIVEN_UP: AtomicBool = AtomicBool::new(false);
    let mut end = None;
    loop {
        let mut fds = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
        let timeout = PollTimeout::try_from(LOOK).unwrap_or(PollTimeout::ZERO);
        match poll(&mut fds, timeout) {
            // Also where it failed: the write will say so.
            Ok(1..) => return true,
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(_) => return true,
        }
        if GIVEN_UP.load(Ordering::Relaxed) {
            return false;
        }
        if stop::requested() {
            let end = *end.get_or_insert_with(|| Instant::now() + PATIENCE);
            if Instant::now() >= end {
                GIVEN_UP.store(true, Ordering::Relaxed);
                return false;
            }
        }
    }
}
