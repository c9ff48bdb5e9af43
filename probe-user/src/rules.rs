//! Named filters: from the command line and from a rules file, compiled together.

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher as _, RandomState},
    path::Path,
};

use anyhow::{Context as _, Result, anyhow};
use probe_common::{Counter, MAX_KEYED, MAX_RULES, MAX_SAMPLED, Sampler};
use probe_filter::{
    Filter, FlowSeed, Key, Options, flow_limit,
    ir::{LinkType, VlanView},
};

use probe_frame::visible;

use crate::{
    bounded, config,
    failure::Usage,
    interfaces,
    kernel::{Lists, RuleSpec},
    keys::List,
    link_type, reporter,
    resolver::InTime,
};

/// Where the user gave a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// As the words that are left over.
    #[default]
    Expression,
    /// With `--rule`.
    Flag,
    /// In a rules file: its name and the line.
    File(String, usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expression => f.write_str("the expression"),
            Self::Flag => f.write_str("--rule"),
            Self::File(name, line) => write!(f, "{name}:{line}"),
        }
    }
}

/// Which connections are captured, whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowSampling {
    /// One in so many.
    pub one_in: u32,
    /// What chooses them.
    pub seed: FlowSeed,
}

/// One rule as the user gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What tables and JSON call it.
    pub name: String,
    /// The expression; empty matches everything.
    pub filter: String,
    /// Which of its matches are captured.
    pub sampler: Option<Sampler>,
    /// What its matches are counted by, beside their number.
    pub lists: Vec<List>,
    /// What connections are hashed with, where the frames of some of them are.
    pub flows: Option<FlowSeed>,
    /// Where it was given.
    pub place: Place,
}

impl Rule {
    /// A rule that only counts, of the words that are left over.
    pub fn new(name: impl Into<String>, filter: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            filter: filter.into(),
            sampler: None,
            lists: Vec::new(),
            flows: None,
            place: Place::Expression,
        }
    }

    /// Of what it samples, only the frames of some connections, where that is asked for.
    pub fn choose_flows(&mut self, flows: Option<FlowSampling>) {
        if let (Some(sampler), Some(FlowSampling { one_in, seed })) = (&mut self.sampler, flows) {
            sampler.flow_limit = flow_limit(one_in).into();
            self.flows = Some(seed);
        }
    }

    /// Makes it ready for that: all connections are chosen until [`Programs::choose_flows`] says which.
    ///
    /// [`Programs::choose_flows`]: crate::kernel::Programs::choose_flows
    pub fn prepare_flows(&mut self, seed: FlowSeed) {
        if let Some(sampler) = &mut self.sampler {
            // Nobody is left out yet (but one hash of 2^32), and the program is made for a limit.
            sampler.flow_limit = Sampler::ALL_FLOWS - 1;
            self.flows = Some(seed);
        }
    }

    /// Its filter, compiled.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn compile(&self, options: &Options<'_>) -> Result<Filter, probe_filter::Error> {
        probe_filter::compile(&self.filter, &options.flows(self.flows))
    }

    /// What an error about it begins with; nothing where it is the only one.
    fn label(&self, several: bool) -> String {
        match &self.place {
            Place::Expression if several => format!("rule {}: ", self.name),
            Place::Expression => String::new(),
            Place::Flag => format!("--rule {}: ", self.name),
            Place::File(..) => format!("{}: rule {}: ", self.place, self.name),
        }
    }
}

impl std::str::FromStr for Rule {
    type Err = String;

    /// `NAME=EXPR`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((name, filter)) if valid_name(name.trim()) => {
                Ok(Self { place: Place::Flag, ..Self::new(name.trim(), filter.trim()) })
            }
            Some((name, _)) => Err(format!("{name:?} is not a valid name: {NAME_HELP}")),
            None => Err("expected NAME=EXPR, as in syn=@syn".into()),
        }
    }
}

/// What a name may be.
pub const NAME_HELP: &str = "use letters, digits, '_', '-' and '.', at most 64";

/// Names go into CSV, JSON and metrics unquoted.
pub fn valid_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
}

/// What a rules file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RulesFile {
    /// Its rules, at least one.
    pub rules: Vec<Rule>,
    /// Bytes that lists may take (`top.memory`).
    pub list_memory: Option<u64>,
}

/// Reads a rules file. Errors name the file and the line; a file without a rule is one.
pub fn read_file(path: &Path) -> Result<RulesFile> {
    let text =
        bounded::read(path).with_context(|| format!("--rules: reading {}", path.display()))?;
    config::rules_file(&text, &path.display().to_string())
}

/// A seed that nobody knows, another one at each start.
pub fn drawn_seed() -> FlowSeed {
    FlowSeed::new(RandomState::new().hash_one(()))
}

