//! Constants of variables, carried to where they are read.
//!
//! A variable that a path sets to a constant is read as that constant further down
//! the path, and the assignment goes: what follows a VLAN tag is then read at a
//! fixed offset. Where two paths meet with different constants, what follows is
//! translated once for each, within [`GROWTH`]; beyond that the variable stays.

use rustc_hash::FxHashMap;

use crate::flow::{Action, BlockId, END, Flow, var_bit};
use crate::ir::{Value, ValueId, Var};

use super::fold::touch;

/// Blocks that may be added, for each block there is.
const GROWTH: usize = 3;
/// Blocks that may be added in any case.
const GROWTH_FLOOR: usize = 64;

/// Carries constants down and drops assignments that nobody reads.
pub(crate) fn run(flow: Flow) -> Flow {
    let budget = flow.blocks().len() * (1 + GROWTH) + GROWTH_FLOOR;
    let mut sinking = Sinking { live: Vec::new(), carried: FxHashMap::default(), budget };
    flow.rebuild(|flow, _, block, target| {
        let action = block.action.retarget(target);
        let trap = target(block.trap);
        let Action::Set { var, value, next } = action else { return flow.act(action, trap) };
        if !sinking.reads(flow, next, var) {
            let zero = flow.constant(0);
            return touch(flow, value, zero, next, trap);
        }
        match flow.values.constant(value) {
            Some(constant) => sinking.carry(flow, var, constant, next),
            None => flow.act(Action::Set { var, value, next }, trap),
        }
    })
}

struct Sinking {
    /// Variables that a block or a later one reads before setting them.
    live: Vec<u64>,
    carried: FxHashMap<(Var, u32, BlockId), BlockId>,
    budget: usize,
}

impl Sinking {
    fn reads(&mut self, flow: &Flow, id: BlockId, var: Var) -> bool {
        for block in &flow.blocks()[self.live.len()..] {
            let mut live = 0;
            block.action.for_each_target(|to| live |= self.live[to.0 as usize]);
            if block.action == Action::End {
                // What is kept is read by other roots.
                live |= flow.kept.iter().fold(0, |bits, var| bits | var_bit(var.0));
            }
            if let Action::Set { var, .. } = block.action {
                // The bit that stands for many variables cannot be cleared by one.
                live &= if var.0 < 63 { !var_bit(var.0) } else { u64::MAX };
            }
            // A trap comes before anything is set.
            if flow.may_trap(&block.action) {
                live |= self.live[block.trap.0 as usize];
            }
            let read = |bit: &u32| {
                block.action.operands().any(|value| flow.values.depends(value, 1 << bit))
            };
            live |= (0..64).filter(read).fold(0, |bits, bit| bits | 1 << bit);
            self.live.push(live);
        }
        self.live[id.0 as usize] & var_bit(var.0) != 0
    }

    /// The block as it is when the variable holds the constant.
    fn carry(&mut self, flow: &mut Flow, var: Var, constant: u32, id: BlockId) -> BlockId {
        if !self.reads(flow, id, var) {
            return id;
        }
        if id == END {
            // The bit of the last variables stands for kept and other ones.
            if !flow.kept.contains(&var) {
                return END;
            }
            let value = flow.constant(constant);
            return flow.act(Action::Set { var, value, next: END }, END);
        }
        if let Some(&known) = self.carried.get(&(var, constant, id)) {
            return known;
        }
        let carried = if flow.blocks().len() > self.budget {
            let value = flow.constant(constant);
            flow.act(Action::Set { var, value, next: id }, END)
        } else {
            let block = flow.at(id).clone();
            let mut known = FxHashMap::default();
            let action = block
                .action
                .map(|value| substitute(flow, &mut known, value, var, constant), |target| target);
            let overwrites = matches!(action, Action::Set { var: other, .. } if other == var);
            let trap = block.trap;
            let action = if overwrites {
                action
            } else {
                self.carry_into_targets(flow, var, constant, action)
            };
            // The end, too, where what is kept has to be there on this way.
            let trap =
                if flow.may_trap(&action) { self.carry(flow, var, constant, trap) } else { END };
            flow.act(action, trap)
        };
        self.carried.insert((var, constant, id), carried);
        carried
    }

    fn carry_into_targets(
        &mut self,
        flow: &mut Flow,
        var: Var,
        constant: u32,
        action: Action,
    ) -> Action {
        let mut targets = Vec::new();
        action.for_each_target(|target| targets.push(target));
        for target in &mut targets {
            *target = self.carry(flow, var, constant, *target);
        }
        // Both walks visit the targets in the same order.
        let mut targets = targets.into_iter();
        action.retarget(|target| targets.next().unwrap_or(target))
    }
}

fn substitute(
    flow: &mut Flow,
    known: &mut FxHashMap<ValueId, ValueId>,
    id: ValueId,
    var: Var,
    constant: u32,
) -> ValueId {
    if !flow.values.depends(id, var_bit(var.0)) {
        return id;
    }
    if let Some(&known) = known.get(&id) {
        return known;
    }
    let value = match flow.get(id) {
        Value::Var(read) if read == var => Value::Const(constant),
        value => value.map(|operand| substitute(flow, known, operand, var, constant)),
    };
    let substituted = flow.value(value);
    known.insert(id, substituted);
    substituted
}

#[cfg(test)]
mod tests {
    use super::run;
    use crate::flow::eval::counted;
    use crate::flow::{Action, END, Flow};
    use crate::ir::{Compare, Frame, Value, Var, Width};

    /// What is kept for the rules: 1, then the byte at 100, which short frames do not have.
    fn kept_and_then_trapped(first: u32) -> Flow {
        let mut flow = Flow::new();
        flow.need_vars(1);
        flow.kept = vec![Var(0)];
        let byte = flow.value(Value::Load { width: Width::Byte, base: None, displacement: 100 });
        let late = flow.act(Action::Set { var: Var(0), value: byte, next: END }, END);
        let value = flow.constant(first);
        let prelude = flow.act(Action::Set { var: Var(0), value, next: late }, END);
        let rule = |flow: &mut Flow, rule, constant| {
            let count = flow.plain(Action::Count { rule, next: END });
            let (left, right) = (flow.value(Value::Var(Var(0))), flow.constant(constant));
            let compare = Compare::Eq;
            flow.act(Action::Compare { compare, left, right, yes: count, no: END }, END)
        };
        flow.roots = vec![prelude, rule(&mut flow, 0, 1), rule(&mut flow, 1, 7)];
        flow
    }

    #[test]
    fn a_trap_leaves_what_was_set_before() {
        for len in [60, 120] {
            let bytes = vec![7; len];
            let frame = Frame { bytes: &bytes, wire_len: len as u32, vlan: None, outbound: None };
            let flow = kept_and_then_trapped(1);
            let expected = counted(&flow, &frame);
            assert_eq!(expected, [u32::from(len > 100)]);
            assert_eq!(counted(&run(flow), &frame), expected);
        }
    }
}
