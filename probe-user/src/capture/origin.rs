//! What files and lines record about where their frames come from.

use std::fs;

use probe_frame::{LinkType, visible};
use probe_pcap::{Interface, Origin};
use probe_print::Place;

use super::{Limits, Plan, RULE};
use crate::{
    interfaces::hardware_address,
    kernel::{Attachment, Direction},
};

/// Of frames from interfaces.
pub(super) fn live(plan: &Plan, attachments: &[Attachment]) -> Origin {
    Origin {
        interfaces: attachments.iter().map(interface).collect(),
        filter: plan.filter.clone(),
        comment: comment(RULE, &plan.limits),
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
    let of_file = flows(&plan.limits).into_iter().chain(every(&plan.limits));
    let comment = joined(of_file.collect());
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

fn every(limits: &Limits) -> Option<String> {
    (limits.sample > 1).then(|| format!("1 in {}", limits.sample))
}

fn flows(limits: &Limits) -> Option<String> {
    limits.flows.map(|flows| format!("1 connection in {}", flows.one_in))
}

fn joined(parts: Vec<String>) -> Option<String> {
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// What to say of each frame that sampling chose: nothing where it chose all.
fn comment(rule: &str, limits: &Limits) -> Option<String> {
    let rate = limits.max_rate.map(|rate| format!("at most {rate} a second"));
    let of_cpu = joined(every(limits).into_iter().chain(rate).collect());
    let of_cpu = of_cpu.map(|parts| format!("{parts} on each CPU"));
    let parts = joined(flows(limits).into_iter().chain(of_cpu).collect());
    parts.map(|parts| format!("rule {rule}: {parts}"))
}

#[cfg(test)]
mod tests {
    use probe_filter::FlowSeed;

    use super::*;
    use crate::rules::FlowSampling;

    #[test]
    fn only_sampled_frames_have_a_comment() {
        let limits = |sample, max_rate, one_in: Option<u32>| {
            let flows = one_in.map(|one_in| FlowSampling { one_in, seed: FlowSeed::new(1) });
            Limits { sample, max_rate, flows, ..Limits::default() }
        };
        for (limits, expected) in [
            (limits(100, None, None), "1 in 100 on each CPU"),
            (limits(2, Some(1000), None), "1 in 2, at most 1000 a second on each CPU"),
            (limits(1, None, Some(16)), "1 connection in 16"),
            (limits(2, None, Some(16)), "1 connection in 16, 1 in 2 on each CPU"),
        ] {
            assert_eq!(comment("match", &limits), Some(format!("rule match: {expected}")));
        }
        assert_eq!(comment("match", &Limits::default()), None);
    }
}
