//! What everything that handles captured frames agrees on: the frame itself, its link type,
//! its VLAN tag, its time, and how text that did not come from us is shown.
//!
//! No dependencies, no I/O and no clock.

#![forbid(unsafe_code)]

mod frame;
mod link;
mod text;
mod time;
mod vlan;

pub use frame::{Frame, MAX_FRAME};
pub use link::LinkType;
pub use text::{visible, visible_lines};
pub use time::{Precision, WallTime};
pub use vlan::VlanTag;
