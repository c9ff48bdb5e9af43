//! Blocks into classic BPF. What the two registers hold is followed from block to
//! block, so that a value is not loaded twice in a row.

use crate::flow::{self, Action, BlockId, END, Flow};
use crate::ir::{Compare, ValueId};

use super::asm::{Assembler, Label};
use super::insn::{IMM, Instruction, JEQ, JGE, JGT, JSET, LD, RET, ST, X};
use super::{Error, MATCH, MEMORY};

/// What the registers hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) accumulator: Option<ValueId>,
    pub(super) index: Option<ValueId>,
}

/// Classic BPF under construction.
pub(super) struct Translation<'a> {
    pub(super) flow: &'a Flow,
    pub(super) asm: Assembler,
    labels: Vec<Label>,
    known: Vec<Option<State>>,
    pub(super) state: State,
    /// Where a frame that does not match goes, and so a trap.
    pub(super) trap: Label,
}

/// The instructions of a flow with one rule.
pub(super) fn translate(flow: &Flow) -> Result<Vec<Instruction>, Error> {
    let mut asm = Assembler::default();
    let labels: Vec<Label> = flow.blocks().iter().map(|_| asm.label()).collect();
    let trap = labels[END.0 as usize];
    let known = vec![None; flow.blocks().len()];
    let state = State::default();
    let mut translation = Translation { flow, asm, labels, known, state, trap };
    if flow.vars() > MEMORY {
        return Err(Error::TooMuchMemory);
    }
    translation.clear_kept();
    // Nothing but a match or an end may be left of a filter.
    translation.asm.jump(translation.labels[flow.entry().0 as usize]);
    let order = flow::order(flow);
    // Matches last but one, the end last: as libpcap has it.
    let counts = |id: &BlockId| matches!(flow.at(*id).action, Action::Count { .. });
    for id in order.iter().copied().filter(|id| !counts(id)) {
        translation.block(id)?;
    }
    for id in order.iter().copied().filter(counts) {
        translation.asm.bind(translation.labels[id.0 as usize]);
    }
    translation.asm.emit(RET, MATCH);
    translation.asm.bind(trap);
    translation.asm.emit(RET, 0);
    Ok(translation.asm.finish())
}

impl Translation<'_> {
    /// What a walk before the rule finds out is read only where the walk has an answer, but
    /// the kernel wants memory written on every path that leads to a read.
    fn clear_kept(&mut self) {
        if !self.flow.kept.is_empty() {
            self.asm.emit(LD | IMM, 0);
        }
        for var in &self.flow.kept {
            self.asm.emit(ST, var.0);
        }
    }

    fn block(&mut self, id: BlockId) -> Result<(), Error> {
        let flow = self.flow;
        self.asm.bind(self.labels[id.0 as usize]);
        self.state = self.known[id.0 as usize].take().unwrap_or_default();
        match &flow.at(id).action {
            &Action::Set { var, value, next } => {
                self.compute(value, flow.vars())?;
                self.asm.emit(ST, var.0);
                self.overwritten(var.0);
                self.go(next);
            }
            &Action::Compare { compare, left, right, yes, no } => {
                self.compare(compare, left, right, yes, no)?;
            }
            &Action::Chain(ref chain, yes, no) => {
                let (yes, no) = (self.reach_without(yes), self.reach_without(no));
                self.chain(chain, yes, no)?;
            }
            Action::Switch { value, cases, default } => {
                self.compute(*value, flow.vars())?;
                self.search(cases, *default);
            }
            Action::Boundary { next } => {
                self.state = State::default();
                self.go(*next);
            }
            // A key is for those who count.
            Action::Store { next, .. } => self.go(*next),
            Action::Count { .. } | Action::End => {}
        }
        Ok(())
    }

    fn compare(
        &mut self,
        compare: Compare,
        left: ValueId,
        right: ValueId,
        yes: BlockId,
        no: BlockId,
    ) -> Result<(), Error> {
        let code = match compare {
            Compare::Eq => JEQ,
            Compare::Gt => JGT,
            Compare::Ge => JGE,
            Compare::Set => JSET,
        };
        let first_free = self.flow.vars();
        let (code, k) = match self.flow.values.constant(right) {
            Some(constant) => {
                self.compute(left, first_free)?;
                (code, constant)
            }
            None => {
                self.pair(left, right, first_free)?;
                (code | X, 0)
            }
        };
        if yes == no {
            self.go(yes);
            return Ok(());
        }
        let (yes, no) = (self.reach(yes), self.reach(no));
        self.asm.test(code, k, yes, no);
        Ok(())
    }

    /// Binary search; the cases are in ascending order.
    fn search(&mut self, cases: &[(u32, BlockId)], default: BlockId) {
        const ROW: usize = 3;
        if cases.len() <= ROW {
            for &(case, to) in cases {
                let yes = self.reach(to);
                self.asm.leave_if(JEQ, case, yes);
            }
            return self.go(default);
        }
        let (low, high) = cases.split_at(cases.len() / 2);
        let (lower, upper) = (self.asm.label(), self.asm.label());
        self.asm.test(JGE, high[0].0, upper, lower);
        self.asm.bind(lower);
        self.search(low, default);
        self.asm.bind(upper);
        self.search(high, default);
    }

    fn go(&mut self, to: BlockId) {
        let label = self.reach(to);
        self.asm.jump(label);
    }

    /// Notes what is known on the way to a block.
    fn reach(&mut self, to: BlockId) -> Label {
        let state = self.state;
        let known = self.known[to.0 as usize].get_or_insert(state);
        if known.accumulator != state.accumulator {
            known.accumulator = None;
        }
        if known.index != state.index {
            known.index = None;
        }
        self.labels[to.0 as usize]
    }

    fn reach_without(&mut self, to: BlockId) -> Label {
        self.state = State::default();
        self.reach(to)
    }

    /// A variable has a new value, which the accumulator holds.
    fn overwritten(&mut self, var: u32) {
        let bit = flow::var_bit(var);
        let values = &self.flow.values;
        for register in [&mut self.state.accumulator, &mut self.state.index] {
            *register = register.filter(|&id| !values.depends(id, bit));
        }
    }
}
