//! A capture at work: frames from the feed to the sinks, until the end that was asked for, and an
//! account of all of them.

use std::{
    ops::ControlFlow,
    time::{Duration, Instant},
};

use anyhow::Result;
use probe_frame::{Frame, MAX_FRAME};

use super::{conveyor::Conveyor, events, events::Events, feed::Feed};
use crate::{
    account::Account,
    clock, explain,
    interfaces::{self, Change},
    kernel::{Counts, Programs, Span},
    reporter,
    rules::FlowSampling,
    share::{Budget, Load},
    stop,
};

/// How long a wait for frames lasts at most, so that signals are noticed.
const POLL: Duration = Duration::from_millis(50);

/// How often is looked for what may happen beside frames: each time takes system calls.
const EVENTS: Duration = Duration::from_millis(10);

/// After a signal, what is in the rings is still handed to the output, but only for so
/// long: Ctrl-C must end even a flood that is printed, within a second.
const PATIENCE: Duration = Duration::from_millis(400);

/// How many frames, how much of each, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a frame that are kept.
    pub snaplen: u32,
    /// One match in so many is captured, on each CPU.
    pub sample: u64,
    /// Of which connections, where not of all.
    pub flows: Option<FlowSampling>,
    /// Frames a second that may come, of all connections together: beyond that whole connections are left
    /// out. A sink learns of which share is left. Not with `flows`.
    pub budget: Option<Budget>,
    /// Frames a second at most, on each CPU.
    pub max_rate: Option<u64>,
    /// The end, by frames.
    pub count: Option<u64>,
    /// The end, by time.
    pub duration: Option<Duration>,
    /// Bytes of each CPU's rings; `None`: what fits the number of CPUs.
    pub ring_bytes: Option<usize>,
}

impl Default for Limits {
    /// All of everything, without end.
    fn default() -> Self {
        Self {
            snaplen: MAX_FRAME,
            sample: 1,
            flows: None,
            budget: None,
            max_rate: None,
            count: None,
            duration: None,
            ring_bytes: None,
        }
    }
}

/// What a capture is made of: attached programs, the frames that they choose, and the way to
/// the sinks.
pub(super) struct Pump<F, P> {
    pub(super) programs: P,
    pub(super) feed: F,
    pub(super) intake: Intake,
    pub(super) events: Events,
    /// The end, by time.
    pub(super) deadline: Option<Instant>,
    /// Whether the output has a reader, which may be slow. A file takes as long as it gets
    /// anywhere.
    pub(super) has_reader: bool,
    /// What was lost so far, where a sink is to be told at once.
    pub(super) losses: Option<Losses>,
    /// What the share of the connections that are followed hangs on, where it does.
    pub(super) load: Option<Load>,
}

/// Frames lost in the kernel, looked at now and then.
pub(super) struct Losses {
    frames: u64,
    looked: Instant,
}

impl Default for Losses {
    fn default() -> Self {
        Self { frames: 0, looked: Instant::now() }
    }
}

impl Losses {
    /// Reading the counters of all CPUs takes system calls.
    const INTERVAL: Duration = Duration::from_millis(100);

    fn are_due(&self) -> bool {
        self.looked.elapsed() >= Self::INTERVAL
    }

    /// Whether there are more than there were.
    fn grow(&mut self, counts: &Counts) -> bool {
        self.looked = Instant::now();
        let frames = counts.ledger.lost + counts.ledger.refused;
        std::mem::replace(&mut self.frames, frames) < frames
    }
}

/// What came of a capture.
pub(super) struct Closed {
    pub(super) account: Account,
    /// The sinks' error, if one ended them; a break if they had all they wanted.
    pub(super) written: Result<ControlFlow<()>>,
    /// Whether everything came off again.
    pub(super) detached: Result<()>,
}

