//! Where a program is attached.

use probe_filter::ir::LinkType;

use super::{Attached, Direction};

/// A program on an interface, or one for each direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Name of the interface.
    pub interface: String,
    /// Its index.
    pub index: u32,
    /// What its frames begin with.
    pub link: LinkType,
    /// The hook.
    pub hook: Attached,
    /// Which of its frames are looked at.
    pub direction: Direction,
}

impl Attachment {
    /// Which frames are looked at on these interfaces together; `None` where there are none.
    pub fn frames(attachments: &[Self]) -> Option<Direction> {
        let all = |has: fn(Direction) -> bool| attachments.iter().any(|it| has(it.direction));
        match (all(Direction::has_ingress), all(Direction::has_egress)) {
            (true, true) => Some(Direction::InOut),
            (true, false) => Some(Direction::In),
            (false, true) => Some(Direction::Out),
            (false, false) => None,
        }
    }
}

#[cfg(test)]
impl Attachment {
    /// One for tests that attach nothing: the loopback is there in every network namespace.
    pub(crate) fn loopback() -> Self {
        let (hook, direction) = (Attached::Tcx, Direction::In);
        let link = LinkType::Ethernet;
        Self { interface: "lo".into(), index: 1, link, hook, direction }
    }
}
