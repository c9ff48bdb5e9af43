//! The figures to reach, and what this run made of each.

use std::fmt::Write as _;

/// What must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Counting on tcx against tcpdump.
    CountToTcpdump,
    /// Counting on tcx against nftables.
    CountToNftables,
    /// Counting native frames.
    CountNative,
    /// 64 rules against one.
    Rules64,
    /// 512 rules against one.
    Rules512,
    /// Capturing against tcpdump, on the receive path.
    Capture,
    /// Capturing against the best of the others, on all CPUs.
    CaptureCpu,
    /// The first again, of full frames.
    CaptureFull,
    /// The second again, of full frames.
    CaptureFullCpu,
    /// Frames lost in half a minute.
    Lost,
    /// From the start to the first counted packet.
    Start,
    /// Counting a file against tcpdump.
    Offline,
    /// CPU of user space while it counts.
    UserCpu,
    /// Memory of user space while it counts.
    UserMemory,
    /// Bulk TCP while it is counted.
    BulkCount,
    /// Bulk TCP while it is captured.
    BulkCapture,
    /// True rates that lie in the interval of `probe rate`.
    Rate,
    /// A list of the largest keys, in test runs.
    Top,
    /// The same in a flood of random sources.
    TopLive,
    /// The same against the best of what others have.
    TopToBest,
    /// A number of different keys, in test runs.
    Distinct,
    /// The same in a flood of random sources.
    DistinctLive,
}

/// All of them, in the order of the table.
const ALL: [Goal; 22] = [
    Goal::CountToTcpdump,
    Goal::CountToNftables,
    Goal::CountNative,
    Goal::Rules64,
    Goal::Rules512,
    Goal::Capture,
    Goal::CaptureCpu,
    Goal::CaptureFull,
    Goal::CaptureFullCpu,
    Goal::Lost,
    Goal::Start,
    Goal::Offline,
    Goal::UserCpu,
    Goal::UserMemory,
    Goal::BulkCount,
    Goal::BulkCapture,
    Goal::Rate,
    Goal::Top,
    Goal::TopLive,
    Goal::TopToBest,
    Goal::Distinct,
    Goal::DistinctLive,
];

impl Goal {
    const fn what(self) -> &'static str {
        match self {
            Self::CountToTcpdump => "count one rule, tcx, all match: added ns to tcpdump's",
            Self::CountToNftables => "the same to an nftables counter's",
            Self::CountNative => "count one rule, native frames: added to XDP_PASS, ns",
            Self::Rules64 => "64 rules to 1 rule",
            Self::Rules512 => "512 rules to 1 rule",
            Self::Capture => "capture, 96 bytes of a frame: added ns to tcpdump's",
            Self::CaptureCpu => {
                "CPU seconds of the machine a million captured (loss suite), to the best of tcpdump, \
                 dumpcap, netsniff-ng"
            }
            Self::CaptureFull => "capture, full frames: added ns to tcpdump's",
            Self::CaptureFullCpu => {
                "the same: CPU seconds of the machine (loss suite), to the best of the three"
            }
            Self::Lost => "frames lost in capture at full rate, default settings",
            Self::Start => "start to first counted packet, ms",
            Self::Offline => "count of a file to tcpdump -r FILE --count",
            Self::UserCpu => "user space while counting, % of a core",
            Self::UserMemory => "user space while counting, MiB",
            Self::BulkCount => "bulk TCP while counted on tcx: time to nothing attached",
            Self::BulkCapture => "the same while captured, 96 bytes of a frame",
            Self::Rate => "probe rate: true rates outside the interval",
            Self::Top => "--by src: added to the rule, ns, worst stream",
            Self::TopLive => "the same live, random sources",
            Self::TopToBest => {
                "the same to the best of LRU hash, per-CPU hash, nftables set, bpftrace"
            }
            Self::Distinct => "--distinct src: added to the rule, ns, worst stream",
            Self::DistinctLive => "the same live, random sources",
        }
    }

    /// The limit; of native frames the hand-written program's figure plus 2 ns may be more.
    const fn limit(self) -> f64 {
        match self {
            Self::CountToTcpdump => 0.08,
            Self::CountToNftables | Self::TopToBest => 0.25,
            Self::Top => 25.0,
            Self::TopLive => 60.0,
            Self::Distinct => 5.0,
            Self::DistinctLive => 15.0,
            Self::CountNative => 10.0,
            Self::Rules64 => 3.0,
            Self::Rules512 => 12.0,
            Self::Capture | Self::CaptureCpu => 0.4,
            Self::Lost | Self::Rate => 0.0,
            Self::Start => 50.0,
            Self::Offline | Self::CaptureFull | Self::CaptureFullCpu => 0.5,
            // 0.85 of the throughput.
            Self::BulkCount | Self::BulkCapture => 1.18,
            Self::UserCpu => 0.1,
            Self::UserMemory => 12.0,
        }
    }
}

/// What became of the goals.
#[derive(Debug, Default)]
pub struct Goals {
    reached: Vec<(Goal, f64, f64)>,
}

impl Goals {
    /// A figure came out.
    pub fn reached(&mut self, goal: Goal, figure: f64) {
        self.reached_within(goal, figure, goal.limit());
    }

    /// A figure came out, and its limit, unless the fixed one is more.
    pub fn reached_within(&mut self, goal: Goal, figure: f64, limit: f64) {
        self.reached.push((goal, figure, limit.max(goal.limit())));
    }

    /// All goals; those of suites that did not run say so.
    pub fn table(&self) -> String {
        let mut text = String::from("| goal | at most | here | |\n| --- | ---: | ---: | --- |\n");
        for goal in ALL {
            let what = goal.what();
            let found = self.reached.iter().find(|(one, _, _)| *one == goal);
            let _ = match found {
                Some((_, figure, limit)) => writeln!(
                    text,
                    "| {what} | {} | {} | {} |",
                    number(*limit),
                    number(*figure),
                    // What is added cannot be less than nothing.
                    if *figure < 0.0 { "lost in noise" } else { held(figure <= limit) }
                ),
                None => writeln!(text, "| {what} | {} | | not measured |", number(goal.limit())),
            };
        }
        text
    }
}

/// Two digits behind the point where there is something to tell there.
fn number(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

/// Of a goal.
pub fn held(goal: bool) -> &'static str {
    if goal { "held" } else { "missed" }
}

#[cfg(test)]
mod tests {
    use super::{Goal, Goals};

    #[test]
    fn goals_are_held_missed_or_not_measured() {
        let mut goals = Goals::default();
        goals.reached(Goal::Capture, 0.41);
        goals.reached(Goal::CountToTcpdump, -0.1);
        goals.reached_within(Goal::CountNative, 13.0, 14.0);
        let table = goals.table();
        assert!(table.contains("tcpdump's | 0.40 | 0.41 | missed |"), "{table}");
        assert!(table.contains("| 0.08 | -0.10 | lost in noise |"), "{table}");
        assert!(table.contains("XDP_PASS, ns | 14 | 13 | held |"), "{table}");
        assert!(table.contains("64 rules to 1 rule | 3 | | not measured |"), "{table}");
    }

    #[test]
    fn a_measured_limit_never_narrows_the_fixed_one() {
        let mut goals = Goals::default();
        goals.reached_within(Goal::CountNative, 9.0, 5.0);
        assert!(goals.table().contains("| 10 | 9 | held |"));
    }
}
