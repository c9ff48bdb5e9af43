//! All rules in one program: what they ask in common is asked once.
//!
//! Rules count independently of each other, so their tests may be run in any order,
//! as long as each rule's own order holds. Where several rules begin by comparing the
//! same value, one switch on that value leads on to what is then left of each of
//! them; the rest is joined in the same way. Rules with nothing in common follow one
//! another behind boundaries.
//!
//! **Numbers of variables.** Each rule counts its own from 0, so that variable 3 of one rule and
//! variable 3 of another are the same word of memory and, in values, the same
//! [`Value::Var`](crate::ir::Value::Var). That is sound because of what stands where:
//! - A rule sets each of its variables before it reads it (`flow::lower` sets them to 0 at its start),
//!   and nothing of another rule stands between a set and its reads: rules are grouped by their
//!   *first* action, and a rule that begins with a set is joined with none ([`Key::Alone`]). Once it
//!   has been grafted it runs to its end before the next one begins.
//! - Rules that compare the same `Value::Var` first mean the same word and the same content: none
//!   has set it yet, so that it is one of the kept ones ([`Flow::kept`]), which have numbers above
//!   all those of rules and are set by the prelude alone.
//! - [`apart`](super::apart) runs a rule's rest after other code only where no set is in it.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::flow::{Action, BlockId, END, Flow};
use crate::ir::{Compare, ValueId};

use super::apart::Apart;
use super::graft::graft;

/// Tests that joining may make for each test of the rules; beyond that rules
/// follow one another.
const GROWTH: usize = 4;
/// Tests that it may make in any case.
const GROWTH_FLOOR: usize = 512;
/// A rule with so many tests left where a common switch does not decide it is
/// not drawn into it: each case would have to repeat them.
const HEAVY: usize = 24;
/// How much more code the cases of a switch may have than the rules by themselves,
/// before they share what they have in common.
const REPEATED: usize = 3;
/// So many groups of rules follow each other without a boundary.
const WITHOUT_BOUNDARY: usize = 1;

/// Makes one root of all rules.
pub(crate) fn run(rules: Flow) -> Flow {
    let mut out = rules.emptied();
    let tests: usize = rules.blocks().iter().map(|block| tests(&block.action)).sum();
    let budget = tests * GROWTH + GROWTH_FLOOR;
    let (known, weights) = (FxHashMap::default(), FxHashMap::default());
    let mut joining = Joining { rules: &rules, out: &mut out, known, weights, spent: 0, budget };
    let mut root = joining.join(rules.rules().to_vec(), END, true);
    if let Some(prelude) = rules.prelude() {
        let next = joining.out.plain(Action::Boundary { next: root });
        root = joining.graft(prelude, next);
    }
    out.roots = vec![root];
    // From here on there is one root, and what it keeps is as any variable.
    out
}

/// What rules have in common at their first test.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    /// They compare this value with constants.
    Value(ValueId),
    Test(Compare, ValueId, ValueId),
    Alone(BlockId),
}

struct Joining<'a> {
    rules: &'a Flow,
    out: &'a mut Flow,
    known: FxHashMap<(Vec<BlockId>, BlockId), BlockId>,
    weights: FxHashMap<BlockId, usize>,
    /// Tests made so far.
    spent: usize,
    budget: usize,
}