impl<F: Feed, P: Programs> Pump<F, P> {
    /// Hands on frames until the end; says what ended it from outside, if anything did.
    pub(super) async fn run(&mut self) -> Result<Option<events::End>> {
        let mut looked = Instant::now();
        while !stop::requested() && self.intake.wants_more() {
            let left = self.deadline.map(|end| end.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                break;
            }
            self.feed.look(left.map_or(POLL, |left| left.min(POLL)));
            if self.intake.drain(&mut self.feed)
                && let Some(load) = &mut self.load
            {
                load.caught_up();
            }
            // Kernel-side diagnostics run as a task beside us.
            tokio::task::yield_now().await;
            if looked.elapsed() < EVENTS {
                continue;
            }
            looked = Instant::now();
            if self.events.report_wanted() {
                let counts = self.programs.counts().map_err(explain::kernel)?;
                reporter::say(self.intake.account.interim(&counts));
            }
            if let Some(losses) = self.losses.as_mut().filter(|losses| losses.are_due()) {
                let counts = self.programs.counts().map_err(explain::kernel)?;
                if losses.grow(&counts) {
                    self.intake.conveyor.tell_of_loss(clock::now());
                }
            }
            if let Some(load) = self.load.as_mut().filter(|load| load.is_due()) {
                let counts = self.programs.quick_counts().map_err(explain::kernel)?;
                if let Some(share) = load.look(Some(&counts.ledger), self.intake.conveyor.table()) {
                    let since = clock::now();
                    self.programs.choose_flows(share.one_in()).map_err(explain::kernel)?;
                    self.intake.conveyor.follow(share, since);
                }
            }
            let changes = self.events.changes();
            for change in &changes {
                if let Change::Gone(index, _) = change {
                    self.intake.conveyor.forget(*index, clock::now());
                }
            }
            for attachment in interfaces::follow(&changes, &mut self.programs) {
                self.intake.conveyor.introduce(attachment);
            }
            let ended = self.events.look(self.intake.account.captured);
            if ended.is_some() {
                return Ok(ended);
            }
        }
        Ok(None)
    }

    /// Takes the programs off, hands on what is left, and waits for the sinks.
    pub(super) fn close(mut self) -> Result<Closed> {
        // Nothing new comes in from here on, so that even a flood ends at once.
        let detached = self.programs.detach().map_err(explain::kernel);
        self.intake.end = if stop::requested() && self.has_reader {
            End::Until(Instant::now() + PATIENCE)
        } else {
            End::Detached
        };
        self.feed.look_at_all();
        self.intake.drain(&mut self.feed);
        let counts = self.programs.counts().map_err(explain::kernel)?;
        let Intake { mut conveyor, mut account, .. } = self.intake;
        if self.losses.is_some_and(|mut losses| losses.grow(&counts)) {
            conveyor.tell_of_loss(clock::now());
        }
        account.kernel(&counts);
        // For the file; what the sinks have is known when they are finished.
        let behind = account.output_behind + conveyor.dropped();
        let so_far = Account { output_behind: behind, ..account };
        let written = conveyor.finish(so_far.statistics(clock::now()));
        let handed_over = std::mem::replace(&mut account.captured, written.frames);
        let left_over = written.dropped + handed_over.saturating_sub(written.frames);
        match written.result {
            // The last file was full: what came after it came after the end.
            Ok(ControlFlow::Break(())) => account.after_end += left_over,
            _ => account.output_behind += left_over,
        }
        Ok(Closed { account, written: written.result, detached })
    }
}

/// How much time there is for the frames that are in the rings.
#[derive(Clone, Copy)]
enum End {
    /// The programs are attached: whoever waits here loses frames there.
    Attached,
    /// They are off: the output may take its time.
    Detached,
    /// They are off, and the user waits.
    Until(Instant),
}

/// Takes frames for the conveyor, and notes what becomes of them.
pub(super) struct Intake {
    conveyor: Conveyor,
    /// Frames that -c still wants; `None` wants all.
    left: Option<u64>,
    end: End,
    account: Account,
}

impl Intake {
    pub(super) fn new(conveyor: Conveyor, limits: &Limits) -> Self {
        Self { conveyor, left: limits.count, end: End::Attached, account: Account::default() }
    }

    fn wants_more(&self) -> bool {
        self.left != Some(0) && self.conveyor.is_alive()
    }

