//! All filters of a file at once in user space: the flow that the back ends get, with its
//! values taken apart so that the questions that most filters ask are one step each.
//!
//! [`eval`](crate::eval) says what a filter means, one filter and one value after the other;
//! this does what a program for the kernel does, over millions of frames.

use crate::eval::{Trap, alu, chain, constant_compare, known, load};
use crate::flow::{Action, Chain, Flow};
use crate::ir::{Alu, Compare, Frame, Graph, Meta, Value, ValueId, Width};
use crate::passes::{self, View};

/// Filters made ready.
#[derive(Clone, Debug)]
pub struct Machine {
    steps: Vec<Step>,
    values: Vec<Computed>,
    /// By their numbers. Every flow sets a variable before it reads it.
    vars: Vec<u32>,
    entry: u32,
}

/// A value, those that take no arithmetic in full.
#[derive(Clone, Copy, Debug)]
enum Operand {
    Constant(u32),
    Var(u32),
    Field(Field),
    /// The field, counted from the place that the value of this number says.
    Behind(u32, Field),
    /// A place in [`Machine::values`].
    Computed(u32),
}

/// Bits of the frame: those of the mask out of a load's, moved to the left.
#[derive(Clone, Copy, Debug)]
struct Field {
    width: Width,
    at: u32,
    /// What is beside the field, where four bytes are read in its place.
    right: u8,
    mask: u32,
    left: u8,
}

/// A value of other values.
#[derive(Clone, Copy, Debug)]
enum Computed {
    Alu(Alu, Operand, Operand),
    Neg(Operand),
    Meta(Meta),
    /// Where an [`Operand::Behind`] begins.
    Place(Operand),
}

/// A block of the flow. Targets are numbers of steps.
#[derive(Clone, Debug)]
enum Step {
    End,
    Count {
        rule: u32,
        next: u32,
    },
    /// What most filters ask: whether a field lies in a range.
    Ask {
        field: Field,
        range: Range,
        ways: Ways,
    },
    /// The same of a field behind a variable number of bytes.
    AskBehind {
        value: u32,
        field: Field,
        range: Range,
        ways: Ways,
    },
    AskVar {
        var: u32,
        range: Range,
        yes: u32,
        no: u32,
    },
    Compare {
        compare: Compare,
        left: Operand,
        right: Operand,
        ways: Ways,
    },
    Set {
        var: u32,
        value: Operand,
        next: u32,
        trap: u32,
    },
    Chain {
        chain: Chain,
        base: Operand,
        ways: Ways,
    },
    Switch {
        value: Operand,
        cases: Box<[(u32, u32)]>,
        default: u32,
        trap: u32,
    },
}

/// A comparison with a constant, whatever the comparison: so many numbers from the lowest on.
#[derive(Clone, Copy, Debug)]
struct Range {
    low: u32,
    span: u32,
}

/// Where a question leads.
#[derive(Clone, Copy, Debug)]
struct Ways {
    yes: u32,
    no: u32,
    trap: u32,
}

