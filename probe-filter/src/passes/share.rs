//! What many rules find out in the same way is found out once, before all of them.
//!
//! The macros and `payload` walk over VLAN tags, options and extension headers to the TCP
//! or UDP header: a region of their graphs. A hundred such walks in a row would cost each
//! frame a hundred walks, and the verifier a hundred times the states of one. So a walk that
//! several rules have is run once: its answer and its findings stay in variables that rules
//! only read. So with the stages behind a walk, to the payload. Variables lie in map
//! memory, of which the verifier knows nothing: whatever way the walk took, the rules
//! behind it begin in one and the same state.
//!
//! A region has no effect but its findings, so it may be run before the rule would get
//! there, and for frames for which the rule would not. Where it traps, the answer says so,
//! and the rule ends where it asks for it.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::flow::{
    self, Action, BlockId, END, Exits, Flow, Import, NO, TRAPPED, YES, lower_with, var_bit,
};
use crate::ir::{Graph, NodeId, Region, Var};

/// Walks that are shared at most, the most frequent ones, and stages behind each.
const MAX_WALKS: usize = 2;
const MAX_STAGES: usize = 3;
/// In so many rules, or so many times in a single one, a region has to be: else it is
/// run where it stands.
const MIN_RULES: usize = 2;
const MIN_TIMES: usize = 3;
/// Stands for all variables that are no findings, where regions are compared. Findings have
/// their place among the findings there, so that the regions of two rules are equal blocks
/// whatever their own variables are called. `FOREIGN` is the last number with a bit of its own
/// ([`var_bit`]; the bit after it stands for all higher ones), so it is no place of a finding as
/// long as there are fewer, of which [`All::of`] makes sure.
const FOREIGN: u32 = 62;

/// Adds all rules to a flow, and before them what they share.
pub(super) fn lower(graphs: &[&Graph]) -> Flow {
    let mut flow = Flow::new();
    let all = All::of(graphs);
    let walks = all.choose(graphs);
    if !walks.is_empty() {
        // The place of what comes before the rules.
        flow.roots.push(END);
    }
    for (rule, graph) in graphs.iter().enumerate() {
        let root = match all.plan(&walks, rule, graph) {
            Some(plan) => {
                let rename = |var: Var| plan.renamed.get(&var).copied().unwrap_or(var);
                lower_with(&mut flow, graph, rule as u32, &rename, &plan.asked)
            }
            None => flow::lower(&mut flow, graph, rule as u32),
        };
        flow.roots.push(root);
    }
    if !walks.is_empty() {
        flow.kept = read_by_rules(&flow, &walks);
        let start = prelude(&mut flow, graphs, &walks);
        if flow.kept.is_empty() {
            flow.roots.remove(0);
        } else {
            flow.roots[0] = start;
        }
    }
    flow
}

/// What a region needs to begin with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// Nothing: it is a walk.
    Nothing,
    /// The findings of a walk.
    Findings,
    /// What the rule alone knows.
    More,
}

/// A region of a rule. Equal ones have equal keys.
struct Found {
    region: Region,
    key: BlockId,
    needs: Needs,
}

/// The regions of all rules, in one flow, where equal ones fall together.
struct All {
    regions: Vec<Vec<Found>>,
    /// The findings that each region sets, by key, as bits.
    sets: FxHashMap<BlockId, u64>,
}

/// A region that is run before all rules.
struct Shared {
    key: BlockId,
    /// Where it is taken from.
    rule: usize,
    region: Region,
    /// Holds its answer.
    answer: Var,
    /// Where each of its findings is kept, by its place among the findings.
    findings: BTreeMap<usize, Var>,
    /// What goes on from there.
    stages: Vec<Shared>,
}

/// How a rule uses what is shared.
struct Plan {
    renamed: FxHashMap<Var, Var>,
    asked: FxHashMap<NodeId, (Region, Var)>,
}

