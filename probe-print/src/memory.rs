//! What a line needs of the frames before it.

use super::{
    services::{afs::Calls, isakmp::Initiators},
    transport::tcp::Flows,
};

/// TCP connections, calls that are not answered yet, and who began which exchange of keys.
#[derive(Default)]
pub struct Memory {
    pub(super) flows: Flows,
    pub(super) calls: Calls,
    pub(super) initiators: Initiators,
}
