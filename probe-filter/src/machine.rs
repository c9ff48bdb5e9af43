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

/// What most filters ask: whether a field at a fixed place lies in a range. Four bytes are
/// read there, whatever its width; mask and range are those of these four.
#[derive(Clone, Copy, Debug)]
struct Ask {
    at: u32,
    mask: u32,
    range: Range,
    ways: Ways,
    /// Where four bytes are too many.
    width: Width,
}

/// Where all filters are done: no step.
const END: u32 = u32::MAX;

/// A block of the flow.
#[derive(Clone, Debug)]
enum Step {
    Count {
        rule: u32,
        next: u32,
    },
    /// The question of most filters of a field behind others.
    AskBehind {
        base: Operand,
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

/// A block on its way to one of the two lists, or to none.
enum Built {
    End,
    Ask(Ask),
    Step(Step),
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
            asks: Vec::new(),
            steps: Vec::new(),
            reckoner: Reckoner { values: Vec::new(), vars: vec![0; flow.vars() as usize] },
            entry: flow.entry().0,
        };
        let mut taken_apart = vec![None; flow.values.len()];
        let mut built = Vec::with_capacity(flow.blocks().len());
        for block in flow.blocks() {
            let mut operand = |id| machine.operand(&flow, &mut taken_apart, id);
            let trap = block.trap.0;
            let step = match block.action {
                Action::End => {
                    built.push(Built::End);
                    continue;
                }
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
                    let (left, right) = (operand(left), operand(right));
                    built.push(machine.compared(compare, left, right, ways));
                    continue;
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
            built.push(Built::Step(step));
        }
        machine.take(built);
        machine
    }

    /// Takes the blocks, and gives their targets the numbers that they have here.
    fn take(&mut self, built: Vec<Built>) {
        let asks = built.iter().filter(|one| matches!(one, Built::Ask(_))).count() as u32;
        let (mut next_ask, mut next_step) = (0, asks);
        let number = |one: &Built| {
            let next = match one {
                Built::End => return END,
                Built::Ask(_) => &mut next_ask,
                Built::Step(_) => &mut next_step,
            };
            *next += 1;
            *next - 1
        };
        let numbers: Vec<u32> = built.iter().map(number).collect();
        let moved = |target: &mut u32| *target = numbers[*target as usize];
        moved(&mut self.entry);
        for one in built {
            match one {
                Built::End => {}
                Built::Ask(mut ask) => {
                    ask.ways.for_each(moved);
                    self.asks.push(ask);
                }
                Built::Step(mut step) => {
                    step.for_each_target(moved);
                    self.steps.push(step);
                }
            }
        }
    }

    /// A comparison, as a range where it is one of a variable part with a constant.
    fn compared(&self, compare: Compare, left: Operand, right: Operand, ways: Ways) -> Built {
        let plain = Built::Step(Step::Compare { compare, left, right, ways });
        let Operand::Constant(constant) = right else { return plain };
        let (range, ways) = match compare {
            Compare::Eq => (Range { low: constant, span: 0 }, ways),
            Compare::Ge => (Range { low: constant, span: u32::MAX - constant }, ways),
            Compare::Gt if constant < u32::MAX => {
                (Range { low: constant + 1, span: u32::MAX - constant - 1 }, ways)
            }
            Compare::Gt => return plain,
            // Whether none of these bits is set, and then the other way round.
            Compare::Set => {
                (Range { low: 0, span: 0 }, Ways { yes: ways.no, no: ways.yes, ..ways })
            }
        };
        let narrowed = |field: Field| match compare {
            Compare::Set => field.then(Alu::And, constant),
            _ => Some(field),
        };
        match left {
            Operand::Field(field) => narrowed(field)
                .and_then(|field| Ask::new(field, range, ways))
                .map_or(plain, Built::Ask),
            Operand::Behind(place, field) => {
                let base = match self.reckoner.values[place as usize] {
                    Computed::Place(base) => base,
                    _ => Operand::Computed(place),
                };
                let step = |field| Built::Step(Step::AskBehind { base, field, range, ways });
                narrowed(field).map_or(plain, step)
            }
            Operand::Var(var) if compare != Compare::Set => {
                Built::Step(Step::AskVar { var, range, yes: ways.yes, no: ways.no })
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
                        self.reckoner.values.push(Computed::Place(base));
                        Err(Operand::Behind(self.reckoner.values.len() as u32 - 1, field))
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
                self.reckoner.values.push(computed);
                Operand::Computed(self.reckoner.values.len() as u32 - 1)
            },
        );
        taken_apart[id.0 as usize] = Some(operand);
        operand
    }

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
                match ask.answer(frame.bytes) {
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
                Step::AskBehind { base, field, range, ways } => {
                    let base = match *base {
                        // The length of an IPv4 header, nearly always.
                        Operand::Field(length) => length.read(frame.bytes, 0),
                        base => reckoner.value(base, frame),
                    };
                    match base.and_then(|base| field.read(frame.bytes, base)) {
                        Ok(value) => ways.of(range.has(value)),
                        Err(Trap) => ways.trap,
                    }
                }
                Step::AskVar { var, range, yes, no } => {
                    if range.has(reckoner.vars[*var as usize]) {
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
                    match (reckoner.value(*left, frame), reckoner.value(*right, frame)) {
                        (Ok(left), Ok(right)) => ways.of(constant_compare(*compare, left, right)),
                        _ => ways.trap,
                    }
                }
                Step::Set { var, value, next, trap } => match reckoner.value(*value, frame) {
                    Ok(value) => {
                        reckoner.vars[*var as usize] = value;
                        *next
                    }
                    Err(Trap) => *trap,
                },
                Step::Chain { chain: Chain { kind, network, protocol, .. }, base, ways } => {
                    let walk = |base| chain(frame.bytes, *kind, base, *network, *protocol);
                    match reckoner.value(*base, frame).and_then(walk) {
                        Ok(answer) => ways.of(answer),
                        Err(Trap) => ways.trap,
                    }
                }
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

impl Ask {
    /// None where the field is moved to the left.
    fn new(field: Field, range: Range, ways: Ways) -> Option<Self> {
        let Field { width, at, right, mask, left: 0 } = field else { return None };
        let most = u32::MAX >> right;
        let mask = (mask & most) << right;
        let range = match most.checked_sub(range.low) {
            Some(left) => Range { low: range.low << right, span: range.span.min(left) << right },
            // No value of this width gets there, and nothing is no 1.
            None => {
                return Some(Self { at, mask: 0, range: Range { low: 1, span: 0 }, ways, width });
            }
        };
        Some(Self { at, mask, range, ways, width })
    }

    #[inline]
    fn answer(&self, frame: &[u8]) -> Result<bool, Trap> {
        let start = self.at as usize;
        let word = match frame.get(start..start + 4).and_then(|bytes| bytes.first_chunk()) {
            Some(&word) => u32::from_be_bytes(word),
            None => self.load_less(frame)?,
        };
        Ok(self.range.has(word & self.mask))
    }

    /// The field alone, where the frame ends behind it.
    #[cold]
    fn load_less(&self, frame: &[u8]) -> Result<u32, Trap> {
        Ok(load(frame, self.width, 0, self.at)? << (32 - 8 * self.width.bytes()))
    }
}

impl Step {
    fn for_each_target(&mut self, mut f: impl FnMut(&mut u32)) {
        match self {
            Self::Count { next, .. } => f(next),
            Self::AskVar { yes, no, .. } => [yes, no].into_iter().for_each(f),
            Self::AskBehind { ways, .. }
            | Self::Compare { ways, .. }
            | Self::Chain { ways, .. } => ways.for_each(f),
            Self::Set { next, trap, .. } => [next, trap].into_iter().for_each(f),
            Self::Switch { cases, default, trap, .. } => {
                cases.iter_mut().for_each(|case| f(&mut case.1));
                [default, trap].into_iter().for_each(f);
            }
        }
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
