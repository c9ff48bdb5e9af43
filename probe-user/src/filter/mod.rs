//! `probe filter`: whether an expression compiles, and what to.

mod explain;

use std::io::{self, Write as _};

use anyhow::{Context as _, Result};
use probe_filter::{
    Filter, LinkType, Options, cbpf,
    ebpf::{self, Flavour},
};

use crate::{
    cli::FilterArgs,
    kernel,
    rules::{self, Rule, RuleSet},
};

/// Runs the command.
pub fn run(args: &FilterArgs) -> Result<()> {
    let link = if args.raw { LinkType::Raw } else { LinkType::Ethernet };
    let rule = Rule::new("match", args.expression.text()?);
    let set =
        RuleSet::compile(vec![rule], &Options { vlan: args.vlan, ..rules::file_options(link) })?;
    let filter = set.filters().first().context("a filter")?;
    let text = match (args.dump, args.explain) {
        (_, true) => explain::text(filter.graph()),
        (0, false) => summary(filter),
        (1, false) => listing(args, filter, link)?,
        (2, false) => cbpf::generate(filter.graph())?.c_array(),
        (_, false) => cbpf::generate(filter.graph())?.decimal(),
    };
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .context("writing to standard output")
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

/// The function that is linked into the program of a hook.
fn listing(args: &FilterArgs, filter: &Filter, link: LinkType) -> Result<String> {
    let flavour = if args.hook.is_xdp() { Flavour::Xdp } else { Flavour::Skb };
    let target = kernel::target(flavour, args.vlan, link);
    let rule = ebpf::Rule { graph: filter.graph(), pending_bit: None };
    Ok(ebpf::generate(&[rule], &target)?.to_string())
}
