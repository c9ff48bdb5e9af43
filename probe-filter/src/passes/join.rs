//! All rules in one program.

use std::collections::HashMap;

use crate::flow::{Action, BlockId, END, Flow};

/// Makes one root of all rules.
pub(crate) fn run(flow: Flow) -> Flow {
    let roots = flow.roots.clone();
    let mut rules = Vec::new();
    let mut flow = flow;
    let mut next = END;
    let source = flow.clone();
    for &root in roots.iter().rev() {
        if root == END {
            continue;
        }
        if next != END {
            next = flow.plain(Action::Boundary { next });
        }
        next = graft(&source, &mut flow, &mut HashMap::new(), root, next);
        rules.push(root);
    }
    flow.roots = vec![next];
    flow
}

/// The blocks of one rule, with `next` in the place of the end.
fn graft(
    source: &Flow,
    flow: &mut Flow,
    known: &mut HashMap<BlockId, BlockId>,
    id: BlockId,
    next: BlockId,
) -> BlockId {
    if id == END {
        return next;
    }
    if let Some(&known) = known.get(&id) {
        return known;
    }
    let block = source.at(id).clone();
    let action = block.action.retarget(|target| graft(source, flow, known, target, next));
    let trap = graft(source, flow, known, block.trap, next);
    let grafted = flow.act(action, trap);
    known.insert(id, grafted);
    grafted
}
