//! Walks over a TOML document and collects every mistake in it, each with its line and column. serde
//! would stop at the first.

use std::{fmt, ops::Range, time::Duration};

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use crate::cli::values;

/// The mistakes of one file so far.
pub(super) struct Mistakes<'a> {
    file: &'a str,
    text: &'a str,
    /// Where each line begins: a file may have thousands of rules, and each has a place.
    lines: Vec<usize>,
    /// Where, in bytes, and what.
    found: Vec<(usize, String)>,
    /// Whether the document is no TOML: then what seems to be missing may stand in what was not
    /// understood.
    damaged: bool,
}

impl<'a> Mistakes<'a> {
    pub fn new(file: &'a str, text: &'a str) -> Self {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = [0].into_iter().chain(newlines.map(|(at, _)| at + 1)).collect();
        Self { file, text, lines, found: Vec::new(), damaged: false }
    }

    /// The name of the file, as it was given.
    pub fn file(&self) -> &'a str {
        self.file
    }

    /// Notes one.
    pub fn add(&mut self, at: &Range<usize>, what: impl fmt::Display) {
        self.found.push((at.start, what.to_string()));
    }

    /// Notes that something is no TOML.
    pub fn damage(&mut self, at: &Range<usize>, what: impl fmt::Display) {
        self.damaged = true;
        self.add(at, what);
    }

    /// Notes that something is not there.
    pub fn missing(&mut self, at: &Range<usize>, what: impl fmt::Display) {
        if !self.damaged {
            self.add(at, what);
        }
    }

    /// The line of a place, the first of which is 1.
    pub fn line(&self, at: usize) -> usize {
        self.place(at).0
    }

    /// Line and column, each from 1; a column is a character.
    fn place(&self, at: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|&start| start <= at);
        let start = self.lines[line.saturating_sub(1)];
        (line, self.text.get(start..at).map_or(1, |before| before.chars().count() + 1))
    }

    /// All of them as `FILE:LINE:COLUMN: WHAT`, in the order of the file.
    pub fn into_lines(self) -> Vec<String> {
        let mut found = self.found.clone();
        found.sort();
        let line = |(at, what): &(usize, String)| {
            let (line, column) = self.place(*at);
            format!("{}:{line}:{column}: {what}", self.file)
        };
        found.iter().map(line).collect()
    }
}

/// A value of the document, with its place.
pub(super) struct Value<T> {
    pub at: Range<usize>,
    pub value: T,
}

/// One table, of which keys are asked for one by one. What nobody asked for is a mistake.
pub(super) struct Section<'t> {
    /// What it is called: `[[rule]]`.
    name: &'static str,
    table: &'t DeTable<'t>,
    at: Range<usize>,
    known: Vec<&'static str>,
}

impl<'t> Section<'t> {
    pub fn new(name: &'static str, table: &'t DeTable<'t>, at: Range<usize>) -> Self {
        Self { name, table, at, known: Vec::new() }
    }

    /// Where it begins.
    pub fn at(&self) -> Range<usize> {
        self.at.clone()
    }

    fn get(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.known.push(key);
        self.table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    /// The value of a key as what `read` makes of it, which says what it wants otherwise.
    fn read<T>(
        &mut self,
        key: &'static str,
        mistakes: &mut Mistakes<'_>,
        read: impl FnOnce(&'t DeValue<'t>) -> Result<T, String>,
    ) -> Option<Value<T>> {
        let value = self.get(key)?;
        match read(value.get_ref()) {
            Ok(read) => Some(Value { at: value.span(), value: read }),
            Err(wanted) => {
                mistakes.add(&value.span(), format_args!("{key}: {wanted}"));
                None
            }
        }
    }

    /// A text.
    pub fn string(
        &mut self,
        key: &'static str,
        mistakes: &mut Mistakes<'_>,
    ) -> Option<Value<String>> {
        self.read(key, mistakes, |value| text(value).map(str::to_owned))
    }

    /// A text that must be there.
    pub fn required(
        &mut self,
        key: &'static str,
        mistakes: &mut Mistakes<'_>,
    ) -> Option<Value<String>> {
        if !self.has(key) {
            mistakes.missing(&self.at, format_args!("{} has no `{key}`", self.name));
        }
        self.string(key, mistakes)
    }

    /// Whether there is such a key.
    pub fn has(&self, key: &str) -> bool {
        self.table.iter().any(|(name, _)| name.get_ref() == key)
    }

    /// A text that stands for something else.
    pub fn parsed<T>(
        &mut self,
        key: &'static str,
        mistakes: &mut Mistakes<'_>,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Value<T>> {
        self.read(key, mistakes, |value| parse(text(value)?))
    }

    /// A time with its unit, as on the command line.
    pub fn duration(
        &mut self,
        key: &'static str,
        mistakes: &mut Mistakes<'_>,
    ) -> Option<Value<Duration>> {
        self.parsed(key, mistakes, values::duration)
    }

    /// A whole number within a range.
    pub fn number(
        &mut self,
        key: &'static str,
        range: std::ops::RangeInclusive<u64>,
        mistakes: &mut Mistakes<'_>,
    ) -> Option<Value<u64>> {
        self.read(key, mistakes, |value| {
            let number = number(value).filter(|number| range.contains(number));
            number.ok_or_else(|| {
                format!("expected a whole number from {} to {}", range.start(), range.end())
            })
        })
    }

    /// A list of texts; a text alone is a list of one.
    pub fn strings(
        &mut self,
        key: &'static str,
        mistakes: &mut Mistakes<'_>,
    ) -> Option<Vec<Value<String>>> {
        let value = self.get(key)?;
        if let Ok(one) = text(value.get_ref()) {
            return Some(vec![Value { at: value.span(), value: one.to_owned() }]);
        }
        Some(self.items(key, value, mistakes, |item| text(item).map(str::to_owned)))
    }

    /// A list of what whole numbers and texts stand for; one alone is a list of one.
    pub fn parsed_items<T>(
        &mut self,
        key: &'static str,
        mistakes: &mut Mistakes<'_>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Vec<Value<T>>> {
        let value = self.get(key)?;
        let read = |item: &DeValue<'t>| match number(item) {
            Some(number) => parse(&number.to_string()),
            None => parse(text(item)?),
        };
        if value.get_ref().as_array().is_some() {
            return Some(self.items(key, value, mistakes, read));
        }
        match read(value.get_ref()) {
            Ok(one) => Some(vec![Value { at: value.span(), value: one }]),
            Err(wanted) => {
                mistakes.add(&value.span(), format_args!("{key}: {wanted}"));
                None
            }
        }
    }

