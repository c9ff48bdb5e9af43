//! A filter explained: in words, what it costs, and a frame that matches.

use std::fmt::Write as _;

use anyhow::Result;
use probe_filter::{
    Example, Filter, Words, cbpf,
    ebpf::{self, Stats},
    example,
};
use probe_frame::{Frame, WallTime};
use probe_print::{Dump, Printer, Style, TimeStyle};

use super::{View, target};
use crate::text::grouped;

/// All of it, for a hook.
///
/// # Errors
/// Where the filter does not fit into a program.
pub(super) fn text(filter: &Filter, words: &Words, view: View) -> Result<String> {
    let graph = filter.graph();
    let rule = ebpf::Rule { graph, pending_bit: None, key: None };
    let stats = ebpf::generate(&[rule], &target(view))?.stats;
    let mut text = format!("{words}\n{}", costs(&stats, view));
    text.push_str(&match example(graph, view.link, view.vlan) {
        Some(found) => shown(&found, view),
        None if is_constant(filter) => "example: none, no frame matches\n".to_owned(),
        None => "example: none found, which does not mean that no frame matches\n".to_owned(),
    });
    Ok(text)
}

/// Whether every frame gets the same answer, as far as the compiler knows: all there is to do is to return.
fn is_constant(filter: &Filter) -> bool {
    cbpf::generate(filter.graph()).is_ok_and(|program| program.instructions.len() == 1)
}

fn costs(stats: &Stats, view: View) -> String {
    let instructions = grouped(stats.fast_instructions as u64);
    let bytes = grouped(u64::from(stats.bytes));
    format!("costs: {instructions} instructions by {}; {bytes} bytes looked at\n", view.hook)
}

/// The frame as `probe capture -eXX` shows it, without a time.
fn shown(found: &Example, view: View) -> String {
    let mut text = format!("example, a frame of {} bytes", grouped(found.wire_len.into()));
    let captured = found.bytes.len();
    if captured < found.wire_len as usize {
        let _ = write!(text, " of which {captured} are shown");
    }
    if found.vlan.is_some() {
        text.push_str(" and a VLAN tag beside it");
    }
    match found.outbound {
        Some(true) => text.push_str(", sent"),
        Some(false) => text.push_str(", received"),
        None => {}
    }
    text.push_str(":\n");
    let mut bytes = found.bytes.clone();
    if let Some(tag) = found.vlan {
        tag.put_back(&found.bytes, &mut bytes);
    }
    let frame = Frame {
        time: WallTime::default(),
        wire_len: found.wire_len + (bytes.len() - captured) as u32,
        link: view.link,
        bytes: &bytes,
        ifindex: 0,
        outbound: found.outbound,
    };
    let style = Style {
        link_header: true,
        time: TimeStyle::None,
        dump: Dump::HexAndText { link: true },
        ..Style::default()
    };
    let mut lines = Vec::new();
    Printer::new(style).print(&frame, &mut lines);
    // The dump is indented by tabs.
    text.push_str(&String::from_utf8_lossy(&lines).replace('\t', "  "));
    text
}

#[cfg(test)]
mod tests {
    use probe_filter::{LinkType, VlanView, explain};

    use super::*;
    use crate::{kernel::Hook, rules};

    fn explained(text: &str, vlan: VlanView) -> String {
        let options = rules::file_options(LinkType::Ethernet).vlan(vlan).direction(true);
        let (filter, words) = explain(text, &options).unwrap();
        super::text(&filter, &words, View { hook: Hook::Tcx, vlan, link: LinkType::Ethernet })
            .unwrap()
    }

    #[test]
    fn words_costs_and_a_frame() {
        let text = explained("tcp dst port 80 and @syn", VlanView::AsFrame);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "a frame matches where all of these hold:");
        assert_eq!(lines[3], "");
        assert!(
            lines[4].starts_with("costs: ") && lines[4].ends_with(" bytes looked at"),
            "{text}"
        );
        assert_eq!(lines[5], "example, a frame of 54 bytes:");
        assert!(lines[6].contains(" > 192.0.2.2.80: Flags [S], "), "{text}");
        assert!(
            lines[7].starts_with("  0x0000:  0200 0000 0002 0200 0000 0001 0800 4500"),
            "{text}"
        );
    }

    #[test]
    fn what_is_beside_a_frame_is_said() {
        let text = explained("vlan 5 and outbound", VlanView::Live);
        assert!(
            text.contains("example, a frame of 54 bytes and a VLAN tag beside it, sent:\n"),
            "{text}"
        );
        assert!(text.contains("vlan 5, ") && text.contains("8100 0005"), "{text}");
    }

    #[test]
    fn where_there_is_no_example_it_is_said_why() {
        let never = explained("tcp and udp", VlanView::AsFrame);
        assert!(never.ends_with("example: none, no frame matches\n"), "{never}");
        let none = explained("ether[0] * 2 = 3", VlanView::AsFrame);
        assert!(none.ends_with("example: none found, which does not mean that no frame matches\n"));
    }
}
