//! What a case of a switch has to do for a rule when the rest that all cases share
//! is run behind it.
//!
//! 64 rules `port N` compare the source port, and if that is not theirs, the
//! destination port. A frame whose source port is 80 must still have its destination
//! port looked up for the other 63 rules, but without counting rule 80 twice. Where
//! `rest` is what a rule does if the value is none of its constants, and `case` what it
//! does in this case, running `rest` anyway is right if the case counts the rule
//! exactly when `case` matches and `rest` does not.

use rustc_hash::FxHashMap;

use crate::flow::{Action, BlockId, END, Flow};

use super::graft::graft;

/// What one rule needs before the shared rest.
pub(super) enum Apart {
    /// The rest does nothing for the rule: all of `case`.
    Own(BlockId),
    /// `case` counts here unless `rest` will.
    Unless { start: BlockId, counted: BlockId },
}

impl Apart {
    /// How to set a case apart from the rest, if that can be done: the rest must not
    /// match where the case does not.
    pub(super) fn new(rules: &Flow, case: BlockId, rest: BlockId) -> Option<Self> {
        if rest == END {
            return Some(Self::Own(case));
        }
        implies(rules, rest, case).then_some(Self::Unless { start: case, counted: rest })
    }
}

/// Whether every way through `rest` to a match leads through `case`.
fn implies(rules: &Flow, rest: BlockId, case: BlockId) -> bool {
    let mut seen = FxHashMap::default();
    let mut pending = vec![rest];
    while let Some(id) = pending.pop() {
        if id == END || id == case || seen.insert(id, ()).is_some() {
            continue;
        }
        match &rules.at(id).action {
            Action::Compare { .. } | Action::Chain(..) | Action::Switch { .. } => {
                rules.at(id).action.for_each_target(|to| pending.push(to));
            }
            // A match past `case`, or a variable that `case` would see otherwise.
            _ => return false,
        }
    }
    true
}

/// `case`, where a match counts unless `rest` matches too; then `next`.
pub(super) fn unless(
    rules: &Flow,
    out: &mut Flow,
    case: BlockId,
    rest: BlockId,
    next: BlockId,
) -> BlockId {
    let Some(count) = find_count(rules, case) else { return next };
    // With what the rule does behind it.
    let counted = graft(rules, out, &mut FxHashMap::from_iter([(END, next)]), count);
    // Where the rest gets to the case it will match as the case has: it counts then.
    // Where it ends or traps it will not, and the rule is counted here.
    let mut known = FxHashMap::from_iter([(case, next), (END, counted)]);
    let asked = graft(rules, out, &mut known, rest);
    graft(rules, out, &mut FxHashMap::from_iter([(count, asked), (END, next)]), case)
}

/// The block that counts the rule.
fn find_count(rules: &Flow, start: BlockId) -> Option<BlockId> {
    let mut seen = FxHashMap::default();
    let mut pending = vec![start];
    while let Some(id) = pending.pop() {
        if let Action::Count { .. } = rules.at(id).action {
            return Some(id);
        }
        if seen.insert(id, ()).is_none() {
            rules.at(id).action.for_each_target(|to| pending.push(to));
        }
    }
    None
}
