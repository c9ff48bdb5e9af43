//! Alternatives on one value, gathered into a switch.
//!
//! `port 80 or port 81 or ...` asks two values in turn, many times over. Once each of
//! them has been asked for the first time, none of their loads can trap any more, and
//! where all alternatives lead to the same place their order does not matter: the rest
//! is sorted by value, and each value is looked up once (binary search).

use std::collections::BTreeMap;

use crate::flow::{Action, BlockId, Flow};
use crate::ir::{Compare, ValueId};

/// Fewer comparisons than this are as good one by one.
const WORTH_A_SWITCH: usize = 4;

/// Values that are told apart in one row of alternatives.
const MAX_VALUES: usize = 16;

/// `value == constant` leads to `yes`.
#[derive(Clone, Copy)]
struct Alternative {
    value: ValueId,
    constant: u32,
    yes: BlockId,
}

/// The alternatives that one block begins.
struct Gathered {
    /// Those that stay as they are, in order.
    first: Vec<Alternative>,
    /// The rest: for each value, constants and where they lead.
    switches: Vec<(ValueId, BTreeMap<u32, BlockId>)>,
    /// Where it goes on if none holds.
    otherwise: BlockId,
}

pub(crate) fn run(flow: Flow) -> Flow {
    let mut gathered: Vec<Option<Gathered>> = (0..flow.blocks().len()).map(|_| None).collect();
    let mut inner = vec![false; flow.blocks().len()];
    let reachable = flow.reachable();
    for id in (0..flow.blocks().len()).rev().filter(|&id| reachable[id]) {
        if !inner[id] {
            gathered[id] = gather(&flow, BlockId(id as u32), &mut inner);
        }
    }
    flow.rebuild(|flow, id, block, target| {
        let trap = target(block.trap);
        let Some(gathered) = &gathered[id.0 as usize] else {
            return flow.act(block.action.retarget(target), trap);
        };
        let mut next = target(gathered.otherwise);
        for (value, cases) in gathered.switches.iter().rev() {
            let cases = cases.iter().map(|(&constant, &yes)| (constant, target(yes))).collect();
            let action = Action::Switch { value: *value, cases, default: next };
            next = flow.act(action, trap);
        }
        for &Alternative { value, constant, yes } in gathered.first.iter().rev() {
            let right = flow.constant(constant);
            let (compare, yes) = (Compare::Eq, target(yes));
            next = flow.act(Action::Compare { compare, left: value, right, yes, no: next }, trap);
        }
        next
    })
}

fn gather(flow: &Flow, head: BlockId, inner: &mut [bool]) -> Option<Gathered> {
    let trap = flow.at(head).trap;
    let mut chain = Vec::new();
    let mut at = head;
    let mut passed = Vec::new();
    // Values in the order in which they are first asked, and where the last one is.
    let mut values: Vec<ValueId> = Vec::new();
    let mut all_asked = 0;
    while let Some((alternative, no)) = alternative(flow, at) {
        if flow.values.may_trap(alternative.value) && flow.at(at).trap != trap {
            break;
        }
        if !values.contains(&alternative.value) {
            if values.len() == MAX_VALUES {
                break;
            }
            values.push(alternative.value);
            all_asked = chain.len();
        }
        chain.push(alternative);
        passed.push(at);
        at = no;
        // With several values, only alternatives that lead to one place are gathered: from
        // here on there is nothing to find, and each block would look again.
        if let [.., before, last] = chain.get(all_asked + 1..).unwrap_or_default()
            && values.len() > 1
            && before.yes != last.yes
        {
            break;
        }
    }
    if chain.len() < WORTH_A_SWITCH {
        return None;
    }
    let kept = if values.len() == 1 { 0 } else { all_asked + 1 };
    let rest = chain.get(kept..).unwrap_or_default();
    let one_target = rest.windows(2).all(|pair| pair[0].yes == pair[1].yes);
    let (first, rest) = if values.len() == 1 || one_target {
        chain.split_at(kept)
    } else {
        // Only the alternatives in a row on the first value.
        let row = chain.iter().take_while(|alternative| alternative.value == values[0]).count();
        at = passed.get(row).copied().unwrap_or(at);
        passed.truncate(row);
        chain.truncate(row);
        chain.split_at(0)
    };
    if rest.len() < WORTH_A_SWITCH {
        return None;
    }
    let mut switches: Vec<(ValueId, BTreeMap<u32, BlockId>)> =
        values.iter().map(|&value| (value, BTreeMap::new())).collect();
    for alternative in rest {
        let switch = switches.iter_mut().find(|(value, _)| *value == alternative.value);
        if let Some((_, cases)) = switch {
            // The first one counts.
            cases.entry(alternative.constant).or_insert(alternative.yes);
        }
    }
    switches.retain(|(_, cases)| !cases.is_empty());
    passed.iter().for_each(|id| inner[id.0 as usize] = true);
    Some(Gathered { first: first.to_vec(), switches, otherwise: at })
}

fn alternative(flow: &Flow, id: BlockId) -> Option<(Alternative, BlockId)> {
    let Action::Compare { compare: Compare::Eq, left, right, yes, no } = flow.at(id).action else {
        return None;
    };
    let constant = flow.values.constant(right)?;
    (yes != no).then_some((Alternative { value: left, constant, yes }, no))
}
