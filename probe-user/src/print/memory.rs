//! What a line needs of the frames before it.

use super::{afs::Calls, tcp::Flows};

/// TCP connections and calls that are not answered yet.
#[derive(Default)]
pub struct Memory {
    pub(super) flows: Flows,
    pub(super) calls: Calls,
}
