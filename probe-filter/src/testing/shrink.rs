//! Graphs made smaller: the smallest that is still wrong.

use crate::ir::{FlowPart, Graph, Node, Target, Test, Value, ValueId};

/// A graph that can be changed.
#[derive(Clone)]
struct Parts {
    values: Vec<Value>,
    nodes: Vec<Node>,
    vars: u32,
    entry: Target,
    flow: Option<FlowPart>,
}

impl Parts {
    fn of(graph: &Graph) -> Self {
        Self {
            flow: graph.flow(),
            values: graph.values().to_vec(),
            nodes: graph.nodes().to_vec(),
            vars: graph.vars(),
            entry: graph.entry(),
        }
    }

    /// Values are different from each other, and so all ids stay.
    fn graph(&self) -> Graph {
        let mut graph = Graph::new();
        for _ in 0..self.vars {
            graph.var();
        }
        for &value in &self.values {
            graph.value(value);
        }
        for (number, node) in self.nodes.iter().enumerate() {
            self.set_flow_before(number, &mut graph);
            graph.node(node.clone());
        }
        self.set_flow_before(self.nodes.len(), &mut graph);
        graph.set_entry(self.entry);
        graph
    }

    fn set_flow_before(&self, number: usize, graph: &mut Graph) {
        if let Some(part) = self.flow.filter(|part| part.nodes == number) {
            graph.set_flow(part.entry, part.hash);
        }
    }

    fn is_reached(&self, wanted: usize) -> bool {
        let mut reached = vec![false; self.nodes.len()];
        let mut pending = vec![self.entry];
        pending.extend(self.flow.map(|part| part.entry));
        while let Some(at) = pending.pop() {
            let Target::Node(id) = at else { continue };
            if !std::mem::replace(&mut reached[id.0 as usize], true) {
                let node = &self.nodes[id.0 as usize];
                pending.extend([node.yes, node.no]);
            }
        }
        reached[wanted]
    }
}

/// A graph with fewer nodes, assignments and operands, as long as it stays wrong.
pub fn graph(graph: &Graph, mut wrong: impl FnMut(&Graph) -> bool) -> Graph {
    let mut best = Parts::of(graph);
    loop {
        let before = best.clone();
        // Starts further down.
        while let Target::Node(id) = best.entry {
            let node = &best.nodes[id.0 as usize];
            let below = [node.yes, node.no].map(|entry| Parts { entry, ..best.clone() });
            let Some(smaller) = below.into_iter().find(|one| wrong(&one.graph())) else { break };
            best = smaller;
        }
        for id in 0..best.nodes.len() {
            if !best.is_reached(id) {
                continue;
            }
            let node = best.nodes[id].clone();
            let mut tries = Vec::new();
            let targets = [Target::Match, Target::NoMatch];
            let others = |own: Target| targets.into_iter().filter(move |&to| to != own);
            let inner = |own: Target| matches!(own, Target::Node(_));
            if inner(node.yes) {
                tries.extend(others(node.yes).map(|yes| Node { yes, ..node.clone() }));
            }
            if inner(node.no) {
                tries.extend(others(node.no).map(|no| Node { no, ..node.clone() }));
            }
            for set in 0..node.sets.len() {
                let mut fewer = node.clone();
                fewer.sets.remove(set);
                tries.push(fewer);
            }
            if let Test::Compare(compare, left, right) = node.test {
                for operand in operands(&best.values, left) {
                    let test = Test::Compare(compare, operand, right);
                    tries.push(Node { test, ..node.clone() });
                }
                for operand in operands(&best.values, right) {
                    let test = Test::Compare(compare, left, operand);
                    tries.push(Node { test, ..node.clone() });
                }
            }
            for smaller in tries {
                let mut one = best.clone();
                one.nodes[id] = smaller;
                if wrong(&one.graph()) {
                    best = one;
                    break;
                }
            }
        }
        let same =
            |one: &Parts, other: &Parts| one.nodes == other.nodes && one.entry == other.entry;
        if same(&best, &before) {
            return best.graph();
        }
    }
}

/// What a value is made of: each of it is less than the value.
fn operands(values: &[Value], id: ValueId) -> Vec<ValueId> {
    match values[id.0 as usize] {
        Value::Alu(_, left, right) => vec![left, right],
        Value::Neg(operand) | Value::Load { base: Some(operand), .. } => vec![operand],
        Value::Load { base: None, .. } | Value::Const(_) | Value::Meta(_) | Value::Var(_) => vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval;
    use crate::ir::{Compare, Frame, Width};
    use crate::testing::random::{self, Random};

    /// Pretends that whatever loads the byte at 23 is wrong where it matches a frame.
    #[test]
    fn graphs_keep_what_is_wrong() {
        let mut shrunk = 0;
        for seed in 0..300 {
            let mut random = Random(seed);
            let whole = random::graph(&mut random, 12);
            let bytes = random::frame(&mut random, 120);
            let wrong = |graph: &Graph| {
                let frame = Frame { bytes: &bytes, wire_len: 100, vlan: None, outbound: None };
                let parts = Parts::of(graph);
                let loads = parts.nodes.iter().enumerate().any(|(id, node)| {
                    let Test::Compare(Compare::Eq, left, _) = node.test else { return false };
                    let value = parts.values[left.0 as usize];
                    parts.is_reached(id)
                        && matches!(value, Value::Load { width: Width::Byte, base: None, .. })
                });
                loads && eval::matches(graph, &frame)
            };
            if !wrong(&whole) {
                continue;
            }
            let small = graph(&whole, wrong);
            assert!(wrong(&small), "seed {seed}");
            let parts = Parts::of(&small);
            let reached = (0..parts.nodes.len()).filter(|&id| parts.is_reached(id)).count();
            assert!(reached <= 2, "seed {seed}: {small:?}");
            assert!(
                parts
                    .nodes
                    .iter()
                    .enumerate()
                    .all(|(id, node)| { !parts.is_reached(id) || node.sets.is_empty() })
            );
            shrunk += 1;
        }
        assert!(shrunk > 5, "{shrunk}");
    }
}
