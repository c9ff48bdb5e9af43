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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Live {
    /// Interfaces as given: names, numbers of the list of -D, and `any`. None: the one of the
    /// default route.
    pub interfaces: Vec<String>,
    /// Where to attach.
    pub hook: Choice<Hook>,
    /// Which frames.
    pub direction: DirectionChoice,
    /// Whether the interfaces also take frames that are addressed to other hosts, as long as the
    /// command runs.
    pub promiscuity: Promiscuity,
    /// Where filters find the outermost VLAN tag.
    pub vlan: VlanView,
    /// Whom to become once the programs are attached (-Z); `None`: see
    /// [`privileges::drop`](crate::privileges::drop).
    pub user: Option<String>,
    /// Whether to show the kernel programs' log messages.
    pub diagnostics: bool,
}

/// Where programs go, and what they look at there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The interfaces.
    pub chosen: Chosen,
    /// The hook to ask for.
    pub hook: Hook,
    /// Which frames.
    pub direction: Direction,
}

impl Live {
    /// The interfaces, the hook to ask for on them, and which frames to look at.
    ///
    /// # Errors
    /// None given where there is no default, none with that number, or such as cannot share a
    /// program.
    pub fn place(&self) -> Result<Place> {
        let chosen = interfaces::choose(&self.interfaces)?;
        let (hook, direction) = self.direction.at(self.hook, chosen.any);
        Ok(Place { chosen, hook, direction })
    }
}

/// Whether to ask for promiscuous mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Promiscuity {
    /// No.
    #[default]
    Off,
    /// Where that is permitted; a note says where it is not.
    IfPermitted,
    /// Yes, or it is an error.
    On,
}

/// Which frames a command looks at: what -Q says, or what the command does without it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DirectionChoice {
    /// These (-Q).
    Given(Direction),
    /// Received: so do commands that count.
    #[default]
    Received,
    /// Received and sent where the hook sees both, else received: so do commands that show frames.
    /// Nobody is given another hook for it, since that would change what attaching costs.
    Both,
}

impl DirectionChoice {
    /// The hook, of one interface or of `any`, and which frames to look at there.
    pub fn at(self, hook: Choice<Hook>, any: bool) -> (Hook, Direction) {
        match self {
            Self::Given(direction) => (hook.on(direction, any), direction),
            Self::Received => (hook.on(Direction::In, any), Direction::In),
            Self::Both => {
                let hook = hook.on(Direction::In, any);
                (hook, if hook.is_xdp() { Direction::In } else { Direction::InOut })
            }
        }
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice<T> {
    /// `auto`.
    #[default]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_where_the_hook_sees_them() {
        use Direction::{In, InOut, Out};
        let at = |choice: DirectionChoice, hook| choice.at(Choice::Given(hook), false);
        assert_eq!(at(DirectionChoice::Both, Hook::Tcx), (Hook::Tcx, InOut));
        assert_eq!(at(DirectionChoice::Both, Hook::Clsact), (Hook::Clsact, InOut));
        for hook in [Hook::Xdp, Hook::XdpNative, Hook::XdpGeneric] {
            assert_eq!(at(DirectionChoice::Both, hook), (hook, In));
            // Asked for, it is refused where it is attached, with a reason.
            assert_eq!(at(DirectionChoice::Given(InOut), hook), (hook, InOut));
        }
        assert_eq!(at(DirectionChoice::Received, Hook::Tcx), (Hook::Tcx, In));
        assert_eq!(at(DirectionChoice::Given(Out), Hook::Tcx), (Hook::Tcx, Out));
        // Whatever auto is here, it is the same with and without a word about the direction.
        let auto = |choice: DirectionChoice| choice.at(Choice::Auto, false).0;
        assert_eq!(auto(DirectionChoice::Both), auto(DirectionChoice::Received));
    }
}
