//! From the flow to steps.

use crate::flow::{Action, Block, BlockId, Flow};
use crate::flow_hash::NO_FLOW;
use crate::ir::{Alu, Compare, Graph, Value, ValueId};
use crate::key::KEY_WORDS;
use crate::passes::{self, View};

use super::cases::Cases;
use super::field::{Field, FieldTest, Range};
use super::{Branches, Computed, END, Machine, Operand, Step, Values};

/// A switch with cases up to here becomes a table.
const MOST_IN_TABLE: u32 = 255;
/// So many cases are as soon looked at in turn as searched.
const FEW: usize = 8;

/// A block on its way to one of the two lists, or to none.
enum Built {
    End,
    /// Nothing is to be done: its number is the next one's.
    Nothing(u32),
    Test(FieldTest),
    Step(Step),
}

impl Machine {
    /// For these filters, numbered in their order.
    pub fn new(graphs: &[&Graph]) -> Self {
        let flow = passes::run(passes::rules(graphs), View::Same);
        let mut machine = Self {
            tests: Vec::new(),
            steps: Vec::new(),
            values: Values { computed: Vec::new(), vars: vec![0; flow.vars() as usize] },
            keys: vec![[0; KEY_WORDS]; graphs.len()],
            flows: vec![NO_FLOW; graphs.len()],
            entry: flow.entry().0,
        };
        let mut taken_apart = vec![None; flow.values.len()];
        let built: Vec<Built> = flow
            .blocks()
            .iter()
            .map(|block| machine.block(&flow, &mut taken_apart, block))
            .collect();
        machine.take(built);
        machine
    }

    fn block(&mut self, flow: &Flow, taken_apart: &mut [Option<Operand>], block: &Block) -> Built {
        let trap = block.trap.0;
        let mut operand = |id| self.operand(flow, taken_apart, id);
        Built::Step(match block.action {
            Action::End => return Built::End,
            // Nothing is held here that had to start afresh.
            Action::Boundary { next } => return Built::Nothing(next.0),
            Action::Count { rule, next } => Step::Count { rule, next: next.0 },
            Action::Store { rule, what, value, next } => {
                Step::Store { rule, what, value: operand(value), next: next.0, trap }
            }
            Action::Set { var, value, next } => {
                let value = operand(value);
                self.set(var.0, value, next.0, trap)
            }
            Action::Compare { compare, left, right, yes, no } => {
                let branches = Branches { yes: yes.0, no: no.0, trap };
                let (left, right) = (operand(left), operand(right));
                return self.compared(compare, left, right, branches);
            }
            Action::Chain(chain, yes, no) => {
                let base = chain.network_base.map_or(Operand::Constant(0), &mut operand);
                Step::Chain { chain, base, branches: Branches { yes: yes.0, no: no.0, trap } }
            }
            Action::Switch { value, ref cases, default } => {
                switch(operand(value), cases, default, trap)
            }
        })
    }

    /// Takes the blocks, and gives their targets the numbers that they have here.
    fn take(&mut self, built: Vec<Built>) {
        let tests = built.iter().filter(|one| matches!(one, Built::Test(_))).count() as u32;
        let (mut next_test, mut next_step) = (0, tests);
        let mut numbers: Vec<u32> = Vec::with_capacity(built.len());
        for one in &built {
            let next = match *one {
                Built::End => {
                    numbers.push(END);
                    continue;
                }
                // Blocks lead to blocks that come before them.
                Built::Nothing(next) => {
                    numbers.push(numbers[next as usize]);
                    continue;
                }
                Built::Test(_) => &mut next_test,
                Built::Step(_) => &mut next_step,
            };
            numbers.push(*next);
            *next += 1;
        }
        let moved = |target: &mut u32| *target = numbers[*target as usize];
        moved(&mut self.entry);
        for one in built {
            match one {
                Built::End | Built::Nothing(_) => {}
                Built::Test(mut test) => {
                    test.branches.for_each(moved);
                    self.tests.push(test);
                }
                Built::Step(mut step) => {
                    step.for_each_target(moved);
                    self.steps.push(step);
                }
            }
        }
    }

