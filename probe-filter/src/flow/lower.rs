//! Graphs into flows, one for each rule.

use crate::ir::{Graph, Target, Test, Value, ValueId, Var};

use super::{Action, BlockId, Chain, END, Flow};

/// Adds one rule to a flow. Returns where the rule starts; it ends at [`END`].
pub(crate) fn lower(flow: &mut Flow, graph: &Graph, rule: u32) -> BlockId {
    let values = import_values(flow, graph);
    let value = |id: ValueId| values[id.0 as usize];
    let counted = flow.plain(Action::Count { rule, next: END });
    let mut blocks: Vec<BlockId> = Vec::with_capacity(graph.nodes().len());
    let target = |blocks: &[BlockId], target| match target {
        Target::Node(id) => blocks[id.0 as usize],
        Target::Match => counted,
        Target::NoMatch => END,
    };
    for node in graph.nodes() {
        let (yes, no) = (target(&blocks, node.yes), target(&blocks, node.no));
        let action = match node.test {
            Test::Compare(compare, left, right) => {
                Action::Compare { compare, left: value(left), right: value(right), yes, no }
            }
            Test::Chain { kind, network_base, network, protocol } => {
                let network_base = network_base.map(value);
                Action::Chain(Chain { kind, network_base, network, protocol }, yes, no)
            }
        };
        let test = flow.act(action, END);
        let block = node.sets.iter().rev().fold(test, |next, &(var, id)| {
            flow.act(Action::Set { var, value: value(id), next }, END)
        });
        blocks.push(block);
    }
    // Variables start at 0, and hold another rule's leftovers before.
    flow.need_vars(graph.vars());
    let zero = flow.value(Value::Const(0));
    let entry = target(&blocks, graph.entry());
    (0..graph.vars())
        .fold(entry, |next, var| flow.act(Action::Set { var: Var(var), value: zero, next }, END))
}

fn import_values(flow: &mut Flow, graph: &Graph) -> Vec<ValueId> {
    let mut values: Vec<ValueId> = Vec::with_capacity(graph.values().len());
    for &value in graph.values() {
        let value = value.map(|id| values[id.0 as usize]);
        values.push(flow.value(value));
    }
    values
}
