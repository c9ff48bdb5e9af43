//! All rules in one program: what they ask in common is asked once.
//!
//! Rules count independently of each other, so their tests may be run in any order,
//! as long as each rule's own order holds. Where several rules begin by comparing the
//! same value, one switch on that value leads on to what is then left of each of
//! them; the rest is joined in the same way. Rules with nothing in common follow one
//! another behind boundaries.

use std::collections::{BTreeMap, HashMap};

use crate::flow::{Action, BlockId, END, Flow};
use crate::ir::{Compare, ValueId};

use super::apart::Apart;

/// Blocks that joining may make for each block of the rules; beyond that rules
/// follow one another.
const GROWTH: usize = 6;
/// Blocks that it may make in any case.
const GROWTH_FLOOR: usize = 4096;
/// A switch with a shared rest is worth its code from so many rules on.
const WORTH_SHARING: usize = 4;
/// So many groups of rules follow each other without a boundary.
const WITHOUT_BOUNDARY: usize = 3;

/// Makes one root of all rules.
pub(crate) fn run(rules: Flow) -> Flow {
    let mut out = rules.emptied();
    let budget = rules.blocks().len() * GROWTH + GROWTH_FLOOR;
    let mut joining = Joining { rules: &rules, out: &mut out, known: HashMap::new(), budget };
    let root = joining.join(rules.roots.clone(), END, true);
    out.roots = vec![root];
    out
}

/// What rules have in common at their first test.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    /// They compare this value with constants.
    Value(ValueId),
    /// They make this comparison.
    Test(Compare, ValueId, ValueId),
    /// Nothing.
    Alone(BlockId),
}

struct Joining<'a> {
    rules: &'a Flow,
    out: &'a mut Flow,
    known: HashMap<(Vec<BlockId>, BlockId), BlockId>,
    budget: usize,
}

impl Joining<'_> {
    /// Code for what is left of some rules, and then `next`.
    fn join(&mut self, mut left: Vec<BlockId>, next: BlockId, outermost: bool) -> BlockId {
        left.retain(|&id| id != END);
        if let [] = left[..] {
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
        let exhausted = self.out.blocks().len() > self.budget;
        let mut places = HashMap::new();
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
                self.out.act(Action::Compare { compare, left, right, yes, no }, next)
            }
            (Key::Value(value), _) => self.switch(value, group, next),
        }
    }

    /// One look at a value for all rules of a group. A trap ends all of them.
    fn switch(&mut self, value: ValueId, group: &[BlockId], next: BlockId) -> BlockId {
        let constants = self.constants(value, group);
        let cases: Vec<(u32, Vec<BlockId>)> = constants
            .keys()
            .map(|&constant| {
                let given = |&id: &BlockId| self.advance(id, value, Some(constant), &constants);
                (constant, group.iter().map(given).collect())
            })
            .collect();
        let rest: Vec<BlockId> =
            group.iter().map(|&id| self.advance(id, value, None, &constants)).collect();
        let undecided = rest.iter().filter(|&&id| id != END).count();
        let apart: Option<Vec<Vec<Apart>>> = (undecided >= WORTH_SHARING)
            .then(|| cases.iter().map(|(_, case)| self.all_apart(case, &rest)).collect())
            .flatten();
        let default = self.join(rest, next, false);
        let cases = match apart {
            // Each case does what is its own and goes on with what all have in common.
            Some(apart) => cases
                .iter()
                .zip(apart)
                .map(|((constant, _), apart)| (*constant, self.before(apart, default)))
                .collect(),
            None => cases
                .into_iter()
                .map(|(constant, case)| (constant, self.join(case, next, false)))
                .collect(),
        };
        self.choose(value, cases, default, next)
    }

    fn choose(
        &mut self,
        value: ValueId,
        cases: Vec<(u32, BlockId)>,
        default: BlockId,
        trap: BlockId,
    ) -> BlockId {
        const FEW: usize = 3;
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

    /// For a case, what it has to do for each rule that the common rest does not do.
    fn all_apart(&self, case: &[BlockId], rest: &[BlockId]) -> Option<Vec<Apart>> {
        let affected = case.iter().zip(rest).filter(|(case, rest)| case != rest);
        affected.map(|(&case, &rest)| Apart::new(self.rules, case, rest)).collect()
    }

    /// What a case has of its own, and then the common rest.
    fn before(&mut self, apart: Vec<Apart>, rest: BlockId) -> BlockId {
        let mut next = rest;
        let mut own = Vec::new();
        for apart in apart {
            match apart {
                Apart::Own(start) => own.push(start),
                Apart::Unless { start, counted } => {
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
        let mut known = HashMap::from([(END, next)]);
        let grafted = graft(self.rules, self.out, &mut known, start);
        self.known.insert(key, grafted);
        grafted
    }
}

/// Copies blocks; `known` says what stands for those that are not copied.
pub(super) fn graft(
    rules: &Flow,
    out: &mut Flow,
    known: &mut HashMap<BlockId, BlockId>,
    start: BlockId,
) -> BlockId {
    // A stack of its own: rules may be deeper than the thread's.
    let mut pending = vec![start];
    while let Some(&id) = pending.last() {
        if known.contains_key(&id) {
            pending.pop();
            continue;
        }
        let block = rules.at(id);
        let before = pending.len();
        let mut missing = |to: BlockId| {
            if !known.contains_key(&to) {
                pending.push(to);
            }
        };
        block.action.for_each_target(&mut missing);
        missing(block.trap);
        if pending.len() == before {
            let at = |to: BlockId| known.get(&to).copied().unwrap_or(END);
            let action = block.action.retarget(at);
            let trap = at(block.trap);
            let copied = out.act(action, trap);
            known.insert(id, copied);
            pending.pop();
        }
    }
    known.get(&start).copied().unwrap_or(END)
}
