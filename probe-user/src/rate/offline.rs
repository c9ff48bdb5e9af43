//! The rate of what matches in a file, by the times of its frames.

use std::{path::Path, time::Duration};

use anyhow::Result;
use probe_common::Counter;
use probe_frame::WallTime;

use super::{
    Plan,
    report::{Ending, Report},
};
use crate::{
    offline::{self, Matcher},
    privileges::{self, Needs},
    progress::Progress,
    rules::{self, Rule, RuleSet},
    source::Engine,
};

/// Measures a file, and says whether it could be read to its end. `None`: a signal came before the
/// first frame.
///
/// The time is that from the first frame of the file to the last, or, with a number of matches, from
/// the first match to the last.
pub(super) fn over_file(
    plan: &Plan,
    path: &Path,
    engine: Engine,
    user: Option<&str>,
) -> Result<Option<(Report, Result<()>)>> {
    let progress = Progress::default();
    let Some(mut reader) = offline::open(path, &progress)? else { return Ok(None) };
    let link = reader.link();
    let rule = Rule::new("match", &plan.filter);
    let set = RuleSet::compile(vec![rule], &rules::file_options(link))?;
    let mut matcher = Matcher::new(&set, engine, link)?;
    let needs = Needs { test_run: engine != Engine::User, ..Needs::default() };
    privileges::drop(user, needs)?;
    let (mut file, mut matches) = (Times::default(), Times::default());
    let mut total = Counter::default();
    progress.start(false);
    let (ending, read) = loop {
        let frame = match reader.next() {
            Ok(Some(frame)) => frame,
            Ok(None) => break (Ending::File, Ok(())),
            // What was counted before a damaged record is told all the same.
            Err(error) => break (Ending::File, Err(error.into())),
        };
        file.note(frame.time);
        if !matcher.first_matches(&frame)? {
            continue;
        }
        total += Counter { packets: 1, bytes: frame.wire_len.into() };
        matches.note(frame.time);
        if plan.count == Some(total.packets) {
            break (Ending::Count, Ok(()));
        }
    };
    progress.end();
    let times = if ending == Ending::Count { matches } else { file };
    set.say_again(matcher.seen().packets, &[total]);
    let report = Report {
        time: times.last,
        hook: "file".into(),
        interfaces: vec![reader.name().to_string()],
        filter: plan.filter.clone(),
        ending,
        packets: total.packets,
        bytes: total.bytes,
        span: times.span(),
    };
    Ok(Some((report, read)))
}

/// When frames came. They need not stand in order in a file.
#[derive(Clone, Copy, Default)]
struct Times {
    first: Option<WallTime>,
    last: WallTime,
}

impl Times {
    fn note(&mut self, time: WallTime) {
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = self.last.max(time);
    }

    fn span(&self) -> Duration {
        Duration::from_nanos(self.last.0.saturating_sub(self.first.unwrap_or(self.last).0))
    }
}
