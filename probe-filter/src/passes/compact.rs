//! Variables that are left get the lowest numbers: those of classic BPF are few, and what
//! they do not take of scratch memory holds intermediate results.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use crate::flow::{Action, BlockId, Flow};
use crate::ir::{Value, ValueId, Var};

pub(crate) fn run(flow: Flow) -> Flow {
    let mut used = BTreeSet::new();
    let mut seen = vec![false; flow.values.len()];
    let reachable = flow.reachable();
    for (block, _) in flow.blocks().iter().zip(reachable).filter(|(_, reached)| *reached) {
        if let Action::Set { var, .. } = block.action {
            used.insert(var);
        }
        let mut pending: Vec<ValueId> = block.action.operands().collect();
        while let Some(id) = pending.pop() {
            if std::mem::replace(&mut seen[id.0 as usize], true) {
                continue;
            }
            if let Value::Var(var) = flow.get(id) {
                used.insert(var);
            }
            flow.get(id).map(|operand| {
                pending.push(operand);
                operand
            });
        }
    }
    if used.len() == flow.vars() as usize {
        return flow;
    }
    let numbers: FxHashMap<Var, Var> = used.into_iter().zip((0..).map(Var)).collect();
    let number = |var: Var| numbers.get(&var).copied().unwrap_or(var);
    let mut known = FxHashMap::default();
    let kept = flow.kept.iter().filter_map(|var| numbers.get(var).copied()).collect();
    let mut flow = flow.rebuild(|flow, _, block, target: &dyn Fn(BlockId) -> BlockId| {
        let action = block.action.map(|id| renumber(flow, &mut known, &number, id), target);
        let action = match action {
            Action::Set { var, value, next } => Action::Set { var: number(var), value, next },
            action => action,
        };
        flow.act(action, target(block.trap))
    });
    flow.kept = kept;
    flow.set_vars(numbers.len() as u32);
    flow
}

fn renumber(
    flow: &mut Flow,
    known: &mut FxHashMap<ValueId, ValueId>,
    number: &dyn Fn(Var) -> Var,
    id: ValueId,
) -> ValueId {
    if !flow.values.depends(id, u64::MAX) {
        return id;
    }
    if let Some(&known) = known.get(&id) {
        return known;
    }
    let value = match flow.get(id) {
        Value::Var(var) => Value::Var(number(var)),
        value => value.map(|operand| renumber(flow, known, number, operand)),
    };
    let renumbered = flow.value(value);
    known.insert(id, renumbered);
    renumbered
}
