//! Where frames come from, as the command line asks for it: interfaces or files. Nothing is looked
//! for here before a command runs.

use anyhow::Result;
use probe_filter::VlanView;

use crate::{
    interfaces::{self, Chosen},
    kernel::{self, Direction, Hook},
};

/// Where the frames of a command come from; `F` is how it takes files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source<F> {
    /// Interfaces.
    Live(Live),
    /// Capture files, `-` for standard input.
    Stored {
        /// Which.
        files: F,
        /// What runs the filters over them.
        engine: Engine,
        /// Whom to become before they are looked into (-Z).
        user: Option<String>,
    },
}

/// Live frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// Interfaces as given: names, numbers of the list of -D, and `any`.
    pub interfaces: Vec<String>,
    /// Where to attach.
    pub hook: Choice<Hook>,
    /// Which frames.
    pub direction: Direction,
    /// Where filters find the outermost VLAN tag.
    pub vlan: VlanView,
    /// Whom to become once the programs are attached (-Z); `None`: see
    /// [`privileges::drop`](crate::privileges::drop).
    pub user: Option<String>,
    /// Whether to log what the kernel side notes about itself.
    pub diagnostics: bool,
}

impl Live {
    /// The interfaces, and the hook to ask for on them.
    ///
    /// # Errors
    /// None given, none with that number, or such as cannot share a program.
    pub fn place(&self) -> Result<(Chosen, Hook)> {
        let chosen = interfaces::choose(&self.interfaces)?;
        let hook = self.hook.on(self.direction, chosen.any);
        Ok((chosen, hook))
    }
}

/// What runs the filters over a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// This process.
    #[default]
    User,
    /// The kernel: the same program that would be attached there (`BPF_PROG_TEST_RUN`).
    Kernel(Choice<Hook>, Direction),
}

/// A value, or what fits best.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice<T> {
    /// `auto`.
    Auto,
    /// This one.
    Given(T),
}

impl Choice<Hook> {
    /// The hook for these frames, of one interface or of `any`: on this kernel, where it is `auto`.
    pub fn on(self, direction: Direction, any: bool) -> Hook {
        match self {
            Self::Given(hook) => hook,
            Self::Auto => Hook::auto(kernel::Features::of_this_kernel().tcx, direction, any),
        }
    }
}