    /// Hands on the frames that were there at the last look. Before the end it stops where -c
    /// is reached, and where the writer is behind; afterwards all are accounted for. Says whether that was all.
    fn drain(&mut self, feed: &mut impl Feed) -> bool {
        let attached = matches!(self.end, End::Attached);
        let mut all = false;
        while !attached || self.left != Some(0) && self.conveyor.is_ready() {
            let Some((frame, lent)) = feed.next() else {
                all = true;
                break;
            };
            self.take(&frame, lent);
            if self.conveyor.is_full() {
                self.conveyor.send(|| feed.lend());
            }
        }
        self.conveyor.send(|| feed.lend());
        all
    }

    fn take(&mut self, frame: &Frame<'_>, lent: Option<Span>) {
        if self.left == Some(0) {
            self.account.after_end += 1;
            return;
        }
        if matches!(self.end, End::Until(end) if Instant::now() >= end) {
            self.account.output_behind += 1;
            return;
        }
        if !matches!(self.end, End::Attached) && self.conveyor.is_alive() {
            self.conveyor.wait();
        }
        if self.conveyor.push(frame, lent) {
            self.account.captured += 1;
            self.left = self.left.map(|left| left - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        path::Path,
        sync::{Arc, Mutex},
    };

    use probe_common::{Counter, Ledger};
    use probe_filter::LinkType;
    use probe_frame::WallTime;
    use probe_pcap::{Origin, Reader};
    use probe_print::{Style, TimeStyle};

    use super::{
        super::{
            FileOutput, Lines, conveyor::WriterDeadline, file_sink::Clock, rotation::Rotate,
            sink::Sink,
        },
        *,
    };
    use crate::{
        kernel::{self, Attachment, Counts, Loan},
        names::NameStyle,
        runtime,
    };

    /// An ARP request from 192.0.2.N.
    fn request(n: u8) -> Vec<u8> {
        let ethernet = [[0xff; 6], [2, 0, 0, 0, 0, n]].concat();
        let kind = [8, 6, 0, 1, 8, 0, 6, 4, 0, 1];
        let from = [2, 0, 0, 0, 0, n, 192, 0, 2, n];
        [&ethernet[..], &kind, &from, &[0; 6], &[192, 0, 2, 1]].concat()
    }

    /// Frames that come one a look, and those that come while the programs are taken off.
    struct Script {
        frames: Vec<Vec<u8>>,
        late: usize,
        shown: usize,
        given: usize,
    }

    impl Feed for Script {
        fn look(&mut self, _timeout: Duration) {
            self.shown = (self.shown + 1).min(self.frames.len() - self.late);
        }

        fn look_at_all(&mut self) {
            self.shown = self.frames.len();
        }

        fn next(&mut self) -> Option<(Frame<'_>, Option<Span>)> {
            let bytes = self.frames[..self.shown].get(self.given)?;
            self.given += 1;
            let time = WallTime::new(1_700_000_000, self.given as u64 * 1000);
            let (wire_len, ifindex) = (bytes.len() as u32, 1);
            Some((
                Frame {
                    time,
                    wire_len,
                    link: LinkType::Ethernet,
                    bytes,
                    ifindex,
                    outbound: Some(false),
                },
                None,
            ))
        }

        fn lend(&mut self) -> Option<Loan> {
            None
        }
    }

    /// Programs that chose so many frames, and that saw one more which did not match.
    struct Chose(u64);

    impl Programs for Chose {
        fn counts(&self) -> Result<Counts, kernel::Error> {
            let counter = |packets| Counter { packets, bytes: packets * 42 };
            let ledger = Ledger { chosen: self.0, ..Default::default() };
            let (seen, rules) = (counter(self.0 + 1), vec![counter(self.0)]);
            Ok(Counts { seen, rules, ledger, ..Counts::default() })
        }

        fn quick_counts(&self) -> Result<Counts, kernel::Error> {
            self.counts()
        }

        fn detach(&mut self) -> Result<(), kernel::Error> {
            Ok(())
        }
    }

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines(out: &Shared) -> Box<dyn Sink> {
        let style = Style { time: TimeStyle::Unix, ..Style::default() };
        let lines =
            Lines { style, names: NameStyle::Numbers, short_names: false, each: false, rows: None };
        Box::new(lines.over(Box::new(out.clone()), Vec::new(), None))
    }

    fn file(output: &FileOutput) -> Box<dyn Sink> {
        let sink = output.open(
            crate::capture::Kept { link: LinkType::Ethernet, snaplen: 60, mixed: false },
            Clock::Frames,
            Origin::default(),
            None,
            crate::capture::Sources::default(),
        );
        Box::new(sink.unwrap())
    }

    /// Captures five frames, of which the last two come while the programs are taken off.
    fn capture(sinks: Vec<Box<dyn Sink>>, count: Option<u64>) -> Closed {
        let frames: Vec<_> = (11..16).map(request).collect();
        let deadline = WriterDeadline::new(Box::new(|| 0));
        let limits = Limits { count, ..Limits::default() };
        let mut pump = Pump {
            programs: Chose(frames.len() as u64),
            feed: Script { frames, late: 2, shown: 0, given: 0 },
            intake: Intake::new(Conveyor::start(sinks, deadline).unwrap(), &limits),
            events: Events::watch(&[Attachment::loopback()], false, Vec::new(), false).unwrap(),
            // Whatever was not looked at by then is when the programs are off.
            deadline: Some(Instant::now() + Duration::from_millis(20)),
            has_reader: false,
            losses: None,
            load: None,
        };
        assert_eq!(runtime::block_on(pump.run()).unwrap(), None);
        pump.close().unwrap()
    }

    fn line(n: u8, microseconds: u8) -> String {
        format!(
            "1700000000.00000{microseconds} ARP, Request who-has 192.0.2.1 tell 192.0.2.{n}, \
             length 28\n"
        )
    }

    fn frames_of(path: &Path) -> Vec<Vec<u8>> {
        let mut reader = Reader::open(path).unwrap();
        let mut frames = Vec::new();
        while let Some(frame) = reader.next().unwrap() {
            frames.push(frame.bytes.to_vec());
        }
        frames
    }

    #[test]
    fn as_many_frames_as_wanted_to_text_and_file() {
        let folder = tempfile::tempdir().unwrap();
        let output = FileOutput::to(folder.path().join("a.pcapng"));
        let out = Shared::default();
        let closed = capture(vec![file(&output), lines(&out)], Some(2));
        assert!(closed.written.unwrap().is_continue());
        // The third frame was not taken out of the ring until the end, and two came then.
        let expected = Account {
            seen: 6,
            matched: 5,
            chosen: 5,
            captured: 2,
            after_end: 3,
            ..Account::default()
        };
        assert_eq!(closed.account, expected);
        let text = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text, [line(11, 1), line(12, 2)].concat());
        assert_eq!(frames_of(&output.path), [request(11), request(12)]);
    }

    #[test]
    fn what_comes_while_programs_are_taken_off_is_captured() {
        let out = Shared::default();
        let closed = capture(vec![lines(&out)], None);
        let Account { chosen, captured, after_end, output_behind, .. } = closed.account;
        assert_eq!((chosen, captured, after_end, output_behind), (5, 5, 0, 0));
        let text = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
        let all: String = (1..6).map(|n| line(10 + n, n)).collect();
        assert_eq!(text, all);
    }

    /// -C: what a file begins with is more than it may hold, so that each frame turns to the next
    /// one. -W: there are two, written in turn.
    #[test]
    fn files_turn_without_a_kernel() {
        let folder = tempfile::tempdir().unwrap();
        let rotate = Rotate { bytes: Some(1), files: Some(2), ..Rotate::default() };
        let output = FileOutput { rotate, ..FileOutput::to(folder.path().join("a")) };
        let closed = capture(vec![file(&output)], None);
        assert_eq!((closed.account.captured, closed.account.after_end), (5, 0));
        // The last frames of either are those of its last turn.
        assert_eq!(frames_of(&folder.path().join("a0")), [request(14)]);
        assert_eq!(frames_of(&folder.path().join("a1")), [request(15)]);
    }
}
