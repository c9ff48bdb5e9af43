//! `probe filter`: whether an expression compiles, and what to.

use anyhow::Result;
use probe_filter::ir::LinkType;

use crate::{
    cli::FilterArgs,
    rules::{self, Rule, RuleSet},
};

/// Runs the command.
pub fn run(args: &FilterArgs) -> Result<()> {
    let link = if args.raw { LinkType::Raw } else { LinkType::Ethernet };
    let rule = Rule::new("match", args.expression.text()?);
    let set = RuleSet::compile(vec![rule], &rules::file_options(link))?;
    for filter in set.filters() {
        let graph = filter.graph();
        println!("{} predicates over {} values", graph.nodes().len(), graph.values().len());
    }
    Ok(())
}
