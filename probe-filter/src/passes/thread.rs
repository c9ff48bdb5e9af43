//! Jump threading: an edge to a test whose answer follows from the tests before it
//! goes on to where that answer leads. The test's loads go with it, so it is passed
//! over only where they are known not to trap, or where a trap leads the same way.

use crate::flow::{Action, Block, BlockId, END, Flow, var_bit};
use crate::ir::Compare;

use super::facts::Facts;
use super::fold::touch;

/// Tests that edges are led over at most, on average over all blocks. Where a filter asks
/// the same thing a thousand times, each of a thousand edges leads over all that follow.
const STEPS_A_BLOCK: usize = 12;
/// The same for one edge, once those are used up: the rest is left to the next round.
const STEPS_AN_EDGE: usize = 16;

/// Threads all edges once, from the roots down.
pub(crate) fn run(mut flow: Flow) -> Flow {
    let mut ahead = Ahead {
        facts: vec![None; flow.blocks().len()],
        steps: flow.blocks().len() * STEPS_A_BLOCK,
    };
    let roots = flow.roots.clone();
    flow.roots =
        roots.into_iter().map(|root| arrive(&flow, &mut ahead, &Facts::default(), root)).collect();
    let mut actions: Vec<Option<Block>> = vec![None; flow.blocks().len()];
    // Targets have smaller ids: when a block's turn comes, all that lead to it are done.
    for id in (0..flow.blocks().len()).rev() {
        let Some(known) = ahead.facts[id].take() else { continue };
        actions[id] = Some(follow(&flow, &mut ahead, known, &flow.blocks()[id]));
    }
    flow.rebuild(|flow, id, block, target| {
        let block = actions[id.0 as usize].as_ref().unwrap_or(block);
        let (action, trap) = (block.action.retarget(target), target(block.trap));
        match action {
            Action::Compare { left, right, yes, no, .. } if yes == no => {
                touch(flow, left, right, yes, trap)
            }
            action => flow.act(action, trap),
        }
    })
}

/// What the pass carries down.
struct Ahead {
    /// What is known where a block begins, on all edges so far that lead to it.
    facts: Vec<Option<Facts>>,
    /// Tests that edges may still be led over.
    steps: usize,
}

/// One block, its edges threaded.
fn follow(flow: &Flow, ahead: &mut Ahead, mut known: Facts, block: &Block) -> Block {
    let trap =
        if flow.may_trap(&block.action) { arrive(flow, ahead, &known, block.trap) } else { END };
    for value in block.action.operands() {
        known.computed(&flow.values, value);
    }
    let action = match &block.action {
        &Action::Compare { compare, left, right, yes, no } => {
            let mut side = |answer, target| {
                let mut known = known.clone();
                known.learn(compare, left, right, answer);
                arrive(flow, ahead, &known, target)
            };
            match known.answer(&flow.values, compare, left, right) {
                _ if yes == no => {
                    let target = arrive(flow, ahead, &known, yes);
                    Action::Compare { compare, left, right, yes: target, no: target }
                }
                // Its loads may trap, or it would have been passed over.
                Some(answer) => {
                    let target = side(answer, if answer { yes } else { no });
                    Action::Compare { compare, left, right, yes: target, no: target }
                }
                None => {
                    let (yes, no) = (side(true, yes), side(false, no));
                    Action::Compare { compare, left, right, yes, no }
                }
            }
        }
        Action::Switch { value, cases, default } => {
            let equal =
                |case: u32| flow.values.find_constant(case).map(|constant| (*value, constant));
            let cases = cases
                .iter()
                .map(|&(case, target)| {
                    let mut known = known.clone();
                    if let Some((value, constant)) = equal(case) {
                        known.learn(Compare::Eq, value, constant, true);
                    }
                    (case, arrive(flow, ahead, &known, target))
                })
                .collect();
            Action::Switch { value: *value, cases, default: arrive(flow, ahead, &known, *default) }
        }
        Action::Set { var, value, .. } => {
            known.forget(&flow.values, var_bit(var.0));
            if let Some(read) = flow.values.find(crate::ir::Value::Var(*var))
                && flow.values.constant(*value).is_some()
            {
                known.learn(Compare::Eq, read, *value, true);
            }
            block.action.retarget(|target| arrive(flow, ahead, &known, target))
        }
        Action::Boundary { .. } => {
            known.forget(&flow.values, u64::MAX);
            block.action.retarget(|target| arrive(flow, ahead, &known, target))
        }
        Action::Chain(..) | Action::Store { .. } | Action::Count { .. } | Action::End => {
            block.action.retarget(|target| arrive(flow, ahead, &known, target))
        }
    };
    Block { action, trap }
}

/// Where an edge leads in the end; notes there what is known on it.
fn arrive(flow: &Flow, ahead: &mut Ahead, known: &Facts, target: BlockId) -> BlockId {
    let mut target = target;
    let mut steps = 0;
    while ahead.steps > 0 || steps < STEPS_AN_EDGE {
        let Some(next) = pass_over(flow, known, flow.at(target)) else { break };
        target = next;
        steps += 1;
        ahead.steps = ahead.steps.saturating_sub(1);
    }
    match &mut ahead.facts[target.0 as usize] {
        Some(facts) => facts.meet(known),
        none => *none = Some(known.clone()),
    }
    target
}

/// Where a block leads whose outcome is known.
fn pass_over(flow: &Flow, known: &Facts, block: &Block) -> Option<BlockId> {
    let next = match &block.action {
        &Action::Compare { yes, no, .. } if yes == no => Some(yes),
        &Action::Compare { compare, left, right, yes, no } => {
            let answer = known.answer(&flow.values, compare, left, right)?;
            Some(if answer { yes } else { no })
        }
        Action::Switch { value, cases, default } => {
            let value = known.constant(&flow.values, *value)?;
            let case = cases.iter().find(|case| case.0 == value);
            Some(case.map_or(*default, |case| case.1))
        }
        _ => None,
    }?;
    let safe = || block.action.operands().all(|value| known.safe(&flow.values, value));
    (next == block.trap || safe()).then_some(next)
}
