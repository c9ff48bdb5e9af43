//! What the tests of the back ends share.

pub mod kernel;
pub mod show;
pub mod socket;