impl Machine {
    /// For these filters, numbered in their order.
    pub fn new(graphs: &[&Graph]) -> Self {
        let flow = passes::run(passes::rules(graphs), View::Same);
        let mut machine = Self {
            steps: Vec::with_capacity(flow.blocks().len()),
            values: Vec::new(),
            vars: vec![0; flow.vars() as usize],
            entry: flow.entry().0,
        };
        let mut taken_apart = vec![None; flow.values.len()];
        for block in flow.blocks() {
            let mut operand = |id| machine.operand(&flow, &mut taken_apart, id);
            let trap = block.trap.0;
            let step = match block.action {
                Action::End => Step::End,
                Action::Count { rule, next } => Step::Count { rule, next: next.0 },
                // Nothing is held here that had to start afresh.
                Action::Boundary { next } => {
                    let ways = Ways { yes: next.0, no: next.0, trap };
                    let (left, right) = (Operand::Constant(0), Operand::Constant(0));
                    Step::Compare { compare: Compare::Eq, left, right, ways }
                }
                Action::Set { var, value, next } => {
                    Step::Set { var: var.0, value: operand(value), next: next.0, trap }
                }
                Action::Compare { compare, left, right, yes, no } => {
                    let ways = Ways { yes: yes.0, no: no.0, trap };
                    compared(compare, operand(left), operand(right), ways)
                }
                Action::Chain(chain, yes, no) => {
                    let base = chain.network_base.map_or(Operand::Constant(0), &mut operand);
                    Step::Chain { chain, base, ways: Ways { yes: yes.0, no: no.0, trap } }
                }
                Action::Switch { value, ref cases, default } => Step::Switch {
                    value: operand(value),
                    cases: cases.iter().map(|&(case, to)| (case, to.0)).collect(),
                    default: default.0,
                    trap,
                },
            };
            machine.steps.push(step);
        }
        machine
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
                        self.values.push(Computed::Place(base));
                        Err(Operand::Behind(self.values.len() as u32 - 1, field))
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
                self.values.push(computed);
                Operand::Computed(self.values.len() as u32 - 1)
            },
        );
        taken_apart[id.0 as usize] = Some(operand);
        operand
    }

    /// Calls `count` with the number of each filter that matches the frame.
    #[inline]
    pub fn run(&mut self, frame: &Frame<'_>, mut count: impl FnMut(usize)) {
        let mut at = self.entry;
        loop {
            let step = &self.steps[at as usize];
            // By itself: for the others the processor has to guess one of many jumps.
            if let Step::Ask { field, range, ways } = step {
                at = match field.read(frame.bytes, 0) {
                    Ok(value) => ways.of(range.has(value)),
                    Err(Trap) => ways.trap,
                };
                continue;
            }
            at = match step {
                Step::Ask { .. } | Step::End => return,
                Step::AskBehind { value, field, range, ways } => {
                    let base = self.compute(*value, frame);
                    match base.and_then(|base| field.read(frame.bytes, base)) {
                        Ok(value) => ways.of(range.has(value)),
                        Err(Trap) => ways.trap,
                    }
                }
                Step::AskVar { var, range, yes, no } => {
                    if range.has(self.vars[*var as usize]) {
                        *yes
                    } else {
                        *no
                    }
                }
                Step::Count { rule, next } => {
                    count(*rule as usize);
                    *next
                }
                Step::Compare { compare, left, right, ways } => {
                    match (self.value(*left, frame), self.value(*right, frame)) {
                        (Ok(left), Ok(right)) => ways.of(constant_compare(*compare, left, right)),
                        _ => ways.trap,
                    }
                }
                Step::Set { var, value, next, trap } => match self.value(*value, frame) {
                    Ok(value) => {
                        self.vars[*var as usize] = value;
                        *next
                    }
                    Err(Trap) => *trap,
                },
                Step::Chain { chain: Chain { kind, network, protocol, .. }, base, ways } => {
                    let walk = |base| chain(frame.bytes, *kind, base, *network, *protocol);
                    match self.value(*base, frame).and_then(walk) {
                        Ok(answer) => ways.of(answer),
                        Err(Trap) => ways.trap,
                    }
                }
                Step::Switch { value, cases, default, trap } => match self.value(*value, frame) {
                    Ok(value) => match cases.binary_search_by_key(&value, |case| case.0) {
                        Ok(found) => cases[found].1,
                        Err(_) => *default,
                    },
                    Err(Trap) => *trap,
                },
            };
        }
    }

    #[inline]
    fn value(&self, operand: Operand, frame: &Frame<'_>) -> Result<u32, Trap> {
        match operand {
            Operand::Constant(constant) => Ok(constant),
            Operand::Var(var) => Ok(self.vars[var as usize]),
            Operand::Field(field) => field.read(frame.bytes, 0),
            Operand::Behind(base, field) => field.read(frame.bytes, self.compute(base, frame)?),
            Operand::Computed(value) => self.compute(value, frame),
        }
    }

    /// A value of other values, which have smaller numbers.
    fn compute(&self, value: u32, frame: &Frame<'_>) -> Result<u32, Trap> {
        match self.values[value as usize] {
            Computed::Place(Operand::Var(var)) => Ok(self.vars[var as usize]),
            Computed::Place(Operand::Field(field)) => field.read(frame.bytes, 0),
            Computed::Place(value) => self.value(value, frame),
            Computed::Alu(op, left, right) => {
                alu(op, self.value(left, frame)?, self.value(right, frame)?)
            }
            Computed::Neg(value) => Ok(self.value(value, frame)?.wrapping_neg()),
            Computed::Meta(meta) => Ok(known(frame, meta)),
        }
    }
}

