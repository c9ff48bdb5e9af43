//! Fast code: packet memory read directly behind guards, values kept in registers.
//!
//! Fast code assumes that the bytes it wants are linear. A guard proves it, and where
//! a guard fails, careful code takes over at the same block, with nothing to carry
//! over: blocks have no effect before their guards, and variables lie in memory. So
//! guards may be merged and widened at will ([`extents`]). Careful code returns
//! at the next boundary. What fast code does not speak (walks along header chains,
//! distances known only at run time, too many values at once) it leaves to careful code.

mod extents;
mod live;
mod load;
mod raw;
mod registers;
mod value;

use rustc_hash::FxHashMap;

use crate::flow::{self, Action, BlockId, END, Flow};
use crate::ir::{Compare, Value, ValueId, Width};

use super::Target;
use super::asm::{Assembler, Label};
use super::count::{self, AllMarks, OnMatch};
use super::insn::{Cond, Insn, Operand, R0, R1, R2, R4, R5, Reg, Size};
use super::target::context;
use super::view::{Chosen, ETHERTYPE};

use extents::Extents;
use live::Live;
use registers::{Content, POOL, State};
use value::place_of;

/// Fast code cannot do what the block needs: careful code does it.
struct Unsupported;

/// Fast code under construction.
pub(crate) struct Fast<'a> {
    flow: &'a Flow,
    target: &'a Target,
    asm: &'a mut Assembler,
    on_match: OnMatch<'a>,
    labels: &'a [Label],
    /// Where careful code takes over, by block; made when first wanted.
    gates: Vec<Option<Label>>,
    raw: Vec<Option<Width>>,
    extents: Extents,
    live: Live,
    /// What is known at the start of each block that something led to so far.
    known: Vec<Option<State>>,
    state: State,
    /// How many operands of the computation at hand each register holds.
    pinned: [u8; POOL.len()],
    /// How often the block at hand still wants each value.
    wanted: FxHashMap<ValueId, u32>,
    block: BlockId,
    /// The block that stands behind the one at hand.
    next: Option<BlockId>,
}

/// How far the first guard of a flow would reach that has to look at the frame's type.
pub(crate) fn first_guard(flow: &Flow, target: &Target) -> u32 {
    Extents::new(flow, target.link).fixed(flow.entry().0 as usize, ETHERTYPE as u32 + 2)
}

/// Translates the flow; `labels` get bound to its blocks. Returns the blocks that
/// careful code has to have, with the labels it is entered by. `chosen` is known where the
/// flow begins.
pub(crate) fn translate(
    flow: &Flow,
    on_match: OnMatch<'_>,
    target: &Target,
    asm: &mut Assembler,
    labels: &[Label],
    chosen: Chosen,
) -> Vec<Option<Label>> {
    let used = live::used(flow);
    let mut fast = Fast {
        flow,
        target,
        asm,
        on_match,
        labels,
        gates: vec![None; flow.blocks().len()],
        raw: raw::raw(flow, &used),
        extents: Extents::new(flow, target.link),
        live: Live::new(flow, &used),
        known: vec![None; flow.blocks().len()],
        state: State::default(),
        pinned: [0; POOL.len()],
        wanted: FxHashMap::default(),
        block: END,
        next: None,
    };
    let entry = flow.entry().0 as usize;
    let mut known = State { reached: chosen.reached, ..State::default() };
    let ethertype = Value::Load { width: Width::Half, base: None, displacement: ETHERTYPE as u32 };
    if let Some(id) = flow.values.find(ethertype)
        && fast.raw[id.0 as usize].is_some()
        && chosen.ethertype
    {
        known.contents[place_of(R0)] = Some(Content::Value(id));
    }
    fast.known[entry] = Some(known);
    let order = flow::order(flow);
    for (place, &id) in order.iter().enumerate() {
        if fast.asm.is_too_long() {
            break;
        }
        fast.next = order.get(place + 1).copied();
        fast.translate_block(id);
    }
    fast.asm.bind(labels[END.0 as usize]);
    fast.asm.return_zero();
    fast.gates
}

