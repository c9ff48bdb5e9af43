//! How every command on live frames starts: compile the filters for the interfaces, attach the
//! programs, handle signals, drop privileges.

use std::{
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use probe_common::MAX_PLACES;
use probe_filter::{LinkType, VlanView};
use probe_frame::visible;
use tokio::{
    io::{Interest, unix::AsyncFd},
    time::sleep_until,
};

use crate::{
    explain,
    failure::Usage,
    interfaces::{self, Change, Chosen, Links, NoneLeft},
    kernel::{Attachment, Plan, RulesOf, Session},
    link_type,
    privileges::{self, Needs},
    reporter,
    rules::{self, Rule, RuleSet},
    source::{Live, Place, Promiscuity},
    stop::Stop,
};

/// What a command needs of the programs, beside its rules.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProgramOptions {
    /// Bytes of a frame that a record carries at most.
    pub snaplen: u32,
    /// Bytes of each CPU's ring; 0 opens none.
    pub ring_bytes: usize,
    /// Whether that ring overwrites its oldest records, for a flight recorder.
    pub overwrites: bool,
    /// Matches after which the race of `probe rate` ends; 0: no race.
    pub goal: u64,
    /// Whether interfaces and directions are counted apart; not with rings or a race.
    pub split: bool,
    /// Bytes that lists may take; `None`: [`Plan::list_memory`].
    pub list_memory: Option<u64>,
    /// Whether files are created later.
    pub files: bool,
    /// Whether commands are started later (-z).
    pub commands: bool,
    /// Whether other programs are loaded later.
    pub reload: bool,
}

/// Programs at work.
pub struct Watch {
    /// The rules that they count.
    pub rules: RuleSet,
    /// Where they are, and what the frames begin with.
    pub chosen: Chosen,
    /// They themselves.
    pub session: Session,
    /// When to end.
    pub stop: Stop,
}

impl Watch {
    /// Attaches. Needs the runtime, and that no other thread runs yet (see
    /// [`privileges::drop`]).
    ///
    /// # Errors
    /// Mistakes in flags and filters, and what the kernel refuses.
    pub fn start(live: &Live, rules: Vec<Rule>, program: ProgramOptions) -> Result<Self> {
        Self::at(live, live.place()?, rules, program)
    }

    /// As [`start`](Self::start), where the place is known already.
    ///
    /// # Errors
    /// As there.
    pub fn at(
        live: &Live,
        Place { mut chosen, hook, direction }: Place,
        rules: Vec<Rule>,
        program: ProgramOptions,
    ) -> Result<Self> {
        let sets = compile(&mut chosen, rules, live.vlan, program.goal != 0)?;
        // A filter that is refused is the only thing to read.
        chosen.announce();
        if live.diagnostics {
            reporter::install_logger();
        }
        let loopbacks = interfaces::loopbacks(&chosen.names());
        let specs: Vec<RulesOf<'_>> =
            sets.iter().map(|(link, set)| RulesOf { link: *link, rules: set.specs() }).collect();
        let places = match chosen.interfaces.len() as u32 {
            _ if !program.split => 0,
            // More of them may come.
            _ if chosen.any => MAX_PLACES,
            named => named,
        };
        let plan = Plan {
            interfaces: &chosen.interfaces,
            hook,
            direction,
            loopbacks: &loopbacks,
            rules: &specs,
            vlan: live.vlan,
            snaplen: program.snaplen,
            ring_bytes: program.ring_bytes,
            overwrites: program.overwrites,
            goal: program.goal,
            places,
            list_memory: program.list_memory,
            diagnostics: live.diagnostics,
        };
        // Of `any` some may go at any time.
        if !chosen.any {
            Session::find_interfaces(&plan).map_err(explain::kernel)?;
        }
        // Until here a signal ends the process, and with it a verification: the kernel looks for
        // signals meanwhile (do_check in kernel/bpf/verifier.c). From here on something is
        // attached, which a signal must not leave there.
        let mut session = with_delay_notice(|| Session::load(&plan)).map_err(explain::kernel)?;
        let stop = Stop::on_signals().context("watching signals")?;
        session.attach(&plan, chosen.any).map_err(explain::kernel)?;
        // As tcpdump, which sets no mode for `any`: each interface's owner has its reasons.
        if live.promiscuity != Promiscuity::Off && !chosen.any {
            let entered = session.enter_promiscuous_mode(&loopbacks);
            match entered.map_err(explain::kernel) {
                Err(error) if live.promiscuity == Promiscuity::IfPermitted => {
                    reporter::note(format_args!(
                        "{error:#}; frames to other hosts are not seen (-p does without them)"
                    ));
                }
                entered => entered?,
            }
        }
        let ProgramOptions { files, commands, reload, .. } = program;
        let needs = Needs { files, commands, reload, ..Needs::of(&session) };
        privileges::drop(live.user.as_deref(), needs)?;
        let rules = sets.into_iter().next().map(|(_, rules)| rules).context("rules")?;
        Ok(Self { rules, chosen, session, stop })
    }

    /// Says that everything is attached; scripts wait for it.
    pub fn announce(&self, live: &Live) {
        interfaces::announce(&self.session, self.rules.rules().len(), live);
    }
}