    fn items<T>(
        &self,
        key: &'static str,
        value: &'t Spanned<DeValue<'t>>,
        mistakes: &mut Mistakes<'_>,
        read: impl Fn(&'t DeValue<'t>) -> Result<T, String>,
    ) -> Vec<Value<T>> {
        let Some(items) = value.get_ref().as_array() else {
            mistakes.add(&value.span(), format_args!("{key}: expected a list, as in [\"...\"]"));
            return Vec::new();
        };
        let mut found = Vec::new();
        for item in items.iter() {
            match read(item.get_ref()) {
                Ok(value) => found.push(Value { at: item.span(), value }),
                Err(wanted) => mistakes.add(&item.span(), format_args!("{key}: {wanted}")),
            }
        }
        found
    }

    /// A table below this one.
    pub fn table(
        &mut self,
        key: &'static str,
        name: &'static str,
        mistakes: &mut Mistakes<'_>,
    ) -> Option<Section<'t>> {
        let value = self.get(key)?;
        let table = value.get_ref().as_table();
        if table.is_none() {
            mistakes.add(&value.span(), format_args!("{key}: expected a table, {name}"));
        }
        table.map(|table| Section::new(name, table, value.span()))
    }

    /// The tables of a list: `[[rule]]`.
    pub fn tables(
        &mut self,
        key: &'static str,
        name: &'static str,
        mistakes: &mut Mistakes<'_>,
    ) -> Vec<Section<'t>> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            mistakes.add(&value.span(), format_args!("{key}: expected a list of tables, {name}"));
            return Vec::new();
        };
        let mut sections = Vec::new();
        for item in items.iter() {
            match item.get_ref().as_table() {
                Some(table) => sections.push(Section::new(name, table, item.span())),
                None => mistakes.add(&item.span(), format_args!("{key}: expected {name}")),
            }
        }
        sections
    }

    /// Ends the reading: keys that nobody asked for are mistakes.
    pub fn end(self, mistakes: &mut Mistakes<'_>) {
        if mistakes.damaged {
            return;
        }
        for key in self.table.keys() {
            if self.known.iter().any(|known| known == key.get_ref()) {
                continue;
            }
            let advice = match closest(key.get_ref(), &self.known) {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("{} has {}", self.name, self.known.join(", ")),
            };
            let key_text: &DeString<'_> = key.get_ref();
            mistakes.add(&key.span(), format_args!("no key is named `{key_text}`: {advice}"));
        }
    }
}

fn text<'t>(value: &'t DeValue<'t>) -> Result<&'t str, String> {
    value.as_str().ok_or_else(|| format!("expected a text in quotes, found {}", kind(value)))
}

fn kind(value: &DeValue<'_>) -> String {
    let kind = value.type_str();
    let article = if kind.starts_with(['a', 'i']) { "an" } else { "a" };
    format!("{article} {kind}")
}

fn number(value: &DeValue<'_>) -> Option<u64> {
    let integer = value.as_integer()?;
    u64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// The known name that is at most two edits away, and nearest.
fn closest(name: &str, known: &[&'static str]) -> Option<&'static str> {
    let distance = |known: &&&str| strsim::osa_distance(name, known);
    let nearest = known.iter().min_by_key(distance)?;
    (distance(&nearest) <= 2 && distance(&nearest) < nearest.len()).then_some(nearest)
}
