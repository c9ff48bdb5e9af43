//! Alternatives on one value, gathered into a switch.
use crate::flow::Flow;
/// todo
pub(crate) fn run(flow: Flow) -> Flow {
    flow
}