/// Every `every`th match, at most `max_rate` frames a second on each CPU, with a burst of
/// a tenth of a second's worth (at least one frame).
pub fn sampler(every: u64, max_rate: Option<u64>) -> Sampler {
    let ns_per_frame = max_rate.map_or(0, |rate| (1_000_000_000 / rate.max(1)).max(1));
    let burst_ns = if ns_per_frame == 0 { 0 } else { ns_per_frame.max(100_000_000) };
    Sampler { every: every.max(1), ns_per_frame, burst_ns, flow_limit: Sampler::ALL_FLOWS }
}

/// So many frames without a match are no chance.
const MANY: u64 = 100;

/// Rules and their compiled filters, in the order given.
pub struct RuleSet {
    rules: Vec<Rule>,
    /// Those of the rules, and behind them those of their lists, rule by rule.
    filters: Vec<Filter>,
}

impl RuleSet {
    /// Compiles all rules. An expression that does not compile is a usage error that
    /// names the rule where there are several; a name that cannot be looked up is none.
    pub fn compile(rules: Vec<Rule>, options: &Options<'_>) -> Result<Self> {
        let mut set = Self::compile_rules(rules, options)?;
        say_notes(set.filters.iter());
        let mut lists = Vec::new();
        for (rule, list) in lists_of(&set.rules) {
            let filter = compile_list(rule, list, options);
            lists.push(filter.map_err(|error| {
                Usage::new(format!("{}{}: {error}", rule.label(set.rules.len() > 1), named(list)))
            })?);
        }
        set.filters.extend(lists);
        Ok(set)
    }

    /// As [`compile`](Self::compile), of rules that were compiled for one link type, and whose notes
    /// were told then, for another one. A key that its frames do not have is one that each of them
    /// lacks, and a note says so.
    ///
    /// # Errors
    /// As there.
    pub fn compile_again(rules: Vec<Rule>, options: &Options<'_>) -> Result<Self> {
        let mut set = Self::compile_rules(rules, options)?;
        let lists = lists_for_more(&set.rules, options, &mut |note| reporter::note(note))?;
        set.filters.extend(lists);
        Ok(set)
    }

    fn compile_rules(rules: Vec<Rule>, options: &Options<'_>) -> Result<Self> {
        let mut places = HashMap::new();
        for Rule { name, place, .. } in &rules {
            if let Some(other) = places.insert(name, place) {
                let message = format!("two rules are named {name:?}: {other}, {place}");
                return Err(Usage::new(message).into());
            }
        }
        if rules.len() > MAX_RULES {
            let given = rules.len();
            let message =
                format!("--rules, --rule: {given} rules; one program holds at most {MAX_RULES}");
            return Err(Usage::new(message).into());
        }
        if rules.iter().filter(|rule| rule.sampler.is_some()).count() > MAX_SAMPLED {
            let message = format!("at most {MAX_SAMPLED} rules can sample frames");
            return Err(Usage::new(message).into());
        }
        check_lists(&rules)?;
        let several = rules.len() > 1;
        let filters = rules
            .iter()
            .map(|rule| {
                rule.compile(options).map_err(|error| refused(&error, &rule.label(several)))
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Self { rules, filters })
    }

    /// Compiles rules, which were compiled for one link type, for frames of another one in the same
    /// file. A rule that asks for what these do not have matches none of them, and a note says so.
    ///
    /// # Errors
    /// Names that cannot be looked up.
    pub fn filters_for_more(rules: &[Rule], link: LinkType) -> Result<Vec<Filter>> {
        filters_for_more(rules, &file_options(link), &mut |note| reporter::note(note))
    }

    /// The rules.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Their lists, rule by rule, each with its rule: in the order of the filters and counters behind
    /// those of the rules.
    pub fn lists(&self) -> impl Iterator<Item = (&Rule, &List)> {
        lists_of(&self.rules)
    }

    /// The filters of the rules, and behind them those of the lists.
    pub fn filters(&self) -> &[Filter] {
        &self.filters
    }

    /// Says at the end of a run once more what may surprise in filters that matched nothing, where
    /// there was much to match: what was said at the start has gone by.
    pub fn say_again(&self, seen: u64, counts: &[Counter]) {
        if seen < MANY {
            return;
        }
        let rules = self.rules.iter().zip(&self.filters).zip(counts);
        let in_vain: Vec<(&Rule, &Filter)> = rules
            .filter(|((_, filter), count)| count.packets == 0 && !filter.notes().is_empty())
            .map(|(rule, _)| rule)
            .collect();
        if in_vain.is_empty() {
            return;
        }
        let mut whose = String::new();
        if self.rules.len() > 1 {
            let names: Vec<String> = in_vain.iter().map(|(rule, _)| visible(&rule.name)).collect();
            whose = format!("{}: ", names.join(", "));
        }
        reporter::say(format_args!("{whose}0 of {seen} frames matched, perhaps because of this:"));
        say_notes(in_vain.into_iter().map(|(_, filter)| filter));
    }

    /// What the kernel side wants to know.
    pub fn specs(&self) -> Vec<RuleSpec<'_>> {
        let of_rule = |rule: &Rule| (rule.sampler, Lists::default());
        let of_list = |(_, list): (&Rule, &List)| (None, list.wanted());
        let wanted = self.rules.iter().map(of_rule).chain(self.lists().map(of_list));
        self.filters
            .iter()
            .zip(wanted)
            .map(|(filter, (sampler, lists))| RuleSpec { graph: filter.graph(), sampler, lists })
            .collect()
    }
}

