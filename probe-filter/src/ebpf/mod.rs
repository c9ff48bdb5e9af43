//! The eBPF back end: one function for all rules.
//!
//! ```text
//! u32 filter(ctx, data, data_end, state, meta)
//! ```
//! It stands in a program as a static function, verified with its caller's register
//! types: `ctx` is the context, `data` and `data_end` are the packet pointers,
//! `state` points into a map value, `meta` is a scalar: the frame's length on the wire
//! in the lower half (a VLAN tag held outside the frame included), bit 32 set for
//! a frame being sent. It raises the counters of the rules that match, sets the bits
//! of those that sample, and returns 0. It calls no function and refers to no map;
//! helpers are called by number.

mod asm;
mod careful;
mod chain;
mod count;
mod error;
mod fast;
mod inline;
mod insn;
mod listing;
mod stack;
mod target;
mod value;
mod view;

pub use error::Error;
pub use inline::{Host, inline};
pub use insn::{Insn, Reg};
pub use target::{Flavour, Kernel, StateLayout, Target};

use crate::flow::Flow;
use crate::ir::{Graph, ValueId};
use crate::key::KEY_WORDS;
use crate::passes::{self, View};

use asm::{Assembled, Assembler, Label};
use count::{AllMarks, Marks, OnMatch};
use view::{Chosen, Entry};

/// Instructions that the kernel verifies at most (BPF_COMPLEXITY_LIMIT_INSNS), and
/// therefore takes at most; the caller needs some too.
const MAX_INSNS: usize = 1_000_000 - 4096;

/// One filter of a program.
#[derive(Clone, Copy, Debug)]
pub struct Rule<'a> {
    /// What it means.
    pub graph: &'a Graph,
    /// Its bit in the mask of pending rules, if it samples frames.
    pub pending_bit: Option<u8>,
    /// The place of its [key](Graph::key) in the state, and its bit in the mask of keys, if it
    /// has one.
    pub key: Option<u8>,
}

/// Generated code.
#[derive(Clone, Debug)]
pub struct Program {
    /// The function, first instruction first. Jumps stay inside it.
    pub insns: Vec<Insn>,
    /// What it costs.
    pub stats: Stats,
    /// What begins at which instruction.
    parts: Vec<(usize, Part)>,
}

/// A part of the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Fast,
    /// Careful code, for bytes that are not where fast code reads.
    Careful,
    /// Fast code for frames with a VLAN tag, where that has to be told apart.
    Tagged,
    /// The place where this rule counts.
    Count(u32),
}

/// What generated code costs.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Instructions in all.
    pub instructions: usize,
    /// Those that read packet memory directly, for one view of the frame: the way
    /// that frames usually take.
    pub fast_instructions: usize,
    /// Different loads from the frame.
    pub loads: usize,
    /// Bytes of the frame looked at, over all ways through the code.
    pub bytes: u32,
    /// Bytes of stack.
    pub stack_bytes: u32,
}

impl Program {
    /// The function as the kernel takes it.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.insns.iter().flat_map(|insn| insn.to_bytes()).collect()
    }
}

