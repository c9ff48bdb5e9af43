//! What a pcapng file says of where its frames come from.

use anyhow::Result;

use super::{filter_text, rule};
use crate::{
    cli::CaptureArgs,
    file::{Interface, Origin, Verdict},
    kernel::{Attached, Attachment, Direction},
};

/// Of frames from interfaces.
pub(super) fn live(args: &CaptureArgs, attachments: &[Attachment]) -> Result<Origin> {
    let interfaces = attachments.iter().map(|attachment| Interface {
        index: attachment.index,
        name: attachment.interface.clone(),
        description: format!("{}, frames {}", attachment.hook, which(args.live.direction)),
        verdict: Some(match attachment.hook {
            Attached::XdpNative | Attached::XdpGeneric => Verdict::Xdp,
            Attached::Tcx | Attached::Clsact => Verdict::Tc,
        }),
    });
    let rule = rule(args)?;
    Ok(Origin {
        interfaces: interfaces.collect(),
        comment: comment(&rule.name, args.sample, args.max_rate),
        filter: rule.filter,
        ..Origin::here()
    })
}

/// Of frames from a file.
pub(super) fn file(args: &CaptureArgs, name: &str) -> Result<Origin> {
    let description = format!("read from {name}");
    let filter = filter_text(args)?;
    let comment = args.sample.filter(|&every| every > 1).map(|every| format!("1 in {every}"));
    Ok(Origin {
        interfaces: vec![Interface { description, ..Interface::default() }],
        comment,
        filter,
        ..Origin::here()
    })
}

fn which(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "received",
        Direction::Out => "sent",
        Direction::InOut => "received and sent",
    }
}

/// What to say of each frame that sampling chose: nothing where it chose all.
fn comment(rule: &str, sample: Option<u64>, max_rate: Option<u64>) -> Option<String> {
    let every = sample.filter(|&every| every > 1).map(|every| format!("1 in {every}"));
    let rate = max_rate.map(|rate| format!("at most {rate} a second"));
    let parts: Vec<String> = every.into_iter().chain(rate).collect();
    (!parts.is_empty()).then(|| format!("rule {rule}: {} on each CPU", parts.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sampled_frames_have_a_comment() {
        assert_eq!(comment("match", None, None), None);
        assert_eq!(comment("match", Some(1), None), None);
        let every = comment("match", Some(100), None);
        assert_eq!(every.as_deref(), Some("rule match: 1 in 100 on each CPU"));
        let both = comment("match", Some(2), Some(1000));
        assert_eq!(both.as_deref(), Some("rule match: 1 in 2, at most 1000 a second on each CPU"));
    }
}
