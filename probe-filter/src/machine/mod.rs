//! All filters of a file at once in user space: the flow that the back ends get, with its
//! values taken apart so that what most filters ask is one step each, with all that it needs
//! in it.
//!
//! [`eval`](crate::eval) says what a filter means, one filter and one value after the other;
//! this does what a program for the kernel does, over millions of frames.

mod build;
mod cases;
mod field;

use crate::eval::{Trap, alu, chain, constant_compare, known};
use crate::flow::Chain;
use crate::ir::{Alu, Compare, Frame, Meta};

use cases::Cases;
use field::{Ask, Field, Range};

/// Filters made ready.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Targets are numbers of these, and behind them of the other steps.
    asks: Vec<Ask>,
    steps: Vec<Step>,
    reckoner: Reckoner,
    entry: u32,
}

/// What values are made of, beside the frame.
#[derive(Clone, Debug)]
struct Reckoner {
    values: Vec<Computed>,
    /// By their numbers. Every flow sets a variable before it reads it.
    vars: Vec<u32>,
}

/// A value, those that take no arithmetic in full.
#[derive(Clone, Copy, Debug)]
enum Operand {
    Constant(u32),
    Var(u32),
    Field(Field),
    /// The field, counted from the place that the value of this number says.
    Behind(u32, Field),
    /// A place in [`Reckoner::values`].
    Computed(u32),
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

/// Where all filters are done: no step.
const END: u32 = u32::MAX;

/// A block of the flow that asks no fixed field. What walks over headers are made of has
/// steps of its own.
#[derive(Clone, Debug)]
enum Step {
    Count {
        rule: u32,
        next: u32,
    },
    /// The question of most filters, of a field behind a variable.
    AskBehindVar {
        var: u32,
        ask: Ask,
    },
    /// The same behind a field: the length of an IPv4 header, nearly always.
    AskBehindField {
        length: Field,
        ask: Ask,
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
    SetConstant {
        var: u32,
        constant: u32,
        next: u32,
    },
    SetField {
        var: u32,
        field: Field,
        next: u32,
        trap: u32,
    },
    SetBehindVar {
        var: u32,
        base: u32,
        field: Field,
        next: u32,
        trap: u32,
    },
    /// The sum of a field and a constant.
    SetSum {
        var: u32,
        field: Field,
        constant: u32,
        next: u32,
        trap: u32,
    },
    /// The same of a field behind a variable and a variable.
    SetSumBehindVar {
        var: u32,
        base: u32,
        field: Field,
        other: u32,
        next: u32,
        trap: u32,
    },
    /// The sum of a variable and a constant.
    SetSumVar {
        var: u32,
        other: u32,
        constant: u32,
        next: u32,
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
    /// A variable's value as an index; larger ones have none.
    Table {
        var: u32,
        targets: Box<[u32]>,
        default: u32,
    },
    Many {
        value: Operand,
        cases: Cases,
        default: u32,
        trap: u32,
    },
    /// Few cases, looked at in turn.
    Few {
        var: u32,
        cases: Box<[(u32, u32)]>,
        default: u32,
    },
    Switch {
        value: Operand,
        cases: Box<[(u32, u32)]>,
        default: u32,
        trap: u32,
    },
}

/// Where a question leads.
#[derive(Clone, Copy, Debug)]
struct Ways {
    yes: u32,
    no: u32,
    trap: u32,
}

impl Machine {
    /// Calls `count` with the number of each filter that matches the frame.
    #[inline]
    pub fn run(&mut self, frame: &Frame<'_>, mut count: impl FnMut(usize)) {
        let Self { asks, steps, reckoner, entry } = self;
        let asks = asks.as_slice();
        let mut at = *entry;
        loop {
            while let Some(ask) = asks.get(at as usize) {
                // As a jump, which the processor foresees: picking one of two targets would
                // make it wait for the answer before it could begin with the next question.
                match ask.answer(frame.bytes, 0) {
                    Ok(true) => at = ask.ways.yes,
                    Ok(false) if ask.ways.no == END => return,
                    Ok(false) => at = ask.ways.no,
                    Err(Trap) => at = ask.ways.trap,
                }
            }
            if at == END {
                return;
            }
            at = match &steps[at as usize - asks.len()] {
                Step::AskBehindVar { var, ask } => {
                    match ask.answer(frame.bytes, reckoner.vars[*var as usize]) {
                        Ok(true) => ask.ways.yes,
                        Ok(false) => ask.ways.no,
                        Err(Trap) => ask.ways.trap,
                    }
                }
                Step::AskBehindField { length, ask } => {
                    let base = length.read(frame.bytes, 0);
                    match base.and_then(|base| ask.answer(frame.bytes, base)) {
                        Ok(true) => ask.ways.yes,
                        Ok(false) => ask.ways.no,
                        Err(Trap) => ask.ways.trap,
                    }
                }
                Step::AskVar { var, range, yes, no } => {
                    if range.has(reckoner.vars[*var as usize]) {
                        *yes
                    } else {
                        *no
                    }
                }
                Step::Table { var, targets, default } => {
                    let target = targets.get(reckoner.vars[*var as usize] as usize);
                    *target.unwrap_or(default)
                }
                Step::Few { var, cases, default } => {
                    let value = reckoner.vars[*var as usize];
                    cases.iter().find(|case| case.0 == value).map_or(*default, |case| case.1)
                }
                Step::SetConstant { var, constant, next } => {
                    reckoner.vars[*var as usize] = *constant;
                    *next
                }
                Step::SetField { var, field, next, trap } => {
                    reckoner.set(*var, field.read(frame.bytes, 0), *next, *trap)
                }
                Step::SetBehindVar { var, base, field, next, trap } => {
                    let base = reckoner.vars[*base as usize];
                    reckoner.set(*var, field.read(frame.bytes, base), *next, *trap)
                }
                Step::SetSum { var, field, constant, next, trap } => {
                    let sum = field.read(frame.bytes, 0).map(|field| field.wrapping_add(*constant));
                    reckoner.set(*var, sum, *next, *trap)
                }
                Step::SetSumBehindVar { var, base, field, other, next, trap } => {
                    let field = field.read(frame.bytes, reckoner.vars[*base as usize]);
                    let other = reckoner.vars[*other as usize];
                    reckoner.set(*var, field.map(|field| field.wrapping_add(other)), *next, *trap)
                }
                Step::SetSumVar { var, other, constant, next } => {
                    let sum = reckoner.vars[*other as usize].wrapping_add(*constant);
                    reckoner.vars[*var as usize] = sum;
                    *next
                }
                Step::Set { var, value, next, trap } => {
                    let value = reckoner.value(*value, frame);
                    reckoner.set(*var, value, *next, *trap)
                }
                Step::Count { rule, next } => {
                    count(*rule as usize);
                    *next
                }
                Step::Compare { compare, left, right, ways } => {
                    match (reckoner.value(*left, frame), reckoner.value(*right, frame)) {
                        (Ok(left), Ok(right)) => ways.of(constant_compare(*compare, left, right)),
                        _ => ways.trap,
                    }
                }
                Step::Chain { chain: Chain { kind, network, protocol, .. }, base, ways } => {
                    let walk = |base| chain(frame.bytes, *kind, base, *network, *protocol);
                    match reckoner.value(*base, frame).and_then(walk) {
                        Ok(answer) => ways.of(answer),
                        Err(Trap) => ways.trap,
                    }
                }
                Step::Many { value, cases, default, trap } => match reckoner.value(*value, frame) {
                    Ok(value) => cases.find(value, *default),
                    Err(Trap) => *trap,
                },
                Step::Switch { value, cases, default, trap } => match reckoner.value(*value, frame)
                {
                    Ok(value) => match cases.binary_search_by_key(&value, |case| case.0) {
                        Ok(found) => cases[found].1,
                        Err(_) => *default,
                    },
                    Err(Trap) => *trap,
                },
            };
        }
    }
}

impl Reckoner {
    /// Sets a variable, and says where that leads.
    #[inline(always)]
    fn set(&mut self, var: u32, value: Result<u32, Trap>, next: u32, trap: u32) -> u32 {
        match value {
            Ok(value) => {
                self.vars[var as usize] = value;
                next
            }
            Err(Trap) => trap,
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
            Computed::Place(value) => self.value(value, frame),
            Computed::Alu(op, left, right) => {
                alu(op, self.value(left, frame)?, self.value(right, frame)?)
            }
            Computed::Neg(value) => Ok(self.value(value, frame)?.wrapping_neg()),
            Computed::Meta(meta) => Ok(known(frame, meta)),
        }
    }
}

impl Ways {
    fn for_each(&mut self, f: impl FnMut(&mut u32)) {
        [&mut self.yes, &mut self.no, &mut self.trap].into_iter().for_each(f);
    }

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

    use crate::passes::tests::WALKERS;
    use crate::testing::frames::pool;
    use crate::testing::random::{self, Random};

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
