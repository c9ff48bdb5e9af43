//! All that talks to the kernel: link, load, attach, read, detach. The only module that
//! knows aya.

mod attachment;
mod bpf;
mod clsact;
mod counts;
mod error;
pub mod ethtool;
mod features;
mod flight;
mod hook;
mod ktime;
mod lists;
mod load;
mod loader;
mod merge;
pub mod netdev;
mod netlink;
mod occupants;
mod offloads;
mod plan;
mod programs;
mod promiscuous;
mod replace;
mod ring;
mod rings;
pub mod rtnetlink;
mod runs;
mod session;
pub mod sock_diag;
mod soundness;
mod test_run;
mod timing;

pub use attachment::Attachment;
pub use bpf::WITHOUT_RIGHTS;
pub use counts::{Counts, Part};
pub use error::Error;
pub use features::Features;
pub(crate) use features::release;
pub use flight::FlightRings;
#[cfg(test)]
pub(crate) use flight::bed;
pub use hook::{Attached, Direction, Hook};
pub use ktime::Ktime;
pub use lists::{Lists, Memory, Taken, seeds};
pub use load::{RuleSpec, target};
pub use occupants::{Occupant, is_ours, program_names, tcx_occupants, tcx_order, xdp_occupant};
pub use offloads::TurnedOff;
pub use plan::{Interface, Plan, RulesOf, cpus};
pub use programs::Programs;
pub use ring::{Loan, Record, Span};
pub use rings::{Fill, Rings};
pub use runs::Runs;
pub use session::Session;
pub use test_run::TestRun;
pub use timing::Timing;
