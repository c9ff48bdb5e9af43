//! The interfaces that the configuration names, and where programs are attached to them. What a glob has
//! is counted by hook alone: containers' interfaces come and go, and each would leave series behind.

use serde::{Deserialize, Serialize};

use crate::{
    config::Patterns,
    kernel::{Attachment, Direction, Features, Hook},
};

/// The words for the two directions, and who has them.
const DIRECTIONS: [(&str, Has); 2] =
    [("in", Direction::has_ingress), ("out", Direction::has_egress)];
type Has = fn(Direction) -> bool;

/// A place at a named interface where programs can be attached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// The interface's name.
    pub name: String,
    /// The hook that programs are attached by there.
    pub hook: String,
    /// `in` or `out`.
    pub direction: String,
    /// Whether they are.
    pub is_attached: bool,
}

impl Device {
    /// All places that this hook and direction come to, whether the interface is there or not.
    pub fn all(
        patterns: &Patterns,
        hook: Hook,
        direction: Direction,
        attachments: &[Attachment],
    ) -> Vec<Self> {
        let hooks = hook.kinds(Features::of_this_kernel().tcx);
        let mut all: Vec<Self> = Vec::new();
        for name in patterns.names().filter(|name| patterns.take(name)) {
            if all.iter().any(|known| known.name == name) {
                continue;
            }
            for &kind in hooks {
                for (word, has) in DIRECTIONS.iter().filter(|(_, has)| has(direction)) {
                    let is_here = |it: &Attachment| {
                        it.interface == name && it.hook == kind && has(it.direction)
                    };
                    all.push(Self {
                        name: name.to_owned(),
                        hook: kind.to_string(),
                        direction: (*word).to_owned(),
                        is_attached: attachments.iter().any(is_here),
                    });
                }
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use probe_filter::LinkType;

    use super::*;
    use crate::kernel::Attached;

    #[test]
    fn those_that_are_named_and_not_excepted() {
        let texts = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let wanted = texts(&["eth0", "veth*", "lo", "eth0", "eth1"]);
        let patterns = Patterns { wanted, not: texts(&["eth1"]) };
        let attachment = |interface: &str, hook, direction| Attachment {
            interface: interface.into(),
            index: 1,
            link: LinkType::Ethernet,
            hook,
            direction,
        };
        let attachments = [
            attachment("lo", Attached::Clsact, Direction::In),
            attachment("veth7", Attached::Clsact, Direction::InOut),
        ];
        let all = Device::all(&patterns, Hook::Clsact, Direction::InOut, &attachments);
        let found: Vec<_> =
            all.iter().map(|it| (&*it.name, &*it.hook, &*it.direction, it.is_attached)).collect();
        let expected = [
            ("eth0", "clsact", "in", false),
            ("eth0", "clsact", "out", false),
            // What is sent there is received there.
            ("lo", "clsact", "in", true),
            ("lo", "clsact", "out", false),
        ];
        assert_eq!(found, expected);

        let attachments = [attachment("eth0", Attached::XdpGeneric, Direction::In)];
        let all = Device::all(&patterns, Hook::Xdp, Direction::In, &attachments);
        let attached = all.iter().filter(|it| it.is_attached);
        assert_eq!(all.len(), 4);
        assert_eq!(attached.map(|it| &*it.hook).collect::<Vec<_>>(), ["xdp-generic"]);
    }
}
