//! A recorder of `probe serve`: a process of its own, with programs and rings of its own at the tcx
//! hook, beside whatever the process that counts is attached by. It has no right to anything but files
//! in one folder.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use probe_filter::{LinkType, VlanView};
use probe_frame::visible;
use probe_pcap::Origin;
use tokio::time::sleep_until;

use super::words::{Setup, Status, Told};
use crate::{
    capture::origin,
    explain,
    kernel::{Hook, Plan, Programs as _, RulesOf, Session},
    privileges::{self, Needs},
    record::{self, FOLLOW, Output, Recorded, Recorder, Settings, WhenFull},
    reporter,
    rules::{self, Rule, RuleSet},
    runtime,
    serve::{
        confine::{self, Work},
        follower::{Followed, Follower},
        part::Control,
        present::Present,
        process,
    },
    watch::Changes,
};

/// The name of files before time and rule, and their form.
const FILE: &str = "record.pcapng";

/// How often an armed recorder looks at its clock, at least and at most; in between there are so many
/// looks in the time that it keeps.
const LOOKS: u32 = 64;
const OFTEN: Duration = Duration::from_millis(250);
const SELDOM: Duration = Duration::from_secs(1);

/// Records until the one who started it is gone.
///
/// # Errors
/// Where there is nobody who says what to do, and those of the runtime.
pub fn run() -> Result<()> {
    process::leave_signals_to_the_first()?;
    runtime::block_on(async {
        let (setup, mut control) = Control::open::<Setup>().await?;
        let armed = Armed::new(setup);
        let Some(mut armed) = control.ready(armed).await else { return Ok(()) };
        armed.run(&mut control).await;
        Ok(())
    })
}

struct Armed {
    setup: Setup,
    session: Session,
    follower: Follower,
    interfaces: Changes,
    recorder: Recorder,
    status: Status,
}

impl Armed {
    /// Loads, attaches, and gives up the rights. Needs the runtime, and that no other thread runs.
    fn new(setup: Setup) -> Result<Self> {
        let present = Present::ask(&setup.interfaces)?;
        let mut session = load(&setup, &present)?;
        let follower = Follower::new(setup.interfaces.clone(), setup.direction, false);
        follower.attach(&mut session, &present)?;
        // The command of -z has no rights either, and gains none by its file.
        privileges::drop(setup.user.as_deref(), Needs::default())?;
        let origin = Origin {
            interfaces: session.attachments().iter().map(origin::interface).collect(),
            filter: setup.filter.clone(),
            ..origin::here()
        };
        let flight = session.take_flight().context("a recorder has rings")?;
        let recorder = Recorder::new(flight, session.links(), origin, settings(&setup))?;
        let interfaces = Changes::watch(session.attachments(), true)?;
        // A command takes what nobody here knows.
        if setup.keep.command.is_none() {
            let writes_to = Some(&*setup.keep.directory);
            let work = Work { follows_interfaces: true, writes_to, ..Work::default() };
            for part in confine::confine(work) {
                reporter::note(format_args!("{} goes without {part}", what(&setup.rule)));
            }
        }
        Ok(Self { setup, session, follower, interfaces, recorder, status: Status::default() })
    }

    /// Waits and records until nobody listens any more.
    async fn run(&mut self, control: &mut Control) {
        let period = (self.setup.keep.last / LOOKS).clamp(OFTEN, SELDOM);
        let mut said = self.status.clone();
        let mut next = Instant::now();
        loop {
            let now = Instant::now();
            if now >= next {
                self.recorder.tick();
                self.status.ring = self.recorder.fill();
                if let Ok(counts) = self.session.quick_counts() {
                    self.status.lost = counts.ledger.lost + counts.ledger.refused;
                }
                next = now + period;
            }
            let followed = self.recorder.follow();
            self.note(followed);
            self.status.recording = self.recorder.is_recording();
            self.status.held_tenths = (self.recorder.held().as_millis() / 100) as u64;
            if self.status != said {
                control.say(&self.status).await;
                said.clone_from(&self.status);
            }
            let follow = self.recorder.is_recording().then(|| now + FOLLOW);
            let wake = follow.map_or(next, |follow| follow.min(next));
            tokio::select! {
                told = control.told() => match told {
                    Some(Told::Trigger { why, counts }) => self.trigger(&why, &counts),
                    Some(Told::Interfaces(patterns)) => {
                        self.follower.set_patterns(patterns);
                        self.follow();
                    }
                    None => break,
                },
                _ = self.interfaces.wait() => self.follow(),
                () = sleep_until(wake.into()) => {}
            }
        }
        // The last frames are those of a moment at which nobody writes.
        if let Err(error) = self.session.detach() {
            self.say_failed(&explain::kernel(error));
        }
        let finished = self.recorder.finish();
        self.note(finished);
    }

