//! How every command on live frames begins: filters compiled for the interfaces, signals
//! watched, programs attached, rights given up.

use anyhow::Result;

use crate::{
    cli::Live,
    explain,
    interfaces::{self, Chosen},
    kernel::{Hook, Plan, Session},
    privileges::{self, Needs},
    rules::{self, Rule, RuleSet},
    stop::Stop,
};

/// What a command wants of the programs, beside its rules.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wants {
    /// Bytes of a frame that a record carries at most.
    pub snaplen: u32,
    /// Bytes of each CPU's ring; 0 opens none.
    pub ring_bytes: usize,
    /// Matches after which the race of `probe rate` ends; 0: no race.
    pub goal: u64,
    /// Whether files are created later.
    pub files: bool,
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
    pub fn start(live: &Live, rules: Vec<Rule>, wants: Wants) -> Result<Self> {
        Self::at(live, live.place()?, rules, wants)
    }

    /// As [`start`](Self::start), where the place is known already.
    ///
    /// # Errors
    /// As there.
    pub fn at(
        live: &Live,
        (chosen, hook): (Chosen, Hook),
        rules: Vec<Rule>,
        wants: Wants,
    ) -> Result<Self> {
        let options = rules::live_options(&chosen.names, chosen.link, live.vlan);
        let rules = RuleSet::compile(rules, &options)?;
        // Before anything is attached: a signal that comes now must not leave it there.
        let stop = Stop::on_signals()?;
        let session = Session::attach(&Plan {
            interfaces: &chosen.names,
            hook,
            direction: live.direction,
            rules: &rules.specs(),
            link: chosen.link,
            vlan: live.vlan,
            snaplen: wants.snaplen,
            ring_bytes: wants.ring_bytes,
            goal: wants.goal,
            diagnostics: live.diagnostics,
        })
        .map_err(explain::kernel)?;
        let needs = Needs { files: wants.files, ..Needs::of(session.attachments()) };
        privileges::drop(live.user.as_deref(), needs)?;
        Ok(Self { rules, chosen, session, stop })
    }

    /// Says that everything is attached; scripts wait for it.
    pub fn announce(&self, live: &Live) {
        interfaces::announce(&self.session, self.rules.rules().len(), live.diagnostics);
    }
}
