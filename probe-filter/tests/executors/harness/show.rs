//! A graph as text that a person can read, with what it no longer needs left out.

use std::fmt::Write;

use probe_filter::ir::{Graph, Meta, Target, Test, Value, ValueId};

/// One line a node, from the entry down.
pub fn graph(graph: &Graph) -> String {
    let mut text = format!("start {}\n", target(graph.entry()));
    let mut reached = vec![false; graph.nodes().len()];
    let reach = |to: Target, reached: &mut Vec<bool>| {
        if let Target::Node(id) = to {
            reached[id.0 as usize] = true;
        }
    };
    reach(graph.entry(), &mut reached);
    for (id, node) in graph.nodes().iter().enumerate().rev() {
        if !reached[id] {
            continue;
        }
        reach(node.yes, &mut reached);
        reach(node.no, &mut reached);
        let sets: String = node
            .sets
            .iter()
            .map(|&(var, id)| format!("v{} = {}; ", var.0, value(graph, id)))
            .collect();
        let test = match node.test {
            Test::Compare(compare, left, right) => {
                format!("{} {compare:?} {}", value(graph, left), value(graph, right))
            }
            Test::Chain { kind, network_base, network, protocol } => {
                let base = network_base.map(|id| value(graph, id)).unwrap_or_default();
                format!("chain {kind:?} at {base} + {network} to {protocol}")
            }
        };
        let (yes, no) = (target(node.yes), target(node.no));
        let _ = writeln!(text, "{id}: {sets}{test} ? {yes} : {no}");
    }
    text
}

fn target(target: Target) -> String {
    match target {
        Target::Node(id) => id.0.to_string(),
        Target::Match => "match".into(),
        Target::NoMatch => "no match".into(),
    }
}

fn value(graph: &Graph, id: ValueId) -> String {
    match graph.get(id) {
        Value::Const(constant) => format!("{constant:#x}"),
        Value::Load { width, base, displacement } => {
            let base = base.map(|id| format!("{} + ", value(graph, id))).unwrap_or_default();
            format!("[{base}{displacement}:{}]", width.bytes())
        }
        Value::Meta(meta) => match meta {
            Meta::WireLength => "len".into(),
            other => format!("{other:?}"),
        },
        Value::Var(var) => format!("v{}", var.0),
        Value::Alu(op, left, right) => {
            format!("({} {op:?} {})", value(graph, left), value(graph, right))
        }
        Value::Neg(id) => format!("-{}", value(graph, id)),
    }
}
