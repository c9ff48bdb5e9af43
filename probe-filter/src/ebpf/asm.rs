//! The assembler: instructions and labels in, distances out.

use super::Part;
use super::insn::{Insn, Operand, R0};
pub(crate) use crate::labels::Label;
use crate::labels::Labels;

/// An instruction, and where it jumps.
#[derive(Clone, Copy, Debug)]
struct Item {
    insn: Insn,
    target: Option<Label>,
}

/// Code under construction.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    items: Vec<Item>,
    labels: Labels,
    marks: Vec<(usize, Part)>,
}

/// Finished code.
#[derive(Debug)]
pub(crate) struct Assembled {
    pub(crate) insns: Vec<Insn>,
    /// Whether there are jumps of more than 16 bits.
    pub(crate) long_jumps: bool,
    /// Marks by index of the instruction.
    pub(crate) marks: Vec<(usize, Part)>,
}

impl Assembler {
    pub(crate) fn label(&mut self) -> Label {
        self.labels.add()
    }

    /// Binds a label to the next instruction.
    pub(crate) fn bind(&mut self, label: Label) {
        self.labels.bind(label, self.items.len());
    }

    pub(crate) fn mark(&mut self, mark: Part) {
        self.marks.push((self.items.len(), mark));
    }

    pub(crate) fn emit(&mut self, insn: Insn) {
        self.items.push(Item { insn, target: None });
    }

    /// Whether there is so much code that nothing can come of it: [`finish`](Self::finish)
    /// drops idle jumps, of which there is at most one for each other instruction.
    pub(crate) fn is_too_long(&self) -> bool {
        self.items.len() > 2 * super::MAX_INSNS
    }

    /// A jump, conditional or not; its distance is filled in at the end.
    pub(crate) fn emit_jump(&mut self, insn: Insn, target: Label) {
        self.items.push(Item { insn, target: Some(target) });
    }

    pub(crate) fn jump(&mut self, target: Label) {
        self.emit_jump(Insn::jump(), target);
    }

    /// The place to roll back to.
    pub(crate) fn checkpoint(&self) -> usize {
        self.items.len()
    }

    /// Forgets all that was emitted since. Labels bound since are bound nowhere.
    pub(crate) fn roll_back(&mut self, checkpoint: usize) {
        self.items.truncate(checkpoint);
        self.labels.unbind_behind(checkpoint);
    }

    /// Fills the distances in. A jump further than 16 bits becomes a `gotol`.
    pub(crate) fn finish(mut self) -> Assembled {
        self.drop_unreachable();
        self.drop_jumps_to_next();
        self.invert_jumps_over_jumps();
        let mut long = vec![false; self.items.len()];
        // Making one jump long can push another out of reach; each round lengthens
        // at least one, so the rounds end.
        let positions = loop {
            let positions = self.positions(&long);
            let mut grew = false;
            for (index, item) in self.items.iter().enumerate() {
                let Some(target) = item.target else { continue };
                if !long[index]
                    && short_distance(positions[index], self.at(&positions, target)).is_none()
                {
                    long[index] = true;
                    grew = true;
                }
            }
            if !grew {
                break positions;
            }
        };
        let mut insns = Vec::with_capacity(positions[self.items.len()]);
        for (index, item) in self.items.iter().enumerate() {
            let Some(target) = item.target else {
                insns.push(item.insn);
                continue;
            };
            let to = self.at(&positions, target);
            if !long[index] {
                let offset = short_distance(positions[index], to).unwrap_or_default();
                insns.push(Insn { offset, ..item.insn });
                continue;
            }
            match item.insn.inverted() {
                _ if item.insn.is_jump() => {}
                Some(inverted) => insns.push(Insn { offset: 1, ..inverted }),
                None => {
                    insns.push(Insn { offset: 1, ..item.insn });
                    insns.push(Insn { offset: 1, ..Insn::jump() });
                }
            }
            insns.push(Insn::jump_long((to as i64 - insns.len() as i64 - 1) as i32));
        }
        let marks = self.marks.iter().map(|&(index, mark)| (positions[index], mark)).collect();
        Assembled { insns, long_jumps: long.contains(&true), marks }
    }

