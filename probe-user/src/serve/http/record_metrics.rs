//! What recorders do, as metrics: by rule.

use std::fmt;

use super::metrics::{BYTES, Families, SECONDS};
use crate::{
    kernel::Fill,
    serve::recorders::{State, View},
};

/// Writes them; nothing where there is no recorder.
///
/// # Errors
/// Those of writing.
pub fn write(out: &mut Families<'_>, all: &[View]) -> fmt::Result {
    if all.is_empty() {
        return Ok(());
    }
    let by_rule = |value: fn(&View) -> u64| all.iter().map(move |it| (it.rule.as_str(), value(it)));
    let help = "Files that recorders have finished";
    out.counters("record_files", help, None, "rule", by_rule(|it| it.files))?;
    let help = "Bytes of the files that recorders have finished";
    out.counters("record", help, BYTES, "rule", by_rule(|it| it.bytes))?;
    let help =
        "Frames of the time of a recording that had been overwritten, and are not in its file";
    out.counters("record_overwritten_frames", help, None, "rule", by_rule(|it| it.overwritten))?;
    let help = "Frames that the programs of a recorder could not keep";
    out.counters("record_lost_frames", help, None, "rule", by_rule(|it| it.lost))?;
    let help = "Recordings that could not be started, or whose file could not be written";
    out.counters("record_failures", help, None, "rule", by_rule(|it| it.failures))?;
    let help = "Times that the process of a recorder was started again";
    out.counters("record_restarts", help, None, "rule", by_rule(|it| it.restarts))?;
    let triggers = all.iter().flat_map(|it| {
        let View { rule, triggers, .. } = it;
        [
            (["condition", rule], triggers.condition),
            (["signal", rule], triggers.signal),
            (["request", rule], triggers.request),
        ]
    });
    let help = "Recordings that were asked for, by what did: a condition, SIGUSR2, a request";
    out.counters_by("record_triggers", help, ["cause", "rule"], triggers)?;
    let held = all.iter().map(|it| (it.rule.as_str(), it.held_seconds));
    let help = "How far back a recording would go now, at least";
    out.gauges("record_held", help, SECONDS, "rule", held)?;
    let fill = |value: fn(&Fill) -> u64| {
        all.iter().map(move |it| (it.rule.as_str(), value(&it.ring) as f64))
    };
    let help = "Bytes that the rings of a recorder hold, those of all CPUs together";
    out.gauges("record_ring_used", help, BYTES, "rule", fill(|it| it.used))?;
    let help = "Bytes that the rings of a recorder have room for, those of all CPUs together";
    out.gauges("record_ring_size", help, BYTES, "rule", fill(|it| it.size))?;
    let running = |it: &View| u8::from(it.state != State::Stopped);
    let running = all.iter().map(|it| (it.rule.as_str(), running(it).into()));
    out.gauges("record_up", "Whether the process of a recorder is there", None, "rule", running)
}
