//! `probe filter`: whether an expression compiles, and what to.

mod explain;

use anyhow::{Context as _, Result};
use probe_filter::{
    Filter, LinkType, VlanView, cbpf,
    ebpf::{self, Flavour},
};

use crate::{
    cli::FilterArgs,
    kernel::{self, Hook},
    rules::{self, Rule, RuleSet},
    stdout,
};

/// Runs the command.
pub fn run(args: &FilterArgs) -> Result<()> {
    let link = if args.raw { LinkType::Raw } else { LinkType::Ethernet };
    let rule = Rule::new("match", args.expression.text()?);
    let set = RuleSet::compile(vec![rule], &rules::file_options(link).vlan(args.vlan))?;
    let filter = set.filters().first().context("a filter")?;
    let text = match (args.dump, args.explain) {
        (_, true) => explain::text(filter.graph()),
        (0, false) => summary(filter),
        (level, false) => code(filter, level, View { hook: args.hook(), vlan: args.vlan, link })?,
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

/// The code of a filter: -d the function that is linked into the program of a hook, -dd
/// classic BPF as C, -ddd classic BPF as numbers.
///
/// # Errors
/// Where the filter does not fit.
pub fn code(filter: &Filter, level: u8, view: View) -> Result<String> {
    let graph = filter.graph();
    Ok(match level {
        0 | 1 => {
            let flavour = if view.hook.is_xdp() { Flavour::Xdp } else { Flavour::Skb };
            let target = kernel::target(flavour, view.vlan, view.link);
            let rule = ebpf::Rule { graph, pending_bit: None };
            ebpf::generate(&[rule], &target)?.to_string()
        }
        2 => cbpf::generate(graph)?.c_array(),
        _ => cbpf::generate(graph)?.decimal(),
    })
}
