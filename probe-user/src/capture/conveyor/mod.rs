//! Hands frames from the draining thread to the writing thread, in batches that are reused. The
//! frames stay where the kernel wrote them until the writer is done with a batch, so that only the
//! writer copies them, into its file. A writer that falls behind leaves frames in the rings; what
//! the rings cannot hold is counted there.

mod batch;
mod progress;
mod writer;

use std::{
    ops::ControlFlow,
    os::unix::thread::JoinHandleExt as _,
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Error, Result, anyhow};
use probe_frame::{Frame, WallTime};
use probe_pcap::Statistics;

use super::sink::{Sink, Waits};
use crate::{
    cancel,
    kernel::{Attachment, Loan, Span},
    share::{Share, Table},
};
use batch::Batch;
use progress::Progress;

pub(super) use progress::WriterDeadline;

/// Batches that go round.
const BATCHES: usize = 64;
/// How long a writer that is given up may take to say what it has written.
const LAST_WORDS: Duration = Duration::from_millis(100);
/// How often the user is asked, while a batch is awaited and while the writer finishes.
const LOOK: Duration = Duration::from_millis(10);
const TURN: Duration = Duration::from_millis(1);

/// What goes to the writer.
enum Message {
    Frames(Batch),
    /// Frames may also be of this interface from here on.
    Interface(Attachment),
    /// An interface was gone at this time.
    Gone(u32, WallTime),
    /// Frames of before this time were lost.
    Lost(WallTime),
    /// Frames of after this time are those of another share of the connections.
    Follow(Share, WallTime),
    /// The last one: the account, without what the sinks know better.
    End(Statistics),
}

/// The draining thread's end.
pub(super) struct Conveyor {
    full: Option<Sender<Message>>,
    empty: Receiver<Batch>,
    current: Option<Batch>,
    /// Batches that came back. The last is used first: its memory is in the caches.
    spare: Vec<Batch>,
    /// Batches not made yet: a quiet capture needs one.
    unmade: usize,
    deadline: WriterDeadline,
    progress: Arc<Progress>,
    writer: Option<JoinHandle<Result<ControlFlow<()>>>>,
    dropped: u64,
}

/// How the writing ended.
pub(super) struct Written {
    /// Frames that the sinks took.
    pub(super) frames: u64,
    /// Frames dropped because the writer was behind.
    pub(super) dropped: u64,
    /// The sinks' error, if one ended them; a break if they had all they wanted.
    pub(super) result: Result<ControlFlow<()>>,
}

impl Conveyor {
    /// Starts the writing thread.
    pub(super) fn start(mut sinks: Vec<Box<dyn Sink>>, deadline: WriterDeadline) -> Result<Self> {
        let (full, incoming) = channel::<Message>();
        let (recycled, empty) = channel();
        let progress = Arc::new(Progress::default());
        let shared = Arc::clone(&progress);
        let writer = thread::Builder::new().name("probe-writer".into()).spawn(move || {
            cancel::watch(Arc::clone(&shared.cancelled))?;
            writer::write(&incoming, &recycled, &mut sinks, &shared)
        })?;
        Ok(Self {
            full: Some(full),
            empty,
            current: None,
            spare: Vec::new(),
            unmade: BATCHES,
            deadline,
            progress,
            writer: Some(writer),
            dropped: 0,
        })
    }

    /// Whether a frame can be taken now.
    pub(super) fn is_ready(&mut self) -> bool {
        self.batch().is_some()
    }

    /// Takes a frame if there is a batch for it; `false` drops it. Bytes that are in a ring
    /// stay there: the loan that they are part of has to come with [`send`](Self::send).
    pub(super) fn push(&mut self, frame: &Frame<'_>, lent: Option<Span>) -> bool {
        let Some(batch) = self.batch() else {
            self.dropped += 1;
            return false;
        };
        batch.push(frame, lent);
        true
    }

