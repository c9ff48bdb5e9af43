//! Connections that the test makes, and what the tracker says of them.

mod endings;
mod floods;
mod follow;
mod talks;
mod zeek;
