//! The flow: all rules of a program as one acyclic graph of blocks.
//!
//! A [`Graph`](crate::ir::Graph) says what one filter means. A flow says what a
//! program does: it tests, counts a rule that matches, and goes on with the next.
//! Passes rewrite flows; back ends translate them. The meaning of values and traps
//! is that of the graph; a trap leads to [`Block::trap`], which is where the rest
//! of the rules goes on.

mod lower;

pub(crate) use lower::lower;

use std::collections::HashMap;

use crate::ir::{ChainKind, Compare, Value, ValueId, Var};

/// A block in [`Flow::blocks`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct BlockId(pub(crate) u32);

/// What a block does after its assignments.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// A comparison. With `yes == no` only the trap matters.
    Compare { compare: Compare, left: ValueId, right: ValueId, yes: BlockId, no: BlockId },
    /// The walk along a header chain.
    Chain(Chain, BlockId, BlockId),
    /// One value against many constants, sorted and distinct.
    Switch { value: ValueId, cases: Vec<(u32, BlockId)>, default: BlockId },
    /// The rule of this index matches.
    Count { rule: u32, next: BlockId },
    /// Nothing that is known or computed before holds after it: variables are
    /// dead, and back ends start afresh. Bounds what the verifier has to remember.
    Boundary { next: BlockId },
    /// All rules are done.
    End,
}

/// The operands of [`Test::Chain`](crate::ir::Test::Chain).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Chain {
    pub(crate) kind: ChainKind,
    pub(crate) network_base: Option<ValueId>,
    pub(crate) network: u32,
    pub(crate) protocol: u32,
}

/// A step of the program.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Block {
    /// Variables assigned first, in order.
    pub(crate) sets: Vec<(Var, ValueId)>,
    pub(crate) action: Action,
    /// Where a trap in the assignments or the action leads.
    pub(crate) trap: BlockId,
}

impl Action {
    /// Calls `f` on every successor.
    pub(crate) fn for_each_target(&self, mut f: impl FnMut(BlockId)) {
        match self {
            Self::Compare { yes, no, .. } | Self::Chain(_, yes, no) => {
                f(*yes);
                f(*no);
            }
            Self::Switch { cases, default, .. } => {
                cases.iter().for_each(|&(_, target)| f(target));
                f(*default);
            }
            Self::Count { next, .. } | Self::Boundary { next } => f(*next),
            Self::End => {}
        }
    }
}

/// All rules of a program. A block only leads to blocks with smaller ids; values
/// only use values with smaller ids.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flow {
    values: Vec<Value>,
    known_values: HashMap<Value, ValueId>,
    blocks: Vec<Block>,
    known_blocks: HashMap<Block, BlockId>,
    vars: u32,
    entry: Option<BlockId>,
}

impl Flow {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The id of a value; equal values share one.
    pub(crate) fn value(&mut self, value: Value) -> ValueId {
        let next = ValueId(self.values.len() as u32);
        let id = *self.known_values.entry(value).or_insert(next);
        if id == next {
            self.values.push(value);
        }
        id
    }

    /// The id of a block; equal blocks share one, which merges equal code of all rules.
    pub(crate) fn block(&mut self, block: Block) -> BlockId {
        if let Some(&id) = self.known_blocks.get(&block) {
            return id;
        }
        let id = BlockId(self.blocks.len() as u32);
        block.action.for_each_target(|target| debug_assert!(target < id, "target before block"));
        self.known_blocks.insert(block.clone(), id);
        self.blocks.push(block);
        id
    }

    /// A block that assigns nothing and cannot trap.
    pub(crate) fn plain(&mut self, action: Action) -> BlockId {
        // A block that cannot trap still names a target: the first block, an end.
        self.block(Block { sets: Vec::new(), action, trap: BlockId(0) })
    }

    /// The block that ends the program; always block 0.
    pub(crate) fn end(&mut self) -> BlockId {
        self.plain(Action::End)
    }

    pub(crate) fn get(&self, id: ValueId) -> Value {
        self.values[id.0 as usize]
    }

    pub(crate) fn at(&self, id: BlockId) -> &Block {
        &self.blocks[id.0 as usize]
    }

    pub(crate) fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    pub(crate) fn entry(&self) -> BlockId {
        self.entry.unwrap_or(BlockId(0))
    }

    pub(crate) fn set_entry(&mut self, entry: BlockId) {
        self.entry = Some(entry);
    }

    /// Number of variables of the rule with the most.
    pub(crate) fn vars(&self) -> u32 {
        self.vars
    }

    pub(crate) fn need_vars(&mut self, vars: u32) {
        self.vars = self.vars.max(vars);
    }

    /// Which blocks the entry leads to, traps included.
    pub(crate) fn reachable(&self) -> Vec<bool> {
        let mut reached = vec![false; self.blocks.len()];
        if let Some(slot) = reached.get_mut(self.entry().0 as usize) {
            *slot = true;
        }
        for id in (0..self.blocks.len()).rev() {
            if !reached[id] {
                continue;
            }
            let block = &self.blocks[id];
            block.action.for_each_target(|target| reached[target.0 as usize] = true);
            if self.may_trap(block) {
                reached[block.trap.0 as usize] = true;
            }
        }
        reached
    }

    /// Whether a block can trap at all, whatever the frame.
    pub(crate) fn may_trap(&self, block: &Block) -> bool {
        block.sets.iter().any(|&(_, value)| self.value_may_trap(value))
            || match block.action {
                Action::Compare { left, right, .. } => {
                    self.value_may_trap(left) || self.value_may_trap(right)
                }
                Action::Chain(..) => true,
                Action::Switch { value, .. } => self.value_may_trap(value),
                Action::Count { .. } | Action::Boundary { .. } | Action::End => false,
            }
    }

    /// Whether computing a value can trap.
    pub(crate) fn value_may_trap(&self, id: ValueId) -> bool {
        use crate::ir::Alu::{Div, Mod};
        match self.get(id) {
            Value::Load { .. } => true,
            Value::Const(_) | Value::Meta(_) | Value::Var(_) => false,
            Value::Neg(value) => self.value_may_trap(value),
            Value::Alu(op, left, right) => {
                let divides = matches!(op, Div | Mod)
                    && !matches!(self.get(right), Value::Const(constant) if constant != 0);
                divides || self.value_may_trap(left) || self.value_may_trap(right)
            }
        }
    }
}
