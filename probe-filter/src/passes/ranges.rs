//! What variables can hold where a block begins: the walk over headers moves its
//! offsets only forward from where the first header starts, and whoever knows that
//! need not ask at run time on which side of a VLAN tag a load lies.

use crate::flow::{Action, BlockId, END, Flow};
use crate::ir::{Alu, Value, ValueId};

/// Least and greatest, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) least: u32,
    pub(crate) greatest: u32,
}

impl Range {
    /// Nothing is known but an upper limit.
    const fn up_to(greatest: u32) -> Self {
        Self { least: 0, greatest }
    }

    fn join(self, other: Self) -> Self {
        Self { least: self.least.min(other.least), greatest: self.greatest.max(other.greatest) }
    }
}

/// For each block, the ranges of all variables where it begins; empty where no rule
/// leads to it.
pub(crate) struct Ranges {
    at: Vec<Vec<Range>>,
}

impl Ranges {
    /// Follows every path from the roots, where variables hold anything.
    pub(crate) fn of(flow: &Flow) -> Self {
        let unknown = vec![Range::up_to(u32::MAX); flow.vars() as usize];
        let mut at = vec![Vec::new(); flow.blocks().len()];
        if flow.vars() == 0 {
            return Self { at };
        }
        for root in &flow.roots {
            at[root.0 as usize].clone_from(&unknown);
        }
        // Blocks lead to blocks with smaller ids: one round, from the top, sees all paths.
        for id in (0..flow.blocks().len()).rev() {
            let here = std::mem::take(&mut at[id]);
            if here.is_empty() {
                continue;
            }
            let block = flow.at(BlockId(id as u32));
            let mut after = here.clone();
            if let Action::Set { var, value, .. } = block.action {
                after[var.0 as usize] = range(flow, &here, value);
            }
            let mut arrive = |to: BlockId, ranges: &[Range]| {
                let there = &mut at[to.0 as usize];
                if there.is_empty() {
                    there.extend_from_slice(ranges);
                } else {
                    let joined = there.iter().zip(ranges).map(|(a, b)| a.join(*b)).collect();
                    *there = joined;
                }
            };
            block.action.for_each_target(|to| arrive(to, &after));
            if block.trap != END {
                arrive(block.trap, &here);
            }
            at[id] = here;
        }
        Self { at }
    }

    /// The variables where a block begins.
    pub(crate) fn at(&self, block: BlockId) -> &[Range] {
        &self.at[block.0 as usize]
    }
}

/// What a value can be where variables have these ranges.
pub(crate) fn range(flow: &Flow, vars: &[Range], id: ValueId) -> Range {
    let limit = Range::up_to(flow.values.limit(id));
    match flow.get(id) {
        Value::Const(constant) => Range { least: constant, greatest: constant },
        Value::Var(var) => vars.get(var.0 as usize).copied().unwrap_or(limit),
        Value::Alu(Alu::Add, left, right) => {
            let (left, right) = (range(flow, vars, left), range(flow, vars, right));
            match left.greatest.checked_add(right.greatest) {
                // Without wrapping, sums of the ends are the ends of the sums.
                Some(greatest) => Range { least: left.least + right.least, greatest },
                None => limit,
            }
        }
        Value::Load { .. } | Value::Meta(_) | Value::Alu(..) | Value::Neg(_) => limit,
    }
}
