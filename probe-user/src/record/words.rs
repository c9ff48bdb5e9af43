//! What is said of a recording: on standard error, and in the file itself.

use std::{fmt, path::PathBuf, time::Duration};

use probe_common::{Counter, RingLayout};

use crate::text::grouped;

/// What the rings held of the time before a trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Before {
    /// The rule's name.
    pub rule: String,
    /// How much time was asked for.
    pub asked: Duration,
    /// Of how much time before the trigger all frames are there.
    pub complete: Duration,
    /// Frames of the time asked for that had been overwritten by younger ones.
    pub overwritten: u64,
    /// Bytes of each CPU's ring.
    pub ring_len: u64,
}

/// A recording that is finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The file.
    pub path: PathBuf,
    /// Frames in it.
    pub frames: u64,
    /// What it has of the time before the trigger.
    pub before: Before,
    /// How long it goes on behind the trigger.
    pub after: Duration,
    /// Frames of that time that were overwritten before they were read.
    pub overwritten_after: u64,
    /// The bytes at which it had to end, if it had.
    pub full_at: Option<u64>,
}

impl Before {
    /// What would hold all of it.
    fn advice(&self) -> String {
        let seconds = self.complete.as_secs_f64().max(1e-3);
        let needed = self.ring_len as f64 * self.asked.as_secs_f64() / seconds;
        let mib = ((needed / f64::from(1 << 20)).ceil() as u64).next_power_of_two();
        if mib << 20 <= RingLayout::MOST as u64 {
            format!("-B {mib}M would hold them")
        } else {
            "a smaller -s or a narrower filter reaches further back".into()
        }
    }
}

impl fmt::Display for Before {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, asked, complete, overwritten, .. } = self;
        write!(f, "rule {rule}: all frames of the {} before the trigger", seconds(*complete))?;
        if *overwritten > 0 {
            let older = grouped(*overwritten);
            let (asked, advice) = (seconds(*asked), self.advice());
            write!(
                f,
                "; {older} older ones, of the {asked} asked for, had been overwritten ({advice})"
            )?;
        }
        Ok(())
    }
}

/// All that there is to say of a file, but its name.
pub fn summary(recorded: &Recorded) -> String {
    let Recorded { frames, before, after, overwritten_after, full_at, .. } = recorded;
    let s = if *frames == 1 { "" } else { "s" };
    let mut out = format!("{} frame{s}; {before}", grouped(*frames));
    if !after.is_zero() {
        out += &format!("; it goes on for {} after the trigger", seconds(*after));
    }
    if *overwritten_after > 0 {
        let frames = grouped(*overwritten_after);
        out += &format!("; {frames} frames of that time were overwritten before they were read");
    }
    if let Some(bytes) = full_at {
        out += &format!("; it ended early, at {} MB (--max-size)", bytes / 1_000_000);
    }
    out
}

impl fmt::Display for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), summary(self))
    }
}

/// Counts at one moment, in the first so much time since the start: of all frames, and of rules by name.
pub fn counts<'a>(
    elapsed: Duration,
    seen: Counter,
    rules: impl Iterator<Item = (&'a str, Counter)>,
) -> String {
    let of = |(name, count): (&str, Counter)| {
        format!("{name} {} packets, {} bytes", grouped(count.packets), grouped(count.bytes))
    };
    let all: Vec<String> = [("seen", seen)].into_iter().chain(rules).map(of).collect();
    format!("in the {} since the start: {}", seconds(elapsed), all.join("; "))
}

/// Seconds with three digits at least.
pub fn seconds(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let digits = if seconds < 1.0 { 3 } else { 1 };
    format!("{seconds:.digits$} s")
}
