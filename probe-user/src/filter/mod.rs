//! `probe filter`: whether an expression compiles, and what to.

mod explain;

use anyhow::{Context as _, Result};
use probe_filter::{
    Filter, LinkType, VlanView, cbpf,
    ebpf::{self, Flavour},
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
    /// What is asked of a frame.
    Words,
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
    let rule = Rule::new("match", filter);
    let set = RuleSet::compile(vec![rule], &rules::file_options(link).vlan(vlan))?;
    let filter = set.filters().first().context("a filter")?;
    let text = match shown {
        Shown::Words => explain::text(filter.graph()),
        Shown::Size => summary(filter),
        Shown::Code(form, hook, direction) => {
            let hook = hook.on(direction, false);
            code(filter, form, View { hook, vlan, link })?
        }
    };
    stdout::print(text.as_bytes())
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
            let flavour = if view.hook.is_xdp() { Flavour::Xdp } else { Flavour::Skb };
            let target = kernel::target(flavour, view.vlan, view.link);
            let rule = ebpf::Rule { graph, pending_bit: None, key: None };
            ebpf::generate(&[rule], &target)?.to_string()
        }
        Code::ClassicC => cbpf::generate(graph)?.c_array(),
        Code::ClassicNumbers => cbpf::generate(graph)?.decimal(),
    })
}
