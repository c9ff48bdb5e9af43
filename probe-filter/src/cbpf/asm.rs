//! The assembler: conditional jumps reach 255 instructions; further ones go through an
//! unconditional one behind them.

use rustc_hash::FxHashMap;

use super::insn::{Instruction, JA, JMP};
pub(crate) use crate::labels::Label;
use crate::labels::Labels;

/// How far a conditional jump reaches, in instructions.
const REACH: usize = 255;

#[derive(Clone, Copy)]
enum Item {
    Plain(u16, u32),
    Jump(Label),
    Test { code: u16, k: u32, yes: Label, no: Label },
}

/// Code under construction.
#[derive(Default)]
pub(crate) struct Assembler {
    items: Vec<Item>,
    labels: Labels,
}

impl Assembler {
    pub(crate) fn label(&mut self) -> Label {
        self.labels.add()
    }

    pub(crate) fn bind(&mut self, label: Label) {
        self.labels.bind(label, self.items.len());
    }

    pub(crate) fn emit(&mut self, code: u16, k: u32) {
        self.items.push(Item::Plain(code, k));
    }

    pub(crate) fn jump(&mut self, target: Label) {
        self.items.push(Item::Jump(target));
    }

    pub(crate) fn test(&mut self, code: u16, k: u32, yes: Label, no: Label) {
        self.items.push(Item::Test { code: JMP | code, k, yes, no });
    }

    /// A test whose one side goes on with the next instruction.
    pub(crate) fn leave_if(&mut self, code: u16, k: u32, yes: Label) {
        let no = self.label();
        self.test(code, k, yes, no);
        self.bind(no);
    }

    /// Fills the distances in.
    pub(crate) fn finish(mut self) -> Vec<Instruction> {
        self.share_tests();
        self.drop_idle();
        let mut far = vec![(false, false); self.items.len()];
        loop {
            let positions = self.positions(&far);
            let mut grew = false;
            for (index, item) in self.items.iter().enumerate() {
                let Item::Test { yes, no, .. } = *item else { continue };
                let start = positions[index] + 1;
                let reaches = |label| self.place(&positions, label) - start <= REACH;
                let needs = (!reaches(yes) || far[index].0, !reaches(no) || far[index].1);
                grew |= needs != far[index];
                far[index] = needs;
            }
            if !grew {
                return self.encode(&positions, &far);
            }
        }
    }

    fn encode(&self, positions: &[usize], far: &[(bool, bool)]) -> Vec<Instruction> {
        let mut code = Vec::with_capacity(positions[self.items.len()]);
        let jump = |at: usize, to: usize| Instruction {
            code: JMP | JA,
            jt: 0,
            jf: 0,
            k: (to - at - 1) as u32,
        };
        for (index, item) in self.items.iter().enumerate() {
            let at = positions[index];
            match *item {
                Item::Plain(operation, k) => {
                    code.push(Instruction { code: operation, jt: 0, jf: 0, k });
                }
                Item::Jump(label) => code.push(jump(at, self.place(positions, label))),
                Item::Test { code: operation, k, yes, no } => {
                    let (far_yes, far_no) = far[index];
                    let (yes, no) = (self.place(positions, yes), self.place(positions, no));
                    let jt = if far_yes { 0 } else { yes - at - 1 };
                    let jf = if far_no { usize::from(far_yes) } else { no - at - 1 };
                    code.push(Instruction { code: operation, jt: jt as u8, jf: jf as u8, k });
                    if far_yes {
                        code.push(jump(at + 1, yes));
                    }
                    if far_no {
                        code.push(jump(at + 1 + usize::from(far_yes), no));
                    }
                }
            }
        }
        code
    }

    /// All jumps lead forward: blocks stand behind those that lead to them.
    fn place(&self, positions: &[usize], label: Label) -> usize {
        positions[self.labels.at(label)]
    }

    fn positions(&self, far: &[(bool, bool)]) -> Vec<usize> {
        let mut position = 0;
        let mut positions = Vec::with_capacity(self.items.len() + 1);
        for &(yes, no) in far {
            positions.push(position);
            position += 1 + usize::from(yes) + usize::from(no);
        }
        positions.push(position);
        positions
    }

    /// A test asks about the accumulator, whatever was loaded there: jumps to one go to the
    /// last one that asks the same and leads the same ways, if it is near.
    fn share_tests(&mut self) {
        let mut last = FxHashMap::default();
        let mut instead: Vec<usize> = (0..=self.items.len()).collect();
        for (index, item) in self.items.iter().enumerate().rev() {
            let Item::Test { code, k, yes, no } = *item else { continue };
            let place = |label: Label| self.labels.get(label).map(|place| instead[place]);
            let same = *last.entry((code, k, place(yes), place(no))).or_insert(index);
            if same - index < REACH {
                instead[index] = same;
            }
        }
        self.labels.move_to(&instead);
    }

    /// Drops what nothing leads to, which the kernel refuses, and idle jumps.
    fn drop_idle(&mut self) {
        let mut reached = vec![false; self.items.len()];
        let mut pending = vec![0];
        while let Some(index) = pending.pop() {
            if index >= reached.len() || std::mem::replace(&mut reached[index], true) {
                continue;
            }
            let place = |label: Label| self.labels.get(label).unwrap_or(usize::MAX);
            match self.items[index] {
                Item::Plain(code, _) if code & 0x07 == super::insn::RET => {}
                Item::Plain(..) => pending.push(index + 1),
                Item::Jump(label) => pending.push(place(label)),
                Item::Test { yes, no, .. } => pending.extend([place(yes), place(no)]),
            }
        }
        self.labels.retain(&mut self.items, &reached);
        loop {
            let idle = |(index, item): (usize, &Item)| match *item {
                Item::Jump(label) => self.labels.get(label) == Some(index + 1),
                _ => false,
            };
            let keep: Vec<bool> = self.items.iter().enumerate().map(|item| !idle(item)).collect();
            if !keep.contains(&false) {
                return;
            }
            self.labels.retain(&mut self.items, &keep);
        }
    }
}
