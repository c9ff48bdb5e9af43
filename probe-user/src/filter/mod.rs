//! `probe filter`: whether an expression compiles, and what to.

mod explain;

use std::{
    fs,
    io::{self, Write as _},
    mem::offset_of,
};

use anyhow::{Context as _, Result};
use probe_common::{Counter, CpuState, MAX_RULES, SCRATCH_WORDS};
use probe_filter::{
    Filter, LinkType, Options, cbpf,
    ebpf::{self, Flavour, Kernel, StateLayout, Target},
};

use crate::{
    cli::FilterArgs,
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
    let target = Target {
        flavour: if args.hook.is_xdp() { Flavour::Xdp } else { Flavour::Skb },
        vlan: args.vlan,
        link,
        kernel: running_kernel(),
        layout: StateLayout {
            rules: offset_of!(CpuState, rules) as u32,
            rule_size: size_of::<Counter>() as u32,
            rules_len: MAX_RULES as u32,
            pending: offset_of!(CpuState, pending) as u32,
            scratch: offset_of!(CpuState, scratch) as u32,
            scratch_len: SCRATCH_WORDS as u32,
        },
    };
    let rule = ebpf::Rule { graph: filter.graph(), pending_bit: None };
    Ok(ebpf::generate(&[rule], &target)?.to_string())
}

/// What the running kernel can do; the oldest that is supported where it does not tell.
fn running_kernel() -> Kernel {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map_while(|n| n.parse().ok());
    Kernel::release(numbers.next().unwrap_or(5), numbers.next().unwrap_or(15))
}
