//! `probe filter`: whether an expression compiles, and what to.

mod explain;

use anyhow::{Context as _, Result};
use probe_filter::{
    Filter, LinkType, Options, VlanView, cbpf,
    ebpf::{self, Flavour, Target},
};

use crate::{
    kernel::{self, Direction, Hook},
    rules::{self, Rule, RuleSet},
    source::Choice,
    stdout,
};

/// What to show of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Its text.
    pub filter: String,
    /// What of it.
    pub shown: Shown,
    /// What frames begin with.
    pub link: LinkType,
    /// Where it finds the outermost VLAN tag.
    pub vlan: VlanView,
}

/// What is shown of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// How large it is.
    Size,
    /// What it asks of a frame in words, what that costs at a hook, and an example.
    Words(Choice<Hook>),
    /// Code, for a hook and what it is to see.
    Code(Code, Choice<Hook>, Direction),
}

/// A form of code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The eBPF function that is linked into the program of a hook.
    Ebpf,
    /// Classic BPF as C.
    ClassicC,
    /// Classic BPF as numbers, for iptables.
    ClassicNumbers,
}

/// Runs the command.
///
/// # Errors
/// What is wrong with the filter.
pub fn run(plan: &Plan) -> Result<()> {
    let &Plan { ref filter, shown, link, vlan } = plan;
    let options = rules::file_options(link).vlan(vlan);
    let view = |hook: Choice<Hook>, direction| View { hook: hook.on(direction, false), vlan, link };
    let text = match shown {
        Shown::Words(hook) => {
            let explained = probe_filter::explain(filter, &options);
            let (filter, words) = explained.map_err(|error| rules::refused(&error, ""))?;
            rules::say_notes([&filter].into_iter());
            explain::text(&filter, &words, view(hook, Direction::In))?
        }
        Shown::Size => summary(&compiled(filter, &options)?),
        Shown::Code(form, hook, direction) => {
            code(&compiled(filter, &options)?, form, view(hook, direction))?
        }
    };
    stdout::print(text.as_bytes())
}

fn compiled(filter: &str, options: &Options<'_>) -> Result<Filter> {
    let set = RuleSet::compile(vec![Rule::new("match", filter)], options)?;
    set.filters().first().cloned().context("a filter")
}

/// That it compiles, and how large it is.
fn summary(filter: &Filter) -> String {
    let graph = filter.graph();
    let classic = match cbpf::generate(graph) {
        Ok(program) => format!("{} instructions", program.instructions.len()),
        Err(error) => format!("none: {error}"),
    };
    format!("{} predicates; classic BPF: {classic}\n", graph.nodes().len())
}

/// What code is generated for.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// Where it would be attached.
    pub hook: Hook,
    /// Where it finds VLAN tags.
    pub vlan: VlanView,
    /// What frames begin with.
    pub link: LinkType,
}

/// The code of a filter.
///
/// # Errors
/// Where the filter does not fit.
pub fn code(filter: &Filter, form: Code, view: View) -> Result<String> {
    let graph = filter.graph();
    Ok(match form {
        Code::Ebpf => {
            let rule = ebpf::Rule { graph, pending_bit: None, key: None };
            ebpf::generate(&[rule], &target(view))?.to_string()
        }
        Code::ClassicC => cbpf::generate(graph)?.c_array(),
        Code::ClassicNumbers => cbpf::generate(graph)?.decimal(),
    })
}

/// What code of a view is generated for.
fn target(view: View) -> Target {
    let flavour = if view.hook.is_xdp() { Flavour::Xdp } else { Flavour::Skb };
    kernel::target(flavour, view.vlan, view.link)
}