impl All {
    fn of(graphs: &[&Graph]) -> Self {
        let mut all = Self { regions: Vec::new(), sets: FxHashMap::default() };
        let most = graphs.iter().map(|graph| graph.regions().len()).max();
        if graphs.len() < MIN_RULES && most < Some(MIN_TIMES) {
            return all;
        }
        let mut flow = Flow::new();
        let exit = |flow: &mut Flow, rule| flow.plain(Action::Count { rule, next: END });
        let exits = Exits { yes: exit(&mut flow, YES), no: exit(&mut flow, NO), trap: END };
        let mut uses: Vec<Uses> = Vec::new();
        for graph in graphs {
            debug_assert!(graph.findings().len() <= FOREIGN as usize, "a bit for each finding");
            let rename = |var: Var| {
                let place = graph.findings().iter().position(|&other| other == var);
                Var(place.map_or(FOREIGN, |place| place as u32))
            };
            let mut import = Import::new(graph, &rename);
            let found = graph.regions().iter().map(|&region| {
                let key = import.region(&mut flow, &region, &exits);
                let Uses { live, sets } = Uses::from(&flow, &mut uses, key);
                all.sets.insert(key, sets);
                let needs = match live {
                    0 => Needs::Nothing,
                    live if live & var_bit(FOREIGN) == 0 => Needs::Findings,
                    _ => Needs::More,
                };
                Found { region, key, needs }
            });
            let found = found.collect();
            all.regions.push(found);
        }
        all
    }

    /// The keys of a rule's only walk and of its only stage, where it has no other.
    fn keys(&self, rule: usize) -> Option<(BlockId, Option<BlockId>)> {
        let found = self.regions.get(rule)?;
        if found.iter().any(|found| found.needs == Needs::More) {
            return None;
        }
        let only = |needs| {
            let mut keys = found.iter().filter(|found| found.needs == needs).map(|found| found.key);
            let first = keys.next()?;
            keys.all(|key| key == first).then_some(first)
        };
        Some((only(Needs::Nothing)?, only(Needs::Findings)))
    }

    /// What is worth running before all rules.
    fn choose(&self, graphs: &[&Graph]) -> Vec<Shared> {
        let mut rules: BTreeMap<BlockId, Vec<usize>> = BTreeMap::new();
        let mut stages: BTreeMap<(BlockId, BlockId), Vec<usize>> = BTreeMap::new();
        for rule in 0..graphs.len() {
            let Some((walk, stage)) = self.keys(rule) else { continue };
            let found = &self.regions[rule];
            let times = |key| {
                std::iter::repeat_n(rule, found.iter().filter(|found| found.key == key).count())
            };
            let walks = rules.entry(walk).or_default();
            walks.extend(times(walk));
            if let Some(stage) = stage {
                // A stage is shared only behind its walk.
                walks.extend(times(stage));
                stages.entry((walk, stage)).or_default().extend(times(stage));
            }
        }
        let mut next = graphs.iter().map(|graph| graph.vars()).max().unwrap_or(0);
        let most = |rules: BTreeMap<BlockId, Vec<usize>>, most| {
            let mut rules: Vec<_> = rules.into_iter().filter(|(_, rules)| often(rules)).collect();
            rules.sort_by_key(|(_, rules)| std::cmp::Reverse(rules.len()));
            rules.truncate(most);
            rules
        };
        let mut walks = Vec::new();
        for (walk, rules) in most(rules, MAX_WALKS) {
            let behind = stages.iter().filter(|((of, _), _)| *of == walk);
            let behind = behind.map(|(&(_, stage), rules)| (stage, rules.clone())).collect();
            let Some(mut walk) = self.shared(walk, rules[0], &mut next) else { continue };
            for (stage, rules) in most(behind, MAX_STAGES) {
                walk.stages.extend(self.shared(stage, rules[0], &mut next));
            }
            walks.push(walk);
        }
        walks
    }

    /// A region as it is to be run before all rules, with variables of its own.
    fn shared(&self, key: BlockId, rule: usize, next: &mut u32) -> Option<Shared> {
        let found = self.regions.get(rule)?.iter().find(|found| found.key == key)?;
        let sets = self.sets.get(&key).copied().unwrap_or(0);
        let mut fresh = || {
            *next += 1;
            Var(*next - 1)
        };
        let answer = fresh();
        let places = (0..FOREIGN).filter(|&place| sets & var_bit(place) != 0);
        let findings = places.map(|place| (place as usize, fresh())).collect();
        Some(Shared { key, rule, region: found.region, answer, findings, stages: Vec::new() })
    }

