//! What is counted: flags that `probe count` and `probe top` have in common.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use probe_filter::{Key, Prefix};

use super::values;
use crate::{
    keys::{self, By, List},
    reporter,
    rules::{self, Rule, RulesFile},
};

/// Rules, and what is counted of each by keys.
#[derive(Debug, Args)]
pub struct Counted {
    /// A named filter; may be given several times
    #[arg(long = "rule", value_name = "NAME=EXPR")]
    pub rules: Vec<Rule>,

    /// Read named filters from a TOML file; each is a `[[rule]]` with name and filter, and if wanted by,
    /// top and distinct (as --by and --distinct) and sample; `[top]` has memory (as --top-memory)
    #[arg(long = "rules", value_name = "FILE")]
    pub rules_file: Option<PathBuf>,

    /// List the N largest keys of each rule (counted in the kernel, right in a flood): src, dst, src/24
    /// or src/24,64 (networks of IPv4 and IPv6), sport, dport, src,dport, proto, vlan, mac. May be given
    /// several times. Without a rule: of every packet, with how many different keys there are
    /// [default of N: 10]
    #[arg(long, value_name = "KEY[,N]", value_parser = keys::by)]
    pub by: Vec<By>,

    /// Say how many different keys each rule has: since the start, in the last interval and in the
    /// last minute; may be given several times
    #[arg(long, value_name = "KEY", value_parser = str::parse::<Key>)]
    pub distinct: Vec<Key>,

    /// Memory that the lists of --by and --distinct may take; their tables are smaller and their counts
    /// less exact where all of them need more [default: 64M, or 1M a CPU]
    #[arg(long, value_name = "SIZE", value_parser = values::memory)]
    pub top_memory: Option<u64>,
}

impl Counted {
    /// The rules of the file, those of the command line, and an expression, the words that are left over,
    /// under its own name. An expression alone, or nothing at all, is one rule. Beside them the memory
    /// that lists may take, where flags or the file say that.
    ///
    /// # Errors
    /// A rules file that cannot be read, and what is wrong in it.
    pub fn rules(self, expression: String) -> Result<(Vec<Rule>, Option<u64>)> {
        let file = self.rules_file.as_deref().map(rules::read_file).transpose()?;
        let RulesFile { mut rules, list_memory } = file.unwrap_or_default();
        rules.extend(self.rules);
        // What is hitting this server, and from how many: keys alone ask for both.
        let keys_alone = expression.is_empty() && rules.is_empty();
        if !expression.is_empty() || rules.is_empty() {
            rules.push(Rule::new("match", expression));
        }
        self.by.iter().for_each(few_bits);
        for rule in &mut rules {
            for &(key, top) in &self.by {
                let top = top.or(Some(keys::TOP));
                keys::ask(&mut rule.lists, List { key, top, distinct: keys_alone });
            }
            for &key in &self.distinct {
                keys::ask(&mut rule.lists, List { key, top: None, distinct: true });
            }
            // Counting needs no frame; what a rules file says of sampling is for captures.
            rule.sampler = None;
        }
        Ok((rules, self.top_memory.or(list_memory)))
    }
}

/// `src/24,20` is not a list of 20 networks, though it looks like one.
fn few_bits(&(key, _): &By) {
    if let Key::Source(Prefix { v4, v6 }) | Key::Destination(Prefix { v4, v6 }) = key
        && (1..v4).contains(&v6)
    {
        reporter::note(format_args!(
            "--by {key}: {v6} is the prefix length of IPv6; a number of keys comes behind it, as in \
             --by src/{v4},64,{v6}"
        ));
    }
}