    fn set(&self, var: u32, value: Operand, next: u32, trap: u32) -> Step {
        match value {
            Operand::Constant(constant) => Step::SetConstant { var, constant, next },
            Operand::Field(field) => Step::SetField { var, field, next, trap },
            Operand::Behind(place, field) => match self.base(place) {
                Operand::Var(base) => Step::SetBehindVar { var, base, field, next, trap },
                _ => Step::Set { var, value, next, trap },
            },
            Operand::Computed(place) => match self.values.computed[place as usize] {
                Computed::Alu(Alu::Add, Operand::Field(field), Operand::Constant(constant)) => {
                    Step::SetSum { var, field, constant, next, trap }
                }
                Computed::Alu(Alu::Add, Operand::Var(other), Operand::Constant(constant)) => {
                    Step::SetSumVar { var, other, constant, next }
                }
                Computed::Alu(Alu::Add, Operand::Var(other), Operand::Behind(place, field)) => {
                    match self.base(place) {
                        Operand::Var(base) => {
                            Step::SetSumBehindVar { var, base, field, other, next, trap }
                        }
                        _ => Step::Set { var, value, next, trap },
                    }
                }
                _ => Step::Set { var, value, next, trap },
            },
            Operand::Var(_) => Step::Set { var, value, next, trap },
        }
    }

    /// Where an [`Operand::Behind`] begins.
    fn base(&self, place: u32) -> Operand {
        match self.values.computed[place as usize] {
            Computed::Place(base) => base,
            _ => Operand::Computed(place),
        }
    }

    /// A comparison, as a range where it is one of a variable part with a constant.
    fn compared(
        &self,
        compare: Compare,
        left: Operand,
        right: Operand,
        branches: Branches,
    ) -> Built {
        let plain = Built::Step(Step::Compare { compare, left, right, branches });
        let Operand::Constant(constant) = right else { return plain };
        let (range, branches) = match compare {
            Compare::Eq => (Range { low: constant, span: 0 }, branches),
            Compare::Ge => (Range { low: constant, span: u32::MAX - constant }, branches),
            Compare::Gt if constant < u32::MAX => {
                (Range { low: constant + 1, span: u32::MAX - constant - 1 }, branches)
            }
            Compare::Gt => return plain,
            // Whether none of these bits is set, and then the other way round.
            Compare::Set => (
                Range { low: 0, span: 0 },
                Branches { yes: branches.no, no: branches.yes, ..branches },
            ),
        };
        let test = |field: Field| {
            let narrowed = match compare {
                Compare::Set => field.then(Alu::And, constant),
                _ => Some(field),
            };
            narrowed.and_then(|field| FieldTest::new(field, range, branches))
        };
        match left {
            Operand::Field(field) => test(field).map_or(plain, Built::Test),
            Operand::Behind(place, field) => match (test(field), self.base(place)) {
                (Some(test), Operand::Var(var)) => Built::Step(Step::TestBehindVar { var, test }),
                (Some(test), Operand::Field(length)) => {
                    Built::Step(Step::TestBehindField { length, test })
                }
                _ => plain,
            },
            Operand::Var(var) if compare != Compare::Set => {
                Built::Step(Step::TestVar { var, range, yes: branches.yes, no: branches.no })
            }
            _ => plain,
        }
    }