/// The rules for each link type that frames may have, the main one first. What a filter of `any`
/// cannot ask of another type's frames leaves those interfaces out, with a note; and a race (`rate
/// -c`) runs in one program.
fn compile(
    chosen: &mut Chosen,
    rules: Vec<Rule>,
    vlan: VlanView,
    is_race: bool,
) -> Result<Vec<(LinkType, RuleSet)>> {
    let names = chosen.names();
    let main = chosen.link();
    let first = RuleSet::compile(rules.clone(), &rules::live_options(&names, main, vlan))?;
    let mut sets = vec![(main, first)];
    for link in chosen.links().into_iter().skip(1) {
        let set = RuleSet::compile_again(rules.clone(), &rules::live_options(&names, link, vlan));
        let reason = match set {
            Ok(_) if is_race => "-c counts frames of one link type".to_owned(),
            Ok(set) => {
                sets.push((link, set));
                continue;
            }
            Err(error) => format!("{error:#}"),
        };
        let (left, kept): (Vec<_>, Vec<_>) =
            chosen.interfaces.drain(..).partition(|interface| interface.link == link);
        chosen.interfaces = kept;
        if left.is_empty() {
            continue;
        }
        let left: Vec<_> = left.iter().map(|interface| visible(&interface.name)).collect();
        let (left, known) = (left.join(", "), link_type::known(link).name);
        let message = format!("-i any leaves out {left} (link type {known}): {reason}");
        if !chosen.any {
            return Err(Usage::new(format!("{left} is of link type {known}: {reason}")).into());
        }
        reporter::note(message);
    }
    Ok(sets)
}

/// How long the verifier may take before the user is told that it is at work.
const LONG: Duration = Duration::from_secs(2);

/// Says, if loading takes long, that it is the kernel that takes so long.
fn with_delay_notice<T>(load: impl FnOnce() -> T) -> T {
    let (done, wait) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let tell = move || {
            if wait.recv_timeout(LONG) == Err(RecvTimeoutError::Timeout) {
                reporter::say(
                    "the kernel's verifier is still checking the filters; press Ctrl-C to stop",
                );
            }
        };
        // Without a thread nothing is told, and nothing else is different.
        let _ = thread::Builder::new().name("delay".into()).spawn_scoped(scope, tell);
        let loaded = load();
        drop(done);
        loaded
    })
}

/// What may end a measurement before its time: the user, or that all interfaces go.
pub struct Events {
    stop: Stop,
    interfaces: Changes,
}

/// What ended a wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Its time came.
    Deadline,
    /// The user wants the end.
    Stop,
    /// Something became of the interfaces, which is to be told.
    Changed(Vec<Change>),
}

impl Events {
    /// Starts to watch, first of all for interfaces that are not up now; for `any` also those that come
    /// later. Needs the runtime.
    ///
    /// # Errors
    /// Those of netlink sockets.
    pub fn watch(stop: Stop, attachments: &[Attachment], any: bool) -> Result<Self> {
        Ok(Self { stop, interfaces: Changes::watch(attachments, any)? })
    }

    /// Waits for what comes first; not at all where no interface is left.
    pub async fn wait(&mut self, until: Instant) -> Event {
        if let Some(changes) = self.interfaces.known() {
            return Event::Changed(changes);
        }
        let Self { stop, interfaces } = self;
        // No timer for what is over: it wakes a millisecond later.
        let deadline = async {
            if until > Instant::now() {
                sleep_until(until.into()).await;
            }
        };
        tokio::select! {
            biased;
            () = stop.wait() => Event::Stop,
            changes = interfaces.wait() => Event::Changed(changes),
            () = deadline => Event::Deadline,
        }
    }

    /// Whether all interfaces are gone.
    pub fn none_left(&self) -> Option<NoneLeft> {
        self.interfaces.none_left()
    }
}

/// What becomes of the interfaces.
pub struct Changes {
    links: AsyncFd<Links>,
    /// What is to be told first.
    pending: Vec<Change>,
}

impl Changes {
    /// As [`Events::watch`].
    ///
    /// # Errors
    /// As there.
    pub fn watch(attachments: &[Attachment], any: bool) -> Result<Self> {
        let mut links = Links::watch(attachments, any).context("watching the interfaces")?;
        let pending = links.refresh();
        // SAFETY: the socket is the links' own, and they keep it until they are dropped, which
        // the AsyncFd that owns them does last.
        let links = unsafe { AsyncFd::register_with_interest(links, Interest::READABLE) };
        let links = links.context("watching the interfaces")?;
        Ok(Self { links, pending })
    }

    /// Waits until something does; not at all where no interface is left.
    pub async fn wait(&mut self) -> Vec<Change> {
        if let Some(changes) = self.known() {
            return changes;
        }
        loop {
            let Ok(mut ready) = self.links.readable_mut().await else {
                // The runtime is about to end, and the time or the user ends the wait.
                return std::future::pending().await;
            };
            // Reads all that is there.
            let changes = ready.get_inner_mut().look();
            ready.clear_ready();
            if !changes.is_empty() {
                return changes;
            }
        }
    }

    /// What can be told without a wait.
    fn known(&mut self) -> Option<Vec<Change>> {
        let is_known = !self.pending.is_empty() || self.none_left().is_some();
        is_known.then(|| std::mem::take(&mut self.pending))
    }

    fn none_left(&self) -> Option<NoneLeft> {
        self.links.get_ref().none_left()
    }
}