/// The lists of rules, rule by rule: in the order of their filters and counters.
pub fn lists_of(rules: &[Rule]) -> impl Iterator<Item = (&Rule, &List)> {
    rules.iter().flat_map(|rule| rule.lists.iter().map(move |list| (rule, list)))
}

/// More lists than a program has room for are a mistake.
fn check_lists(rules: &[Rule]) -> Result<(), Usage> {
    let (lists, rules) = (lists_of(rules).count(), rules.len());
    let message = |most: String| {
        format!(
            "--by, --distinct: {lists} lists, one for each rule and key; one program holds {most}"
        )
    };
    if lists > MAX_KEYED {
        return Err(Usage::new(message(format!("at most {MAX_KEYED}"))));
    }
    if rules + lists > MAX_RULES {
        let most =
            format!("at most {MAX_RULES} rules and lists together, and there are {rules} rules");
        return Err(Usage::new(message(most)));
    }
    Ok(())
}

/// The list as an error names it.
fn named(List { key, top, .. }: &List) -> String {
    format!("{} {key}", if top.is_some() { "--by" } else { "--distinct" })
}

/// The filter of a list: of the rule's frames that have the key.
fn compile_list(
    rule: &Rule,
    list: &List,
    options: &Options<'_>,
) -> Result<Filter, probe_filter::Error> {
    probe_filter::compile_keyed(&rule.filter, list.key, options)
}

/// The filters of rules, and behind them those of their lists, for frames of another link type than they
/// were compiled for. A rule that asks for what these do not have matches none of them, and a note says
/// so.
///
/// # Errors
/// Names that cannot be looked up.
pub fn filters_for_more(
    rules: &[Rule],
    options: &Options<'_>,
    note: &mut dyn FnMut(String),
) -> Result<Vec<Filter>> {
    let mut filters = Vec::new();
    for rule in rules {
        filters.push(match rule.compile(options) {
            Err(error) if !error.is_resolvers() => {
                let (label, name) =
                    (rule.label(rules.len() > 1), link_type::known(options.link).name);
                note(format!("{label}{error}; it matches none of the frames of link type {name}"));
                nothing(options)?
            }
            filter => filter?,
        });
    }
    filters.extend(lists_for_more(rules, options, note)?);
    Ok(filters)
}

/// A filter that no frame matches.
///
/// # Errors
/// None: it has no name to look up.
pub fn nothing(options: &Options<'_>) -> Result<Filter> {
    Ok(probe_filter::compile(NOTHING, options)?)
}

/// The filters of all lists for frames of another link type. Where these do not have a key, it is one
/// that each of them lacks, and a note says so.
fn lists_for_more(
    rules: &[Rule],
    options: &Options<'_>,
    note: &mut dyn FnMut(String),
) -> Result<Vec<Filter>> {
    let mut told: Vec<Key> = Vec::new();
    let mut filters = Vec::new();
    for (rule, list) in lists_of(rules) {
        let key = list.key;
        filters.push(match compile_list(rule, list, options) {
            Ok(filter) => filter,
            Err(_) => {
                // Else the rule itself is not for these frames, and that was said.
                let lacks = probe_filter::compile_keyed("", key, options).is_err();
                if lacks && !told.contains(&key) {
                    told.push(key);
                    let (named, link) = (named(list), link_type::known(options.link).name);
                    note(format!(
                        "{named}: frames of link type {link} have no such key; they are counted as \
                         without it"
                    ));
                }
                // With a key that all have, since the lists of all link types are the same ones.
                probe_filter::compile_keyed(NOTHING, Key::Protocol, options)?
            }
        });
    }
    Ok(filters)
}

/// No frame is like this.
const NOTHING: &str = "1 = 0";

/// The netmask that `ip broadcast` goes by: tcpdump looks for the link's only where -f asks
/// for it, which is not for filters, and takes 0 otherwise. 0.0.0.0 and 255.255.255.255 are
/// then the broadcast addresses.
const NETMASK: Option<u32> = Some(0);

