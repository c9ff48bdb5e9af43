//! Frames from a file.

use std::path::Path;

use anyhow::Result;

use super::{filter_text, open_sinks, sink::Sink};
use crate::{
    cli::CaptureArgs,
    failure::{self, Usage},
    file::Reader,
    frame::Frame,
    offline::Sieve,
    rules::{self, Rule, RuleSet},
};

/// Prints or writes the frames of a file that match.
pub(super) fn run(args: &CaptureArgs, path: &Path) -> Result<()> {
    if args.max_rate.is_some() || args.duration.is_some() {
        let message = "--max-rate and --duration go by the clock, which a file (-r) does not have";
        return Err(Usage::new(message).into());
    }
    let mut reader = Reader::open(path)?;
    let link = reader.link();
    let set =
        RuleSet::compile(vec![Rule::new("match", filter_text(args)?)], &rules::file_options(link))?;
    let mut sinks = open_sinks(args, link)?;
    let mut sieve =
        Sieve::new(&set, args.offline.engine.unwrap_or_default(), args.live.hook(), link)?;
    let link_name = match link {
        probe_filter::ir::LinkType::Ethernet => "EN10MB (Ethernet)",
        probe_filter::ir::LinkType::Raw => "RAW (Raw IP)",
    };
    eprintln!("reading from file {}, link-type {link_name}", path.display());
    let (every, mut matches, mut captured) = (args.sample.unwrap_or(1), 0u64, 0u64);
    // What came before a damaged record is shown all the same.
    let result = loop {
        let frame = match reader.next() {
            Ok(Some(frame)) => frame,
            Ok(None) => break Ok(()),
            Err(error) => break Err(error.into()),
        };
        if !sieve.first_matches(&frame)? {
            continue;
        }
        matches += 1;
        if matches % every != 0 {
            continue;
        }
        if let Err(error) = push(&mut sinks, &snapped(frame, args.snaplen())) {
            break Err(error);
        }
        captured += 1;
        if args.count == Some(captured) {
            break Ok(());
        }
    };
    let flushed = sinks.iter_mut().try_for_each(|sink| sink.flush());
    if every > 1 {
        eprintln!("probe: matched {matches}, sampled {captured}");
    }
    result.and(flushed).or_else(|error| match failure::is_broken_pipe(&error) {
        true => Ok(()),
        false => Err(error),
    })
}

fn push(sinks: &mut [Box<dyn Sink>], frame: &Frame<'_>) -> Result<()> {
    sinks.iter_mut().try_for_each(|sink| sink.frame(frame))
}

fn snapped(frame: Frame<'_>, snaplen: u32) -> Frame<'_> {
    let bytes = frame.bytes.get(..snaplen as usize).unwrap_or(frame.bytes);
    Frame { bytes, ..frame }
}
