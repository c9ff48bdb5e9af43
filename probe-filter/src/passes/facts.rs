//! What is known on a path: answers to tests, and how far loads have reached.

use crate::eval::{constant_alu, constant_compare};
use crate::flow::Values;
use crate::ir::{Alu, Compare, Value, ValueId};

/// Facts kept at most: the oldest are forgotten first. Bounds the time that a long
/// chain of alternatives takes.
const MAX_FACTS: usize = 48;
/// Of what one value is not, this much is kept: a thousand ports that it is not would
/// push out which protocol it is.
const MAX_UNEQUAL: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Answer {
    compare: Compare,
    left: ValueId,
    right: ValueId,
    yes: bool,
}

impl Answer {
    fn is_unequal(&self) -> bool {
        self.compare == Compare::Eq && !self.yes
    }
}

/// What is known on a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    answers: Vec<Answer>,
    /// For each base: that many bytes from there on are in the frame.
    reached: Vec<(Option<ValueId>, u64)>,
}

impl Facts {
    /// Notes the answer to a comparison.
    pub(crate) fn learn(&mut self, compare: Compare, left: ValueId, right: ValueId, yes: bool) {
        let answer = Answer { compare, left, right, yes };
        if self.answers.contains(&answer) {
            return;
        }
        let unequal = |known: &Answer| known.left == left && known.is_unequal();
        if answer.is_unequal()
            && self.answers.iter().filter(|known| unequal(known)).count() == MAX_UNEQUAL
            && let Some(oldest) = self.answers.iter().position(unequal)
        {
            self.answers.remove(oldest);
        }
        if self.answers.len() == MAX_FACTS {
            self.answers.remove(0);
        }
        self.answers.push(answer);
    }

    /// Notes that a value was computed without a trap.
    pub(crate) fn computed(&mut self, values: &Values, id: ValueId) {
        if !values.may_trap(id) {
            return;
        }
        let value = values.get(id);
        value.map(|operand| {
            self.computed(values, operand);
            operand
        });
        let Value::Load { width, base, displacement } = value else { return };
        let end = u64::from(displacement) + u64::from(width.bytes());
        match self.reached.iter_mut().find(|reached| reached.0 == base) {
            Some(reached) => reached.1 = reached.1.max(end),
            None => {
                if self.reached.len() == MAX_FACTS {
                    self.reached.remove(0);
                }
                self.reached.push((base, end));
            }
        }
    }

    /// Forgets what depends on variables.
    pub(crate) fn forget(&mut self, values: &Values, vars: u64) {
        self.answers.retain(|answer| {
            !values.depends(answer.left, vars) && !values.depends(answer.right, vars)
        });
        self.reached.retain(|reached| !reached.0.is_some_and(|base| values.depends(base, vars)));
    }

    /// Keeps what both paths know.
    pub(crate) fn meet(&mut self, other: &Self) {
        self.answers.retain(|answer| other.answers.contains(answer));
        self.reached.retain_mut(|(base, end)| {
            let other = other.reached.iter().find(|reached| reached.0 == *base);
            other.is_some_and(|other| {
                *end = (*end).min(other.1);
                true
            })
        });
    }

    /// Whether computing a value is known not to trap here.
    pub(crate) fn safe(&self, values: &Values, id: ValueId) -> bool {
        if !values.may_trap(id) {
            return true;
        }
        let value = values.get(id);
        let mut safe = true;
        value.map(|operand| {
            safe = safe && self.safe(values, operand);
            operand
        });
        safe && match value {
            Value::Load { width, base, displacement } => {
                let end = u64::from(displacement) + u64::from(width.bytes());
                self.reached.iter().any(|reached| reached.0 == base && reached.1 >= end)
            }
            Value::Alu(Alu::Div | Alu::Mod, _, right) => {
                self.constant(values, right).is_some_and(|divisor| divisor != 0)
            }
            _ => true,
        }
    }

    /// The constant that a value is known to be here.
    pub(crate) fn constant(&self, values: &Values, id: ValueId) -> Option<u32> {
        let known = self
            .answers
            .iter()
            .find(|answer| answer.compare == Compare::Eq && answer.left == id && answer.yes);
        if let Some(constant) = known.and_then(|answer| values.constant(answer.right)) {
            return Some(constant);
        }
        match values.get(id) {
            Value::Const(constant) => Some(constant),
            Value::Neg(operand) => self.constant(values, operand).map(u32::wrapping_neg),
            Value::Alu(op, left, right) => {
                let right = self.constant(values, right)?;
                constant_alu(op, self.constant(values, left)?, right)
            }
            Value::Load { .. } | Value::Meta(_) | Value::Var(_) => None,
        }
    }

