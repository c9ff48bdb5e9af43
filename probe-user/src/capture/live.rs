//! Frames from interfaces: opened, pumped, and closed with an account.

use std::{
    os::{fd::OwnedFd, unix::process::parent_id},
    time::Instant,
};

use anyhow::{Context as _, Result};
use probe_common::{Counter, RingLayout};

use super::{
    Kept, Lost, Plan, RULE, check_link,
    conveyor::{Conveyor, WriterDeadline},
    events,
    events::Events,
    feed::RingFeed,
    fifo::Pipe,
    open_sinks, origin,
    pump::{Closed, Intake, Losses, Pump},
    sink::Sink,
};
use crate::{
    account::Fate,
    explain, failure,
    interfaces::{self, Chosen},
    kernel::{self, Session},
    reporter,
    rules::{self, Rule, RuleSet},
    share::Load,
    source::Live,
    stop,
    watch::{ProgramOptions, Watch},
};

/// Rings of all CPUs together where nothing else is asked for, and the most and the least that
/// one of them gets.
const ALL_RINGS: usize = 512 << 20;
const MOST: usize = RingLayout::SMALL + (16 << 20);
const LEAST: usize = 1 << 20;

/// Captures until the end that was asked for, then tells the account.
pub(super) async fn run(plan: &Plan, live: &Live) -> Result<Lost> {
    let Open { rules, mut pump, cpus, in_vain } = open(plan, live)?;
    let ended = if in_vain { None } else { pump.run().await? };
    let Closed { account, written, detached } = pump.close()?;
    let mut lost = account.sum(Fate::LostInKernel);
    if plan.outputs.consumer.is_none() || plan.account || lost > 0 {
        reporter::plain(account.summary(plan.account).trim_end());
    }
    rules.say_again(account.seen, &[Counter { packets: account.matched, bytes: 0 }]);
    if account.refused > 0 && kernel::cpus().is_ok_and(|now| now > cpus) {
        reporter::note(
            "a CPU that came online after the start has no ring: its frames are counted as refused",
        );
    }
    match written {
        // Frames that came after the reader had gone are no loss.
        Err(error) if failure::is_broken_pipe(&error) => {}
        Err(error) => return Err(error),
        // Nor what came for a reader that never did.
        Ok(_) if in_vain => {}
        Ok(_) => lost += account.output_behind,
    }
    detached?;
    match ended {
        Some(events::End::NoInterface(none)) => Err(none.into()),
        Some(events::End::NoReader) | None => Ok(Lost(lost)),
    }
}

/// A capture that may begin.
struct Open {
    rules: RuleSet,
    pump: Pump<RingFeed, Session>,
    /// How many CPUs have rings, by their numbers.
    cpus: u32,
    /// No reader opened the pipe: there is only the account to print.
    in_vain: bool,
}

/// Attaches the programs, and opens what frames go to.
fn open(plan: &Plan, live: &Live) -> Result<Open> {
    let parent = parent_id();
    let place = live.place()?;
    check_link(plan.link, place.chosen.link())?;
    let limits = &plan.limits;
    let mut rule = Rule::new(RULE, &plan.filter);
    rule.sampler = Some(rules::sampler(limits.sample, limits.max_rate));
    rule.choose_flows(limits.flows);
    if let Some(budget) = limits.budget {
        rule.prepare_flows(budget.seed);
    }
    let sets = place.chosen.links().len();
    let program = ProgramOptions {
        snaplen: limits.snaplen,
        ring_bytes: limits.ring_bytes.map_or_else(|| default_ring(sets), Ok)?,
        files: plan.outputs.are_files(),
        commands: plan.outputs.run_commands(),
        ..ProgramOptions::default()
    };
    let Watch { rules, chosen, mut session, .. } = Watch::at(live, place, vec![rule], program)?;
    let deadline = limits.duration.map(|duration| Instant::now() + duration);
    let over = || deadline.is_some_and(|deadline| Instant::now() >= deadline);
    // Who made the pipe for us, and goes before having read from it, will never read.
    let ours = plan.outputs.file.as_ref().is_some_and(|file| file.must_be_pipe);
    let orphaned = || ours && parent_id() != parent;
    let give_up = || stop::requested() || over() || orphaned();
    let Output { sinks, readers, in_vain } = open_output(plan, live, &chosen, &session, give_up)?;
    let progress = plan.outputs.file.as_ref().is_some_and(|file| file.progress);
    let events = Events::watch(session.attachments(), chosen.any, readers, progress)
        .context("watching the interfaces")?;
    let links = session.links();
    let rings = session.take_rings().context("a capture has rings")?;
    let cpus = rings.cpus();
    // From here on the conveyor looks at it.
    stop::handle_second_signal();
    let conveyor = Conveyor::start(sinks, WriterDeadline::new(Box::new(stop::signals)))?;
    let pump = Pump {
        programs: session,
        feed: RingFeed::new(rings, links, limits.snaplen),
        intake: Intake::new(conveyor, limits),
        events,
        deadline,
        has_reader: plan.outputs.lines.is_some() || !plan.outputs.are_files(),
        load: limits.budget.map(|budget| Load::new(budget.records)),
        losses: plan.outputs.consumer.is_some().then(Losses::default),
    };
    Ok(Open { rules, pump, cpus, in_vain })
}

/// Where frames go.
struct Output {
    sinks: Vec<Box<dyn Sink>>,
    /// The pipes whose readers are watched: the capture ends when one is gone.
    readers: Vec<OwnedFd>,
    /// No reader opened the pipe.
    in_vain: bool,
}

/// Opens what frames go to, and says that everything is attached and open. A named pipe
/// comes after that line: who waits for the line may be the pipe's reader.
fn open_output(
    plan: &Plan,
    live: &Live,
    chosen: &Chosen,
    session: &Session,
    give_up: impl Fn() -> bool,
) -> Result<Output> {
    let announce = || interfaces::announce(session, 1, live);
    let mixed = chosen.any || session.links().len() > 1;
    let kept = Kept { link: chosen.link(), snaplen: plan.limits.snaplen, mixed };
    let stdout = plan.outputs.use_stdout();
    let origin = origin::live(plan, session.attachments());
    let places = if chosen.several() || plan.outputs.name_interfaces() {
        origin::places(session.attachments())
    } else {
        Vec::new()
    };
    let pipe = plan.outputs.file.as_ref().and_then(|file| {
        if file.must_be_pipe { Some(Pipe::demanded(&file.path)) } else { Pipe::at(&file.path) }
    });
    let Some(pipe) = pipe else {
        let sinks = open_sinks(plan, kept, origin, places, None)?;
        announce();
        return Ok(Output { sinks, readers: events::outputs(stdout, None)?, in_vain: false });
    };
    announce();
    let Some(pipe) = pipe.open(give_up)? else {
        return Ok(Output { sinks: Vec::new(), readers: Vec::new(), in_vain: true });
    };
    let readers = events::outputs(stdout, Some(&pipe))?;
    let sinks = open_sinks(plan, kept, origin, places, Some(pipe))?;
    Ok(Output { sinks, readers, in_vain: false })
}

/// What the rings of a CPU take in each of so many program sets: 18 MiB, less where many CPUs would
/// make that a lot. Both are powers of two, and the large one is rounded down.
fn default_ring(sets: usize) -> Result<usize> {
    let cpus = kernel::cpus().map_err(explain::kernel)?.max(1) as usize;
    let share = (ALL_RINGS / cpus / sets.max(1)).clamp(LEAST, MOST);
    let small = RingLayout::SMALL.min(1 << (share / 2).ilog2());
    Ok(small + (1 << (share - small).ilog2()))
}
