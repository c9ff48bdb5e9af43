//! `probe check`: whether a configuration is right, what it would attach, and what its rules cost.
//! Nothing is loaded, and no right is needed.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use anyhow::Result;
use probe_filter::{
    VlanView,
    ebpf::{self, Flavour, Stats},
};
use probe_frame::visible;

use super::{present::Present, supported, web};
use crate::{
    config::Config,
    kernel::{self, Direction, Hook},
    link_type,
    rules::{self, RuleSet},
    stdout,
    text::grouped,
};

/// What to check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The file; `-` is standard input.
    pub file: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// All mistakes of the file; and where the interfaces cannot be asked for.
pub fn run(plan: &Plan) -> Result<()> {
    let config = Config::read(&plan.file)?;
    supported(&config)?;
    let hook = config.hook.on(config.direction, true);
    let present = Present::ask(&config.interfaces)?;
    let mut text = places(&config, hook, &present);
    if let Some(path) = &config.web_config {
        text.push_str(&guarded(path)?);
    }
    text.push_str(&costs(&config, hook, &present)?);
    stdout::print(text.as_bytes())
}

/// What would be attached where.
fn places(config: &Config, hook: Hook, present: &Present) -> String {
    let mut out = String::new();
    let frames = match config.direction {
        Direction::In => "frames received",
        Direction::Out => "frames sent",
        Direction::InOut => "frames received and sent",
    };
    let _ = writeln!(out, "hook        {hook}, {frames}");
    let names: Vec<String> = (present.interfaces.iter())
        .map(|(_, it)| match it.link {
            link if link == Default::default() => visible(&it.name),
            link => format!("{} ({})", visible(&it.name), link_type::known(link).name),
        })
        .collect();
    let names = if names.is_empty() { "none now".into() } else { names.join(", ") };
    let _ = writeln!(out, "interfaces  {names}");
    for (what, names) in [
        ("not there now, attached to when they come", &present.missing),
        ("left out, with neither Ethernet nor IP at the start of a frame", &present.others),
    ] {
        if !names.is_empty() {
            let names: Vec<String> = names.iter().map(|name| visible(name)).collect();
            let _ = writeln!(out, "            {what}: {}", names.join(", "));
        }
    }
    let listen: Vec<String> = config.listen.iter().map(ToString::to_string).collect();
    let listen = if listen.is_empty() { "nowhere".into() } else { listen.join(", ") };
    let _ = writeln!(out, "HTTP        {listen}");
    out
}

/// Who is let in by TCP, and how.
fn guarded(path: &Path) -> Result<String> {
    let web = web::check(path)?;
    let how = if web.tls.is_some() { "TLS" } else { "not encrypted" };
    let who = match web.users.len() {
        0 => "no password".into(),
        1 => "1 user".into(),
        users => format!("{users} users"),
    };
    Ok(format!("web config  {}: {how}, {who}\n", path.display()))
}

/// What each rule costs by itself, and all of them together.
fn costs(config: &Config, hook: Hook, present: &Present) -> Result<String> {
    let link = present.interfaces.first().map(|(_, it)| it.link).unwrap_or_default();
    let options = rules::live_options(&[], link, VlanView::default());
    let set = RuleSet::compile(config.rules.clone(), &options)?;
    let flavour = if hook.is_xdp() { Flavour::Xdp } else { Flavour::Skb };
    let target = kernel::target(flavour, VlanView::default(), link);
    let as_rules: Vec<ebpf::Rule<'_>> = (set.filters().iter())
        .map(|filter| ebpf::Rule { graph: filter.graph(), pending_bit: None, key: None })
        .collect();
    let width =
        config.rules.iter().map(|rule| rule.name.len()).max().unwrap_or(0).max("(all)".len());
    let mut out = format!("\n{:width$}  instructions  bytes looked at  filter\n", "rule");
    for (rule, as_rule) in config.rules.iter().zip(&as_rules) {
        let stats = ebpf::generate(&[*as_rule], &target)?.stats;
        out.push_str(&row(&rule.name, width, &stats, &visible(&rule.filter)));
    }
    let all = ebpf::generate(&as_rules, &target)?.stats;
    out.push_str(&row(
        "(all)",
        width,
        &all,
        "together: what rules have in common is looked at once",
    ));
    Ok(out)
}

fn row(name: &str, width: usize, stats: &Stats, filter: &str) -> String {
    let (instructions, bytes) =
        (grouped(stats.fast_instructions as u64), grouped(u64::from(stats.bytes)));
    format!("{name:width$}  {instructions:>12}  {bytes:>15}  {filter}").trim_end().to_owned() + "\n"
}
