//! `probe check`: whether a configuration is right, what it would attach, and what its rules cost.
//! Nothing is loaded, and no right is needed.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use anyhow::Result;
use probe_filter::{
    VlanView,
    ebpf::{self, Flavour, Stats},
};
use probe_frame::visible;

use super::{generation::LINKS, otlp, present::Present, supported, web};
use crate::{
    config::{Config, Keep, Otlp, Record},
    explain,
    kernel::{self, Direction, Hook, Memory},
    link_type, record,
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
    text.push_str(&recorders(&config, &present)?);
    if let Some(path) = &config.web_config {
        text.push_str(&guarded(path)?);
    }
    if let Some(otlp) = &config.otlp {
        text.push_str(&pushes(otlp)?);
    }
    text.push_str(&costs(&config, hook, &present)?);
    text.push_str(&memory(&config)?);
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
    if let Some(settings) = &config.health {
        let ports: Vec<String> = settings.services.iter().map(ToString::to_string).collect();
        let ports = match ports.len() {
            0 => format!("the {} busiest TCP ports that answer", settings.most),
            _ => ports.join(", "),
        };
        let _ = writeln!(out, "health      {ports}; by tcx, frames received and sent");
    }
    let listen: Vec<String> = config.listen.iter().map(ToString::to_string).collect();
    let listen = if listen.is_empty() { "nowhere".into() } else { listen.join(", ") };
    let _ = writeln!(out, "HTTP        {listen}");
    out
}