    /// The answer to a comparison, if it follows from what is known.
    pub(crate) fn answer(
        &self,
        values: &Values,
        compare: Compare,
        left: ValueId,
        right: ValueId,
    ) -> Option<bool> {
        let asked =
            |known: &&Answer| (known.compare, known.left, known.right) == (compare, left, right);
        if let Some(known) = self.answers.iter().find(asked) {
            return Some(known.yes);
        }
        let constant = self.constant(values, right)?;
        if let Some(left) = self.constant(values, left) {
            return Some(constant_compare(compare, left, constant));
        }
        let (mut low, mut high, mut clear, mut some) = (0u32, values.limit(left), 0u32, Vec::new());
        for known in self.answers.iter().filter(|known| known.left == left) {
            let Some(bound) = values.constant(known.right) else { continue };
            match (known.compare, known.yes) {
                (Compare::Gt, true) => low = low.max(bound.saturating_add(1)),
                (Compare::Ge, true) => low = low.max(bound),
                (Compare::Gt, false) => high = high.min(bound),
                (Compare::Ge, false) => high = high.min(bound.saturating_sub(1)),
                (Compare::Set, true) => some.push(bound),
                (Compare::Set, false) => clear |= bound,
                (Compare::Eq, _) => {}
            }
        }
        match compare {
            Compare::Eq => {
                (constant < low || constant > high || constant & clear != 0).then_some(false)
            }
            Compare::Gt if low > constant => Some(true),
            Compare::Gt => (high <= constant).then_some(false),
            Compare::Ge if low >= constant => Some(true),
            Compare::Ge => (high < constant).then_some(false),
            Compare::Set if constant & !clear == 0 => Some(false),
            Compare::Set => some.iter().any(|bits| bits & !constant == 0).then_some(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Facts;
    use crate::eval::constant_compare;
    use crate::flow::Values;
    use crate::ir::{Compare, Value, ValueId, Width};
    use crate::testing::random::Random;

    const COMPARES: [Compare; 4] = [Compare::Eq, Compare::Gt, Compare::Ge, Compare::Set];

    fn constant(random: &mut Random) -> u32 {
        let near = random.below(12);
        random.pick(&[0, 1, 2, 3, 4, 7, 8, 0x80, 0xf0, 0xfe, 0xff, 0x100, u32::MAX, near])
    }

    /// What tests have said of a byte that is in truth `truth`.
    fn learnt(random: &mut Random, values: &mut Values, byte: ValueId, truth: u32) -> Facts {
        let mut facts = Facts::default();
        for _ in 0..random.below(70) {
            let (compare, constant) = (random.pick(&COMPARES), constant(random));
            let right = values.add(Value::Const(constant));
            facts.learn(compare, byte, right, constant_compare(compare, truth, constant));
        }
        facts
    }

    fn check(random: &mut Random, values: &mut Values, facts: &Facts, byte: ValueId, truth: u32) {
        for compare in COMPARES {
            for _ in 0..20 {
                let constant = constant(random);
                let right = values.add(Value::Const(constant));
                if let Some(answer) = facts.answer(values, compare, byte, right) {
                    let expected = constant_compare(compare, truth, constant);
                    assert_eq!(answer, expected, "{truth} {compare:?} {constant}: {facts:?}");
                }
            }
        }
        let known = facts.constant(values, byte);
        assert!(known.is_none_or(|known| known == truth), "{truth}: {facts:?}");
    }

    #[test]
    fn what_follows_is_true() {
        let mut answered = 0;
        for seed in 0..3_000 {
            let mut random = Random(seed);
            let mut values = Values::default();
            let byte = values.add(Value::Load { width: Width::Byte, base: None, displacement: 0 });
            let small = random.below(12);
            let [truth, other] = [(); 2].map(|()| random.pick(&[0, 1, 0x80, 0xff, small]));
            let mut facts = learnt(&mut random, &mut values, byte, truth);
            check(&mut random, &mut values, &facts, byte, truth);
            let others = learnt(&mut random, &mut values, byte, other);
            facts.meet(&others);
            for truth in [truth, other] {
                check(&mut random, &mut values, &facts, byte, truth);
            }
            let right = values.add(Value::Const(0x100));
            answered += u32::from(facts.answer(&values, Compare::Ge, byte, right).is_some());
        }
        assert!(answered > 1_000, "{answered}");
    }

    #[test]
    fn only_what_was_reached_is_safe() {
        for seed in 0..2_000 {
            let mut random = Random(seed);
            let mut values = Values::default();
            let base = values.add(Value::Load { width: Width::Byte, base: None, displacement: 14 });
            let bases = [None, Some(base)];
            let mut facts = [Facts::default(), Facts::default()];
            let mut ends = [[0_u64; 2]; 2];
            let load = |random: &mut Random, values: &mut Values| {
                let which = random.below(2) as usize;
                let width = random.pick(&[Width::Byte, Width::Half, Width::Word]);
                let near = random.below(40);
                let displacement = random.pick(&[near, 100, u32::MAX]);
                let value = Value::Load { width, base: bases[which], displacement };
                let end = u64::from(displacement) + u64::from(width.bytes());
                (which, values.add(value), end)
            };
            for (facts, ends) in facts.iter_mut().zip(&mut ends) {
                for _ in 0..random.below(4) {
                    let (which, id, end) = load(&mut random, &mut values);
                    facts.computed(&values, id);
                    ends[which] = ends[which].max(end);
                    if which == 1 {
                        // Its base was loaded, too.
                        ends[0] = ends[0].max(15);
                    }
                }
            }
            let [mut facts, others] = facts;
            facts.meet(&others);
            for _ in 0..20 {
                let (which, id, end) = load(&mut random, &mut values);
                let reached = |which: usize| ends[0][which].min(ends[1][which]);
                let safe = end <= reached(which) && (which == 0 || reached(0) >= 15);
                assert_eq!(facts.safe(&values, id), safe, "seed {seed}: {:?}", values.get(id));
            }
        }
    }
}