impl Joining<'_> {
    /// Code for what is left of some rules, and then `next`.
    fn join(&mut self, mut left: Vec<BlockId>, next: BlockId, outermost: bool) -> BlockId {
        left.retain(|&id| id != END);
        if left.is_empty() {
            return next;
        }
        let key = (left, next);
        if let Some(&known) = self.known.get(&key) {
            return known;
        }
        let groups = self.groups(&key.0);
        let boundaries = outermost || groups.len() > WITHOUT_BOUNDARY;
        let mut start = next;
        for (place, (key, group)) in groups.iter().enumerate().rev() {
            // Nothing needs a boundary before the end.
            if boundaries && place + 1 < groups.len() {
                start = self.out.plain(Action::Boundary { next: start });
            }
            start = self.group(*key, group, start);
        }
        self.known.insert(key, start);
        start
    }

    /// Rules by what they have in common, in the order of the first of each group.
    fn groups(&self, left: &[BlockId]) -> Vec<(Key, Vec<BlockId>)> {
        let exhausted = self.spent > self.budget;
        let mut places = FxHashMap::default();
        let mut groups: Vec<(Key, Vec<BlockId>)> = Vec::new();
        for &id in left {
            let key = if exhausted { Key::Alone(id) } else { self.key(id) };
            let place = *places.entry(key).or_insert(groups.len());
            match groups.get_mut(place) {
                Some((_, group)) => group.push(id),
                None => groups.push((key, vec![id])),
            }
        }
        groups
    }

    fn key(&self, id: BlockId) -> Key {
        match self.rules.at(id).action {
            Action::Compare { compare: Compare::Eq, left, right, .. }
                if self.rules.values.constant(right).is_some() =>
            {
                Key::Value(left)
            }
            Action::Compare { compare, left, right, .. } => Key::Test(compare, left, right),
            Action::Switch { value, .. } => Key::Value(value),
            _ => Key::Alone(id),
        }
    }

    fn group(&mut self, key: Key, group: &[BlockId], next: BlockId) -> BlockId {
        // What stands for all of them traps to `next`: a trap has to be the end of each.
        debug_assert!(group.iter().all(|&id| self.rules.at(id).trap == END), "traps of rules");
        match (key, group) {
            (_, &[alone]) => self.graft(alone, next),
            (Key::Alone(_), _) => group.iter().rev().fold(next, |next, &id| self.graft(id, next)),
            (Key::Test(compare, left, right), _) => {
                let side = |answer| -> Vec<BlockId> {
                    let follow = |&id: &BlockId| match self.rules.at(id).action {
                        Action::Compare { yes, .. } if answer => yes,
                        Action::Compare { no, .. } => no,
                        _ => id,
                    };
                    group.iter().map(follow).collect()
                };
                let (yes, no) = (side(true), side(false));
                let (yes, no) = (self.join(yes, next, false), self.join(no, next, false));
                self.spent += 1;
                self.out.act(Action::Compare { compare, left, right, yes, no }, next)
            }
            (Key::Value(value), _) => self.switch(value, group, next),
        }
    }

    /// One look at a value for all rules of a group. A trap ends all of them.
    fn switch(&mut self, value: ValueId, group: &[BlockId], next: BlockId) -> BlockId {
        let constants = self.constants(value, group);
        let rests: Vec<BlockId> =
            group.iter().map(|&id| self.advance(id, value, None, &constants)).collect();
        let heavy = |joining: &mut Self, rest| joining.weight(rest) > HEAVY;
        if rests.iter().any(|&rest| heavy(self, rest)) {
            return self.without(value, group, next, |joining, place| heavy(joining, rests[place]));
        }
        let case_of = |joining: &Self, constant| -> Vec<BlockId> {
            let given = |&id: &BlockId| joining.advance(id, value, Some(constant), &constants);
            group.iter().map(given).collect()
        };
        let own: usize = group.iter().map(|&id| self.weight(id)).sum();
        let repeated: usize = rests.iter().map(|&rest| self.weight(rest)).sum();
        if repeated * constants.len() <= own * REPEATED {
            let cases = constants.keys().map(|&constant| {
                let case = case_of(self, constant);
                (constant, self.join(case, next, false))
            });
            let cases = cases.collect();
            let default = self.join(rests, next, false);
            return self.choose(value, cases, default, next);
        }
        // Each case does what is its own and goes on with what all have in common.
        let mut apart: Vec<(u32, Vec<Apart>)> = Vec::new();
        for &constant in constants.keys() {
            let mut own = Vec::new();
            for (place, (case, &rest)) in
                case_of(self, constant).into_iter().zip(&rests).enumerate()
            {
                if case == rest {
                    continue;
                }
                match Apart::new(self.rules, case, rest) {
                    Some(apart) => own.push(apart),
                    None => return self.without(value, group, next, |_, other| other == place),
                }
            }
            apart.push((constant, own));
        }
        let default = self.join(rests, next, false);
        let cases = apart.into_iter().map(|(constant, own)| (constant, self.before(own, default)));
        let cases = cases.collect();
        self.choose(value, cases, default, next)
    }

    /// A group without some of its rules, which come before it, each by itself.
    fn without(
        &mut self,
        value: ValueId,
        group: &[BlockId],
        next: BlockId,
        mut leaves: impl FnMut(&mut Self, usize) -> bool,
    ) -> BlockId {
        let (mut left, mut stays) = (Vec::new(), Vec::new());
        for (place, &id) in group.iter().enumerate() {
            if leaves(self, place) { left.push(id) } else { stays.push(id) }
        }
        let start = match stays[..] {
            [] => next,
            [alone] => self.graft(alone, next),
            _ => self.switch(value, &stays, next),
        };
        left.into_iter().rev().fold(start, |next, id| {
            let next = self.out.plain(Action::Boundary { next });
            self.graft(id, next)
        })
    }

    /// Tests from a block on, as far as they matter.
    fn weight(&mut self, id: BlockId) -> usize {
        if let Some(&known) = self.weights.get(&id) {
            return known;
        }
        let (mut seen, mut pending, mut weight) = (FxHashSet::default(), vec![id], 0);
        while let Some(id) = pending.pop() {
            if id == END || weight > 4 * HEAVY || !seen.insert(id) {
                continue;
            }
            let action = &self.rules.at(id).action;
            weight += tests(action);
            action.for_each_target(|to| pending.push(to));
        }
        self.weights.insert(id, weight);
        weight
    }

    fn choose(
        &mut self,
        value: ValueId,
        cases: Vec<(u32, BlockId)>,
        default: BlockId,
        trap: BlockId,
    ) -> BlockId {
        const FEW: usize = 3;
        self.spent += 1 + cases.len();
        if cases.len() > FEW {
            return self.out.act(Action::Switch { value, cases, default }, trap);
        }
        cases.into_iter().rev().fold(default, |no, (constant, yes)| {
            let right = self.out.constant(constant);
            let action = Action::Compare { compare: Compare::Eq, left: value, right, yes, no };
            self.out.act(action, trap)
        })
    }

    /// The constants that the rules of a group compare the value with at their start.
    fn constants(&self, value: ValueId, group: &[BlockId]) -> BTreeMap<u32, ()> {
        let mut constants = BTreeMap::new();
        for &start in group {
            let mut at = start;
            loop {
                match &self.rules.at(at).action {
                    &Action::Compare { compare: Compare::Eq, left, right, no, .. }
                        if left == value =>
                    {
                        let Some(constant) = self.rules.values.constant(right) else { break };
                        constants.insert(constant, ());
                        at = no;
                    }
                    Action::Switch { value: other, cases, default } if *other == value => {
                        constants.extend(cases.iter().map(|&(constant, _)| (constant, ())));
                        at = *default;
                    }
                    _ => break,
                }
            }
        }
        constants
    }

    /// What is left of a rule once the value is known: a constant, or none of those
    /// that rules compare it with.
    fn advance(
        &self,
        mut at: BlockId,
        value: ValueId,
        is: Option<u32>,
        constants: &BTreeMap<u32, ()>,
    ) -> BlockId {
        loop {
            at = match &self.rules.at(at).action {
                &Action::Compare { compare, left, right, yes, no } if left == value => {
                    let Some(right) = self.rules.values.constant(right) else { return at };
                    match is {
                        Some(is) if crate::eval::constant_compare(compare, is, right) => yes,
                        Some(_) => no,
                        None if compare == Compare::Eq && constants.contains_key(&right) => no,
                        None => return at,
                    }
                }
                Action::Switch { value: other, cases, default } if *other == value => {
                    let case = is.and_then(|is| cases.iter().find(|case| case.0 == is));
                    case.map_or(*default, |case| case.1)
                }
                _ => return at,
            }
        }
    }

    /// What a case has of its own, and then the common rest.
    fn before(&mut self, apart: Vec<Apart>, rest: BlockId) -> BlockId {
        let mut next = rest;
        let mut own = Vec::new();
        for apart in apart {
            match apart {
                Apart::Own(start) => own.push(start),
                Apart::Unless { start, counted } => {
                    self.spent += self.weight(counted);
                    next = super::apart::unless(self.rules, self.out, start, counted, next);
                }
            }
        }
        self.join(own, next, false)
    }

    /// The blocks of one rule, with `next` in the place of the end.
    fn graft(&mut self, start: BlockId, next: BlockId) -> BlockId {
        let key = (vec![start], next);
        if let Some(&known) = self.known.get(&key) {
            return known;
        }
        self.spent += self.weight(start);
        let mut known = FxHashMap::from_iter([(END, next)]);
        let grafted = graft(self.rules, self.out, &mut known, start);
        self.known.insert(key, grafted);
        grafted
    }
}

/// What a block counts for in the growth of the code.
fn tests(action: &Action) -> usize {
    match action {
        Action::Switch { cases, .. } => 1 + cases.len(),
        _ => 1,
    }
}