/// What recorders keep, in how much memory, and how many files they leave.
fn recorders(config: &Config, present: &Present) -> Result<String> {
    let links: BTreeSet<_> = present.interfaces.iter().map(|(_, it)| it.link).collect();
    let sets = links.len().max(1);
    let mut out = String::new();
    for Record { rule, keep, .. } in &config.records {
        let Keep { last, directory, max_files, ring_bytes, .. } = keep;
        let (last, folder) = (last.as_secs_f64(), visible(&directory.to_string_lossy()));
        let ring = ring_bytes.map_or_else(|| record::default_ring(sets), Ok)?;
        let mib = (sets * ring.next_power_of_two()).div_ceil(1 << 20);
        let _ = writeln!(
            out,
            "record      {rule}: the last {last} s in {mib} MiB a CPU, by tcx; at most {max_files} \
             files in {folder}"
        );
    }
    Ok(out)
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

/// Where metrics are pushed to; its headers are read as they will be.
fn pushes(otlp: &Otlp) -> Result<String> {
    let headers = otlp::Setup::of(otlp, 0)?.headers.len();
    let Otlp { endpoint, interval, .. } = otlp;
    let seconds = interval.as_secs_f64();
    Ok(format!("OTLP        {endpoint}, each {seconds} s, {headers} headers of its own\n"))
}

/// What each rule costs by itself, its lists beside it, and all of them together.
fn costs(config: &Config, hook: Hook, present: &Present) -> Result<String> {
    let link = present.interfaces.first().map(|(_, it)| it.link).unwrap_or_default();
    let options = rules::live_options(&[], link, VlanView::default());
    let set = RuleSet::compile(config.rules.clone(), &options)?;
    let flavour = if hook.is_xdp() { Flavour::Xdp } else { Flavour::Skb };
    let target = kernel::target(flavour, VlanView::default(), link);
    let of_rules = set.rules().iter().map(|rule| (rule.name.clone(), visible(&rule.filter), None));
    let of_lists = set.lists().zip(0..).map(|((rule, list), place)| {
        let what = match (list.top, list.distinct) {
            (Some(top), false) => format!("the {top} largest keys"),
            (Some(top), true) => format!("the {top} largest keys, and how many different ones"),
            (None, _) => "how many different keys".into(),
        };
        (format!("{} by {}", rule.name, list.key), what, Some(place))
    });
    let named: Vec<(String, String, Option<u8>)> = of_rules.chain(of_lists).collect();
    let as_rules: Vec<ebpf::Rule<'_>> = (set.filters().iter().zip(&named))
        .map(|(filter, &(.., key))| ebpf::Rule { graph: filter.graph(), pending_bit: None, key })
        .collect();
    let width = named.iter().map(|(name, ..)| name.len()).max().unwrap_or(0).max("(all)".len());
    let mut out = format!("\n{:width$}  instructions  bytes looked at  filter\n", "rule");
    for ((name, what, _), as_rule) in named.iter().zip(&as_rules) {
        let stats = ebpf::generate(&[*as_rule], &target)?.stats;
        out.push_str(&row(name, width, &stats, what));
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

/// What lists take in the kernel; nothing where there are none.
fn memory(config: &Config) -> Result<String> {
    let lists = || config.rules.iter().flat_map(|rule| &rule.lists);
    let [tops, distinct] = [
        lists().filter(|list| list.top.is_some()).count(),
        lists().filter(|list| list.distinct).count(),
    ];
    if lists().next().is_none() {
        return Ok(String::new());
    }
    let memory = Memory::of([tops, distinct], LINKS.len(), config.list_memory);
    let memory = memory.map_err(explain::kernel)?;
    Ok(format!("\nlists take {memory}; twice as much while a reload takes over\n"))
}

fn row(name: &str, width: usize, stats: &Stats, filter: &str) -> String {
    let (instructions, bytes) =
        (grouped(stats.fast_instructions as u64), grouped(u64::from(stats.bytes)));
    format!("{name:width$}  {instructions:>12}  {bytes:>15}  {filter}").trim_end().to_owned() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(top: &str) -> Config {
        let text = format!(
            "interfaces = \"eth0\"\n{top}\n[[rule]]\nname = \"syn\"\nfilter = \"@syn\"\n\
             by = [\"src/24,64\", \"dport\"]\ntop = 3\ndistinct = [\"dport\", \"src\"]\n\
             [[rule]]\nname = \"all\"\nfilter = \"\"\n"
        );
        Config::parse(&text, "probe.toml").unwrap()
    }

    /// Each list has a row of what it costs, and all of them take what the kernel is asked for.
    #[test]
    fn what_lists_cost() {
        let text = costs(&config(""), Hook::Tcx, &Present::default()).unwrap();
        let rows: Vec<(&str, &str)> = (text.lines().skip(2))
            .map(|line| {
                let (name, rest) = line.split_at(16);
                (name.trim(), rest.get(33..).unwrap_or_default())
            })
            .collect();
        let expected = [
            ("syn", "@syn"),
            ("all", ""),
            ("syn by src/24,64", "the 3 largest keys"),
            ("syn by dport", "the 3 largest keys, and how many different ones"),
            ("syn by src", "how many different keys"),
            ("(all)", "together: what rules have in common is looked at once"),
        ];
        assert_eq!(rows, expected, "{text}");

        let needed = Memory::of([2, 2], 2, None).unwrap();
        let text = memory(&config("")).unwrap();
        assert!(text.starts_with(&format!("\nlists take {needed};")), "{text}");
        let few = memory(&config("[top]\nmemory = \"128K\"")).unwrap_err().to_string();
        assert!(few.contains("the lists of keys take at least"), "{few}");
        let none = Config { rules: vec![rules::Rule::new("all", "")], ..config("") };
        assert_eq!(memory(&none).unwrap(), "");
    }

    #[test]
    fn what_recorders_keep() {
        let text = "interfaces = \"eth0\"\n[[rule]]\nname = \"syn\"\nfilter = \"@syn\"\n\
                    [[record]]\nrule = \"syn\"\nlast = \"30s\"\nbuffer_size = \"3M\"\n\
                    directory = \"/var/lib/probe\"\nmax_files = 5\n";
        let config = Config::parse(text, "probe.toml").unwrap();
        assert_eq!(
            recorders(&config, &Present::default()).unwrap(),
            "record      syn: the last 30 s in 4 MiB a CPU, by tcx; at most 5 files in /var/lib/probe\n"
        );
    }
}
