//! Which interfaces there are right now of those that the configuration names.

use anyhow::{Context as _, Result};
use netlink_packet_route::link::LinkFlags;
use probe_frame::visible;

use crate::{
    config::Patterns,
    kernel::{Interface, rtnetlink},
};

/// The interfaces of a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Present {
    /// Those that programs can be attached to, each with its index.
    pub interfaces: Vec<(u32, Interface)>,
    /// The indices of those that are loopbacks.
    pub loopbacks: Vec<u32>,
    /// Names that no interface has now.
    pub missing: Vec<String>,
    /// Those whose frames begin with neither Ethernet nor IP.
    pub others: Vec<String>,
}

impl Present {
    /// Asks the kernel. Needs no right.
    ///
    /// # Errors
    /// What the netlink socket says.
    pub fn ask(patterns: &Patterns) -> Result<Self> {
        let links = rtnetlink::links().context("asking the kernel for its interfaces")?;
        let all = links.iter().filter_map(|link| {
            let name = rtnetlink::name(link)?;
            Some((link.header.index, name.to_owned(), rtnetlink::link_type(link)))
        });
        let loopbacks = links.iter().filter(|link| link.header.flags.contains(LinkFlags::Loopback));
        let loopbacks = loopbacks.map(|link| link.header.index).collect();
        Ok(Self { loopbacks, ..Self::of(patterns, all) })
    }

    fn of(
        patterns: &Patterns,
        all: impl Iterator<Item = (u32, String, Option<probe_filter::LinkType>)>,
    ) -> Self {
        let missing = patterns.names().map(str::to_owned).collect();
        let mut present = Self { missing, ..Self::default() };
        for (index, name, link) in all {
            present.missing.retain(|missing| *missing != name);
            if !patterns.take(&name) {
                continue;
            }
            match link {
                Some(link) => present.interfaces.push((index, Interface { name, link })),
                None => present.others.push(visible(&name)),
            }
        }
        present
    }
}

#[cfg(test)]
mod tests {
    use probe_filter::LinkType;

    use super::*;

    #[test]
    fn those_that_are_there_and_those_that_are_not() {
        let patterns = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let wanted = patterns(&["eth0", "eth1", "veth*", "can0"]);
        let patterns = Patterns { wanted, not: patterns(&["veth9"]) };
        let ethernet = Some(LinkType::Ethernet);
        let all = [
            (1, "lo", ethernet),
            (2, "eth0", ethernet),
            (5, "veth7", ethernet),
            (6, "veth9", ethernet),
            (7, "can0", None),
        ];
        let all = all.map(|(index, name, link)| (index, name.to_owned(), link)).into_iter();
        let interface = |name: &str| Interface { name: name.into(), link: LinkType::Ethernet };
        let expected = Present {
            interfaces: vec![(2, interface("eth0")), (5, interface("veth7"))],
            missing: vec!["eth1".into()],
            others: vec!["can0".into()],
            ..Present::default()
        };
        assert_eq!(Present::of(&patterns, all), expected);
    }
}
