//! Which rules a frame matches: the column `rules`.

use anyhow::{Context as _, Result};
use probe_filter::{LinkType, Machine, Options, VlanView, ir};
use probe_frame::{Frame, VlanTag};

use crate::{
    interfaces, reporter,
    rules::{self, Rule, RuleSet},
    source::Source,
};

/// Whose frames they are.
enum Of {
    File,
    /// Frames of these interfaces, with the outermost VLAN tag there.
    Interfaces(Vec<String>, VlanView),
}

impl Of {
    fn options(&self, link: LinkType) -> Options<'static> {
        match self {
            Self::File => rules::file_options(link),
            Self::Interfaces(names, vlan) => rules::live_options(names, link, *vlan),
        }
    }
}

/// Finds the rules that a frame matches, in this process.
pub(super) struct Marker {
    rules: Vec<Rule>,
    of: Of,
    /// For each link type that came so far, the filters in the order of the rules.
    machines: Vec<(LinkType, Machine)>,
    matched: Vec<usize>,
    /// A frame without the tag that live filters find beside it.
    untagged: Vec<u8>,
}

impl Marker {
    /// Compiles rules for the frames of a source, of which the first ones are of this link type.
    ///
    /// # Errors
    /// What is wrong with the rules, and with the names of interfaces.
    pub(super) fn new<F>(rules: &[Rule], source: &Source<F>, link: LinkType) -> Result<Self> {
        let of = match source {
            Source::Live(live) => {
                Of::Interfaces(interfaces::choose(&live.interfaces)?.names(), live.vlan)
            }
            Source::Stored { .. } => Of::File,
        };
        let set = RuleSet::compile(rules.to_vec(), &of.options(link))?;
        let graphs: Vec<_> = set.filters().iter().map(|filter| filter.graph()).collect();
        let machines = vec![(link, Machine::new(&graphs))];
        let (matched, untagged) = (Vec::new(), Vec::new());
        Ok(Self { rules: rules.to_vec(), of, machines, matched, untagged })
    }

    /// The names of the rules that a frame matches, in the order that they were given in.
    ///
    /// # Errors
    /// Names in the filters that cannot be looked up, with the first frame of another link type.
    pub(super) fn names(&mut self, frame: &Frame<'_>) -> Result<impl Iterator<Item = &str>> {
        let at = self.machine_for(frame.link)?;
        let mut seen = ir::Frame {
            bytes: frame.bytes,
            wire_len: frame.wire_len,
            vlan: None,
            outbound: frame.outbound,
        };
        if frame.link == LinkType::Ethernet && matches!(self.of, Of::Interfaces(_, VlanView::Live))
        {
            let tag = VlanTag::take_out(frame.bytes, &mut self.untagged);
            if tag.is_some() {
                let wire_len = frame.wire_len.saturating_sub(VlanTag::LEN as u32);
                seen = ir::Frame { bytes: &self.untagged, wire_len, vlan: tag, ..seen };
            }
        }
        self.matched.clear();
        let (_, machine) = self.machines.get_mut(at).context("it was just looked up")?;
        machine.run(&seen, |rule| self.matched.push(rule));
        self.matched.sort_unstable();
        let rules = &self.rules;
        Ok(self.matched.iter().filter_map(|&rule| Some(rules.get(rule)?.name.as_str())))
    }

    fn machine_for(&mut self, link: LinkType) -> Result<usize> {
        if let Some(at) = self.machines.iter().position(|(known, _)| *known == link) {
            return Ok(at);
        }
        let note = &mut |note| reporter::note(note);
        let filters = rules::filters_for_more(&self.rules, &self.of.options(link), note)?;
        let graphs: Vec<_> = filters.iter().map(|filter| filter.graph()).collect();
        self.machines.push((link, Machine::new(&graphs)));
        Ok(self.machines.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use probe_frame::WallTime;
    use testbed::Frame as Built;

    use super::*;
    use crate::source::Live;

    /// The names of the rules that a frame of an interface, or of a file, matches.
    fn marks(source: &Source<()>, link: LinkType, bytes: &[u8]) -> String {
        let rules = ["web=port 80", "tagged=vlan 7", "in7=vlan 7 and port 80", "sent=outbound"];
        let of_file = matches!(source, Source::Stored { .. });
        let rules: Vec<Rule> =
            rules[..if of_file { 3 } else { 4 }].iter().map(|text| text.parse().unwrap()).collect();
        let mut marker = Marker::new(&rules, source, LinkType::Ethernet).unwrap();
        let wire_len = bytes.len() as u32;
        let (time, ifindex, outbound) = (WallTime(1), 1, Some(true));
        let frame = Frame { time, wire_len, link, bytes, ifindex, outbound };
        marker.names(&frame).unwrap().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_tag_is_where_the_source_has_it() {
        let plain = Built::ipv4([192, 0, 2, 7].into(), [192, 0, 2, 1].into()).udp(4000, 80).build();
        let mut tagged = Vec::new();
        VlanTag { tpid: 0x8100, tci: 0x2007 }.put_back(&plain, &mut tagged);
        let lo = Live { interfaces: vec!["lo".into()], vlan: VlanView::Live, ..Live::default() };
        let live = Source::Live(lo);
        let engine = crate::source::Engine::User;
        let file = Source::Stored { files: (), engine, user: None };
        let ip = &plain[14..];
        for (source, link, bytes, expected) in [
            (&live, LinkType::Ethernet, &plain[..], "web sent"),
            (&live, LinkType::Ethernet, &tagged, "web tagged in7 sent"),
            (&live, LinkType::Raw, ip, "web sent"),
            (&file, LinkType::Ethernet, &plain, "web"),
            (&file, LinkType::Ethernet, &tagged, "tagged in7"),
            (&file, LinkType::Raw, ip, "web"),
            (&live, LinkType::Ethernet, &tagged[..14], "sent"),
        ] {
            assert_eq!(marks(source, link, bytes), expected, "{link:?}");
        }
    }
}
