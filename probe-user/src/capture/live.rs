//! Frames from interfaces.

use std::{
    ops::ControlFlow,
    os::{fd::OwnedFd, unix::process::parent_id},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use probe_common::{RecordFlags, RingLayout};
use probe_frame::{Frame, VlanTag};
use probe_pcap::{Origin, Statistics};

use super::{
    Lost, check_link,
    conveyor::{Conveyor, Hurry},
    events,
    events::Events,
    fifo::Pipe,
    ledger::Ledger,
    open_sinks, origin, rule,
    sink::Sink,
};
use crate::{
    cli::CaptureArgs,
    clock::{self, KernelClock},
    explain, failure,
    interfaces::{self, Chosen},
    kernel::{self, Record, Rings, Session},
    reporter, stop,
    watch::{Wants, Watch},
};

/// How long a wait for frames lasts at most, so that signals are noticed.
const POLL: Duration = Duration::from_millis(50);

/// How often is looked for what may happen beside frames: each time takes system calls.
const EVENTS: Duration = Duration::from_millis(10);

/// After a signal, what is in the rings is still handed to the output, but only for so
/// long: Ctrl-C must end even a flood that is printed, within a second.
const PATIENCE: Duration = Duration::from_millis(400);

/// Rings of all CPUs together where nothing else is asked for, and the most and the least that
/// one of them gets.
const ALL_RINGS: usize = 512 << 20;
const MOST: usize = RingLayout::SMALL + (16 << 20);
const LEAST: usize = 1 << 20;

/// Captures until the end that was asked for, then tells the account.
pub(super) async fn run(args: &CaptureArgs) -> Result<Lost> {
    let parent = parent_id();
    let (chosen, hook) = args.live.place()?;
    let link = chosen.link;
    check_link(args, link)?;
    let rule = rule(args)?;
    let wants = Wants {
        snaplen: args.snaplen(),
        ring_bytes: args.buffer_size.map_or_else(default_ring, Ok)?,
        files: args.writes_files(),
        commands: args.post_rotate.is_some(),
        ..Wants::default()
    };
    let Watch { chosen, mut session, .. } =
        Watch::at(&args.live, (chosen, hook), vec![rule.clone()], wants)?;
    let deadline = args.duration.map(|duration| Instant::now() + duration);
    let over = || deadline.is_some_and(|deadline| Instant::now() >= deadline);
    // Who made the pipe for us, and goes before having read from it, will never read.
    let orphaned = || args.must_be_fifo && parent_id() != parent;
    let origin = origin::live(args, &rule, session.attachments());
    let Output { sinks, readers, in_vain } =
        open_output(args, &chosen, origin, &session, || stop::requested() || over() || orphaned())?;
    let progress = args.verbose > 0 && args.write.is_some() && !args.print;
    let mut events = Events::watch(session.attachments(), readers, progress)?;

    let kernel_time = session.rings().context("a capture has rings")?.clock();
    // From here on the conveyor looks at it.
    stop::seen_to();
    let mut intake = Intake {
        conveyor: Conveyor::start(sinks, Hurry::new(Box::new(stop::signals)))?,
        clock: KernelClock::start(kernel_time),
        left: args.count,
        end: End::Attached,
        ledger: Ledger::default(),
        snaplen: wants.snaplen as usize,
        tagged: Vec::new(),
    };
    let (mut ended, mut looked) = (None, Instant::now());
    while !in_vain && !stop::requested() && intake.wants_more() {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            break;
        }
        let rings = session.rings().context("a capture has rings")?;
        rings.wait(left.map_or(POLL, |left| left.min(POLL)));
        intake.clock.tick();
        rings.look();
        intake.drain(rings);
        // Kernel-side diagnostics run as a task beside us.
        tokio::task::yield_now().await;
        if looked.elapsed() < EVENTS {
            continue;
        }
        looked = Instant::now();
        if events.report_wanted() {
            let counts = session.counts().map_err(explain::kernel)?;
            reporter::say(intake.ledger.interim(&counts));
        }
        ended = events.look(intake.ledger.captured);
        if ended.is_some() {
            break;
        }
    }

    // Nothing new comes in from here on, so that even a flood ends at once.
    let detached = session.detach();
    intake.end = match stop::requested() && has_reader(args) {
        true => End::Until(Instant::now() + PATIENCE),
        false => End::Patient,
    };
    let rings = session.rings().context("a capture has rings")?;
    rings.look_at_all();
    intake.drain(rings);
    let counts = session.counts().map_err(explain::kernel)?;
    let Intake { conveyor, mut ledger, .. } = intake;
    ledger.kernel(&counts);
    let dropped = ledger.after_end + ledger.output_behind + conveyor.dropped();
    let written = conveyor.finish(Statistics {
        time: clock::now(),
        seen: ledger.seen,
        matched: ledger.matched,
        chosen: ledger.chosen,
        lost: ledger.lost_in_ring + ledger.refused,
        dropped,
    });
    let handed_over = std::mem::replace(&mut ledger.captured, written.frames);
    let left_over = written.dropped + handed_over.saturating_sub(written.frames);
    match written.result {
        // The last file was full: what came after it came after the end.
        Ok(ControlFlow::Break(())) => ledger.after_end += left_over,
        _ => ledger.output_behind += left_over,
    }
    reporter::plain(ledger.summary().trim_end());
    let rings = session.rings().map_or(0, |rings| rings.cpus());
    if ledger.refused > 0 && kernel::cpus().is_ok_and(|now| now > rings) {
        reporter::note(
            "a CPU that came online after the start has no ring: its frames are counted as refused",
        );
    }
    let mut lost = ledger.lost_in_ring + ledger.refused;
    match written.result {
        // What came after the reader had gone is missed by nobody.
        Err(error) if failure::is_broken_pipe(&error) => {}
        Err(error) => return Err(error),
        // Nor what came for a reader that never did.
        Ok(_) if in_vain => {}
        Ok(_) => lost += ledger.output_behind,
    }
    detached.map_err(explain::kernel)?;
    match ended {
        Some(events::End::NoInterface(none)) => Err(none.into()),
        Some(events::End::NoReader) | None => Ok(Lost(lost)),
    }
}

