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
        if flow.vars() == 0 {
            return Self { at: vec![Vec::new(); flow.blocks().len()] };
        }
        let Some(prelude) = flow.prelude() else {
            return Self { at: follow(flow, &flow.roots, &unknown, None) };
        };
        // Rules read what is kept only where it was set: one of the values that it gets.
        let mut kept = vec![None; flow.vars() as usize];
        let before = follow(flow, &[prelude], &unknown, Some(&mut kept));
        let known: Vec<Range> =
            kept.iter().zip(&unknown).map(|(kept, unknown)| kept.unwrap_or(*unknown)).collect();
        let mut at = follow(flow, flow.rules(), &known, None);
        for (at, before) in at.iter_mut().zip(before) {
            arrive(at, &before);
        }
        Self { at }
    }

    /// The variables where a block begins.
    pub(crate) fn at(&self, block: BlockId) -> &[Range] {
        &self.at[block.0 as usize]
    }
}

/// Follows the paths from some roots, where variables have these ranges. `kept` gets what
/// kept variables are set to.
fn follow(
    flow: &Flow,
    roots: &[BlockId],
    known: &[Range],
    mut kept: Option<&mut Vec<Option<Range>>>,
) -> Vec<Vec<Range>> {
    let mut at = vec![Vec::new(); flow.blocks().len()];
    for root in roots {
        at[root.0 as usize] = known.to_vec();
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
            let range = range(flow, &here, value);
            after[var.0 as usize] = range;
            if let Some(kept) = &mut kept
                && flow.kept.contains(&var)
            {
                let slot = &mut kept[var.0 as usize];
                *slot = Some(slot.map_or(range, |other| other.join(range)));
            }
        }
        block.action.for_each_target(|to| arrive(&mut at[to.0 as usize], &after));
        if block.trap != END {
            arrive(&mut at[block.trap.0 as usize], &here);
        }
        at[id] = here;
    }
    at
}

/// Variables that come to a block by one more way.
fn arrive(there: &mut Vec<Range>, ranges: &[Range]) {
    if there.is_empty() {
        there.extend_from_slice(ranges);
    } else {
        there.iter_mut().zip(ranges).for_each(|(there, range)| *there = there.join(*range));
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
