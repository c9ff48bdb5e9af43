//! Between us and the kernel: link, load, attach, read, detach. The only module that
//! knows aya.

mod counts;
mod error;
pub mod ethtool;
mod features;
mod hook;
mod load;
mod loader;
mod neighbour;
mod offloads;
mod ring;
mod rings;
mod session;
mod test_run;
mod timing;

pub use counts::{Counts, Ledger};
pub use error::Error;
pub use hook::{Attached, Direction, Hook};
pub use load::{RuleSpec, target};
pub use neighbour::{Occupant, tcx_occupants, xdp_occupant};
pub use offloads::TurnedOff;
pub use ring::{Loan, Record, Span};
pub use rings::Rings;
pub use session::{Attachment, Plan, Session, cpus};
pub use test_run::TestRun;
pub use timing::Timing;

/// The clock of the kernel's time stamps, `CLOCK_MONOTONIC`, in nanoseconds.
pub fn monotonic_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure lives through the call; with this clock it cannot fail.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Major and minor number of the running kernel's release; the floor, 5.15, where it
/// does not tell.
pub(crate) fn release() -> (u32, u32) {
    // LINUX_VERSION_CODE: major << 16 | minor << 8 | patch
    let code = aya::util::KernelVersion::current().map_or(5 << 16 | 15 << 8, |now| now.code());
    (code >> 16, code >> 8 & 0xff)
}
