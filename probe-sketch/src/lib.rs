//! What user space makes of the tables that kernel programs count keys in: the largest keys and
//! how many keys there were, each with the interval in which the truth lies.
//!
//! The tables, and what a frame does to them, are in `probe_common::{top, distinct}`: kernel
//! programs and [`Table`], their twin for frames of a file, run the same code.
//!
//! Pure: no I/O and no clock. Who reads the tables says when, and empties them then.

#![forbid(unsafe_code)]

mod distinct;
mod packed;
mod periods;
mod table;
mod totals;

pub use distinct::{Distinct, Estimate};
pub use periods::Periods;
pub use table::{Pin, Table, View, pin};
pub use totals::{Row, Totals};