    fn at(&self, positions: &[usize], label: Label) -> usize {
        positions[self.labels.at(label)]
    }

    /// Position of every item, and of the end.
    fn positions(&self, long: &[bool]) -> Vec<usize> {
        let mut position = 0;
        let mut positions = Vec::with_capacity(self.items.len() + 1);
        for (item, &long) in self.items.iter().zip(long) {
            positions.push(position);
            position += match item.insn.inverted() {
                _ if !long || item.insn.is_jump() => 1,
                Some(_) => 2,
                None => 3,
            };
        }
        positions.push(position);
        positions
    }

    /// Code that nothing leads to goes (the kernel refuses it): what stands behind a
    /// trap that is certain, for one.
    fn drop_unreachable(&mut self) {
        let mut reached = vec![false; self.items.len()];
        let mut pending = vec![0];
        while let Some(index) = pending.pop() {
            let Some(item) = self.items.get(index) else { continue };
            if core::mem::replace(&mut reached[index], true) {
                continue;
            }
            if let Some(place) = item.target.and_then(|label| self.labels.get(label)) {
                pending.push(place);
            }
            if !item.insn.is_jump() && !item.insn.is_exit() {
                pending.push(index + 1);
            }
        }
        self.retain(&reached);
    }

    /// Jumps to the instruction behind them go.
    fn drop_jumps_to_next(&mut self) {
        let idle = |(index, item): (usize, &Item)| {
            item.insn.is_jump()
                && item.target.is_some_and(|label| self.labels.get(label) == Some(index + 1))
        };
        let keep: Vec<bool> = self.items.iter().enumerate().map(|item| !idle(item)).collect();
        self.retain(&keep);
    }

    /// `if c goto A; goto B; A:` becomes `if !c goto B; A:`.
    fn invert_jumps_over_jumps(&mut self) {
        let place = |label: Label| self.labels.get(label);
        let mut entered = vec![false; self.items.len() + 1];
        for target in self.items.iter().filter_map(|item| place(item.target?)) {
            entered[target] = true;
        }
        let mut inversions = Vec::new();
        for index in 0..self.items.len().saturating_sub(1) {
            let (first, second) = (self.items[index], self.items[index + 1]);
            let over = first.target.and_then(place) == Some(index + 2);
            if let (true, true, Some(insn)) =
                (over && second.insn.is_jump(), !entered[index + 1], first.insn.inverted())
            {
                inversions.push((index, Item { insn, target: second.target }));
            }
        }
        let mut keep = vec![true; self.items.len()];
        for (index, inverted) in inversions {
            self.items[index] = inverted;
            keep[index + 1] = false;
        }
        self.retain(&keep);
    }

    fn retain(&mut self, keep: &[bool]) {
        let moved = self.labels.retain(&mut self.items, keep);
        for (place, _) in &mut self.marks {
            *place = moved[*place];
        }
    }
}

/// The kernel lengthens some instructions after it has taken the program (fields of the
/// context, division), and refuses if a 16-bit distance then overflows: half of them
/// are left to it.
fn short_distance(from: usize, to: usize) -> Option<i16> {
    let distance = i16::try_from(to as i64 - from as i64 - 1).ok()?;
    (distance.unsigned_abs() <= i16::MAX as u16 / 2).then_some(distance)
}

impl Assembler {
    /// `dst = value`, zero-extended.
    pub(crate) fn constant(&mut self, dst: super::insn::Reg, value: u32) {
        self.emit(Insn::alu32(super::insn::Op::Mov, dst, Operand::Imm(value as i32)));
    }

    /// The same of a function that says whether there is a match.
    pub(crate) fn return_one(&mut self) {
        self.constant(R0, 1);
        self.emit(Insn::exit());
    }

    /// The function's result, and the way back.
    pub(crate) fn return_zero(&mut self) {
        self.constant(R0, 0);
        self.emit(Insn::exit());
    }
}
