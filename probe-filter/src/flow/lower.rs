//! Graphs into flows, one for each rule.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use rustc_hash::FxHashMap;

use crate::flow_hash::NO_FLOW;
use crate::ir::{Compare, Graph, Node, NodeId, Region, Target, Test, Value, ValueId, Var};

use super::{Action, BlockId, Chain, END, Flow, Left};

/// What a region has found, in the variable for its answer.
pub(crate) const YES: u32 = 1;
pub(crate) const NO: u32 = 0;
pub(crate) const TRAPPED: u32 = 2;

/// Adds one rule to a flow. Returns where the rule starts; it ends at [`END`].
pub(crate) fn lower(flow: &mut Flow, graph: &Graph, rule: u32) -> BlockId {
    lower_with(flow, graph, rule, &|var| var, &FxHashMap::default())
}

/// The same with other numbers for variables. Regions that are asked elsewhere are not
/// entered: their entries say which variable holds the answer.
pub(crate) fn lower_with(
    flow: &mut Flow,
    graph: &Graph,
    rule: u32,
    rename: &dyn Fn(Var) -> Var,
    asked: &FxHashMap<NodeId, (Region, Var)>,
) -> BlockId {
    let mut import = Import::new(graph, rename);
    let mut blocks = vec![END; graph.nodes().len()];
    let target = |blocks: &[BlockId], target, matches| match target {
        Target::Node(id) => blocks[id.0 as usize],
        Target::Match => matches,
        Target::NoMatch => END,
    };
    let needed = needed(graph, asked);
    let mut lower = |flow: &mut Flow, blocks: &mut [BlockId], ids: Range<usize>, matches| {
        for (id, node) in ids.clone().zip(&graph.nodes()[ids]).filter(|&(id, _)| needed[id]) {
            let targets = |yes, no| (target(blocks, yes, matches), target(blocks, no, matches));
            blocks[id] = match asked.get(&NodeId(id as u32)) {
                Some(&(region, answer)) => {
                    let (yes, no) = targets(region.yes, region.no);
                    ask(flow, answer, yes, no)
                }
                None => {
                    let (yes, no) = targets(node.yes, node.no);
                    import.node(flow, node, yes, no, END)
                }
            };
        }
    };
    let store = |flow: &mut Flow, what, var, next| {
        flow.need_vars(rename(var).0 + 1);
        let value = flow.value(Value::Var(rename(var)));
        flow.plain(Action::Store { rule, what, value, next })
    };
    // Behind the counter, so that a trap there ends the rule like any other.
    let mut behind = END;
    let mut first = 0;
    if let Some(part) = graph.flow() {
        first = part.nodes;
        let found = store(flow, Left::Flow, part.hash, END);
        lower(flow, &mut blocks, 0..first, found);
        let next = target(&blocks, part.entry, found);
        let value = flow.constant(NO_FLOW);
        behind = flow.plain(Action::Store { rule, what: Left::Flow, value, next });
    }
    let counted = flow.plain(Action::Count { rule, next: behind });
    let counted = (0..)
        .zip(graph.key())
        .fold(counted, |next, (word, &var)| store(flow, Left::Key(word), var, next));
    lower(flow, &mut blocks, first..graph.nodes().len(), counted);
    flow.need_vars(graph.vars());
    // Variables start at 0, and hold another rule's leftovers before.
    let zero = flow.value(Value::Const(0));
    let entry = target(&blocks, graph.entry(), counted);
    (0..graph.vars())
        .map(Var)
        .filter(|&var| rename(var) == var)
        .fold(entry, |next, var| flow.act(Action::Set { var, value: zero, next }, END))
}

/// The nodes that are got to where regions asked elsewhere are passed over.
fn needed(graph: &Graph, asked: &FxHashMap<NodeId, (Region, Var)>) -> Vec<bool> {
    let mut needed = vec![false; graph.nodes().len()];
    let note = |needed: &mut [bool], target| {
        if let Target::Node(id) = target {
            needed[id.0 as usize] = true;
        }
    };
    note(&mut needed, graph.entry());
    if let Some(part) = graph.flow() {
        note(&mut needed, part.entry);
    }
    for (id, node) in graph.nodes().iter().enumerate().rev() {
        if needed[id] {
            let (yes, no) = match asked.get(&NodeId(id as u32)) {
                Some((region, _)) => (region.yes, region.no),
                None => (node.yes, node.no),
            };
            note(&mut needed, yes);
            note(&mut needed, no);
        }
    }
    needed
}

