//! One `[[rule]]`, of a rules file as of the whole configuration.

use std::ops::Range;

use probe_common::{MAX_RULES, Sampler};

use super::reader::{Mistakes, Section, Value};
use crate::{
    keys::{self, List},
    rules::{self, Place, Rule},
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
    let mut names: Vec<(String, usize)> = Vec::new();
    let mut rules = Vec::new();
    for section in sections {
        let Some(written) = rule(section, mistakes) else { continue };
        let Rule { name, place: Place::File(_, line), .. } = &written.rule else { continue };
        match names.iter().find(|(known, _)| known == name) {
            Some((_, before)) => {
                let what = format!("a rule named `{name}` is in line {before} already");
                mistakes.add(&written.filter_at, what);
            }
            None => names.push((name.clone(), *line)),
        }
        rules.push(written);
    }
    rules
}

fn rule(mut section: Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<Written> {
    let (at, line) = (section.at(), mistakes.line(section.at().start));
    let name = section.required("name", mistakes);
    let filter = section.required("filter", mistakes);
    let sampler = sampler(&mut section, mistakes);
    let lists = lists(&mut section, &at, mistakes);
    section.end(mistakes);
    let (name, filter) = (name?, filter?);
    if !rules::valid_name(&name.value) {
        let message = format!("{:?} is not a valid name: {}", name.value, rules::NAME_HELP);
        mistakes.add(&name.at, message);
        return None;
    }
    let place = Place::File(mistakes.file().to_owned(), line);
    let rule = Rule { name: name.value, filter: filter.value, sampler, lists, place };
    Some(Written { rule, filter_at: filter.at })
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
        mistakes.add(at, "top is the number of keys that by lists, as in by = [\"src\"]");
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
