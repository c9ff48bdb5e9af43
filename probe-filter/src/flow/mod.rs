//! The flow: rules as one acyclic graph of blocks.
//!
//! A [`Graph`](crate::ir::Graph) says what one filter means. A flow says what a
//! program does: it tests, counts a rule that matches, and goes on with the next.
//! Passes rewrite flows; back ends translate them. The meaning of values and traps
//! is that of the graph; a trap leads to [`Block::trap`].
//!
//! First each rule is a root of its own that runs to [`END`], and what is done once for
//! all of them is a root before them; then the pass `join` makes one root of them all.

mod action;
#[cfg(test)]
pub(crate) mod eval;
mod lower;
mod order;
mod values;

use rustc_hash::FxHashMap;

use crate::ir::{Value, ValueId, Var};

pub(crate) use action::{Action, Chain, Left};
pub(crate) use lower::{Exits, Import, NO, TRAPPED, YES, lower, lower_with};
pub(crate) use order::order;
pub(crate) use values::{Values, var_bit};

/// A block in [`Flow::blocks`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct BlockId(pub(crate) u32);

/// Block 0 of every flow: [`Action::End`].
pub(crate) const END: BlockId = BlockId(0);

/// A step of the program.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Block {
    pub(crate) action: Action,
    /// Where a trap leads; [`END`] where the action cannot trap.
    pub(crate) trap: BlockId,
}

/// Rules as blocks. A block only leads to blocks with smaller ids; values only use
/// values with smaller ids.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(crate) values: Values,
    blocks: Vec<Block>,
    known: FxHashMap<Block, BlockId>,
    /// Where the rules start; after `join` where the program starts.
    pub(crate) roots: Vec<BlockId>,
    vars: u32,
    /// Variables that the first root sets for all the others, which only read them. Where
    /// there are none, there is no such root.
    pub(crate) kept: Vec<Var>,
}

impl Flow {
    /// A flow with its end.
    pub(crate) fn new() -> Self {
        let mut flow = Self {
            values: Values::default(),
            blocks: Vec::new(),
            known: FxHashMap::default(),
            roots: Vec::new(),
            vars: 0,
            kept: Vec::new(),
        };
        flow.plain(Action::End);
        flow
    }

    /// The same values, without blocks.
    pub(crate) fn emptied(&self) -> Self {
        Self {
            values: self.values.clone(),
            vars: self.vars,
            kept: self.kept.clone(),
            ..Self::new()
        }
    }

    /// The id of a value; equal values share one.
    pub(crate) fn value(&mut self, value: Value) -> ValueId {
        self.values.add(value)
    }

    pub(crate) fn constant(&mut self, constant: u32) -> ValueId {
        self.values.add(Value::Const(constant))
    }

    pub(crate) fn get(&self, id: ValueId) -> Value {
        self.values.get(id)
    }

    /// The id of a block; equal blocks share one, which merges equal code of all rules.
    fn block(&mut self, block: Block) -> BlockId {
        if let Some(&id) = self.known.get(&block) {
            return id;
        }
        let id = BlockId(self.blocks.len() as u32);
        block.action.for_each_target(|target| debug_assert!(target < id, "target before block"));
        self.known.insert(block.clone(), id);
        self.blocks.push(block);
        id
    }

    /// A block that cannot trap.
    pub(crate) fn plain(&mut self, action: Action) -> BlockId {
        self.block(Block { action, trap: END })
    }

    /// A block, and where it leads if it traps.
    pub(crate) fn act(&mut self, action: Action, trap: BlockId) -> BlockId {
        let trap = if self.may_trap(&action) { trap } else { END };
        self.block(Block { action, trap })
    }

    pub(crate) fn at(&self, id: BlockId) -> &Block {
        &self.blocks[id.0 as usize]
    }

    pub(crate) fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Where the program starts.
    pub(crate) fn entry(&self) -> BlockId {
        self.roots.first().copied().unwrap_or(END)
    }

    /// Number of variables of the rule with the most.
    pub(crate) fn vars(&self) -> u32 {
        self.vars
    }

    /// Where the rules start, without the code before all of them.
    pub(crate) fn rules(&self) -> &[BlockId] {
        let before = usize::from(!self.kept.is_empty());
        self.roots.get(before..).unwrap_or_default()
    }

    /// What is run before all rules.
    pub(crate) fn prelude(&self) -> Option<BlockId> {
        if self.kept.is_empty() { None } else { self.roots.first().copied() }
    }

    pub(crate) fn set_vars(&mut self, vars: u32) {
        self.vars = vars;
    }

    pub(crate) fn need_vars(&mut self, vars: u32) {
        self.vars = self.vars.max(vars);
    }

    /// Whether an action can trap at all, whatever the frame.
    pub(crate) fn may_trap(&self, action: &Action) -> bool {
        match *action {
            Action::Chain(..) => true,
            _ => action.operands().any(|value| self.values.may_trap(value)),
        }
    }

    /// Calls `f` on every block that a block leads to, by a trap too.
    pub(crate) fn for_each_successor(&self, block: &Block, mut f: impl FnMut(BlockId)) {
        block.action.for_each_target(&mut f);
        if self.may_trap(&block.action) {
            f(block.trap);
        }
    }

    /// Which blocks the roots lead to.
    pub(crate) fn reachable(&self) -> Vec<bool> {
        let mut reached = vec![false; self.blocks.len()];
        for root in &self.roots {
            reached[root.0 as usize] = true;
        }
        for id in (0..self.blocks.len()).rev() {
            if reached[id] {
                self.for_each_successor(&self.blocks[id], |to| reached[to.0 as usize] = true);
            }
        }
        reached
    }

    /// The different loads that reachable blocks make, and the bytes each reads.
    pub(crate) fn loads(&self) -> Vec<(ValueId, u32)> {
        let reachable = self.reachable();
        let blocks = self.blocks.iter().zip(&reachable).filter(|(_, reached)| **reached);
        let mut pending: Vec<ValueId> =
            blocks.flat_map(|(block, _)| block.action.operands()).collect();
        let mut seen = vec![false; self.values.len()];
        let mut loads = Vec::new();
        while let Some(id) = pending.pop() {
            if std::mem::replace(&mut seen[id.0 as usize], true) {
                continue;
            }
            let value = self.get(id);
            if let Value::Load { width, .. } = value {
                loads.push((id, width.bytes()));
            }
            value.map(|operand| {
                pending.push(operand);
                operand
            });
        }
        loads
    }

    /// Builds all reachable blocks anew, targets before their users. `build` is given
    /// the new flow, which has the same values, the old block, and the old blocks'
    /// new ids; it returns the new block's id.
    pub(crate) fn rebuild(
        self,
        mut build: impl FnMut(&mut Flow, BlockId, &Block, &dyn Fn(BlockId) -> BlockId) -> BlockId,
    ) -> Flow {
        let reachable = self.reachable();
        let mut flow =
            Flow { values: self.values, vars: self.vars, kept: self.kept, ..Flow::new() };
        let mut moved = vec![END; self.blocks.len()];
        for (id, block) in self.blocks.iter().enumerate().filter(|&(id, _)| reachable[id]) {
            let id = BlockId(id as u32);
            moved[id.0 as usize] = build(&mut flow, id, block, &|old| moved[old.0 as usize]);
        }
        flow.roots = self.roots.iter().map(|root| moved[root.0 as usize]).collect();
        flow
    }
}