    fn trigger(&mut self, why: &str, counts: &str) {
        self.status.triggers += 1;
        let is_new = !self.recorder.is_recording();
        // Said first: writing the file takes a while.
        let doing = if is_new { "recording" } else { "still recording" };
        reporter::say(format_args!("rule {}: {doing}: {why}", self.setup.rule));
        let recorded = self.recorder.trigger(why, counts);
        self.note(recorded);
    }

    /// Notes what became of a file.
    fn note(&mut self, recorded: Result<Option<Recorded>>) {
        match recorded {
            Ok(None) => {}
            Ok(Some(recorded)) => {
                reporter::say(&recorded);
                let Recorded { path, before, overwritten_after, .. } = &recorded;
                self.status.files += 1;
                self.status.bytes += bytes(path);
                self.status.overwritten += before.overwritten + overwritten_after;
                let name = path.file_name().map(|name| visible(&name.to_string_lossy()));
                self.status.last_file = name;
            }
            Err(error) => {
                self.status.failures += 1;
                self.say_failed(&error);
            }
        }
    }

    /// What of it went well is said by the process that counts, which does the same.
    fn follow(&mut self) {
        let followed = match self.follower.follow(&mut self.session) {
            Ok(followed) => followed,
            Err(error) => return self.say_failed(&error),
        };
        for one in followed {
            match one {
                Followed::Attached(attachment) => {
                    self.recorder.introduce(origin::interface(&attachment));
                }
                Followed::Gone(index, _) => self.recorder.leave(index),
                Followed::Refused(name, error) => {
                    let (what, name) = (what(&self.setup.rule), visible(&name));
                    reporter::note(format_args!("{what}: {name} is left out: {error:#}"));
                }
            }
        }
    }

    fn say_failed(&self, error: &anyhow::Error) {
        reporter::note(format_args!("{}: {error:#}", what(&self.setup.rule)));
    }
}

/// What the recorder of a rule is called in messages.
pub fn what(rule: &str) -> String {
    format!("the recorder of rule {rule}")
}

/// Bytes of a file that was finished a moment ago; a command may have taken it away.
fn bytes(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |it| it.len())
}

/// Programs and rings for the kinds of interfaces that are there; Ethernet where there are none.
fn load(setup: &Setup, present: &Present) -> Result<Session> {
    let mut links: Vec<LinkType> = present.interfaces.iter().map(|(_, it)| it.link).collect();
    links.sort();
    links.dedup();
    if links.is_empty() {
        links.push(LinkType::default());
    }
    let recorded =
        Rule { sampler: Some(rules::sampler(1, None)), ..Rule::new(&*setup.rule, &*setup.filter) };
    let mut sets = Vec::new();
    for link in links {
        let options = rules::live_options(&[], link, VlanView::default());
        sets.push((link, RuleSet::compile(vec![recorded.clone()], &options)?));
    }
    let specs: Vec<RulesOf<'_>> =
        sets.iter().map(|(link, set)| RulesOf { link: *link, rules: set.specs() }).collect();
    let ring_bytes = setup.keep.ring_bytes.map_or_else(|| record::default_ring(sets.len()), Ok)?;
    let plan = Plan {
        interfaces: &[],
        hook: Hook::Tcx,
        direction: setup.direction,
        loopbacks: &[],
        rules: &specs,
        vlan: VlanView::default(),
        snaplen: setup.keep.snaplen,
        ring_bytes,
        overwrites: true,
        goal: 0,
        places: 0,
        list_memory: None,
        diagnostics: false,
    };
    Session::load(&plan).map_err(explain::kernel)
}

fn settings(setup: &Setup) -> Settings {
    Settings {
        rule: setup.rule.clone(),
        bit: 0,
        last: setup.keep.last,
        after: setup.keep.after,
        snaplen: setup.keep.snaplen,
        output: Output {
            path: setup.keep.directory.join(FILE),
            files: setup.keep.max_files,
            when_full: WhenFull::Replace,
            bytes: setup.keep.max_bytes,
        },
        command: setup.keep.command.clone().map(Into::into),
    }
}
