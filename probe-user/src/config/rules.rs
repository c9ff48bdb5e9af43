//! One `[[rule]]`, of a rules file as of the whole configuration.

use std::{collections::HashMap, ops::Range};

use probe_common::{MAX_RULES, Sampler};
use probe_filter::FlowSeed;

use super::reader::{Mistakes, Section, Value};
use crate::{
    keys::{self, List},
    rules::{self, FlowSampling, Place, Rule},
    text::size,
};

/// A rule, and where its filter stands.
pub(super) struct Written {
    pub rule: Rule,
    pub filter_at: Range<usize>,
}

/// The rules of a document; those with a mistake are left out.
pub(super) fn read(document: &mut Section<'_>, mistakes: &mut Mistakes<'_>) -> Vec<Written> {
    let sections = document.tables("rule", "[[rule]]", mistakes);
    if sections.len() > MAX_RULES {
        let message = format!("{} rules; one program holds at most {MAX_RULES}", sections.len());
        mistakes.add(&sections[MAX_RULES].at(), message);
        return Vec::new();
    }
    let seed = rules::drawn_seed();
    let mut places: HashMap<String, Place> = HashMap::new();
    let mut rules = Vec::new();
    for section in sections {
        let Some(written) = rule(section, seed, mistakes) else { continue };
        let Rule { name, place, .. } = &written.rule;
        if let Some(other) = places.insert(name.clone(), place.clone()) {
            let what = format!("two rules are named {name:?}: {other}, {place}");
            mistakes.add(&written.filter_at, what);
        }
        rules.push(written);
    }
    rules
}

fn rule(mut section: Section<'_>, seed: FlowSeed, mistakes: &mut Mistakes<'_>) -> Option<Written> {
    let (at, line) = (section.at(), mistakes.line(section.at().start));
    let name = section.required("name", mistakes);
    let filter = section.required("filter", mistakes);
    let sampler = sampler(&mut section, mistakes);
    let lists = lists(&mut section, &at, mistakes);
    let flows = section.number("sample_flows", 1..=u64::from(u32::MAX), mistakes);
    section.end(mistakes);
    let (name, filter) = (name?, filter?);
    if !rules::valid_name(&name.value) {
        let message = format!("{:?} is not a valid name: {}", name.value, rules::NAME_HELP);
        mistakes.add(&name.at, message);
        return None;
    }
    let place = Place::File(mistakes.file().to_owned(), line);
    let sampler = sampler.or(flows.as_ref().map(|_| rules::sampler(1, None)));
    let (name, filter_at, filter) = (name.value, filter.at, filter.value);
    let mut rule = Rule { name, filter, sampler, lists, flows: None, place };
    rule.choose_flows(flows.map(|flows| FlowSampling { one_in: flows.value as u32, seed }));
    Some(Written { rule, filter_at })
}

/// `[top]`: bytes that the lists of all rules may take.
pub(super) fn list_memory(document: &mut Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<u64> {
    let mut section = document.table("top", "[top]", mistakes)?;
    let memory = section.parsed("memory", mistakes, |text| size(text, 1).map(|bytes| bytes as u64));
    section.end(mistakes);
    memory.map(|memory| memory.value)
}

fn sampler(section: &mut Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<Sampler> {
    let [sample, max_rate] = ["sample", "max_rate"].map(|key| {
        let number = section.number(key, 1..=u64::MAX, mistakes);
        number.map(|Value { value, .. }| value)
    });
    let samples = sample.is_some() || max_rate.is_some();
    samples.then(|| rules::sampler(sample.unwrap_or(1), max_rate))
}

/// What the rule's frames are counted by.
fn lists(section: &mut Section<'_>, at: &Range<usize>, mistakes: &mut Mistakes<'_>) -> Vec<List> {
    let by = section.strings("by", mistakes).unwrap_or_default();
    let top = section.number("top", 1..=keys::MOST as u64, mistakes);
    let distinct = section.strings("distinct", mistakes).unwrap_or_default();
    if top.is_some() && by.is_empty() {
        mistakes.add(at, "top says how many keys by lists, and there is no by = [\"src\"]");
    }
    let top = top.map(|top| top.value as usize);
    let mut lists = Vec::new();
    for Value { at, value } in by {
        match keys::by(&value) {
            Ok((key, own)) => {
                let top = own.or(top).or(Some(keys::TOP));
                keys::ask(&mut lists, List { key, top, distinct: false });
            }
            Err(error) => mistakes.add(&at, format_args!("by: {error}")),
        }
    }
    for Value { at, value } in distinct {
        match value.parse() {
            Ok(key) => keys::ask(&mut lists, List { key, top: None, distinct: true }),
            Err(error) => mistakes.add(&at, format_args!("distinct: {error}")),
        }
    }
    lists
}
