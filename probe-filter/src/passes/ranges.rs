//! What variables can hold where a block begins: the walk over headers moves its
//! offsets only forward from where the first header starts, and whoever knows that
//! need not ask at run time on which side of a VLAN tag a load lies.

use crate::flow::{Action, BlockId, END, Flow, var_bit};
use crate::ir::{Alu, Compare, Value, ValueId};

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

/// What is known where a block begins.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// By number of the variable.
    vars: Vec<Range>,
    /// Values that tests have shown to be at least so much.
    least: Vec<(ValueId, u32)>,
}

impl Known {
    /// Tests that are remembered on a path: a header's length is used soon after it is tested.
    const MAX_TESTS: usize = 4;

    fn learn(&mut self, value: ValueId, least: u32) {
        if self.least.len() == Self::MAX_TESTS {
            self.least.remove(0);
        }
        self.least.push((value, least));
    }

    fn join(&mut self, other: &Self) {
        self.vars.iter_mut().zip(&other.vars).for_each(|(mine, range)| *mine = mine.join(*range));
        self.least.retain(|known| other.least.contains(known));
    }
}

/// For each block what is known where it begins; nothing where no rule leads to it.
pub(crate) struct Ranges {
    at: Vec<Option<Known>>,
    nothing: Known,
}

impl Ranges {
    /// Follows every path from the roots, where variables hold anything.
    pub(crate) fn of(flow: &Flow) -> Self {
        let unknown = vec![Range::up_to(u32::MAX); flow.vars() as usize];
        let nothing = Known::default();
        if flow.vars() == 0 {
            return Self { at: Vec::new(), nothing };
        }
        let Some(prelude) = flow.prelude() else {
            return Self { at: follow(flow, &flow.roots, &unknown, None), nothing };
        };
        // Rules read what is kept only where it was set: one of the values that it gets.
        let mut kept = vec![None; flow.vars() as usize];
        let before = follow(flow, &[prelude], &unknown, Some(&mut kept));
        let known: Vec<Range> =
            kept.iter().zip(&unknown).map(|(kept, unknown)| kept.unwrap_or(*unknown)).collect();
        let mut at = follow(flow, flow.rules(), &known, None);
        for (at, before) in at.iter_mut().zip(before) {
            if let Some(before) = before {
                arrive(at, &before);
            }
        }
        Self { at, nothing }
    }

    /// What is known where a block begins.
    pub(crate) fn at(&self, block: BlockId) -> &Known {
        self.at.get(block.0 as usize).and_then(Option::as_ref).unwrap_or(&self.nothing)
    }
}

/// Follows the paths from some roots, where variables have these ranges. `kept` gets what
/// kept variables are set to.
fn follow(
    flow: &Flow,
    roots: &[BlockId],
    vars: &[Range],
    mut kept: Option<&mut Vec<Option<Range>>>,
) -> Vec<Option<Known>> {
    let mut at: Vec<Option<Known>> = vec![None; flow.blocks().len()];
    for root in roots {
        at[root.0 as usize] = Some(Known { vars: vars.to_vec(), least: Vec::new() });
    }
    // Blocks lead to blocks with smaller ids: one round, from the top, sees all paths.
    for id in (0..flow.blocks().len()).rev() {
        let Some(here) = at[id].take() else { continue };
        let block = flow.at(BlockId(id as u32));
        match block.action {
            Action::Set { var, value, next } => {
                let range = range(flow, &here, value);
                let mut after = here.clone();
                after.vars[var.0 as usize] = range;
                after.least.retain(|&(known, _)| !flow.values.depends(known, var_bit(var.0)));
                arrive(&mut at[next.0 as usize], &after);
                if let Some(kept) = &mut kept
                    && flow.kept.contains(&var)
                {
                    let slot = &mut kept[var.0 as usize];
                    *slot = Some(slot.map_or(range, |other| other.join(range)));
                }
            }
            Action::Compare { compare: Compare::Ge, left, right, yes, no } => {
                let mut shown = here.clone();
                if let Some(least) = flow.values.constant(right) {
                    shown.learn(left, least);
                }
                arrive(&mut at[yes.0 as usize], &shown);
                arrive(&mut at[no.0 as usize], &here);
            }
            ref action => action.for_each_target(|to| arrive(&mut at[to.0 as usize], &here)),
        }
        if block.trap != END {
            arrive(&mut at[block.trap.0 as usize], &here);
        }
        at[id] = Some(here);
    }
    at
}

/// One more way to a block.
fn arrive(there: &mut Option<Known>, known: &Known) {
    match there {
        Some(there) => there.join(known),
        none => *none = Some(known.clone()),
    }
}

/// What a value can be where that is known.
pub(crate) fn range(flow: &Flow, known: &Known, id: ValueId) -> Range {
    let mut range = unshown(flow, known, id);
    for &(value, least) in &known.least {
        if value == id {
            range.least = range.least.max(least);
        }
    }
    // Where a test says more than can be, nothing gets there.
    Range { least: range.least.min(range.greatest), ..range }
}

/// The same without what tests have shown of the value itself.
fn unshown(flow: &Flow, known: &Known, id: ValueId) -> Range {
    let limit = Range::up_to(flow.values.limit(id));
    match flow.get(id) {
        Value::Const(constant) => Range { least: constant, greatest: constant },
        Value::Var(var) => known.vars.get(var.0 as usize).copied().unwrap_or(limit),
        Value::Alu(Alu::Add, left, right) => {
            let (left, right) = (range(flow, known, left), range(flow, known, right));
            match left.greatest.checked_add(right.greatest) {
                // Without wrapping, sums of the ends are the ends of the sums.
                Some(greatest) => Range { least: left.least + right.least, greatest },
                None => limit,
            }
        }
        Value::Alu(Alu::Shl, left, right) => match flow.values.constant(right) {
            Some(by @ 0..32) => {
                let left = range(flow, known, left);
                let end = u64::from(left.greatest) << by;
                // The same where no bit is shifted out.
                u32::try_from(end)
                    .map_or(limit, |greatest| Range { least: left.least << by, greatest })
            }
            _ => limit,
        },
        Value::Load { .. } | Value::Meta(_) | Value::Alu(..) | Value::Neg(_) => limit,
    }
}

#[cfg(test)]
mod tests {
    use super::{Known, range};
    use crate::flow::Flow;
    use crate::ir::{Alu, Value, Width};

    #[test]
    fn impossible_tests_do_no_harm() {
        let mut flow = Flow::new();
        let byte = |flow: &mut Flow, displacement| {
            flow.value(Value::Load { width: Width::Byte, base: None, displacement })
        };
        let (one, other) = (byte(&mut flow, 14), byte(&mut flow, 15));
        let sum = flow.value(Value::Alu(Alu::Add, one, other));
        let four = flow.constant(4);
        let shifted = flow.value(Value::Alu(Alu::Shl, one, four));
        let mut known = Known::default();
        // No byte is so large.
        known.learn(one, u32::MAX);
        known.learn(other, 1);
        for (id, greatest) in [(one, 255), (sum, 510), (shifted, 255 << 4)] {
            let range = range(&flow, &known, id);
            assert!(range.least <= range.greatest && range.greatest == greatest, "{range:?}");
        }
    }
}
