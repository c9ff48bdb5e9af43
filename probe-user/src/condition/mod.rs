//! Conditions on counts, such as `rate > 50k/s for 2s`: what starts a recording (`--when`), and what
//! a script is told of by an exit code (`--fail-if`).
//!
//! ```text
//! condition  = subject comparison bound [ "for" time ] [ "until" bound ]
//!            | "health" PORT "is" VERDICT [ "for" time ]
//! subject    = NAME                             packets of a rule
//!            | "rate"                           those of the only rule, or the own one of a
//!                                               recorder, as a rate
//!            | "bytes" | "bits" | "share"       the same of its bytes, its bits, and of its
//!                                               part of the packets that were seen
//!            | ("rate" | "packets" | "bytes" | "bits" | "share") "of" NAME
//!            | "seen" | "lost"                  packets looked at; frames lost
//! comparison = ">" | ">=" | "<" | "<="
//! bound      = number [ "k" | "M" | "G" ] [ "/s" | "/m" | "%" ]
//! ```
//!
//! A bound with `/s` or `/m` is one on the rate between two readings; one without is on the count
//! since the start. The words of the grammar go before names: a rule called `bytes` is `rate of bytes`.
//!
//! With `for`, every reading of that time has to be over (or under) the bound. A condition that was
//! met is [met](Watcher::reading) again only after a reading on the other side of `until`: without the
//! word that is 80 % of a bound from above, 125 % of one from below, so that a rate that trembles
//! about its bound makes one event.
//!
//! A verdict is met when a port has it, and again only after it had another one.
//!
//! Nothing here has a clock: counts come in with the time at which they were read. What else is to be
//! watched, such as a number of sources, is a variant of `Subject`, which the parser makes and
//! [`Readings`] have a value for.

mod error;
mod parse;
mod subject;
mod watcher;

pub use error::ConditionError;
pub use parse::{parse, parse_of};
pub use subject::Readings;
pub use watcher::{Met, Watcher};

use std::{fmt, time::Duration};

use subject::{Per, Subject};

/// A condition, as it was written and what it means.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    text: String,
    subject: Subject,
    comparison: Comparison,
    bound: f64,
    per: Per,
    /// How long it must hold; `None`: one reading is enough.
    lasting: Option<Duration>,
    /// What a value has to come back to before the condition can be met again.
    until: f64,
}

impl Condition {
    /// How long it has to hold, where it says so.
    pub fn lasting(&self) -> Option<Duration> {
        self.lasting
    }

    /// Whether it is about frames that were lost.
    pub fn is_about_losses(&self) -> bool {
        self.subject == Subject::Lost
    }

    fn holds(&self, value: f64) -> bool {
        self.comparison.holds(value, self.bound)
    }

    /// Whether a value is so far on the other side that the condition may be met anew.
    fn is_over(&self, value: f64) -> bool {
        let back = match self.comparison {
            Comparison::Above | Comparison::AtLeast => value <= self.until,
            Comparison::Below | Comparison::AtMost => value >= self.until,
        };
        back && !self.holds(value)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// On which side of its bound a value is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Above,
    AtLeast,
    Below,
    AtMost,
}

impl Comparison {
    fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Above => value > bound,
            Self::AtLeast => value >= bound,
            Self::Below => value < bound,
            Self::AtMost => value <= bound,
        }
    }

    /// The bound for coming back where none is given.
    fn margin(self) -> f64 {
        match self {
            Self::Above | Self::AtLeast => 0.8,
            Self::Below | Self::AtMost => 1.25,
        }
    }
}
