//! Events of a capture beside frames: an interface goes away, the reader of the output does, or the
//! user asks for the counts so far (SIGUSR1). A check takes a few system calls.

use std::{
    fs::File,
    io,
    os::fd::{AsFd as _, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Result;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use signal_hook::consts::{SIGUSR1, SIGUSR2};

use crate::{
    interfaces::{Change, Links, NoneLeft},
    kernel::Attachment,
    reporter,
};

/// How often -v tells of frames written.
const PROGRESS: Duration = Duration::from_secs(1);

/// What ends a capture from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The reader of the output is gone.
    NoReader,
    /// All interfaces are gone.
    NoInterface(NoneLeft),
}

/// Whom to ask.
pub(super) struct Events {
    links: Links,
    /// What is to be told first.
    pending: Vec<Change>,
    outputs: Vec<OwnedFd>,
    /// SIGUSR1 came.
    report: Arc<AtomicBool>,
    /// -v with -w: what was shown last.
    progress: Option<Progress>,
}

impl Events {
    /// Starts to watch, for `any` also interfaces that come later; `outputs` are those of which a
    /// reader can go.
    pub(super) fn watch(
        attachments: &[Attachment],
        any: bool,
        outputs: Vec<OwnedFd>,
        progress: bool,
    ) -> Result<Self> {
        let report = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(SIGUSR1, Arc::clone(&report))?;
        // tcpdump flushes its file at this one. Ours is flushed each turn; it must not kill.
        signal_hook::flag::register(SIGUSR2, Arc::default())?;
        let mut links = Links::watch(attachments, any)?;
        let pending = links.refresh();
        let progress = progress.then(Progress::default);
        Ok(Self { links, pending, outputs, report, progress })
    }

    /// What became of the interfaces, which is to be told.
    pub(super) fn changes(&mut self) -> Vec<Change> {
        let mut changes = std::mem::take(&mut self.pending);
        changes.extend(self.links.look());
        changes
    }

    /// Shows how far it got; the end, if it is one.
    pub(super) fn look(&mut self, captured: u64) -> Option<End> {
        self.show_progress(captured);
        if let Some(none) = self.links.none_left() {
            return Some(End::NoInterface(none));
        }
        self.outputs.iter().any(has_no_reader).then_some(End::NoReader)
    }

    /// Whether SIGUSR1 asked for the numbers so far, since it was last looked at.
    pub(super) fn report_wanted(&self) -> bool {
        self.report.swap(false, Ordering::Relaxed)
    }

    /// tcpdump's `Got 12`, on one line that is written over.
    fn show_progress(&mut self, captured: u64) {
        let Some(Progress { shown, at }) = &mut self.progress else { return };
        let recent = at.is_some_and(|at| at.elapsed() < PROGRESS);
        if *shown == Some(captured) || recent {
            return;
        }
        (*shown, *at) = (Some(captured), Some(Instant::now()));
        reporter::in_place(format_args!("Got {captured}"));
    }
}

#[derive(Default)]
struct Progress {
    shown: Option<u64>,
    at: Option<Instant>,
}

/// Descriptors of the outputs of which a reader can go: pipes, sockets and terminals.
pub(super) fn outputs(stdout: bool, fifo: Option<&File>) -> io::Result<Vec<OwnedFd>> {
    let stdout = stdout.then(|| io::stdout().as_fd().try_clone_to_owned());
    let fifo = fifo.map(|file| file.as_fd().try_clone_to_owned());
    stdout.into_iter().chain(fifo).collect()
}

/// Whether the reader of the output is gone: poll(2) says POLLERR of a pipe and
/// POLLHUP of a terminal, without being asked. Files and devices have neither.
fn has_no_reader(output: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(output.as_fd(), PollFlags::empty())];
    // It does not wait. Where it fails, a write will say so.
    let _ = poll(&mut fds, PollTimeout::ZERO);
    let [output] = fds;
    output.revents().is_some_and(|it| it.intersects(PollFlags::POLLERR | PollFlags::POLLHUP))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_without_a_reader_is_noticed() {
        let (reader, writer) = io::pipe().unwrap();
        let writer: OwnedFd = writer.into();
        assert!(!has_no_reader(&writer));
        drop(reader);
        assert!(has_no_reader(&writer));
        for path in ["/dev/null", "Cargo.toml"] {
            assert!(!has_no_reader(&File::open(path).unwrap().into()), "{path}");
        }
    }
}
