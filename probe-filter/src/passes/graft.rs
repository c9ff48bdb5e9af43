//! Blocks of one flow copied into another, for `join` and `apart`.

use rustc_hash::FxHashMap;

use crate::flow::{BlockId, END, Flow};

/// Copies blocks; `known` says what stands for those that are not copied.
pub(super) fn graft(
    rules: &Flow,
    out: &mut Flow,
    known: &mut FxHashMap<BlockId, BlockId>,
    start: BlockId,
) -> BlockId {
    // A stack of its own: rules may be deeper than the thread's.
    let mut pending = vec![start];
    while let Some(&id) = pending.last() {
        if known.contains_key(&id) {
            pending.pop();
            continue;
        }
        let block = rules.at(id);
        let before = pending.len();
        let mut missing = |to: BlockId| {
            if !known.contains_key(&to) {
                pending.push(to);
            }
        };
        block.action.for_each_target(&mut missing);
        missing(block.trap);
        if pending.len() == before {
            let at = |to: BlockId| known.get(&to).copied().unwrap_or(END);
            let action = block.action.retarget(at);
            let trap = at(block.trap);
            let copied = out.act(action, trap);
            known.insert(id, copied);
            pending.pop();
        }
    }
    known.get(&start).copied().unwrap_or(END)
}
