//! A flow run over a frame in user space, for the tests of passes: it must count
//! exactly the rules whose graphs match.

use crate::eval;
use crate::ir::{Frame, Graph, Node, Target, Test, Value, ValueId, Var};

use super::{Action, END, Flow};

/// The rules that the flow counts for a frame, by calling the graph evaluator on
/// single-node graphs, so that values and traps have one definition.
pub(crate) fn counted(flow: &Flow, frame: &Frame<'_>) -> Vec<u32> {
    let mut vars = vec![0u32; flow.vars() as usize];
    let mut counted = Vec::new();
    for &root in &flow.roots {
        let mut at = root;
        while at != END {
            let block = flow.at(at);
            let next = match &block.action {
                Action::Set { var, value, next } => {
                    compute(flow, *value, frame, &vars).map(|value| {
                        vars[var.0 as usize] = value;
                        *next
                    })
                }
                &Action::Compare { compare, left, right, yes, no } => {
                    let values =
                        (compute(flow, left, frame, &vars), compute(flow, right, frame, &vars));
                    match values {
                        (Some(left), Some(right)) => {
                            let mut graph = Graph::new();
                            let left = graph.value(Value::Const(left));
                            let right = graph.value(Value::Const(right));
                            let test = Test::Compare(compare, left, right);
                            answer(&graph, test, frame).map(|it| if it { yes } else { no })
                        }
                        _ => None,
                    }
                }
                &Action::Chain(chain, yes, no) => {
                    let base = match chain.network_base {
                        Some(base) => compute(flow, base, frame, &vars),
                        None => Some(0),
                    };
                    base.and_then(|base| {
                        let mut graph = Graph::new();
                        let network_base = Some(graph.value(Value::Const(base)));
                        let test = Test::Chain {
                            kind: chain.kind,
                            network_base,
                            network: chain.network,
                            protocol: chain.protocol,
                        };
                        answer(&graph, test, frame).map(|it| if it { yes } else { no })
                    })
                }
                Action::Switch { value, cases, default } => compute(flow, *value, frame, &vars)
                    .map(|value| {
                        let case = cases.iter().find(|case| case.0 == value);
                        case.map_or(*default, |case| case.1)
                    }),
                &Action::Store { value, next, .. } => {
                    compute(flow, value, frame, &vars).map(|_| next)
                }
                &Action::Count { rule, next } => {
                    counted.push(rule);
                    Some(next)
                }
                &Action::Boundary { next } => {
                    let kept = |var: usize| flow.kept.contains(&Var(var as u32));
                    (0..vars.len()).filter(|&var| !kept(var)).for_each(|var| vars[var] = 0xdead);
                    Some(next)
                }
                Action::End => Some(END),
            };
            at = next.unwrap_or(block.trap);
        }
    }
    counted.sort_unstable();
    counted
}

/// One value; `None` is a trap.
fn compute(flow: &Flow, id: ValueId, frame: &Frame<'_>, vars: &[u32]) -> Option<u32> {
    let value = flow.get(id);
    let mut operands = Vec::new();
    value.map(|operand| {
        operands.push(compute(flow, operand, frame, vars));
        operand
    });
    let operands: Option<Vec<u32>> = operands.into_iter().collect();
    let mut operands = operands?.into_iter();
    let mut graph = Graph::new();
    if let Value::Var(var) = value {
        return Some(vars[var.0 as usize]);
    }
    let constants: Vec<ValueId> =
        operands.by_ref().map(|operand| graph.value(Value::Const(operand))).collect();
    let mut constants = constants.into_iter();
    let value = value.map(|_| constants.next().expect("one for each operand"));
    let value = graph.value(value);
    eval::compute(&graph, value, frame)
}

/// The answer to a test; `None` is a trap, which gives no match either way round.
fn answer(graph: &Graph, test: Test, frame: &Frame<'_>) -> Option<bool> {
    let ask = |yes, no| {
        let mut graph = graph.clone();
        let entry = graph.node(Node { sets: Vec::new(), test, yes, no });
        graph.set_entry(entry);
        eval::matches(&graph, frame)
    };
    let yes = ask(Target::Match, Target::NoMatch);
    (yes || ask(Target::NoMatch, Target::Match)).then_some(yes)
}
