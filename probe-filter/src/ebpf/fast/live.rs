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

/// The values that more than one block computes: only those can be wanted again.
fn used_again(flow: &Flow) -> Vec<bool> {
    let mut last_in: Vec<Option<usize>> = vec![None; flow.values.len()];
    let mut again = vec![false; flow.values.len()];
    let reachable = flow.reachable();
    for (block, _) in flow.blocks().iter().enumerate().filter(|&(block, _)| reachable[block]) {
        let mut pending: Vec<ValueId> = flow.blocks()[block].action.operands().collect();
        while let Some(id) = pending.pop() {
            let last = last_in[id.0 as usize].replace(block);
            if last == Some(block) {
                continue;
            }
            again[id.0 as usize] |= last.is_some();
            flow.get(id).map(|operand| {
                pending.push(operand);
                operand
            });
        }
    }
    again
}

/// For each block what it and those after it may want: values, and pointers by base.
pub(crate) struct Live {
    /// Number of each value that can be wanted again; constants never are.
    numbers: Vec<Option<usize>>,
    words: usize,
    /// Even bits are values, odd ones pointers.
    bits: Vec<u64>,
}

impl Live {
    pub(crate) fn new(flow: &Flow, used: &[bool]) -> Self {
        let again = used_again(flow);
        let mut count = 0;
        let numbers: Vec<Option<usize>> = (0..flow.values.len())
            .map(|id| {
                let constant = matches!(flow.get(ValueId(id as u32)), Value::Const(_));
                (used[id] && again[id] && !constant).then(|| {
                    count += 2;
                    count - 2
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
    pub(crate) fn value(&self, block: BlockId, value: ValueId) -> bool {
        self.bit(block, value, 0)
    }

    /// Whether a block, or one after it, loads from a base.
    pub(crate) fn pointer(&self, block: BlockId, base: ValueId) -> bool {
        self.bit(block, base, 1)
    }

    fn bit(&self, block: BlockId, value: ValueId, odd: usize) -> bool {
        let Some(number) = self.numbers[value.0 as usize] else { return false };
        let number = number + odd;
        let word = self.bits[self.words * block.0 as usize + number / 64];
        word >> (number % 64) & 1 == 1
    }
}

fn note(flow: &Flow, numbers: &[Option<usize>], id: ValueId, own: &mut [u64]) {
    // What only one block computes has no number, but may be made of what others do too.
    if let Some(number) = numbers[id.0 as usize] {
        let (word, bit) = (&mut own[number / 64], 1 << (number % 64));
        if *word & bit != 0 {
            // Its operands have been noted with it, by this block or a later one.
            return;
        }
        *word |= bit;
    }
    match flow.get(id) {
        // What the base is made of is of no use once the pointer is there.
        Value::Load { base: Some(base), .. } => {
            if let Some(number) = numbers[base.0 as usize] {
                own[(number + 1) / 64] |= 1 << ((number + 1) % 64);
            }
        }
        value => {
            value.map(|operand| {
                note(flow, numbers, operand, own);
                operand
            });
        }
    }
}