    fn batch(&mut self) -> Option<&mut Batch> {
        if self.current.is_none() {
            self.spare.extend(self.empty.try_iter());
            self.current = self.spare.pop();
            if self.current.is_none() && self.unmade > 0 {
                self.unmade -= 1;
                self.current = Some(Batch::default());
            }
        }
        self.current.as_mut()
    }

    /// Whether what has gathered should be handed over before more comes.
    pub(super) fn is_full(&self) -> bool {
        self.current.as_ref().is_some_and(Batch::is_full)
    }

    /// Hands over what has gathered: when it is [full](Self::is_full), and after each look at
    /// the rings, so that a line shows at once. Where nothing has gathered, nothing is lent.
    pub(super) fn send(&mut self, lend: impl FnOnce() -> Option<Loan>) {
        if let Some(mut batch) = self.current.take_if(|batch| batch.count() > 0)
            && let Some(full) = &self.full
        {
            batch.loan = lend();
            // It fails where the writer has ended; `is_alive` tells.
            let _ = full.send(Message::Frames(batch));
        }
    }

    /// Makes an interface known that was attached to after the start. Frames that come before it are
    /// with the writer by then or are none of its own.
    pub(super) fn introduce(&mut self, attachment: Attachment) {
        if let Some(full) = &self.full {
            // As in `send`.
            let _ = full.send(Message::Interface(attachment));
        }
    }

    /// Tells the sinks that an interface was gone at this time.
    pub(super) fn forget(&mut self, index: u32, gone: WallTime) {
        if let Some(full) = &self.full {
            // As in `send`.
            let _ = full.send(Message::Gone(index, gone));
        }
    }

    /// Tells the sinks that frames of before this time were lost. Some of those that came before may not
    /// have been [sent](Self::send) yet.
    pub(super) fn tell_of_loss(&mut self, before: WallTime) {
        if let Some(full) = &self.full {
            // As in `send`.
            let _ = full.send(Message::Lost(before));
        }
    }

    /// Tells the sinks that from a time on frames are those of another share of the connections.
    pub(super) fn follow(&mut self, share: Share, since: WallTime) {
        if let Some(full) = &self.full {
            // As in `send`.
            let _ = full.send(Message::Follow(share, since));
        }
    }

    /// How the sink's table of connections was behind its last batch.
    pub(super) fn table(&self) -> Table {
        self.progress.table()
    }

