//! What the tests of the back ends share.

pub mod bpf;
pub mod kernel;
pub mod random;
pub mod show;
pub mod shrink;
pub mod socket;