    /// Takes a value apart; its operands come before it, and only once.
    fn operand(
        &mut self,
        flow: &Flow,
        taken_apart: &mut [Option<Operand>],
        id: ValueId,
    ) -> Operand {
        if let Some(operand) = taken_apart[id.0 as usize] {
            return operand;
        }
        let mut of = |id| self.operand(flow, taken_apart, id);
        let computed = match flow.get(id) {
            Value::Const(constant) => Err(Operand::Constant(constant)),
            Value::Var(var) => Err(Operand::Var(var.0)),
            Value::Load { width, base, displacement } => {
                let field = Field::new(width, displacement);
                match base.map(of) {
                    None => Err(Operand::Field(field)),
                    Some(base) => {
                        self.values.computed.push(Computed::Place(base));
                        Err(Operand::Behind(self.values.computed.len() as u32 - 1, field))
                    }
                }
            }
            Value::Meta(meta) => Ok(Computed::Meta(meta)),
            Value::Neg(value) => Ok(Computed::Neg(of(value))),
            Value::Alu(op, left, right) => {
                let (left, right) = (of(left), of(right));
                match (left, right) {
                    (Operand::Field(field), Operand::Constant(constant)) => {
                        field.then(op, constant).map(Operand::Field)
                    }
                    (Operand::Behind(base, field), Operand::Constant(constant)) => {
                        field.then(op, constant).map(|field| Operand::Behind(base, field))
                    }
                    _ => None,
                }
                .map_or(Ok(Computed::Alu(op, left, right)), Err)
            }
        };
        let operand = computed.map_or_else(
            |operand| operand,
            |computed| {
                self.values.computed.push(computed);
                Operand::Computed(self.values.computed.len() as u32 - 1)
            },
        );
        taken_apart[id.0 as usize] = Some(operand);
        operand
    }
}

/// One value against many constants.
fn switch(value: Operand, cases: &[(u32, BlockId)], default: BlockId, trap: u32) -> Step {
    let most = cases.last().map_or(0, |case| case.0);
    let default = default.0;
    match value {
        Operand::Var(var) if most <= MOST_IN_TABLE => {
            let mut targets = vec![default; most as usize + 1];
            cases.iter().for_each(|&(case, to)| targets[case as usize] = to.0);
            Step::Table { var, targets: targets.into(), default }
        }
        _ => {
            let cases: Box<[(u32, u32)]> = cases.iter().map(|&(case, to)| (case, to.0)).collect();
            match value {
                Operand::Var(var) if cases.len() <= FEW => Step::Few { var, cases, default },
                _ => match Cases::new(&cases, default) {
                    Some(cases) => Step::Many { value, cases, default, trap },
                    None => Step::Switch { value, cases, default, trap },
                },
            }
        }
    }
}

impl Step {
    fn for_each_target(&mut self, mut f: impl FnMut(&mut u32)) {
        match self {
            Self::Count { next, .. }
            | Self::SetConstant { next, .. }
            | Self::SetSumVar { next, .. } => f(next),
            Self::TestVar { yes, no, .. } => [yes, no].into_iter().for_each(f),
            Self::TestBehindVar { test, .. } | Self::TestBehindField { test, .. } => {
                test.branches.for_each(f);
            }
            Self::Compare { branches, .. } | Self::Chain { branches, .. } => branches.for_each(f),
            Self::Set { next, trap, .. }
            | Self::Store { next, trap, .. }
            | Self::SetField { next, trap, .. }
            | Self::SetBehindVar { next, trap, .. }
            | Self::SetSumBehindVar { next, trap, .. }
            | Self::SetSum { next, trap, .. } => [next, trap].into_iter().for_each(f),
            Self::Table { targets, default, .. } => {
                targets.iter_mut().for_each(&mut f);
                f(default);
            }
            Self::Many { cases, default, trap, .. } => {
                cases.for_each_target(&mut f);
                [default, trap].into_iter().for_each(f);
            }
            Self::Few { cases, default, .. } => {
                cases.iter_mut().for_each(|case| f(&mut case.1));
                f(default);
            }
            Self::Switch { cases, default, trap, .. } => {
                cases.iter_mut().for_each(|case| f(&mut case.1));
                [default, trap].into_iter().for_each(f);
            }
        }
    }
}
