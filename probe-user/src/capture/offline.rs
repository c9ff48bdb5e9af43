//! Frames from a file.

use std::{
    cell::RefCell,
    ops::ControlFlow,
    path::{Path, PathBuf},
    rc::Rc,
};

use anyhow::{Context as _, Error, Result};
use probe_common::Counter;
use probe_filter::ir::LinkType;
use probe_frame::{Frame, MAX_FRAME};
use probe_pcap::{ReadError, ReadEvent, ReadHandler, Reader, Statistics};

use super::{Kept, Plan, RULE, check_link, open_sinks, origin, sink::Sink};
use crate::{
    account::Account,
    cancel, clock, failure,
    link_type::{self, Known},
    offline::{First, Matcher},
    privileges::{self, Needs},
    progress::Progress,
    reporter,
    rules::{self, Rule, RuleSet},
    source::Engine,
    stdout, stop,
};

/// Prints or writes the frames of files that match, one file after the other.
pub(super) fn run(
    plan: &Plan,
    files: &[PathBuf],
    engine: Engine,
    user: Option<&str>,
) -> Result<()> {
    stop::on_signals()?;
    let mut paths = files.iter();
    let path = paths.next().context("a file")?;
    let progress = Progress::default();
    let outlet = Outlet { progress: progress.clone(), ..Outlet::default() };
    let outlet = Rc::new(RefCell::new(outlet));
    let open = |path: &Path| Reader::open_with(path, Outlet::handler(&outlet));
    let mut reader = match open(path) {
        Err(stopped @ ReadError::Stopped { .. }) => {
            reporter::say(stopped);
            return Ok(());
        }
        reader => reader?,
    };
    let link = reader.link();
    check_link(plan.link, link)?;
    let mut rule = Rule::new(RULE, &plan.filter);
    rule.sampler = Some(rules::sampler(plan.limits.sample, None));
    rule.choose_flows(plan.limits.flows);
    let set = RuleSet::compile(vec![rule], &rules::file_options(link))?;
    let matcher = Matcher::new(&set, engine, link)?;
    // What is in a file may be anybody's: it is not for root to look into it.
    let needs = Needs {
        test_run: engine != Engine::User,
        files: plan.outputs.are_files(),
        commands: plan.outputs.run_commands(),
        ..Needs::default()
    };
    privileges::drop(user, needs)?;
    cancel::after_a_signal()?;
    let origin = origin::file(plan, link, reader.name());
    // Where -s asks for nothing, a file keeps what its source says, be it more than can be.
    let asked = Some(plan.limits.snaplen).filter(|&snaplen| snaplen < MAX_FRAME);
    let snaplen = asked.map_or(reader.snaplen(), |asked| asked.min(reader.snaplen()));
    let kept = Kept { link, snaplen, mixed: false };
    outlet.borrow_mut().sinks = open_sinks(plan, kept, origin, Vec::new(), None)?;
    let mut pass =
        Pass { plan, matcher, outlet: Rc::clone(&outlet), matches: 0, of_flows: 0, captured: 0 };
    let mut damaged = None;
    let flow = loop {
        if plan.outputs.consumer.is_none() {
            announce(plan, &reader);
        }
        progress.start(plan.outputs.use_stdout());
        let passed = pass.over(&mut reader);
        progress.end();
        match passed {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(())) => break Ok(()),
            // What came before a damaged record is shown all the same, and other files
            // are no worse for it.
            Err(error) if error.is::<ReadError>() => {
                if let Some(earlier) = damaged.replace(error) {
                    failure::report(&earlier);
                }
            }
            Err(error) => break Err(error),
        }
        if let Some(error) = outlet.borrow_mut().failure.take() {
            break Err(error);
        }
        let Some(path) = paths.next().filter(|_| !stop::requested()) else { break Ok(()) };
        reader = match open(path) {
            Ok(next) => next,
            Err(ReadError::Stopped { .. }) => break Ok(()),
            Err(error) => break Err(error.into()),
        };
    };
    let counts = (pass.matcher.seen().packets, Counter { packets: pass.matches, bytes: 0 });
    let finished = pass.finish();
    set.say_again(counts.0, &[counts.1]);
    flow.and(finished)
        .or_else(|error| if failure::is_broken_pipe(&error) { Ok(()) } else { Err(error) })
        .and(damaged.map_or(Ok(()), Err))
}

