//! All filters of a file at once in user space: the flow that the back ends get, with its
//! values taken apart so that what most filters test is one step each, with all that it needs
//! in it.
//!
//! [`eval`](crate::eval) says what a filter means, one filter and one value after the other;
//! this does what a program for the kernel does, over millions of frames.

mod build;
mod cases;
mod field;

use crate::eval::{Trap, alu, chain, constant_compare, known};
use crate::flow::{Chain, Left};
use crate::flow_hash::NO_FLOW;
use crate::ir::{Alu, Compare, Frame, Meta};
use crate::key::KEY_WORDS;

use cases::Cases;
use field::{Field, FieldTest, Range};

/// Filters made ready.
#[derive(Clone, Debug)]
pub struct Machine {
    /// A target is an index here, or behind the last one here an index of `steps`.
    tests: Vec<FieldTest>,
    steps: Vec<Step>,
    values: Values,
    /// A key for each filter.
    keys: Vec<[u32; KEY_WORDS]>,
    /// The hash of a connection for each filter.
    flows: Vec<u32>,
    entry: u32,
}

/// Values that take arithmetic, and variables.
#[derive(Clone, Debug)]
struct Values {
    computed: Vec<Computed>,
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
    /// A place in [`Values::computed`].
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

/// A block of the flow that does not test a fixed field. What walks over headers are made of has
/// steps of its own.
#[derive(Clone, Debug)]
enum Step {
    Count {
        rule: u32,
        next: u32,
    },
    /// What a filter leaves for a match.
    Store {
        rule: u32,
        what: Left,
        value: Operand,
        next: u32,
        trap: u32,
    },
    /// The question of most filters, of a field behind a variable.
    TestBehindVar {
        var: u32,
        test: FieldTest,
    },
    /// The same behind a field: the length of an IPv4 header, nearly always.
    TestBehindField {
        length: Field,
        test: FieldTest,
    },
    TestVar {
        var: u32,
        range: Range,
        yes: u32,
        no: u32,
    },
    Compare {
        compare: Compare,
        left: Operand,
        right: Operand,
        branches: Branches,
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
        branches: Branches,
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

/// Where a test leads.
#[derive(Clone, Copy, Debug)]
struct Branches {
    yes: u32,
    no: u32,
    trap: u32,
}

impl Machine {
    /// The words of the last frame's [`Key`](crate::Key), if this filter matched it and has one.
    pub fn key(&self, filter: usize) -> [u32; KEY_WORDS] {
        self.keys.get(filter).copied().unwrap_or_default()
    }

    /// The hash of the last frame's connection, if this filter matched it and was compiled to find it
    /// ([`Options::flows`](crate::Options::flows)); [`NO_FLOW`] where the frame belongs to none.
    pub fn flow(&self, filter: usize) -> u32 {
        self.flows.get(filter).copied().unwrap_or(NO_FLOW)
    }

    /// Calls `count` with the number of each filter that matches the frame.
    #[inline]
    pub fn run(&mut self, frame: &Frame<'_>, mut count: impl FnMut(usize)) {
        let Self { tests, steps, values, keys, flows, entry } = self;
        let tests = tests.as_slice();
        let mut at = *entry;
        loop {
            while let Some(test) = tests.get(at as usize) {
                // As a jump, which the processor foresees: picking one of two targets would
                // make it wait for the answer before it could begin with the next question.
                match test.passes(frame.bytes, 0) {
                    Ok(true) => at = test.branches.yes,
                    Ok(false) if test.branches.no == END => return,
                    Ok(false) => at = test.branches.no,
                    Err(Trap) => at = test.branches.trap,
                }
            }
            if at == END {
                return;
            }
            at = match &steps[at as usize - tests.len()] {
                Step::TestBehindVar { var, test } => {
                    match test.passes(frame.bytes, values.vars[*var as usize]) {
                        Ok(true) => test.branches.yes,
                        Ok(false) => test.branches.no,
                        Err(Trap) => test.branches.trap,
                    }
                }
                Step::TestBehindField { length, test } => {
                    let base = length.read(frame.bytes, 0);
                    match base.and_then(|base| test.passes(frame.bytes, base)) {
                        Ok(true) => test.branches.yes,
                        Ok(false) => test.branches.no,
                        Err(Trap) => test.branches.trap,
                    }
                }
                Step::TestVar { var, range, yes, no } => {
                    if range.has(values.vars[*var as usize]) {
                        *yes
                    } else {
                        *no
                    }
                }
                Step::Table { var, targets, default } => {
                    let target = targets.get(values.vars[*var as usize] as usize);
                    *target.unwrap_or(default)
                }
                Step::Few { var, cases, default } => {
                    let value = values.vars[*var as usize];
                    cases.iter().find(|case| case.0 == value).map_or(*default, |case| case.1)
                }
                Step::SetConstant { var, constant, next } => {
                    values.vars[*var as usize] = *constant;
                    *next
                }
                Step::SetField { var, field, next, trap } => {
                    values.set(*var, field.read(frame.bytes, 0), *next, *trap)
                }
                Step::SetBehindVar { var, base, field, next, trap } => {
                    let base = values.vars[*base as usize];
                    values.set(*var, field.read(frame.bytes, base), *next, *trap)
                }
                Step::SetSum { var, field, constant, next, trap } => {
                    let sum = field.read(frame.bytes, 0).map(|field| field.wrapping_add(*constant));
                    values.set(*var, sum, *next, *trap)
                }
                Step::SetSumBehindVar { var, base, field, other, next, trap } => {
                    let field = field.read(frame.bytes, values.vars[*base as usize]);
                    let other = values.vars[*other as usize];
                    values.set(*var, field.map(|field| field.wrapping_add(other)), *next, *trap)
                }
                Step::SetSumVar { var, other, constant, next } => {
                    let sum = values.vars[*other as usize].wrapping_add(*constant);
                    values.vars[*var as usize] = sum;
                    *next
                }
                Step::Set { var, value, next, trap } => {
                    let value = values.value(*value, frame);
                    values.set(*var, value, *next, *trap)
                }
                Step::Store { rule, what, value, next, trap } => {
                    match values.value(*value, frame) {
                        Ok(value) => {
                            match what {
                                Left::Key(word) => {
                                    keys[*rule as usize][usize::from(*word)] = value;
                                }
                                Left::Flow => flows[*rule as usize] = value,
                            }
                            *next
                        }
                        Err(Trap) => *trap,
                    }
                }
                Step::Count { rule, next } => {
                    count(*rule as usize);
                    *next
                }
                Step::Compare { compare, left, right, branches } => {
                    match (values.value(*left, frame), values.value(*right, frame)) {
                        (Ok(left), Ok(right)) => {
                            branches.taken(constant_compare(*compare, left, right))
                        }
                        _ => branches.trap,
                    }
                }
                Step::Chain { chain: Chain { kind, network, protocol, .. }, base, branches } => {
                    let walk = |base| chain(frame.bytes, *kind, base, *network, *protocol);
                    match values.value(*base, frame).and_then(walk) {
                        Ok(answer) => branches.taken(answer),
                        Err(Trap) => branches.trap,
                    }
                }
                Step::Many { value, cases, default, trap } => match values.value(*value, frame) {
                    Ok(value) => cases.find(value, *default),
                    Err(Trap) => *trap,
                },
                Step::Switch { value, cases, default, trap } => match values.value(*value, frame) {
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

impl Values {
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
        match self.computed[value as usize] {
            Computed::Place(value) => self.value(value, frame),
            Computed::Alu(op, left, right) => {
                alu(op, self.value(left, frame)?, self.value(right, frame)?)
            }
            Computed::Neg(value) => Ok(self.value(value, frame)?.wrapping_neg()),
            Computed::Meta(meta) => Ok(known(frame, meta)),
        }
    }
}

impl Branches {
    fn for_each(&mut self, f: impl FnMut(&mut u32)) {
        [&mut self.yes, &mut self.no, &mut self.trap].into_iter().for_each(f);
    }

    #[inline]
    fn taken(self, answer: bool) -> u32 {
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
            for (rule, graph) in graphs.iter().enumerate() {
                if let Some(key) = eval::key(graph, &frame) {
                    assert_eq!(machine.key(rule), key, "{what}, key of {rule}, on {bytes:02x?}");
                }
            }
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