/// The answer of a region that was asked before.
fn ask(flow: &mut Flow, answer: Var, yes: BlockId, no: BlockId) -> BlockId {
    let left = flow.value(Value::Var(answer));
    let mut is = |constant, yes, no| {
        let right = flow.constant(constant);
        flow.plain(Action::Compare { compare: Compare::Eq, left, right, yes, no })
    };
    // A trap ends the rule.
    let no = if no == END { END } else { is(TRAPPED, END, no) };
    is(YES, yes, no)
}

/// Where a region leads.
pub(crate) struct Exits {
    pub(crate) yes: BlockId,
    pub(crate) no: BlockId,
    pub(crate) trap: BlockId,
}

/// The nodes of a region, targets first.
fn inside(graph: &Graph, region: &Region) -> BTreeSet<NodeId> {
    let mut inside = BTreeSet::new();
    let mut pending = vec![Target::Node(region.entry)];
    while let Some(at) = pending.pop() {
        let Target::Node(id) = at else { continue };
        if at == region.yes || at == region.no || !inside.insert(id) {
            continue;
        }
        let node = &graph.nodes()[id.0 as usize];
        pending.extend([node.yes, node.no]);
    }
    inside
}

/// A graph's nodes and values on their way into a flow.
pub(crate) struct Import<'a> {
    graph: &'a Graph,
    rename: &'a dyn Fn(Var) -> Var,
    /// The new ids of values, where they have been asked for.
    values: Vec<Option<ValueId>>,
}

impl<'a> Import<'a> {
    /// With other numbers for variables.
    pub(crate) fn new(graph: &'a Graph, rename: &'a dyn Fn(Var) -> Var) -> Self {
        Self { graph, rename, values: vec![None; graph.values().len()] }
    }

    /// Adds a region by itself, which leads to these blocks.
    pub(crate) fn region(&mut self, flow: &mut Flow, region: &Region, exits: &Exits) -> BlockId {
        let mut blocks: BTreeMap<NodeId, BlockId> = BTreeMap::new();
        for id in inside(self.graph, region) {
            let target = |to: Target| match to {
                to if to == region.yes => exits.yes,
                to if to == region.no => exits.no,
                Target::Node(id) => blocks.get(&id).copied().unwrap_or(exits.no),
                Target::Match | Target::NoMatch => exits.no,
            };
            let node = &self.graph.nodes()[id.0 as usize];
            let (yes, no) = (target(node.yes), target(node.no));
            let block = self.node(flow, node, yes, no, exits.trap);
            blocks.insert(id, block);
        }
        blocks.get(&region.entry).copied().unwrap_or(exits.no)
    }

    fn node(
        &mut self,
        flow: &mut Flow,
        node: &Node,
        yes: BlockId,
        no: BlockId,
        trap: BlockId,
    ) -> BlockId {
        let action = match node.test {
            Test::Compare(compare, left, right) => {
                let (left, right) = (self.value(flow, left), self.value(flow, right));
                Action::Compare { compare, left, right, yes, no }
            }
            Test::Chain { kind, network_base, network, protocol } => {
                let network_base = network_base.map(|id| self.value(flow, id));
                Action::Chain(Chain { kind, network_base, network, protocol }, yes, no)
            }
        };
        let test = flow.act(action, trap);
        node.sets.iter().rev().fold(test, |next, &(var, id)| {
            let var = (self.rename)(var);
            flow.need_vars(var.0 + 1);
            let value = self.value(flow, id);
            flow.act(Action::Set { var, value, next }, trap)
        })
    }

    fn value(&mut self, flow: &mut Flow, id: ValueId) -> ValueId {
        if let Some(known) = self.values[id.0 as usize] {
            return known;
        }
        let value = match self.graph.get(id) {
            Value::Var(var) => Value::Var((self.rename)(var)),
            // The lowering sees to it that values are not deep.
            value => value.map(|operand| self.value(flow, operand)),
        };
        let value = flow.value(value);
        self.values[id.0 as usize] = Some(value);
        value
    }
}
