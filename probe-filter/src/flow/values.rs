//! The values of a flow, each with what is known of it whatever the frame.

use rustc_hash::FxHashMap;

use crate::ir::{Alu, FRAME_LIMIT, Value, ValueId, Width};

/// What is known of a value.
#[derive(Clone, Copy, Debug)]
struct Facts {
    /// The largest it can be.
    limit: u32,
    may_trap: bool,
    /// Whether it traps whatever the frame.
    traps: bool,
    /// The variables it depends on, by number; the last bit stands for all further ones.
    vars: u64,
}

/// Values by id; equal values share one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values {
    all: Vec<Value>,
    known: FxHashMap<Value, ValueId>,
    facts: Vec<Facts>,
}

impl Values {
    pub(crate) fn add(&mut self, value: Value) -> ValueId {
        let next = ValueId(self.all.len() as u32);
        let id = *self.known.entry(value).or_insert(next);
        if id == next {
            let facts = self.learn(value);
            self.all.push(value);
            self.facts.push(facts);
        }
        id
    }

    pub(crate) fn get(&self, id: ValueId) -> Value {
        self.all[id.0 as usize]
    }

    /// The id of a value that is already there.
    pub(crate) fn find(&self, value: Value) -> Option<ValueId> {
        self.known.get(&value).copied()
    }

    pub(crate) fn find_constant(&self, constant: u32) -> Option<ValueId> {
        self.find(Value::Const(constant))
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// The largest that a value can be.
    pub(crate) fn limit(&self, id: ValueId) -> u32 {
        self.facts[id.0 as usize].limit
    }

    /// Whether computing a value can trap.
    pub(crate) fn may_trap(&self, id: ValueId) -> bool {
        self.facts[id.0 as usize].may_trap
    }

    /// Whether computing a value traps whatever the frame: it loads what no frame has, or
    /// divides by zero.
    pub(crate) fn traps(&self, id: ValueId) -> bool {
        self.facts[id.0 as usize].traps
    }

    /// Whether a value depends on any of these variables.
    pub(crate) fn depends(&self, id: ValueId, vars: u64) -> bool {
        self.facts[id.0 as usize].vars & vars != 0
    }

    /// The variables that a value depends on, by [`var_bit`].
    pub(crate) fn vars(&self, id: ValueId) -> u64 {
        self.facts[id.0 as usize].vars
    }

    /// The constant that a value is.
    pub(crate) fn constant(&self, id: ValueId) -> Option<u32> {
        match self.get(id) {
            Value::Const(constant) => Some(constant),
            _ => None,
        }
    }

    fn learn(&self, value: Value) -> Facts {
        let mut facts = Facts { limit: u32::MAX, may_trap: false, traps: false, vars: 0 };
        value.map(|operand| {
            let operand = self.facts[operand.0 as usize];
            facts.may_trap |= operand.may_trap;
            facts.traps |= operand.traps;
            facts.vars |= operand.vars;
            ValueId(0)
        });
        match value {
            Value::Const(constant) => facts.limit = constant,
            Value::Var(var) => facts.vars = var_bit(var.0),
            Value::Load { width, displacement, .. } => {
                facts.may_trap = true;
                facts.traps |= displacement.saturating_add(width.bytes()) > FRAME_LIMIT;
                facts.limit = match width {
                    Width::Byte => 0xff,
                    Width::Half => 0xffff,
                    Width::Word => u32::MAX,
                };
            }
            Value::Alu(op, left, right) => {
                facts.limit = self.alu_limit(op, left, right);
                if matches!(op, Alu::Div | Alu::Mod) {
                    let by = self.constant(right);
                    facts.may_trap |= by.is_none_or(|by| by == 0);
                    facts.traps |= by == Some(0);
                }
            }
            Value::Meta(_) | Value::Neg(_) => {}
        }
        facts
    }

    fn alu_limit(&self, op: Alu, left: ValueId, right: ValueId) -> u32 {
        let (max, right_max) = (self.limit(left), self.limit(right));
        let all_bits = |value: u32| u32::MAX.checked_shr(value.leading_zeros()).unwrap_or(0);
        match (op, self.constant(right)) {
            (Alu::And, _) => max.min(right_max),
            (Alu::Or | Alu::Xor, _) => all_bits(max | right_max),
            (Alu::Add, _) => max.saturating_add(right_max),
            (Alu::Mul, _) => max.saturating_mul(right_max),
            (Alu::Shl, Some(by @ 0..32)) => u32::try_from(u64::from(max) << by).unwrap_or(u32::MAX),
            (Alu::Shr, Some(by)) => max.checked_shr(by).unwrap_or(0),
            (Alu::Div, Some(by)) if by != 0 => max / by,
            (Alu::Mod, Some(by)) if by != 0 => max.min(by - 1),
            (Alu::Shr | Alu::Div | Alu::Mod, _) => max,
            (Alu::Sub | Alu::Shl, _) => u32::MAX,
        }
    }
}

/// The bit that stands for a variable.
pub(crate) const fn var_bit(var: u32) -> u64 {
    1 << if var < 63 { var } else { 63 }
}
