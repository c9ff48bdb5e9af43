//! Graphs into a flow: one rule after the other, each behind a boundary.

use crate::ir::{Graph, Target, Test, Value, ValueId, Var};

use super::{Action, Block, BlockId, Chain, Flow};

/// The flow that runs all graphs in turn and counts each one that matches.
pub(crate) fn lower(graphs: &[&Graph]) -> Flow {
    let mut flow = Flow::new();
    let mut next = flow.end();
    // From the last rule to the first: a block's targets exist before it does.
    for (rule, graph) in graphs.iter().enumerate().rev() {
        next = flow.plain(Action::Boundary { next });
        next = lower_graph(&mut flow, graph, rule as u32, next);
    }
    flow.set_entry(next);
    flow
}

/// Adds one graph; `next` is what follows it. Returns where it starts.
pub(crate) fn lower_graph(flow: &mut Flow, graph: &Graph, rule: u32, next: BlockId) -> BlockId {
    let values: Vec<ValueId> = import_values(flow, graph);
    let counted = flow.plain(Action::Count { rule, next });
    let mut blocks: Vec<BlockId> = Vec::with_capacity(graph.nodes().len());
    let target = |blocks: &[BlockId], target| match target {
        Target::Node(id) => blocks[id.0 as usize],
        Target::Match => counted,
        Target::NoMatch => next,
    };
    let value = |id: ValueId| values[id.0 as usize];
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
        let sets = node.sets.iter().map(|&(var, id)| (var, value(id))).collect();
        blocks.push(flow.block(Block { sets, action, trap: next }));
    }
    let entry = target(&blocks, graph.entry());
    if graph.vars() == 0 || entry == next || entry == counted {
        return entry;
    }
    // Variables start at 0, and hold another rule's leftovers before.
    flow.need_vars(graph.vars());
    let zero = flow.value(Value::Const(0));
    let mut first = flow.at(entry).clone();
    let zeroes = (0..graph.vars()).map(|var| (Var(var), zero));
    first.sets = zeroes.chain(first.sets).collect();
    flow.block(first)
}

fn import_values(flow: &mut Flow, graph: &Graph) -> Vec<ValueId> {
    let mut values: Vec<ValueId> = Vec::with_capacity(graph.values().len());
    for &value in graph.values() {
        let of = |id: ValueId| values[id.0 as usize];
        let value = match value {
            Value::Const(_) | Value::Meta(_) | Value::Var(_) => value,
            Value::Load { width, base, displacement } => {
                Value::Load { width, base: base.map(of), displacement }
            }
            Value::Alu(op, left, right) => Value::Alu(op, of(left), of(right)),
            Value::Neg(id) => Value::Neg(of(id)),
        };
        values.push(flow.value(value));
    }
    values
}