    /// How a rule uses what is shared, if it does.
    fn plan(&self, walks: &[Shared], rule: usize, graph: &Graph) -> Option<Plan> {
        let (walk, stage) = self.keys(rule)?;
        let walk = walks.iter().find(|shared| shared.key == walk)?;
        let stage = walk.stages.iter().find(|shared| Some(shared.key) == stage);
        let mut plan = Plan { renamed: FxHashMap::default(), asked: FxHashMap::default() };
        for shared in [Some(walk), stage].into_iter().flatten() {
            for (&place, &var) in &shared.findings {
                plan.renamed.extend(graph.findings().get(place).map(|&own| (own, var)));
            }
            let same = self.regions.get(rule)?.iter().filter(|found| found.key == shared.key);
            plan.asked
                .extend(same.map(|found| (found.region.entry, (found.region, shared.answer))));
        }
        Some(plan)
    }
}

/// Whether a region is worth sharing, by the rules that have it, named once for each time.
fn often(rules: &[usize]) -> bool {
    rules.len() >= MIN_TIMES || rules.first() != rules.last()
}

/// Which variables a block and those after it read before setting them, and which they set.
#[derive(Clone, Copy, Default)]
struct Uses {
    live: u64,
    sets: u64,
}

impl Uses {
    /// Of a block; `known` holds what was asked before.
    fn from(flow: &Flow, known: &mut Vec<Self>, id: BlockId) -> Self {
        for block in &flow.blocks()[known.len()..] {
            let mut uses = Self::default();
            flow.for_each_successor(block, |to| {
                let Self { live, sets } = known[to.0 as usize];
                uses.live |= live;
                uses.sets |= sets;
            });
            if let Action::Set { var, .. } = block.action {
                uses.live &= !var_bit(var.0);
                uses.sets |= var_bit(var.0);
            }
            for operand in block.action.operands() {
                uses.live |= flow.values.vars(operand);
            }
            known.push(uses);
        }
        known[id.0 as usize]
    }
}

/// The answers and findings that rules read.
fn read_by_rules(flow: &Flow, walks: &[Shared]) -> Vec<Var> {
    let reachable = flow.reachable();
    let blocks = flow.blocks().iter().zip(reachable).filter(|(_, reached)| *reached);
    let read = blocks
        .flat_map(|(block, _)| block.action.operands())
        .fold(0, |bits, operand| bits | flow.values.vars(operand));
    let regions = walks.iter().flat_map(|walk| std::iter::once(walk).chain(&walk.stages));
    regions
        .flat_map(|region| std::iter::once(region.answer).chain(region.findings.values().copied()))
        .filter(|var| read & var_bit(var.0) != 0)
        .collect()
}

/// The code of what is shared.
fn prelude(flow: &mut Flow, graphs: &[&Graph], walks: &[Shared]) -> BlockId {
    walks.iter().rev().fold(END, |after, walk| {
        let stages = walk
            .stages
            .iter()
            .rev()
            .fold(after, |after, stage| run(flow, graphs, stage, &[walk, stage], after, after));
        run(flow, graphs, walk, &[walk], stages, after)
    })
}

/// Runs a region and keeps its answer.
fn run(
    flow: &mut Flow,
    graphs: &[&Graph],
    shared: &Shared,
    vars_of: &[&Shared],
    found: BlockId,
    not: BlockId,
) -> BlockId {
    let mut answer = |constant, next| {
        let value = flow.constant(constant);
        flow.need_vars(shared.answer.0 + 1);
        flow.plain(Action::Set { var: shared.answer, value, next })
    };
    let exits = Exits { yes: answer(YES, found), no: answer(NO, not), trap: answer(TRAPPED, not) };
    let Some(graph) = graphs.get(shared.rule) else { return not };
    let rename = |var: Var| {
        let place = graph.findings().iter().position(|&other| other == var);
        let known = place.and_then(|place| vars_of.iter().find_map(|of| of.findings.get(&place)));
        known.copied().unwrap_or(var)
    };
    Import::new(graph, &rename).region(flow, &shared.region, &exits)
}