impl Fast<'_> {
    fn translate_block(&mut self, id: BlockId) {
        self.block = id;
        self.asm.bind(self.labels[id.0 as usize]);
        // Only a trap leads here, or careful code: nothing is known.
        self.state = self.known[id.0 as usize].take().unwrap_or_default();
        self.pinned = [0; POOL.len()];
        let start = self.asm.checkpoint();
        let fast = match &self.flow.at(id).action {
            Action::Set { .. }
            | Action::Store { .. }
            | Action::Compare { .. }
            | Action::Switch { .. } => self.compute_block(id),
            &Action::Count { rule, next } => {
                match self.on_match {
                    OnMatch::Count(all) => {
                        self.count(rule, all);
                        self.go(next);
                    }
                    OnMatch::Return => self.asm.return_one(),
                }
                Ok(())
            }
            &Action::Boundary { next } => {
                // The pointer is read anew: all that the verifier knows of how far the
                // frame reaches ends here, and so do the states that differ in it.
                let data = context::data(self.target.flavour);
                self.asm.emit(Insn::load(Size::Word, R2, R1, data));
                self.state = State::default();
                self.go(next);
                Ok(())
            }
            Action::Chain(..) => Err(Unsupported),
            Action::End => {
                self.asm.return_zero();
                Ok(())
            }
        };
        if let Err(Unsupported) = fast {
            self.asm.roll_back(start);
            let gate = self.gate();
            self.asm.jump(gate);
        }
    }

    /// A block that computes: guards, then values, then the effect.
    fn compute_block(&mut self, id: BlockId) -> Result<(), Unsupported> {
        let flow = self.flow;
        let action = &flow.at(id).action;
        self.wanted.clear();
        for operand in action.operands() {
            self.want(operand);
        }
        self.guard_fixed(action.operands())?;
        match action {
            &Action::Set { var, value, next } => {
                let register = self.compute(value)?;
                self.store_variable(var, register);
                self.overwritten(var);
                self.keep_variable(var, value, register);
                self.release(register);
                self.go(next);
            }
            &Action::Store { rule, what, value, next } => {
                let register = self.compute(value)?;
                if let Some(offset) = self.on_match.place_of(&self.target.layout, rule, what) {
                    self.asm.emit(Insn::store(Size::Word, R4, offset, register));
                }
                self.release(register);
                self.go(next);
            }
            &Action::Compare { compare, left, right, yes, no } => {
                let left_register = self.compute(left)?;
                let operand = match flow.values.constant(right) {
                    Some(constant) => {
                        let constant = raw::constant(self.raw[left.0 as usize], constant);
                        Operand::Imm(constant as i32)
                    }
                    None => Operand::Reg(self.compute(right)?),
                };
                self.release(left_register);
                if yes == no {
                    self.go(yes);
                } else {
                    self.branch(condition(compare), left_register, operand, yes, no);
                }
            }
            Action::Switch { value, cases, default } => {
                let register = self.compute(*value)?;
                self.release(register);
                let width = self.raw[value.0 as usize];
                let mut cases: Vec<(u32, BlockId)> =
                    cases.iter().map(|&(case, to)| (raw::constant(width, case), to)).collect();
                cases.sort_unstable();
                self.search(register, &cases, *default);
            }
            Action::Chain(..) | Action::Count { .. } | Action::Boundary { .. } | Action::End => {
                return Err(Unsupported);
            }
        }
        Ok(())
    }

    fn count(&mut self, rule: u32, all: &AllMarks) {
        // Two registers, the least wanted ones.
        let scratch = [(); 2].map(|()| {
            let place = self.least_wanted().unwrap_or(0);
            self.state.contents[place] = None;
            self.pinned[place] += 1;
            POOL[place]
        });
        self.pinned = [0; POOL.len()];
        let registers = count::Registers { state: R4, meta: R5, scratch };
        count::count(self.asm, &self.target.layout, rule, all, &registers);
    }

    fn branch(&mut self, cond: Cond, left: Reg, right: Operand, yes: BlockId, no: BlockId) {
        let test = Insn::jump32(cond, left, right);
        match test.inverted() {
            Some(inverted) if self.next == Some(yes) || no == END && self.next != Some(no) => {
                self.leave(inverted, no);
                self.go(yes);
            }
            _ => {
                self.leave(test, yes);
                self.go(no);
            }
        }
    }

    /// Binary search; the cases are in ascending order.
    fn search(&mut self, register: Reg, cases: &[(u32, BlockId)], default: BlockId) {
        /// So many comparisons in a row are as good as a further halving.
        const ROW: usize = 3;
        if cases.len() <= ROW {
            for &(case, to) in cases {
                self.leave(Insn::jump32(Cond::Eq, register, Operand::Imm(case as i32)), to);
            }
            self.go(default);
            return;
        }
        let (low, high) = cases.split_at(cases.len() / 2);
        let upper = self.asm.label();
        let middle = Operand::Imm(high[0].0 as i32);
        self.asm.emit_jump(Insn::jump32(Cond::Ge, register, middle), upper);
        self.search(register, low, default);
        self.asm.bind(upper);
        self.search(register, high, default);
    }

    /// A conditional jump to a block.
    fn leave(&mut self, test: Insn, to: BlockId) {
        self.reach(to);
        self.asm.emit_jump(test, self.labels[to.0 as usize]);
    }

    fn go(&mut self, to: BlockId) {
        if to == END {
            self.asm.return_zero();
            return;
        }
        self.reach(to);
        // The assembler drops a jump to the next instruction.
        self.asm.jump(self.labels[to.0 as usize]);
    }

    fn reach(&mut self, to: BlockId) {
        match &mut self.known[to.0 as usize] {
            Some(known) => known.meet(&self.state),
            none => *none = Some(self.state.clone()),
        }
    }

    /// Where careful code takes over at the block at hand.
    fn gate(&mut self) -> Label {
        let asm = &mut *self.asm;
        *self.gates[self.block.0 as usize].get_or_insert_with(|| asm.label())
    }
}

fn condition(compare: Compare) -> Cond {
    match compare {
        Compare::Eq => Cond::Eq,
        Compare::Gt => Cond::Gt,
        Compare::Ge => Cond::Ge,
        Compare::Set => Cond::Set,
    }
}
