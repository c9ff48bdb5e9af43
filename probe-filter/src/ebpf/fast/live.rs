//! Which values there are, and which of them the blocks ahead may want again.

use crate::flow::{Action, BlockId, Flow};
use crate::ir::{Value, ValueId};

/// Which values reachable blocks compute.
pub(crate) fn used(flow: &Flow) -> Vec<bool> {
    let mut used = vec![false; flow.values.len()];
    let reachable = flow.reachable();
    for (block, _) in flow.blocks().iter().zip(&reachable).filter(|(_, reached)| **reached) {
        block.action.operands().for_each(|operand| used[operand.0 as usize] = true);
    }
    for id in (0..used.len()).rev().filter(|&id| used[id]).collect::<Vec<_>>() {
        mark(flow, &mut used, ValueId(id as u32));
    }
    used
}

fn mark(flow: &Flow, used: &mut [bool], id: ValueId) {
    flow.get(id).map(|operand| {
        if !std::mem::replace(&mut used[operand.0 as usize], true) {
            mark(flow, used, operand);
        }
        operand
    });
}

/// A set of values for each block.
pub(crate) struct Live {
    /// Number of each value that can be wanted; constants never are.
    numbers: Vec<Option<usize>>,
    words: usize,
    bits: Vec<u64>,
}

impl Live {
    pub(crate) fn new(flow: &Flow, used: &[bool]) -> Self {
        let mut count = 0;
        let numbers: Vec<Option<usize>> = (0..flow.values.len())
            .map(|id| {
                let constant = matches!(flow.get(ValueId(id as u32)), Value::Const(_));
                (used[id] && !constant).then(|| {
                    count += 1;
                    count - 1
                })
            })
            .collect();
        let words = count.div_ceil(64);
        let mut bits = vec![0; words * flow.blocks().len()];
        for (id, block) in flow.blocks().iter().enumerate() {
            if matches!(block.action, Action::Boundary { .. }) {
                continue;
            }
            let (before, own) = bits.split_at_mut(words * id);
            let own = &mut own[..words];
            flow.for_each_successor(block, |to| {
                let start = words * to.0 as usize;
                own.iter_mut().zip(&before[start..start + words]).for_each(|(a, b)| *a |= b);
            });
            for operand in block.action.operands() {
                note(flow, &numbers, operand, own);
            }
        }
        Self { numbers, words, bits }
    }

    /// Whether a block, or one after it, computes with a value.
    pub(crate) fn at(&self, block: BlockId, value: ValueId) -> bool {
        let Some(number) = self.numbers[value.0 as usize] else { return false };
        let word = self.bits[self.words * block.0 as usize + number / 64];
        word >> (number % 64) & 1 == 1
    }
}

fn note(flow: &Flow, numbers: &[Option<usize>], id: ValueId, own: &mut [u64]) {
    // Blocks that nothing leads to any more have values without numbers.
    let Some(number) = numbers[id.0 as usize] else { return };
    let (word, bit) = (&mut own[number / 64], 1 << (number % 64));
    if *word & bit != 0 {
        // Its operands have been noted with it, by this block or a later one.
        return;
    }
    *word |= bit;
    flow.get(id).map(|operand| {
        note(flow, numbers, operand, own);
        operand
    });
}