/// Generates the function for all rules, in their order.
///
/// # Errors
/// If a limit is broken; the error names the rule that broke it.
pub fn generate(rules: &[Rule<'_>], target: &Target) -> Result<Program, Error> {
    check(rules, target)?;
    let (assembled, loads) =
        counting(rules, target).map_err(|error| blame(error, rules, target))?;
    fits(&assembled, rules, target)?;
    let Assembled { insns, marks: parts, .. } = assembled;
    let careful = parts.iter().find(|(_, part)| *part == Part::Careful);
    let stats = Stats {
        instructions: insns.len(),
        fast_instructions: careful.map_or(insns.len(), |&(start, _)| start),
        loads: loads.len(),
        bytes: loads.iter().map(|load| load.1).sum(),
        stack_bytes: stack::MAX_STACK,
    };
    Ok(Program { insns, stats, parts })
}

/// The rule that breaks a limit even by itself; errors of many rules name the first.
fn blame(error: Error, rules: &[Rule<'_>], target: &Target) -> Error {
    if rules.len() == 1 {
        return error;
    }
    if let Error::TooLong { instructions, .. } = error {
        return Error::TooLong { instructions, rule: longest(rules, target) };
    }
    let broken = |rule: &Rule<'_>| counting(std::slice::from_ref(rule), target).is_err();
    let Some(found) = rules.iter().position(broken) else { return error };
    match error {
        Error::TooDeep { .. } => Error::TooDeep { rule: found },
        Error::TooManyVariables { .. } => Error::TooManyVariables { rule: found },
        error => error,
    }
}

fn counting(
    rules: &[Rule<'_>],
    target: &Target,
) -> Result<(Assembled, Vec<(ValueId, u32)>), Error> {
    let graphs: Vec<&Graph> = rules.iter().map(|rule| rule.graph).collect();
    let marks = |rule: &Rule<'_>| Marks { pending: rule.pending_bit, key: rule.key };
    let marks = AllMarks::new(rules.iter().map(marks).collect());
    translate(&graphs, OnMatch::Count(&marks), target)
}

/// Code for each view of the frame, behind the choice between them.
fn translate(
    graphs: &[&Graph],
    on_match: OnMatch<'_>,
    target: &Target,
) -> Result<(Assembled, Vec<(ValueId, u32)>), Error> {
    let scratch_len = target.layout.scratch_len;
    let too_many = |graph: &&Graph| !stack::holds_variables(graph.vars(), scratch_len);
    if let Some(rule) = graphs.iter().position(too_many) {
        return Err(Error::TooManyVariables { rule });
    }
    let lowered = passes::rules(graphs);
    let mut loads = None;
    let mut asm = Assembler::default();
    let (plain, tagged) = view::views(target);
    let views: Vec<View> = [plain].into_iter().chain(tagged).collect();
    let entries: Vec<Entry> =
        views.iter().map(|_| Entry { fast: asm.label(), careful: asm.label() }).collect();
    let flows: Vec<Flow> = views.iter().map(|&view| passes::run(lowered.clone(), view)).collect();
    let chosen = match (&entries[..], flows.first()) {
        ([plain, tagged], Some(flow)) => {
            view::choose(&mut asm, target, plain, tagged, fast::first_guard(flow, target))
        }
        _ => Chosen::default(),
    };
    for ((&view, entry), flow) in views.iter().zip(&entries).zip(&flows) {
        if !stack::holds_variables(flow.vars(), scratch_len) {
            let most = graphs.iter().enumerate().max_by_key(|(_, graph)| graph.vars());
            return Err(Error::TooManyVariables { rule: most.map_or(0, |(rule, _)| rule) });
        }
        loads.get_or_insert_with(|| flow.loads());
        asm.mark(if Some(view) == tagged { Part::Tagged } else { Part::Fast });
        let labels: Vec<Label> = flow.blocks().iter().map(|_| asm.label()).collect();
        asm.bind(entry.fast);
        asm.jump(labels[flow.entry().0 as usize]);
        let mut gates = fast::translate(flow, on_match, target, &mut asm, &labels, chosen);
        if tagged.is_some() {
            gates[flow.entry().0 as usize].get_or_insert_with(|| asm.label());
        }
        asm.mark(Part::Careful);
        careful::translate(flow, on_match, target, &mut asm, &gates, &labels)?;
        if asm.is_too_long() {
            return Err(Error::TooLong { instructions: MAX_INSNS, rule: 0 });
        }
        asm.bind(entry.careful);
        if let Some(gate) = gates[flow.entry().0 as usize] {
            asm.jump(gate);
        }
    }
    Ok((asm.finish(), loads.unwrap_or_default()))
}

/// The rule, by its index, that takes the most code by itself: the one to blame where the
/// kernel's verifier gives up on all of them.
pub fn longest(rules: &[Rule<'_>], target: &Target) -> usize {
    let alone = |rule: &Rule<'_>| {
        let alone = counting(std::slice::from_ref(rule), target);
        alone.map_or(usize::MAX, |(assembled, _)| assembled.insns.len())
    };
    match rules.len() {
        1 => 0,
        many => (0..many).max_by_key(|&rule| alone(&rules[rule])).unwrap_or(0),
    }
}

fn check(rules: &[Rule<'_>], target: &Target) -> Result<(), Error> {
    let layout = &target.layout;
    if rules.len() > layout.rules_len as usize {
        return Err(Error::TooManyRules { rules: rules.len(), counters: layout.rules_len });
    }
    let ends = [
        layout.rules.saturating_add(layout.rules_len.saturating_mul(layout.rule_size)),
        layout.pending.saturating_add(8),
        layout.keyed.saturating_add(8),
        layout.keys.saturating_add(layout.keys_len.saturating_mul(4 * KEY_WORDS as u32)),
        layout.flows.saturating_add(4 * 64),
        layout.scratch.saturating_add(layout.scratch_len.saturating_mul(8)),
    ];
    if ends.iter().any(|&end| end > i16::MAX as u32) {
        return Err(Error::StateTooLarge);
    }
    if layout.scratch_len < stack::RESERVED_WORDS {
        return Err(Error::NoScratch);
    }
    if let Some(rule) = rules.iter().position(|rule| rule.pending_bit.is_some_and(|bit| bit > 63)) {
        return Err(Error::PendingBit { rule });
    }
    let keys = layout.keys_len.min(64);
    match rules.iter().position(|rule| rule.key.is_some_and(|key| u32::from(key) >= keys)) {
        Some(rule) => Err(Error::TooManyKeys { rule, keys }),
        None => Ok(()),
    }
}

fn fits(assembled: &Assembled, rules: &[Rule<'_>], target: &Target) -> Result<(), Error> {
    let instructions = assembled.insns.len();
    let too_far = assembled.long_jumps && !target.kernel.long_jumps;
    if instructions <= MAX_INSNS && !too_far {
        return Ok(());
    }
    let rule = longest(rules, target);
    Err(if too_far {
        Error::TooFar { instructions, rule }
    } else {
        Error::TooLong { instructions, rule }
    })
}
