//! The account of a capture: each frame that sampling chose was captured, came too late, or its loss
//! has a cause. The numbers add up, or the account says that they do not.
//!
//! What there is to count stands in the table below, once: a name, what it means, what the ledger
//! line calls it, and what a frame that it counts came to. The lines on stderr and the statistics of
//! capture files are made of the table, and a counter that is added to it is in all of them.

use std::{fmt::Write as _, io};

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
    /// It came after the end that was asked for, and is missed by nobody.
    AfterEnd,
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
    after_end: "after the last one asked for", AfterEnd;
    /// Frames that came while the output was behind, or after it failed.
    output_behind: "dropped: the output was behind or had failed", Dropped;
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
        let fates = [Fate::Arrived, Fate::LostInKernel, Fate::Dropped, Fate::AfterEnd];
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

    /// tcpdump's three lines; and where frames were lost, or `all` is asked for, the account: a line
    /// of what was seen, and one for each number of what became of it.
    pub fn summary(&self, all: bool) -> String {
        let mut out = self.three_lines();
        let missing = self.missing();
        let lost = self.sum(Fate::LostInKernel) + self.sum(Fate::Dropped);
        if !all && lost == 0 && missing == 0 {
            return out;
        }
        let _ = writeln!(out, "probe: {}", self.went_on());
        let ended = self.counts().into_iter().filter(|count| count.fate != Fate::WentOn);
        // How many were captured is told in any case.
        let ended: Vec<Count> =
            ended.filter(|count| count.frames > 0 || count.fate == Fate::Arrived).collect();
        let width = ended.iter().map(|count| count.frames.to_string().len()).max().unwrap_or(0);
        for Count { frames, label, .. } in ended {
            let _ = writeln!(out, "probe:   {frames:width$} {label}");
        }
        if self.lost_in_ring > 0 {
            out.push_str("probe: try a larger --buffer-size, a smaller -s, or --sample\n");
        }
        if self.refusal != 0 {
            let error = io::Error::from_raw_os_error(self.refusal);
            let _ = writeln!(out, "probe: the kernel refused to output frames: {error}");
        }
        if missing != 0 {
            let _ = writeln!(
                out,
                "probe: {missing} frames are unaccounted for; please report this as a bug"
            );
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
probe: seen 2000, matched 1000, sampled 100
probe:   80 captured
probe:   11 lost in ring
probe:    2 refused by kernel
probe:    3 after the last one asked for
probe:    4 dropped: the output was behind or had failed
probe: try a larger --buffer-size, a smaller -s, or --sample
";
        assert_eq!(ACCOUNT.summary(false), expected);
    }

    /// Who lost nothing reads what tcpdump says, unless more is asked for.
    #[test]
    fn three_lines_where_nothing_was_lost() {
        let after_end = 3;
        let account = Account {
            seen: 20,
            matched: 10,
            chosen: 10,
            captured: 7,
            after_end,
            ..Account::default()
        };
        let three =
            "7 packets captured\n10 packets received by filter\n0 packets dropped by kernel\n";
        assert_eq!(account.summary(false), three);
        let more = "\
probe: seen 20, matched 10, sampled 10
probe:   7 captured
probe:   3 after the last one asked for
";
        assert_eq!(account.summary(true), [three, more].concat());
    }

    #[test]
    fn lines_fit_a_narrow_terminal() {
        let frames = 1 << 40;
        let account = Account {
            seen: frames,
            matched: frames,
            chosen: frames,
            captured: frames,
            lost_in_ring: frames,
            refused: frames,
            refusal: libc::ENOMEM,
            after_end: frames,
            output_behind: frames,
        };
        for line in account.summary(true).lines() {
            assert!(line.len() <= 80, "{line}");
        }
    }

    #[test]
    fn golden_statistics() {
        let expected = Statistics {
            time: WallTime(5),
            matched: 1000,
            chosen: 100,
            lost: 13,
            dropped: 4,
            words: "seen 2000, matched 1000, sampled 100, of which lost in the kernel 13, dropped \
                    in user space 4"
                .into(),
        };
        assert_eq!(ACCOUNT.statistics(WallTime(5)), expected);
    }

    #[test]
    fn one_packet_and_a_gap() {
        let account = Account { seen: 1, matched: 1, chosen: 2, captured: 1, ..Account::default() };
        let summary = account.summary(false);
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