    /// Waits for the writer to give a batch back, at the end, when nothing can be lost by
    /// waiting but time; `false` if it gives none.
    pub(super) fn wait(&mut self) -> bool {
        while !self.is_ready() {
            if self.progress.is_cancelled() {
                return false;
            }
            match self.empty.recv_timeout(LOOK) {
                Ok(batch) => self.spare.push(batch),
                Err(RecvTimeoutError::Timeout) if self.deadline.is_over(&self.progress) => {
                    self.give_up();
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
        true
    }

    /// Ends the writer where it is. In a moment it has ended and knows what it wrote, but where
    /// the kernel does not let go of it: a disk that stands still.
    fn give_up(&mut self) {
        self.progress.cancelled.store(true, Ordering::Relaxed);
        let end = Instant::now() + LAST_WORDS;
        while self.is_alive() && Instant::now() < end {
            if let Some(writer) = &self.writer {
                cancel::interrupt(writer.as_pthread_t());
            }
            thread::sleep(TURN);
        }
    }

    /// Whether the writer still takes frames.
    pub(super) fn is_alive(&self) -> bool {
        self.writer.as_ref().is_some_and(|writer| !writer.is_finished())
    }

    /// Frames dropped so far because the writer was behind.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Lets the writer finish; all has been [sent](Self::send).
    pub(super) fn finish(mut self, statistics: Statistics) -> Written {
        if let Some(full) = self.full.take() {
            let _ = full.send(Message::End(statistics));
        }
        while self.is_alive() && !self.progress.is_cancelled() {
            if self.deadline.is_over(&self.progress) {
                self.give_up();
            }
            thread::sleep(TURN);
        }
        let joined = self.writer.take_if(|writer| writer.is_finished()).map(JoinHandle::join);
        let result = match joined {
            Some(Ok(Err(_))) | None if self.progress.is_cancelled() => Err(self.cancelled()),
            Some(Ok(result)) => result,
            Some(Err(_)) | None => Err(anyhow!("the writing thread panicked")),
        };
        let frames = self.progress.kept.load(Ordering::Acquire);
        Written { frames, dropped: self.dropped, result }
    }

    /// Why there is less than there could be; all the rest is in the account.
    fn cancelled(&self) -> Error {
        match (self.progress.waits_for(), self.progress.batch.load(Ordering::Acquire)) {
            (Waits::Disk, 0) => anyhow!("a second signal ended the writing of the file"),
            (Waits::Disk, frames) => anyhow!(
                "a second signal ended the writing of the file; up to {frames} frames that are \
                 counted as dropped may be on the disk"
            ),
            (Waits::Pipe | Waits::Stdout, _) => {
                anyhow!("the reader of the output has stopped reading, or is too slow")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicU32, AtomicU64},
        mpsc,
    };

    use probe_frame::{LinkType, WallTime};

    use super::{batch::BATCH_BYTES, progress::PATIENCE, *};

    /// Waits for leave before each frame, and remembers what it got.
    struct Slow(Receiver<()>, Arc<Mutex<Vec<Vec<u8>>>>);

    impl Sink for Slow {
        fn frame(&mut self, frame: &Frame<'_>) -> Result<ControlFlow<()>> {
            self.0.recv()?;
            self.1.lock().unwrap().push(frame.bytes.to_vec());
            Ok(ControlFlow::Continue(()))
        }

        fn flush(&mut self) -> Result<()> {
            Ok(())
        }

        fn kept(&self) -> u64 {
            self.1.lock().unwrap().len() as u64
        }
    }

    fn patient() -> WriterDeadline {
        WriterDeadline::new(Box::new(|| 0))
    }

    fn frame(bytes: &[u8]) -> Frame<'_> {
        let wire_len = bytes.len() as u32;
        Frame {
            time: WallTime(1),
            wire_len,
            bytes,
            link: LinkType::Ethernet,
            ifindex: 0,
            outbound: None,
        }
    }

    /// As the draining thread does, with frames of no ring.
    fn hand_over(conveyor: &mut Conveyor, bytes: &[u8]) -> bool {
        let taken = conveyor.push(&frame(bytes), None);
        if conveyor.is_full() {
            conveyor.send(|| None);
        }
        taken
    }

    #[test]
    fn frames_arrive_whole_and_in_order() {
        let (leave, wait) = mpsc::channel();
        let got = Arc::new(Mutex::new(Vec::new()));
        let mut conveyor =
            Conveyor::start(vec![Box::new(Slow(wait, Arc::clone(&got)))], patient()).unwrap();
        for n in 0..10_000u32 {
            leave.send(()).unwrap();
            assert!(hand_over(&mut conveyor, &n.to_be_bytes()[..(n % 5) as usize]));
        }
        conveyor.send(|| None);
        let written = conveyor.finish(Statistics::default());
        assert!(written.result.unwrap().is_continue());
        assert_eq!((written.frames, written.dropped), (10_000, 0));
        let got = got.lock().unwrap();
        assert!(got.iter().zip(0u32..).all(|(b, n)| b == &n.to_be_bytes()[..(n % 5) as usize]));
    }

    #[test]
    fn a_slow_sink_uses_up_the_batches() {
        let (leave, wait) = mpsc::channel();
        let got = Arc::new(Mutex::new(Vec::new()));
        let mut conveyor = Conveyor::start(vec![Box::new(Slow(wait, got))], patient()).unwrap();
        let big = vec![7; BATCH_BYTES];
        let taken = (0..100).filter(|_| hand_over(&mut conveyor, &big)).count();
        assert_eq!(taken, BATCHES);
        assert!(!conveyor.is_ready());
        for _ in 0..100 {
            leave.send(()).unwrap();
        }
        let written = conveyor.finish(Statistics::default());
        assert!(written.result.unwrap().is_continue());
        assert_eq!((written.frames, written.dropped), (BATCHES as u64, 100 - BATCHES as u64));
    }

    /// Has enough after some frames, or when time passes.
    struct Enough {
        left: u64,
        kept: Arc<AtomicU64>,
        ticks: bool,
        finished: Arc<Mutex<Vec<Option<Statistics>>>>,
    }

    impl Sink for Enough {
        fn frame(&mut self, _frame: &Frame<'_>) -> Result<ControlFlow<()>> {
            if self.left == 0 {
                return Ok(ControlFlow::Break(()));
            }
            self.left -= 1;
            self.kept.fetch_add(1, Ordering::Relaxed);
            Ok(ControlFlow::Continue(()))
        }

        fn flush(&mut self) -> Result<()> {
            Ok(())
        }

        fn kept(&self) -> u64 {
            self.kept.load(Ordering::Relaxed)
        }

        fn wants_ticks(&self) -> bool {
            self.ticks
        }

        fn tick(&mut self, _now: WallTime) -> Result<ControlFlow<()>> {
            Ok(ControlFlow::Break(()))
        }

        fn finish(&mut self, statistics: Option<&Statistics>) -> Result<()> {
            self.finished.lock().unwrap().push(statistics.cloned());
            Ok(())
        }
    }

    #[test]
    fn a_sink_that_has_enough_ends_the_writing() {
        for (left, ticks, kept) in [(3, false, 3), (u64::MAX, true, 10)] {
            let finished = Arc::new(Mutex::new(Vec::new()));
            let sink = Enough { left, kept: Arc::default(), ticks, finished: finished.clone() };
            let mut conveyor = Conveyor::start(vec![Box::new(sink)], patient()).unwrap();
            for _ in 0..10 {
                conveyor.push(&frame(b"x"), None);
            }
            conveyor.send(|| None);
            while conveyor.is_alive() {
                thread::sleep(Duration::from_millis(1));
            }
            let written = conveyor.finish(Statistics::default());
            assert!(written.result.unwrap().is_break());
            assert_eq!(written.frames, kept);
            assert_eq!(*finished.lock().unwrap(), [None]);
        }
    }

    #[test]
    fn the_account_arrives_at_the_end() {
        let finished = Arc::new(Mutex::new(Vec::new()));
        let sink =
            Enough { left: 5, kept: Arc::default(), ticks: false, finished: finished.clone() };
        let mut conveyor = Conveyor::start(vec![Box::new(sink)], patient()).unwrap();
        conveyor.push(&frame(b"x"), None);
        conveyor.send(|| None);
        let statistics = Statistics { matched: 7, ..Statistics::default() };
        assert_eq!(conveyor.finish(statistics.clone()).frames, 1);
        assert_eq!(*finished.lock().unwrap(), [Some(statistics)]);
    }

    #[test]
    fn a_sink_that_hangs_is_cancelled() {
        let (_leave, wait) = mpsc::channel();
        let got = Arc::new(Mutex::new(Vec::new()));
        let wanted = Arc::new(AtomicU32::new(0));
        let asked = Arc::clone(&wanted);
        let deadline = WriterDeadline::new(Box::new(move || asked.load(Ordering::Relaxed)));
        let mut conveyor = Conveyor::start(vec![Box::new(Slow(wait, got))], deadline).unwrap();
        assert!(conveyor.push(&frame(b"x"), None));
        conveyor.send(|| None);
        // The user's patience is longer; only when it ends is the sink given up.
        let ends = Duration::from_millis(900);
        let user = thread::spawn(move || {
            thread::sleep(ends);
            wanted.store(1, Ordering::Relaxed);
        });
        let start = Instant::now();
        assert!(conveyor.finish(Statistics::default()).result.is_err());
        let took = start.elapsed();
        assert!(took >= ends + PATIENCE && took < ends + PATIENCE * 3, "{took:?}");
        user.join().unwrap();
    }
}