/// Compiler options for the frames of a file.
pub fn file_options(link: LinkType) -> Options<'static> {
    Options::default().link(link).netmask(NETMASK).resolver(&InTime)
}

/// Compiler options for live frames of these interfaces.
pub fn live_options(names: &[String], link: LinkType, vlan: VlanView) -> Options<'static> {
    let ifindex = interfaces::index(names);
    file_options(link).vlan(vlan).direction(true).ifindex(ifindex)
}

/// Why a filter was refused, behind what says which one it is. A name that cannot be looked up is no
/// mistake of usage.
pub fn refused(error: &probe_filter::Error, label: &str) -> anyhow::Error {
    let message = format!("{label}{error}");
    if error.is_resolvers() { anyhow!(message) } else { Usage::new(message).into() }
}

/// Tells on stderr where filters may not mean what they seem to: the first such place, and
/// how many more filters the same thing stands.
pub fn say_notes<'a>(filters: impl Iterator<Item = &'a Filter>) {
    let mut told: Vec<(&str, String, usize)> = Vec::new();
    for filter in filters {
        for note in filter.notes() {
            match told.iter_mut().find(|(message, ..)| *message == note.message()) {
                Some((.., times)) => *times += 1,
                None => {
                    let place = filter.text().get(note.span()).unwrap_or_default();
                    told.push((note.message(), visible(place), 1));
                }
            }
        }
    }
    for (message, place, times) in told {
        let more = if times > 1 { format!(" (and {} more)", times - 1) } else { String::new() };
        reporter::note(format_args!("{place}{more}: {message}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_a_name_and_an_expression() {
        let rule: Rule = "syn = tcp[13] = 2".parse().unwrap();
        assert_eq!(rule, Rule { place: Place::Flag, ..Rule::new("syn", "tcp[13] = 2") });
        assert!("tcp".parse::<Rule>().unwrap_err().contains("NAME=EXPR"));
        assert!("a b=tcp".parse::<Rule>().unwrap_err().contains("not a valid name"));
    }

    #[test]
    fn lists_have_filters_behind_those_of_the_rules() {
        let mut rules = vec![Rule::new("a", "tcp"), Rule::new("b", "udp")];
        let list = |key: &str| List { key: key.parse().unwrap(), top: Some(1), distinct: false };
        rules[0].lists = vec![list("mac"), list("src")];
        rules[1].lists = vec![list("dport")];
        let set = RuleSet::compile(rules.clone(), &file_options(LinkType::Ethernet)).unwrap();
        let texts: Vec<_> = set.filters().iter().map(Filter::text).collect();
        assert_eq!(texts, ["tcp", "udp", "tcp", "tcp", "udp"]);
        let names: Vec<_> =
            set.lists().map(|(rule, list)| format!("{} {}", rule.name, list.key)).collect();
        assert_eq!(names, ["a mac", "a src", "b dport"]);
        assert_eq!(set.specs().len(), 5);

        // Raw IP has no Ethernet addresses: a mistake where all frames are so, else a key that these
        // lack, and no list is another one's.
        let raw = file_options(LinkType::Raw);
        let error = RuleSet::compile(rules.clone(), &raw).err().unwrap();
        assert!(error.to_string().starts_with("rule a: --by mac: "), "{error}");
        assert_eq!(crate::failure::code(&error), 2);
        let more = RuleSet::filters_for_more(&rules, LinkType::Raw).unwrap();
        let texts: Vec<_> = more.iter().map(Filter::text).collect();
        assert_eq!(texts, ["tcp", "udp", NOTHING, "tcp", "udp"]);
        assert!(more[2..].iter().all(|filter| !filter.graph().key().is_empty()));

        let keys = ["src", "dst", "sport", "dport", "proto", "vlan", "mac"];
        rules[0].lists = keys.map(list).to_vec();
        let many: Vec<Rule> =
            (0..10).map(|n| Rule { name: format!("r{n}"), ..rules[0].clone() }).collect();
        let error = RuleSet::compile(many, &file_options(LinkType::Ethernet)).err().unwrap();
        assert!(error.to_string().contains("70 lists, one for each rule and key"), "{error}");
    }

    #[test]
    fn samplers() {
        let flow_limit = Sampler::ALL_FLOWS;
        let tenth = Sampler { every: 10, ns_per_frame: 0, burst_ns: 0, flow_limit };
        assert_eq!(sampler(10, None), tenth);
        let limited = sampler(1, Some(1000));
        assert_eq!((limited.ns_per_frame, limited.burst_ns), (1_000_000, 100_000_000));
        assert_eq!(sampler(1, Some(1)).burst_ns, 1_000_000_000);
    }
}
