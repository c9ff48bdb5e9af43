//! How far one guard should reach.
//!
//! A guard compares `data + N` with `data_end` and proves N bytes linear; where it
//! fails, careful code takes over at the same block. So a wide guard never changes
//! an answer: too wide it only sends short frames the slow way, too narrow it has to be
//! repeated. It is widened
//! - over what every real frame has: an Ethernet header and the 28 bytes of an ARP
//!   body, or of an IPv4 and a UDP header, whichever comes first in trouble;
//! - over loads on the way ahead that lie close to the one in need: source and
//!   destination port, ports and flags.

use rustc_hash::FxHashMap;

use crate::flow::{Action, Flow};
use crate::ir::{LinkType, Value, ValueId};

/// The shortest frame worth a fast path: Ethernet, IPv4 and UDP headers; ARP is as long.
const SHORTEST_ETHERNET: u32 = 14 + 20 + 8;
/// The same of links with a shorter header, or none.
const SHORTEST_OTHERS: u32 = 20 + 8;
/// How much further a guard looks for the next load.
const NEAR: u32 = 12;
/// Extents that are tracked one by one; further ones are not widened.
const TRACKED: u32 = 128;

/// Extents of the loads ahead.
pub(crate) struct Extents {
    /// For each block, a bit for every end of a load at a fixed offset in it or after.
    fixed: Vec<u128>,
    /// For each base the same, over the whole flow.
    based: FxHashMap<ValueId, u128>,
    shortest: u32,
}

impl Extents {
    pub(crate) fn new(flow: &Flow, link: LinkType) -> Self {
        let mut fixed: Vec<u128> = Vec::with_capacity(flow.blocks().len());
        let mut based = FxHashMap::default();
        for block in flow.blocks() {
            let mut ends = 0;
            if !matches!(block.action, Action::Boundary { .. }) {
                flow.for_each_successor(block, |to| ends |= fixed[to.0 as usize]);
            }
            for operand in block.action.operands() {
                note(flow, operand, &mut ends, &mut based);
            }
            fixed.push(ends);
        }
        let ethernet = link == LinkType::Ethernet;
        let shortest = if ethernet { SHORTEST_ETHERNET } else { SHORTEST_OTHERS };
        Self { fixed, based, shortest }
    }

    /// How far a guard at a block reaches that needs so many bytes of the frame.
    pub(crate) fn fixed(&self, block: usize, need: u32) -> u32 {
        widen(self.fixed[block], need, self.shortest.max(need.saturating_add(NEAR)))
    }

    /// The same for bytes from a base on.
    pub(crate) fn based(&self, base: ValueId, need: u32) -> u32 {
        let ends = self.based.get(&base).copied().unwrap_or(0);
        widen(ends, need, need.saturating_add(NEAR))
    }
}

fn note(flow: &Flow, id: ValueId, fixed: &mut u128, based: &mut FxHashMap<ValueId, u128>) {
    let value = flow.get(id);
    value.map(|operand| {
        note(flow, operand, fixed, based);
        operand
    });
    let Value::Load { width, base, displacement } = value else { return };
    let end = displacement.saturating_add(width.bytes());
    if end >= TRACKED {
        return;
    }
    match base {
        None => *fixed |= 1 << end,
        Some(base) => *based.entry(base).or_default() |= 1 << end,
    }
}

/// The furthest end up to `most`, and `need` at least.
fn widen(ends: u128, need: u32, most: u32) -> u32 {
    let most = most.min(TRACKED - 1);
    let within = ends & (u128::MAX >> (TRACKED - 1 - most));
    need.max(within.checked_ilog2().unwrap_or(0))
}
