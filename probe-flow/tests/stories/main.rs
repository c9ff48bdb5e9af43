//! Connections that the test makes, and what the tracker says of them.

mod endings;
mod floods;
mod follow;
mod shares;
mod talks;
mod zeek;
