//! The account of a capture: each frame that sampling chose was captured, or its loss has a cause.
//! The columns add up, or the account says that they do not.
//!
//! What there is to count stands in the table below, once: a name, what it means, what the ledger
//! line calls it, and what a frame that it counts came to. The lines on stderr and the statistics of
//! capture files are made of the table, and a counter that is added to it is in all of them.

use std::io;

use probe_frame::WallTime;
use probe_pcap::Statistics;

use crate::kernel;

/// What a frame came to that a counter counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It went on: to the next counter of these, and from the last of them to all others.
    WentOn,
    /// It arrived where it was to go.
    Arrived,
    /// The kernel lost it: no room in a ring, or the program could not copy it.
    LostInKernel,
    /// It was dropped in user space.
    Dropped,
}

/// A counter of frames, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// Its name for programs.
    pub name: &'static str,
    /// What it counts, in a sentence.
    pub help: &'static str,
    /// Its name in the ledger line.
    pub label: &'static str,
    /// What became of those frames.
    pub fate: Fate,
    /// Frames so far.
    pub frames: u64,
}

macro_rules! counters {
    ($($(#[doc = $help:literal])+ $name:ident: $label:literal, $fate:ident;)*) => {
        /// What became of the frames.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Account {
            $($(#[doc = $help])+ pub $name: u64,)*
            /// The errno of one refusal of the kernel; 0 where there was none.
            pub refusal: i32,
        }

        impl Account {
            /// All counters, in the order of the table.
            pub fn counts(&self) -> [Count; [$(stringify!($name)),*].len()] {
                [$(Count {
                    name: stringify!($name),
                    help: concat!($($help),+).trim_ascii(),
                    label: $label,
                    fate: Fate::$fate,
                    frames: self.$name,
                }),*]
            }
        }
    };
}

counters! {
    /// Frames that the programs looked at.
    seen: "seen", WentOn;
    /// Frames that matched the filter.
    matched: "matched", WentOn;
    /// Matched frames that sampling chose; all of them without sampling.
    chosen: "sampled", WentOn;
    /// Frames that were printed or written.
    captured: "captured", Arrived;
    /// Chosen frames that found the ring full.
    lost_in_ring: "lost in ring", LostInKernel;
    /// Chosen frames that the kernel would not output for another reason.
    refused: "refused by kernel", LostInKernel;
    /// Frames that came after the last one asked for.
    after_end: "after the last one asked for", Dropped;
    /// Frames that came while the output was behind, or after it failed.
    output_behind: "because the output was behind or had failed", Dropped;
}

impl Account {
    /// What the kernel says; the rest is user space's.
    pub fn kernel(&mut self, counts: &kernel::Counts) {
        self.seen = counts.seen.packets;
        self.matched = counts.rules.first().map_or(0, |count| count.packets);
        self.chosen = counts.ledger.chosen;
        self.lost_in_ring = counts.ledger.lost;
        self.refused = counts.ledger.refused;
        self.refusal = counts.ledger.last_error;
    }

    /// Frames of one fate.
    pub fn sum(&self, fate: Fate) -> u64 {
        self.of(fate).map(|count| count.frames).sum()
    }

    fn of(&self, fate: Fate) -> impl Iterator<Item = Count> {
        self.counts().into_iter().filter(move |count| count.fate == fate)
    }

    /// Chosen frames without an account; negative where there are more than were chosen.
    fn missing(&self) -> i128 {
        let fates = [Fate::Arrived, Fate::LostInKernel, Fate::Dropped];
        let accounted: i128 = fates.map(|fate| i128::from(self.sum(fate))).iter().sum();
        i128::from(self.chosen) - accounted
    }

    /// The numbers so far, on one line, as tcpdump has them at SIGUSR1.
    pub fn interim(&self, counts: &kernel::Counts) -> String {
        let mut now = *self;
        now.kernel(counts);
        let lines = now.three_lines();
        lines.trim_end().replace('\n', ", ")
    }

    /// tcpdump's three lines, and the account.
    pub fn summary(&self) -> String {
        let mut out = self.three_lines();
        let dropped = self.sum(Fate::Dropped);
        let parts = self.of(Fate::Arrived).chain(self.of(Fate::LostInKernel)).map(labelled);
        let parts = parts.chain([format!("dropped in user space {dropped}")]);
        out.push_str(&format!("probe: {} = {}\n", self.went_on(), joined(parts, " + ")));
        if dropped > 0 {
            let causes = self.of(Fate::Dropped);
            let causes = causes.map(|Count { label, frames, .. }| format!("{frames} {label}"));
            let causes = joined(causes, ", ");
            out.push_str(&format!("probe: dropped in user space: {causes}\n"));
        }
        if self.lost_in_ring > 0 {
            out.push_str(
                "probe: frames were lost in the ring: try a larger --buffer-size, a smaller -s, or \
                 --sample\n",
            );
        }
        if self.refusal != 0 {
            let error = io::Error::from_raw_os_error(self.refusal);
            out.push_str(&format!("probe: the kernel refused to output frames: {error}\n"));
        }
        match self.missing() {
            0 => {}
            missing => out.push_str(&format!(
                "probe: {missing} frames are unaccounted for; please report this as a bug\n"
            )),
        }
        out
    }

    /// For the end of a capture file, as of now.
    pub fn statistics(&self, time: WallTime) -> Statistics {
        let (lost, dropped) = (self.sum(Fate::LostInKernel), self.sum(Fate::Dropped));
        Statistics {
            time,
            matched: self.matched,
            chosen: self.chosen,
            lost,
            dropped,
            words: format!(
                "{}, of which lost in the kernel {lost}, dropped in user space {dropped}",
                self.went_on()
            ),
        }
    }

    fn went_on(&self) -> String {
        joined(self.of(Fate::WentOn).map(labelled), ", ")
    }

    fn three_lines(&self) -> String {
        let counts = [
            (self.captured, "captured"),
            (self.matched, "received by filter"),
            (self.sum(Fate::LostInKernel), "dropped by kernel"),
        ];
        let line = |(count, what)| {
            let s = if count == 1 { "" } else { "s" };
            format!("{count} packet{s} {what}\n")
        };
        counts.map(line).concat()
    }
}

fn labelled(count: Count) -> String {
    format!("{} {}", count.label, count.frames)
}

fn joined(parts: impl Iterator<Item = String>, between: &str) -> String {
    parts.collect::<Vec<_>>().join(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: Account = Account {
        seen: 2000,
        matched: 1000,
        chosen: 100,
        captured: 80,
        lost_in_ring: 11,
        refused: 2,
        refusal: 0,
        after_end: 3,
        output_behind: 4,
    };

    #[test]
    fn golden() {
        let expected = "\
80 packets captured
1000 packets received by filter
13 packets dropped by kernel
probe: seen 2000, matched 1000, sampled 100 = captured 80 + lost in ring 11 + refused by kernel 2 \
+ dropped in user space 7
probe: dropped in user space: 3 after the last one asked for, 4 because the output was behind or \
had failed
probe: frames were lost in the ring: try a larger --buffer-size, a smaller -s, or --sample
";
        assert_eq!(ACCOUNT.summary(), expected);
    }

    #[test]
    fn golden_statistics() {
        let expected = Statistics {
            time: WallTime(5),
            matched: 1000,
            chosen: 100,
            lost: 13,
            dropped: 7,
            words: "seen 2000, matched 1000, sampled 100, of which lost in the kernel 13, dropped \
                    in user space 7"
                .into(),
        };
        assert_eq!(ACCOUNT.statistics(WallTime(5)), expected);
    }

    #[test]
    fn one_packet_and_a_gap() {
        let account = Account { seen: 1, matched: 1, chosen: 2, captured: 1, ..Account::default() };
        let summary = account.summary();
        assert!(summary.starts_with("1 packet captured\n1 packet received by filter\n"));
        assert!(summary.contains("1 frames are unaccounted for"));
    }

    /// One frame of each loss: every counter of the table is in the sum.
    #[test]
    fn each_loss_is_accounted_for() {
        let mut account = Account::default();
        for loss in [
            &mut account.captured,
            &mut account.lost_in_ring,
            &mut account.refused,
            &mut account.after_end,
            &mut account.output_behind,
        ] {
            *loss = 1;
        }
        let went_on = account.of(Fate::WentOn).count();
        account.chosen = (account.counts().len() - went_on) as u64;
        assert_eq!(account.missing(), 0);
        for Count { help, .. } in account.counts() {
            assert!(help.ends_with('.') && !help.starts_with(' '), "{help:?}");
        }
    }
}
