//! probe.
pub mod kernel;
