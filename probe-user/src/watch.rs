//! How every command on live frames begins: filters compiled for the interfaces, signals
//! watched, programs attached, rights given up.

use anyhow::Result;
use probe_filter::ir::LinkType;

use crate::{
    cli::Live,
    explain,
    failure::Usage,
    interfaces,
    kernel::{Plan, Session},
    print::text::visible,
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
    /// What the frames begin with.
    pub link: LinkType,
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
        let interfaces = live.interfaces()?;
        if let Some((_, twice)) = (interfaces.iter().enumerate())
            .find(|(index, name)| interfaces.iter().take(*index).any(|other| other == *name))
        {
            let name = visible(twice);
            return Err(Usage::new(format!("-i: {name} is named twice")).into());
        }
        let link = interfaces::link_type(interfaces)?;
        let rules = RuleSet::compile(rules, &rules::live_options(interfaces, link, live.vlan))?;
        // Before anything is attached: a signal that comes now must not leave it there.
        let stop = Stop::on_signals()?;
        let session = Session::attach(&Plan {
            interfaces,
            hook: live.hook(),
            direction: live.direction,
            rules: &rules.specs(),
            link,
            vlan: live.vlan,
            snaplen: wants.snaplen,
            ring_bytes: wants.ring_bytes,
            goal: wants.goal,
            diagnostics: live.diagnostics,
        })
        .map_err(explain::kernel)?;
        let needs = Needs { files: wants.files, ..Needs::of(session.attachments()) };
        privileges::drop(live.user.as_deref(), needs)?;
        Ok(Self { rules, link, session, stop })
    }

    /// Says that everything is attached; scripts wait for it.
    pub fn announce(&self, live: &Live) {
        interfaces::announce(&self.session, self.rules.rules().len(), live.diagnostics);
    }
}
