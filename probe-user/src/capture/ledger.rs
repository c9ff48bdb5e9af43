//! The account of a capture: each frame that sampling chose was captured, or its loss
//! has a cause. The columns add up, or the ledger says that they do not.

use crate::kernel;

/// What became of the frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ledger {
    /// Frames that the program looked at.
    pub(super) seen: u64,
    /// Frames that matched the filter.
    pub(super) matched: u64,
    /// Matched frames that sampling chose; all of them without sampling.
    pub(super) chosen: u64,
    /// Frames that the sinks took.
    pub(super) captured: u64,
    /// Chosen frames that found the ring full.
    pub(super) lost_in_ring: u64,
    /// Chosen frames that the kernel would not output.
    pub(super) refused: u64,
    /// The errno of one such refusal; 0 where there was none.
    pub(super) refusal: i32,
    /// Frames that came after the last one asked for.
    pub(super) after_end: u64,
    /// Frames that came while the output was behind, or after it failed.
    pub(super) output_behind: u64,
}

impl Ledger {
    /// What the kernel says; the rest is user space's.
    pub(super) fn kernel(&mut self, counts: &kernel::Counts) {
        self.seen = counts.seen.packets;
        self.matched = counts.rules.first().map_or(0, |count| count.packets);
        self.chosen = counts.ledger.chosen;
        self.lost_in_ring = counts.ledger.lost;
        self.refused = counts.ledger.refused;
        self.refusal = counts.ledger.last_error;
    }

    fn dropped(&self) -> u64 {
        self.after_end + self.output_behind
    }

    /// Chosen frames without an account; negative where there are more than were chosen.
    fn missing(&self) -> i128 {
        let accounted = u128::from(self.captured)
            + u128::from(self.lost_in_ring)
            + u128::from(self.refused)
            + u128::from(self.dropped());
        i128::from(self.chosen) - accounted as i128
    }

    /// The numbers so far, on one line, as tcpdump has them at SIGUSR1.
    pub(super) fn interim(&self, counts: &kernel::Counts) -> String {
        let mut now = *self;
        now.kernel(counts);
        let lines = now.three_lines();
        lines.trim_end().replace('\n', ", ")
    }

    /// tcpdump's three lines, and the account.
    pub(super) fn summary(&self) -> String {
        let mut out = self.three_lines();
        out.push_str(&format!(
            "probe: seen {}, matched {}, sampled {} = captured {} + lost in ring {} + refused by \
             kernel {} + dropped in user space {}\n",
            self.seen,
            self.matched,
            self.chosen,
            self.captured,
            self.lost_in_ring,
            self.refused,
            self.dropped(),
        ));
        if self.dropped() > 0 {
            out.push_str(&format!(
                "probe: dropped in user space: {} after the last one asked for, {} because the \
                 output was behind or had failed\n",
                self.after_end, self.output_behind
            ));
        }
        if self.lost_in_ring > 0 {
            out.push_str(
                "probe: frames were lost in the ring: try a larger --buffer-size, a \
                          smaller -s, or --sample\n",
            );
        }
        if self.refusal != 0 {
            let error = std::io::Error::from_raw_os_error(self.refusal);
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

    fn three_lines(&self) -> String {
        let s = |count: u64| if count == 1 { "" } else { "s" };
        format!(
            "{} packet{} captured\n{} packet{} received by filter\n{} packet{} dropped by kernel\n",
            self.captured,
            s(self.captured),
            self.matched,
            s(self.matched),
            self.lost_in_ring + self.refused,
            s(self.lost_in_ring + self.refused),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden() {
        let ledger = Ledger {
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
        assert_eq!(ledger.summary(), expected);
    }

    #[test]
    fn one_packet_and_a_gap() {
        let ledger = Ledger { seen: 1, matched: 1, chosen: 2, captured: 1, ..Ledger::default() };
        let summary = ledger.summary();
        assert!(summary.starts_with("1 packet captured\n1 packet received by filter\n"));
        assert!(summary.contains("1 frames are unaccounted for"));
    }
}
