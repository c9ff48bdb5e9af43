//! The rules' lists as metrics. No key is a label: it may be an address.

use std::fmt;

use prometheus_client::{encoding::DescriptorEncoder, metrics::MetricType, registry::Unit};

use super::metrics::count;
use crate::serve::list_figures::{DistinctFigures, ListFigures, TopFigures};

/// Writes all of them; `memory` is what the lists take in the kernel, in bytes.
pub fn encode(
    encoder: &mut DescriptorEncoder<'_>,
    lists: &[ListFigures],
    memory: u64,
) -> fmt::Result {
    let help = "Memory that lists take in the kernel";
    let family =
        encoder.encode_descriptor("list_memory", help, Some(&Unit::Bytes), MetricType::Gauge);
    family?.encode_gauge(&(memory as f64))?;

    let help = "Frames that a rule matched and that have the key, since the list began";
    counters(encoder, "rule_keyed_packets", help, lists, |list| Some(list.keyed))?;
    let help = "Frames with the key for which no table of the largest keys had a place";
    counters(encoder, "rule_top_refused_packets", help, lists, |list| {
        Some(list.top.as_ref()?.refused)
    })?;
    shares(encoder, lists)?;

    type Number = fn(&DistinctFigures) -> u64;
    let numbers: [(&str, &str, Number); 4] = [
        ("rule_distinct", "Different keys since the list began, an estimate", |it| it.estimate),
        ("rule_distinct_low", "Different keys since the list began, at least", |it| it.low),
        ("rule_distinct_high", "Different keys since the list began, at most", |it| it.high),
        ("rule_distinct_minute", "Different keys in the last minute, an estimate", |it| it.minute),
    ];
    for (name, help, number) in numbers {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for list in lists {
            if let Some(distinct) = &list.distinct {
                family.encode_family(&labels(list))?.encode_gauge(&(number(distinct) as f64))?;
            }
        }
    }
    let help = "Frames whose key may be missing among the different ones";
    let missed = |list: &ListFigures| Some(list.distinct.as_ref()?.missed);
    counters(encoder, "rule_distinct_missed_packets", help, lists, missed)
}

/// The shares of the largest keys, by their rank.
fn shares(encoder: &mut DescriptorEncoder<'_>, lists: &[ListFigures]) -> fmt::Result {
    let help = "Part of the rule's frames in the last interval that has the key of this rank";
    let unit = Unit::Other("ratio".into());
    let mut family =
        encoder.encode_descriptor("rule_top_share", help, Some(&unit), MetricType::Gauge)?;
    for list in lists {
        let Some(TopFigures { shares, .. }) = &list.top else { continue };
        for (rank, share) in (1..).zip(shares) {
            let rank: u32 = rank;
            let [rule, key] = labels(list);
            let rank = rank.to_string();
            family.encode_family(&[rule, key, ("rank", &rank)])?.encode_gauge(share)?;
        }
    }
    Ok(())
}

/// `NAME_total` of each list that has such a number.
fn counters(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    lists: &[ListFigures],
    number: impl Fn(&ListFigures) -> Option<u64>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for list in lists {
        if let Some(number) = number(list) {
            count(&mut family.encode_family(&labels(list))?, number)?;
        }
    }
    Ok(())
}

fn labels(list: &ListFigures) -> [(&str, &str); 2] {
    [("rule", &list.rule), ("key", &list.key)]
}
