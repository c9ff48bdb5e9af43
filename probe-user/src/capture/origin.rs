//! What files and lines record about where their frames come from.

use std::fs;

use probe_frame::{LinkType, visible};
use probe_pcap::{Interface, Origin};
use probe_print::Place;

use super::{Plan, RULE};
use crate::{
    interfaces::hardware_address,
    kernel::{Attachment, Direction},
};

/// Of frames from interfaces.
pub(super) fn live(plan: &Plan, attachments: &[Attachment]) -> Origin {
    Origin {
        interfaces: attachments.iter().map(interface).collect(),
        filter: plan.filter.clone(),
        comment: comment(RULE, plan.limits.sample, plan.limits.max_rate),
        ..here()
    }
}

/// What files say of an interface.
pub(crate) fn interface(attachment: &Attachment) -> Interface {
    let Attachment { interface, index, link, hook, direction } = attachment;
    let description = format!("{hook}, frames {}, all passed on", which(*direction));
    Interface { index: *index, name: interface.clone(), description, link: *link }
}

/// What lines say of the interfaces, where there are several.
pub(super) fn places(attachments: &[Attachment]) -> Vec<Place> {
    attachments.iter().map(place).collect()
}

/// What lines say of one of several interfaces.
pub(super) fn place(attachment: &Attachment) -> Place {
    Place {
        index: attachment.index,
        name: visible(&attachment.interface),
        address: hardware_address(&attachment.interface),
    }
}

/// Of frames from a file.
pub(super) fn file(plan: &Plan, link: LinkType, name: &str) -> Origin {
    let description = format!("read from {name}");
    let comment = every(plan.limits.sample);
    Origin {
        interfaces: vec![Interface { description, link, ..Interface::default() }],
        filter: plan.filter.clone(),
        comment,
        ..here()
    }
}

/// This machine and this program.
pub(crate) fn here() -> Origin {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.and_then(|rest| rest.split_once(": ")).map_or("", |(_, model)| model);
    Origin {
        hardware: model.trim().to_string(),
        os: format!("Linux {}", read("/proc/sys/kernel/osrelease").trim()),
        application: concat!("probe ", env!("CARGO_PKG_VERSION")).to_string(),
        ..Origin::default()
    }
}

fn which(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "received",
        Direction::Out => "sent",
        Direction::InOut => "received and sent",
    }
}

fn every(sample: u64) -> Option<String> {
    (sample > 1).then(|| format!("1 in {sample}"))
}

/// What to say of each frame that sampling chose: nothing where it chose all.
fn comment(rule: &str, sample: u64, max_rate: Option<u64>) -> Option<String> {
    let rate = max_rate.map(|rate| format!("at most {rate} a second"));
    let parts: Vec<String> = every(sample).into_iter().chain(rate).collect();
    (!parts.is_empty()).then(|| format!("rule {rule}: {} on each CPU", parts.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sampled_frames_have_a_comment() {
        assert_eq!(comment("match", 1, None), None);
        let every = comment("match", 100, None);
        assert_eq!(every.as_deref(), Some("rule match: 1 in 100 on each CPU"));
        let both = comment("match", 2, Some(1000));
        assert_eq!(both.as_deref(), Some("rule match: 1 in 2, at most 1000 a second on each CPU"));
    }
}