/// A comparison, as a range where it is one of a variable part with a constant.
fn compared(compare: Compare, left: Operand, right: Operand, ways: Ways) -> Step {
    let Operand::Constant(constant) = right else {
        return Step::Compare { compare, left, right, ways };
    };
    let plain = Step::Compare { compare, left, right, ways };
    let (range, ways) = match compare {
        Compare::Eq => (Range { low: constant, span: 0 }, ways),
        Compare::Ge => (Range { low: constant, span: u32::MAX - constant }, ways),
        Compare::Gt if constant < u32::MAX => {
            (Range { low: constant + 1, span: u32::MAX - constant - 1 }, ways)
        }
        // No bit of them: the other way round. Where the mask can be narrowed, see below.
        Compare::Set => {
            (Range { low: 0, span: 0 }, Ways { yes: ways.no, no: ways.yes, trap: ways.trap })
        }
        Compare::Gt => return plain,
    };
    let narrowed = |field: Field| match compare {
        Compare::Set => field.then(Alu::And, constant),
        _ => Some(field),
    };
    match left {
        Operand::Field(field) => {
            narrowed(field).map_or(plain, |field| Step::Ask { field, range, ways })
        }
        Operand::Behind(value, field) => {
            narrowed(field).map_or(plain, |field| Step::AskBehind { value, field, range, ways })
        }
        Operand::Var(var) if compare != Compare::Set => {
            Step::AskVar { var, range, yes: ways.yes, no: ways.no }
        }
        _ => plain,
    }
}

impl Field {
    fn new(width: Width, at: u32) -> Self {
        let right = (32 - 8 * width.bytes()) as u8;
        Self { width, at, right, mask: u32::MAX, left: 0 }
    }

    /// What arithmetic with a constant makes of it, where that is a field again.
    fn then(self, op: Alu, constant: u32) -> Option<Self> {
        match op {
            Alu::And if self.left == 0 => Some(Self { mask: self.mask & constant, ..self }),
            Alu::Shl if self.left == 0 && constant < 32 => {
                Some(Self { left: constant as u8, ..self })
            }
            _ => None,
        }
    }

    #[inline]
    fn read(self, frame: &[u8], base: u32) -> Result<u32, Trap> {
        let start = base as usize + self.at as usize;
        let bytes = match frame.get(start..).and_then(|bytes| bytes.first_chunk()) {
            // Four bytes are there nearly always.
            Some(&word) => u32::from_be_bytes(word) >> self.right,
            None => load(frame, self.width, base, self.at)?,
        };
        Ok((bytes & self.mask) << self.left)
    }
}

impl Range {
    #[inline]
    fn has(self, value: u32) -> bool {
        value.wrapping_sub(self.low) <= self.span
    }
}

impl Ways {
    #[inline]
    fn of(self, answer: bool) -> u32 {
        if answer { self.yes } else { self.no }
    }
}

#[cfg(test)]
mod tests {
    use super::Machine;
    use crate::eval;
    use crate::ir::{Frame, Graph, LinkType, VlanTag};

    use crate::passes::tests::{WALKERS, frames::pool, random, random::Random};

    fn agree(graphs: &[&Graph], frames: &[Vec<u8>], what: &str) {
        let mut machine = Machine::new(graphs);
        for bytes in frames {
            let vlan = Some(VlanTag { tpid: 0x8100, tci: 0x2005 });
            let wire_len = bytes.len() as u32 + 10;
            let frame = Frame { bytes, wire_len, vlan, outbound: Some(true) };
            let mut counted = Vec::new();
            machine.run(&frame, |rule| counted.push(rule));
            counted.sort_unstable();
            let matching = |&rule: &usize| eval::matches(graphs[rule], &frame);
            let expected: Vec<usize> = (0..graphs.len()).filter(matching).collect();
            assert_eq!(counted, expected, "{what}, on {bytes:02x?}");
        }
    }

    #[test]
    fn any_graphs_mean_what_the_evaluator_says() {
        for seed in 0..300 {
            let mut random = Random(seed);
            let graphs: Vec<Graph> = (0..5).map(|_| random::graph(&mut random, 12)).collect();
            let frames: Vec<_> = (0..40).map(|_| random::frame(&mut random, 120)).collect();
            let graphs: Vec<&Graph> = graphs.iter().collect();
            agree(&graphs, &frames, &format!("seed {seed}"));
            agree(&graphs[..1], &frames, &format!("seed {seed}, the first alone"));
        }
    }

    #[test]
    fn filters_mean_what_the_evaluator_says() {
        let compile = |text: &&str| crate::compile(text, &crate::Options::default()).expect(text);
        let more = ["", "ip6 protochain 6", "ip protochain 17", "len > 80", "-len & 3 = 1"];
        let filters: Vec<_> = WALKERS.iter().chain(&more).map(compile).collect();
        let graphs: Vec<&Graph> = filters.iter().map(|filter| filter.graph()).collect();
        let frames = pool(LinkType::Ethernet, 11, 3000);
        agree(&graphs, &frames, "together");
        for (graph, filter) in graphs.iter().zip(&filters) {
            agree(&[graph], &frames, filter.text());
        }
    }
}
