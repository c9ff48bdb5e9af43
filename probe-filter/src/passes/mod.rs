//! The passes over a flow, in order. Each is a file; the back ends only translate.

mod apart;
mod compact;
mod facts;
mod fold;
mod gather;
mod graft;
mod join;
mod present;
mod ranges;
mod share;
mod sink;
mod thread;

#[cfg(test)]
use crate::flow;
use crate::flow::Flow;
use crate::ir::Graph;

pub(crate) use present::{TAG_TYPES, View};

/// A pass over the rules while each of them is a root of its own.
type Pass = fn(Flow) -> Flow;

/// What is done to each rule by itself.
const PER_RULE: [(&str, Pass); 6] = [
    ("sink", sink::run),
    ("fold", fold::run),
    ("thread", thread::run),
    ("fold", fold::run),
    ("thread", thread::run),
    ("gather", gather::run),
];

/// The rules as they are, with what several of them find out before them.
pub(crate) fn rules(graphs: &[&Graph]) -> Flow {
    share::lower(graphs)
}

/// One flow for all rules, as the back ends want it.
pub(crate) fn run(rules: Flow, view: View) -> Flow {
    let mut flow = present::run(rules, view);
    for (_, pass) in PER_RULE {
        flow = pass(flow);
    }
    compact::run(thread::run(join::run(flow)))
}

/// The rules as they are.
#[cfg(test)]
fn lower(graphs: &[&Graph]) -> Flow {
    let mut flow = Flow::new();
    flow.roots = graphs
        .iter()
        .enumerate()
        .map(|(rule, graph)| flow::lower(&mut flow, graph, rule as u32))
        .collect();
    flow
}

#[cfg(test)]
pub(crate) mod tests;
