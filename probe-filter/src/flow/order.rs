//! The order in which blocks stand in the code: every block behind all that lead to
//! it, and where possible right behind one that does.

use std::collections::BinaryHeap;

use super::{Action, Block, BlockId, END, Flow};

/// Reachable blocks in the order of the code, the end left out.
pub(crate) fn order(flow: &Flow) -> Vec<BlockId> {
    let reachable = flow.reachable();
    let mut waiting = vec![0u32; flow.blocks().len()];
    for (id, block) in flow.blocks().iter().enumerate() {
        if reachable[id] {
            flow.for_each_successor(block, |to| waiting[to.0 as usize] += 1);
        }
    }
    let mut placed = Vec::new();
    let mut ready = BinaryHeap::from([flow.entry()]);
    let mut taken = vec![false; flow.blocks().len()];
    let mut preferred = None;
    while let Some(id) = preferred.take().or_else(|| ready.pop()) {
        if std::mem::replace(&mut taken[id.0 as usize], true) || id == END {
            continue;
        }
        placed.push(id);
        let block = flow.at(id);
        flow.for_each_successor(block, |to| {
            let left = &mut waiting[to.0 as usize];
            *left -= 1;
            if *left == 0 {
                ready.push(to);
            }
        });
        preferred = likely(block)
            .filter(|to| *to != END && waiting[to.0 as usize] == 0 && !taken[to.0 as usize]);
    }
    placed
}

/// The successor that had best stand next.
fn likely(block: &Block) -> Option<BlockId> {
    match block.action {
        Action::Compare { yes, no, .. } | Action::Chain(_, yes, no) => {
            Some(if yes == END { no } else { yes })
        }
        Action::Switch { default, .. } => Some(default),
        Action::Set { next, .. }
        | Action::Store { next, .. }
        | Action::Count { next, .. }
        | Action::Boundary { next } => Some(next),
        Action::End => None,
    }
}