fn announce(plan: &Plan, reader: &Reader) {
    let (name, link) = (reader.name(), link_name(reader.link()));
    reporter::plain(format_args!(
        "reading from file {name}, link-type {link}, snapshot length {}",
        reader.snaplen()
    ));
    if reader.link() == LinkType::LinuxSll2 && plan.outputs.lines.is_some() {
        reporter::note("the names of interfaces are those that this machine has for their numbers");
    }
}

fn link_name(link: LinkType) -> String {
    let Known { name, description, .. } = link_type::known(link);
    format!("{name} ({description})")
}

/// Where the frames go, also while none come.
#[derive(Default)]
struct Outlet {
    sinks: Vec<Box<dyn Sink>>,
    /// What went wrong between two frames.
    failure: Option<Error>,
    progress: Progress,
}

impl Outlet {
    /// Hands on what gathered while a pipe is idle, and ends it where a signal came.
    fn handler(outlet: &Rc<RefCell<Self>>) -> ReadHandler {
        let outlet = Rc::clone(outlet);
        Box::new(move |event| {
            let mut outlet = outlet.borrow_mut();
            match event {
                ReadEvent::Reading(position) => outlet.progress.note(position),
                ReadEvent::Idle => {
                    let flushed = outlet.sinks.iter_mut().try_for_each(|sink| sink.flush());
                    outlet.failure = flushed.err();
                }
            }
            if stop::requested() || outlet.failure.is_some() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
    }

    /// Finishes each sink, whatever becomes of the others.
    fn finish(&mut self, statistics: &Statistics) -> Result<()> {
        let mut result = Ok(());
        for sink in &mut self.sinks {
            result = result.and(sink.finish(Some(statistics)));
        }
        result
    }
}

/// One pass over all files.
struct Pass<'a> {
    plan: &'a Plan,
    matcher: Matcher,
    outlet: Rc<RefCell<Outlet>>,
    matches: u64,
    /// Matches of the connections that are sampled.
    of_flows: u64,
    captured: u64,
}

impl Pass<'_> {
    /// Takes the frames of a file; breaks where no more are wanted.
    fn over(&mut self, reader: &mut Reader) -> Result<ControlFlow<()>> {
        while let Some(frame) = reader.next()? {
            check_link(self.plan.link, frame.link)?;
            let First { matched, chosen } = self.matcher.first(&frame)?;
            self.matches += u64::from(matched);
            self.of_flows += u64::from(chosen);
            // Where all are wanted, a division a frame is saved.
            let sample = self.plan.limits.sample;
            if !chosen || sample > 1 && !self.of_flows.is_multiple_of(sample) {
                continue;
            }
            let frame = snapped(frame, self.plan.limits.snaplen);
            for sink in &mut self.outlet.borrow_mut().sinks {
                if sink.frame(&frame)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            self.captured += 1;
            if self.plan.limits.count == Some(self.captured) {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn finish(self) -> Result<()> {
        let account = Account {
            seen: self.matcher.seen().packets,
            matched: self.matches,
            chosen: self.captured,
            captured: self.captured,
            ..Account::default()
        };
        let statistics = account.statistics(clock::now());
        let finished = self.outlet.borrow_mut().finish(&statistics);
        if self.plan.outputs.number {
            let s = if self.captured == 1 { "" } else { "s" };
            stdout::print(format!("{} packet{s}\n", self.captured).as_bytes())?;
        }
        if self.plan.limits.sample > 1 || self.plan.limits.flows.is_some() {
            reporter::say(format_args!("matched {}, sampled {}", self.matches, self.captured));
        }
        finished
    }
}

fn snapped(frame: Frame<'_>, snaplen: u32) -> Frame<'_> {
    let bytes = frame.bytes.get(..snaplen as usize).unwrap_or(frame.bytes);
    Frame { bytes, ..frame }
}
