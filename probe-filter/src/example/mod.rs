//! A frame that matches a filter, found by search.
//!
//! Where a [usual frame](templates) matches, it is the example. Else the search walks the graph from each
//! of them, as its answers lead; where they lead nowhere it goes back, and changes the bits that the last
//! test looked at so that the answer is the other one, unless a test before has decided them. Of all
//! frames found the one nearest to a usual frame is taken. It is [tidied](tidy), and given only if the
//! [evaluator](crate::eval) says that it matches.
//!
//! The search is bounded, and knows no more of arithmetic than how to turn one operation around: a
//! filter may well match frames where none is found.

mod draft;
mod templates;
mod tidy;

use crate::eval;
use crate::ir::{Frame, Graph, LinkType, NodeId, Target, VlanTag, VlanView};
use draft::Draft;
use templates::Usual;

/// A frame that matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Length on the wire in bytes.
    pub wire_len: u32,
    /// The tag held outside `bytes`, with [`VlanView::Live`].
    pub vlan: Option<VlanTag>,
    /// Whether it is being sent, where the filter asks.
    pub outbound: Option<bool>,
}

impl Example {
    /// As a filter sees it.
    pub fn frame(&self) -> Frame<'_> {
        let Self { bytes, wire_len, vlan, outbound } = self;
        Frame { bytes, wire_len: *wire_len, vlan: *vlan, outbound: *outbound }
    }
}

/// Nodes that are walked from one usual frame on at most, dead ends included.
const STEPS: usize = 4_000;

/// Looks for a frame that the graph matches.
///
/// ```
/// use probe_filter::{Options, compile, example, LinkType, VlanView};
///
/// let filter = compile("tcp dst port 8080 and @syn", &Options::default())?;
/// let found = example(filter.graph(), LinkType::Ethernet, VlanView::AsFrame).unwrap();
/// assert!(filter.matches(&found.frame()));
/// assert_eq!(found.bytes[36..38], 8080_u16.to_be_bytes());
/// # Ok::<(), probe_filter::Error>(())
/// ```
///
/// `None` says that none was found, and not that there is none.
pub fn example(graph: &Graph, link: LinkType, view: VlanView) -> Option<Example> {
    let templates = templates::all(link, view);
    let usual = |usual: &Usual| Draft::new(graph, usual, view).finish();
    let mut found = match templates.iter().map(usual).find(|it| eval::matches(graph, &it.frame())) {
        Some(usual) => usual,
        None => {
            let leads = leads(graph);
            let found = templates.iter().filter_map(|usual| from(graph, &leads, usual, view));
            found.min_by_key(|(changed, _)| *changed)?.1
        }
    };
    tidy::tidy(graph, link, &mut found);
    eval::matches(graph, &found.frame()).then_some(found)
}

/// Of each node whether there is a way from it to a match.
fn leads(graph: &Graph) -> Vec<bool> {
    let mut leads: Vec<bool> = Vec::with_capacity(graph.nodes().len());
    for node in graph.nodes() {
        leads.push(is_way(&leads, node.yes) || is_way(&leads, node.no));
    }
    leads
}

fn is_way(leads: &[bool], target: Target) -> bool {
    match target {
        Target::Match => true,
        Target::NoMatch => false,
        Target::Node(NodeId(id)) => leads.get(id as usize).copied().unwrap_or_default(),
    }
}

/// The first match that is found from a usual frame on, and how many of its bits had to change.
fn from(graph: &Graph, leads: &[bool], usual: &Usual, view: VlanView) -> Option<(u32, Example)> {
    let mut ways = vec![(graph.entry(), Draft::new(graph, usual, view))];
    let mut steps = 0;
    while let Some((target, mut draft)) = ways.pop() {
        let id = match target {
            Target::NoMatch => continue,
            Target::Match => {
                let found = draft.finish();
                if eval::matches(graph, &found.frame()) {
                    return Some((draft.changed(usual), found));
                }
                continue;
            }
            Target::Node(NodeId(id)) => id as usize,
        };
        steps += 1;
        if steps > STEPS {
            return None;
        }
        let node = &graph.nodes()[id];
        if !node.sets.iter().all(|&(var, value)| draft.assign(var, value)) {
            continue;
        }
        // Where the answer that the frame gives leads nowhere, it is changed; the last is tried first.
        let Some(now) = draft.answer(node.test) else { continue };
        for answer in [!now, now] {
            let target = if answer { node.yes } else { node.no };
            if is_way(leads, target) {
                let mut draft = draft.clone();
                if draft.require(node.test, answer) {
                    ways.push((target, draft));
                }
            }
        }
    }
    None
}

#[cfg(test)]
mod tests;
