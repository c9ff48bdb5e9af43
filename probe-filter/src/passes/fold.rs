//! Constant folding that keeps traps: a value is simplified only where the loads it
//! loses cannot trap, and a test whose answer is known stays as a bare load (a
//! comparison with one target) where that load may trap. A block that traps whatever
//! the frame goes.

use rustc_hash::FxHashMap;

use crate::flow::{Action, BlockId, Flow, Values};
use crate::ir::{Alu, Compare, Value, ValueId};

/// Folds all values and tests.
pub(crate) fn run(flow: Flow) -> Flow {
    let mut known = FxHashMap::default();
    flow.rebuild(|flow, _, block, target| {
        let action = block.action.map(|value| fold(&mut flow.values, &mut known, value), target);
        let trap = target(block.trap);
        if action.operands().any(|value| flow.values.traps(value)) {
            return trap;
        }
        compare(flow, action, trap)
    })
}

fn fold(values: &mut Values, known: &mut FxHashMap<ValueId, ValueId>, id: ValueId) -> ValueId {
    if let Some(&folded) = known.get(&id) {
        return folded;
    }
    let value = values.get(id).map(|operand| fold(values, known, operand));
    let folded = match value {
        Value::Alu(op, left, right) => alu(values, op, left, right),
        Value::Neg(operand) => match values.constant(operand) {
            Some(constant) => values.add(Value::Const(constant.wrapping_neg())),
            None => values.add(value),
        },
        Value::Load { width, base: Some(base), displacement } => {
            let (base, displacement) = position(values, base, displacement);
            values.add(Value::Load { width, base, displacement })
        }
        Value::Const(_) | Value::Var(_) | Value::Meta(_) | Value::Load { .. } => values.add(value),
    };
    known.insert(id, folded);
    folded
}

/// Moves constants from the base of a load into its displacement. The base's own
/// sum wraps, the position does not, so only a sum that cannot wrap moves.
fn position(values: &Values, base: ValueId, displacement: u32) -> (Option<ValueId>, u32) {
    match values.get(base) {
        // A sum that does not fit is past every frame, as is the largest displacement.
        Value::Const(constant) => (None, displacement.saturating_add(constant)),
        Value::Alu(Alu::Add, rest, constant) => {
            let Some(constant) = values.constant(constant) else {
                return (Some(base), displacement);
            };
            let fits = values.limit(rest).checked_add(constant).is_some();
            match displacement.checked_add(constant) {
                Some(sum) if fits => position(values, rest, sum),
                _ => (Some(base), displacement),
            }
        }
        _ => (Some(base), displacement),
    }
}

fn alu(values: &mut Values, op: Alu, left: ValueId, right: ValueId) -> ValueId {
    let commutes = matches!(op, Alu::Add | Alu::Mul | Alu::And | Alu::Or | Alu::Xor);
    let (left, right) = match values.constant(left) {
        Some(_) if commutes => (right, left),
        _ => (left, right),
    };
    if let (Some(a), Some(b)) = (values.constant(left), values.constant(right))
        && let Some(result) = crate::eval::constant_alu(op, a, b)
    {
        return values.add(Value::Const(result));
    }
    let Some(constant) = values.constant(right) else {
        return values.add(Value::Alu(op, left, right));
    };
    let neutral = match op {
        Alu::Add | Alu::Sub | Alu::Or | Alu::Xor | Alu::Shl | Alu::Shr => constant == 0,
        Alu::Mul | Alu::Div => constant == 1,
        // A mask of all the bits that there can be.
        Alu::And => all_below(values.limit(left)) & !constant == 0,
        Alu::Mod => false,
    };
    if neutral {
        return left;
    }
    let zero = match op {
        Alu::And | Alu::Mul => constant == 0,
        Alu::Shl => constant > 31,
        Alu::Shr => values.limit(left).checked_shr(constant).unwrap_or(0) == 0,
        Alu::Mod => constant == 1,
        Alu::Add | Alu::Sub | Alu::Or | Alu::Xor | Alu::Div => false,
    };
    if zero && !values.may_trap(left) {
        return values.add(Value::Const(0));
    }
    // (x op a) op b = x op (a op b)
    if let Value::Alu(inner, rest, first) = values.get(left)
        && inner == op
        && let Some(first) = values.constant(first)
    {
        let both = match op {
            Alu::Add => Some(first.wrapping_add(constant)),
            Alu::And => Some(first & constant),
            Alu::Or => Some(first | constant),
            Alu::Xor => Some(first ^ constant),
            _ => None,
        };
        if let Some(both) = both {
            let both = values.add(Value::Const(both));
            return alu(values, op, rest, both);
        }
    }
    values.add(Value::Alu(op, left, right))
}

