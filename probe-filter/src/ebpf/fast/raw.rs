//! Values that may stay in network order.
//!
//! A half or word load that is only compared for equality with constants, or masked
//! by constants and then compared so, need not be swapped: the constants are.

use crate::flow::{Action, Flow, Values};
use crate::ir::{Alu, Compare, Value, ValueId, Width};

/// For each value the width in which it stays in network order.
pub(crate) fn raw(flow: &Flow, used: &[bool]) -> Vec<Option<Width>> {
    let values = &flow.values;
    let mut raw: Vec<Option<Width>> = vec![None; values.len()];
    let ids: Vec<ValueId> =
        (0..values.len() as u32).map(ValueId).filter(|id| used[id.0 as usize]).collect();
    for &id in &ids {
        raw[id.0 as usize] = match (values.get(id), masked(values, id)) {
            (Value::Load { width: width @ (Width::Half | Width::Word), .. }, _) => Some(width),
            (_, Some(operand)) => raw[operand.0 as usize],
            _ => None,
        };
    }
    spoil(flow, &mut raw);
    // Operands of everything but masks have to be in the machine's order, and a mask
    // and what it masks in the same one. Masks of masks are folded, so that few
    // rounds are needed.
    loop {
        let before = raw.iter().flatten().count();
        for &id in &ids {
            match masked(values, id) {
                Some(operand) if raw[operand.0 as usize].is_none() => raw[id.0 as usize] = None,
                Some(operand) if raw[id.0 as usize].is_none() => raw[operand.0 as usize] = None,
                Some(_) => {}
                None => {
                    values.get(id).map(|operand| {
                        raw[operand.0 as usize] = None;
                        operand
                    });
                }
            }
        }
        if raw.iter().flatten().count() == before {
            return raw;
        }
    }
}

/// What is masked by a constant here.
fn masked(values: &Values, id: ValueId) -> Option<ValueId> {
    match values.get(id) {
        Value::Alu(Alu::And, left, right) if values.constant(right).is_some() => Some(left),
        _ => None,
    }
}

/// Takes out what blocks use in the machine's order.
fn spoil(flow: &Flow, raw: &mut [Option<Width>]) {
    let reachable = flow.reachable();
    for (block, _) in flow.blocks().iter().zip(&reachable).filter(|(_, reached)| **reached) {
        match &block.action {
            &Action::Compare { compare: Compare::Eq | Compare::Set, left, right, .. } => {
                let width = raw[left.0 as usize];
                let constant = flow.values.constant(right);
                if !constant.is_some_and(|constant| fits(width, constant)) {
                    raw[left.0 as usize] = None;
                    raw[right.0 as usize] = None;
                }
            }
            Action::Switch { value, cases, .. } => {
                let width = raw[value.0 as usize];
                if !cases.iter().all(|case| fits(width, case.0)) {
                    raw[value.0 as usize] = None;
                }
            }
            action => action.operands().for_each(|operand| raw[operand.0 as usize] = None),
        }
    }
}

/// A constant as it looks beside a value in network order.
pub(crate) fn constant(width: Option<Width>, constant: u32) -> u32 {
    match width {
        Some(Width::Half) => u32::from((constant as u16).swap_bytes()),
        Some(Width::Word) => constant.swap_bytes(),
        Some(Width::Byte) | None => constant,
    }
}

fn fits(width: Option<Width>, constant: u32) -> bool {
    width != Some(Width::Half) || constant <= 0xffff
}