/// Where frames go.
struct Output {
    sinks: Vec<Box<dyn Sink>>,
    /// What somebody has to read, lest it be for nothing.
    readers: Vec<OwnedFd>,
    /// Nobody came to read; the account is all there is to tell.
    in_vain: bool,
}

/// Opens what frames go to, and says that everything is attached and open. A named pipe
/// comes after that line: who waits for the line may be the pipe's reader.
fn open_output(
    args: &CaptureArgs,
    chosen: &Chosen,
    origin: Origin,
    session: &Session,
    give_up: impl Fn() -> bool,
) -> Result<Output> {
    let announce = || interfaces::announce(session, 1, args.live.diagnostics);
    let places = match chosen.several() {
        true => origin::places(session.attachments()),
        false => Vec::new(),
    };
    let pipe = |path| match args.must_be_fifo {
        true => Some(Pipe::demanded(path)),
        false => Pipe::at(path),
    };
    let Some(pipe) = args.write.as_deref().and_then(pipe) else {
        let sinks = open_sinks(args, chosen.link, origin, places, None)?;
        announce();
        let readers = events::outputs(args.uses_stdout(), None)?;
        return Ok(Output { sinks, readers, in_vain: false });
    };
    announce();
    let Some(pipe) = pipe.open(give_up)? else {
        return Ok(Output { sinks: Vec::new(), readers: Vec::new(), in_vain: true });
    };
    let readers = events::outputs(args.uses_stdout(), Some(&pipe))?;
    let sinks = open_sinks(args, chosen.link, origin, places, Some(pipe))?;
    Ok(Output { sinks, readers, in_vain: false })
}

/// Whether somebody reads the output who may be slow. A file takes as long as it gets anywhere.
fn has_reader(args: &CaptureArgs) -> bool {
    args.print || !args.writes_files()
}

/// What the rings of a CPU take: 18 MiB, less where many CPUs would make that a lot. Both are
/// powers of two, and the large one is rounded down.
fn default_ring() -> Result<usize> {
    let share =
        (ALL_RINGS / kernel::cpus().map_err(explain::kernel)?.max(1) as usize).clamp(LEAST, MOST);
    let small = RingLayout::SMALL.min(1 << (share / 2).ilog2());
    Ok(small + (1 << (share - small).ilog2()))
}

/// How much time there is for the frames that are in the rings.
#[derive(Clone, Copy)]
enum End {
    /// The programs are attached: whoever waits here loses frames there.
    Attached,
    /// They are off: the output may take its time.
    Patient,
    /// They are off, and the user waits.
    Until(Instant),
}

/// Takes records from the rings.
struct Intake {
    conveyor: Conveyor,
    clock: KernelClock,
    /// Frames that -c still wants; `None` wants all.
    left: Option<u64>,
    end: End,
    ledger: Ledger,
    /// Bytes of a frame that sinks get at most, the tag included that is put back.
    snaplen: usize,
    /// Scratch for a frame whose tag is put back.
    tagged: Vec<u8>,
}

impl Intake {
    fn wants_more(&self) -> bool {
        self.left != Some(0) && self.conveyor.is_alive()
    }

    /// Hands on the records that were there at the last look. Before the end it stops where -c
    /// is reached, and where the writer is behind; afterwards all are accounted for.
    fn drain(&mut self, rings: &mut Rings) {
        let attached = matches!(self.end, End::Attached);
        while !attached || self.left != Some(0) && self.conveyor.is_ready() {
            let Some(record) = rings.next_record() else { break };
            self.record(&record, rings);
            if self.conveyor.is_full() {
                self.conveyor.send(|| rings.lend());
            }
        }
        self.conveyor.send(|| rings.lend());
    }

    fn record(&mut self, record: &Record, rings: &Rings) {
        let late = matches!(self.end, End::Until(end) if Instant::now() >= end);
        if self.left == Some(0) {
            self.ledger.after_end += 1;
            return;
        }
        if late {
            self.ledger.output_behind += 1;
            return;
        }
        let header = &record.header;
        // Just read, it is in no loan yet.
        let mut bytes = rings.bytes(record.frame).unwrap_or_default();
        let mut lent = Some(record.frame);
        let mut wire_len = header.wire_len;
        if header.vlan_tpid != 0 {
            let tag = VlanTag { tpid: header.vlan_tpid, tci: header.vlan_tci };
            tag.put_back(bytes, &mut self.tagged);
            let added = self.tagged.len().saturating_sub(bytes.len()) as u32;
            wire_len = wire_len.saturating_add(added);
            bytes = self.tagged.get(..self.snaplen).unwrap_or(&self.tagged);
            lent = None;
        }
        let frame = Frame {
            time: self.clock.wall(header.timestamp_ns),
            wire_len,
            bytes,
            ifindex: header.ifindex,
            outbound: Some(header.flags & RecordFlags::OUTBOUND != 0),
        };
        if !matches!(self.end, End::Attached) && self.conveyor.is_alive() {
            self.conveyor.wait();
        }
        if self.conveyor.push(&frame, lent) {
            self.ledger.captured += 1;
            self.left = self.left.map(|left| left - 1);
        }
    }
}