/// All bits up to the highest one of a value.
fn all_below(value: u32) -> u32 {
    u32::MAX.checked_shr(value.leading_zeros()).unwrap_or(0)
}

/// Adds a block, with comparisons in a common form: constants on the right, no
/// comparison whose answer is known.
fn compare(flow: &mut Flow, action: Action, trap: BlockId) -> BlockId {
    let Action::Compare { compare, left, right, yes, no } = action else {
        return flow.act(action, trap);
    };
    let swapped = flow.values.constant(left).is_some() && flow.values.constant(right).is_none();
    if swapped {
        // c > x is not x >= c.
        let (compare, yes, no) = match compare {
            Compare::Eq | Compare::Set => (compare, yes, no),
            Compare::Gt => (Compare::Ge, no, yes),
            Compare::Ge => (Compare::Gt, no, yes),
        };
        let action = Action::Compare { compare, left: right, right: left, yes, no };
        return self::compare(flow, action, trap);
    }
    let answer = decide(&flow.values, compare, left, right);
    if yes != no && answer.is_none() {
        return simplify(flow, compare, left, right, yes, no, trap);
    }
    let target = if answer == Some(false) { no } else { yes };
    touch(flow, left, right, target, trap)
}

/// Goes to `target` where the values do not trap.
pub(crate) fn touch(
    flow: &mut Flow,
    left: ValueId,
    right: ValueId,
    target: BlockId,
    trap: BlockId,
) -> BlockId {
    let traps = flow.values.may_trap(left) || flow.values.may_trap(right);
    if !traps || target == trap {
        return target;
    }
    let right = if flow.values.may_trap(right) { right } else { flow.constant(0) };
    let action = Action::Compare { compare: Compare::Eq, left, right, yes: target, no: target };
    flow.act(action, trap)
}

/// The answer of a comparison for every frame, if there is one.
fn decide(values: &Values, compare: Compare, left: ValueId, right: ValueId) -> Option<bool> {
    let constant = values.constant(right);
    if let (Some(left), Some(right)) = (values.constant(left), constant) {
        return Some(crate::eval::constant_compare(compare, left, right));
    }
    if left == right {
        return match compare {
            Compare::Eq | Compare::Ge => Some(true),
            Compare::Gt => Some(false),
            Compare::Set => None,
        };
    }
    let constant = constant?;
    let limit = values.limit(left);
    let possible = match values.get(left) {
        Value::Alu(Alu::And, _, mask) => values.constant(mask).unwrap_or(u32::MAX),
        _ => u32::MAX,
    } & all_below(limit);
    match compare {
        Compare::Eq => (constant & !possible != 0 || constant > limit).then_some(false),
        Compare::Gt => (constant >= limit).then_some(false),
        Compare::Ge if constant == 0 => Some(true),
        Compare::Ge => (constant > limit).then_some(false),
        Compare::Set => (constant & possible == 0).then_some(false),
    }
}

/// Moves constant sums to the constant side.
fn simplify(
    flow: &mut Flow,
    compare: Compare,
    left: ValueId,
    right: ValueId,
    yes: BlockId,
    no: BlockId,
    trap: BlockId,
) -> BlockId {
    // (x & mask) == 0 asks for bits in common, as does (x & bit) == bit.
    if let (Compare::Eq, Value::Alu(Alu::And, rest, mask), Some(constant)) =
        (compare, flow.get(left), flow.values.constant(right))
        && let Some(bits) = flow.values.constant(mask)
        && (constant == 0 || constant == bits && bits.is_power_of_two())
    {
        let (yes, no) = if constant == 0 { (no, yes) } else { (yes, no) };
        let action = Action::Compare { compare: Compare::Set, left: rest, right: mask, yes, no };
        return self::compare(flow, action, trap);
    }
    if let (Compare::Eq, Value::Alu(op, rest, operand), Some(constant)) =
        (compare, flow.get(left), flow.values.constant(right))
        && let Some(operand) = flow.values.constant(operand)
    {
        let moved = match op {
            Alu::Add => Some(constant.wrapping_sub(operand)),
            Alu::Sub => Some(constant.wrapping_add(operand)),
            Alu::Xor => Some(constant ^ operand),
            _ => None,
        };
        if let Some(moved) = moved {
            let right = flow.constant(moved);
            let action = Action::Compare { compare, left: rest, right, yes, no };
            return self::compare(flow, action, trap);
        }
    }
    flow.act(Action::Compare { compare, left, right, yes, no }, trap)
}
