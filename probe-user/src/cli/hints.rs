//! What may have been meant by a command line that was refused.

use std::ffi::OsString;

use clap::{
    Command as Clap,
    builder::StyledStr,
    error::{ContextKind, ContextValue, ErrorKind},
};
use probe_filter::{NoNames, Options, in_ascii};

use super::{Extent, Refused, clap};
use crate::failure::{Hinted, Usage};

/// A refusal in words that help: what may have been meant, and nothing that does not.
pub fn refused(mut error: ::clap::Error, words: &[OsString]) -> Refused {
    if !error.use_stderr() {
        return Refused::Words(error);
    }
    let words: Vec<String> =
        words.iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    if let Some(tip) = typography(&words) {
        return mistake(first_line(&error), &tip);
    }
    if let Some(line) = as_capture(&words) {
        return mistake("which command?".into(), &format!("did you mean: {line}"));
    }
    // To give what should be a flag as a word of a filter is never what was meant.
    let tips = match error.remove(ContextKind::Suggested) {
        Some(ContextValue::StyledStrs(tips)) => tips,
        _ => Vec::new(),
    };
    let escape = |tip: &StyledStr| tip.to_string().contains("as a value, use");
    let mut tips: Vec<StyledStr> = tips.into_iter().filter(|tip| !escape(tip)).collect();
    tips.extend(flag(&error, &words).map(StyledStr::from));
    if !tips.is_empty() {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
    }
    Refused::Words(error)
}

/// Words that begin with a dash from a web page, and that clap takes for words of a filter.
pub fn check_dashes(words: &[OsString]) -> Result<(), Refused> {
    const DASHES: std::ops::RangeInclusive<char> = '\u{2010}'..='\u{2015}';
    let mut words = words.iter().filter_map(|word| word.to_str());
    let word = words.find(|word| word.starts_with(|c| DASHES.contains(&c)));
    match word.and_then(|word| Some((word, in_ascii(word)?))) {
        Some((word, (plain, what))) => {
            Err(Refused::Plan(Usage::new(format!("{word}: {what}; write {plain}")).into()))
        }
        None => Ok(()),
    }
}

fn mistake(message: String, hint: &str) -> Refused {
    Refused::Plan(Hinted::new(Usage::new(message), hint).into())
}

/// What clap says is wrong, without its word for it.
fn first_line(error: &::clap::Error) -> String {
    let said = error.render().to_string();
    let line = said.lines().next().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}

/// `–i`, `“syn=@syn”`
fn typography(words: &[String]) -> Option<String> {
    let (word, (plain, what)) = words.iter().find_map(|word| Some((word, in_ascii(word)?)))?;
    Some(format!("{word}: {what}; write {plain}"))
}

/// The line with the command that it lacks, if it makes sense so: flags that `probe capture` has,
/// and a filter.
///
/// It is named, not run. The command says whether frames are copied; and what a line without one
/// means would change with each command that is added (`probe arp`).
fn as_capture(words: &[String]) -> Option<String> {
    let command = clap(Extent::Full);
    let known = |word: &String| command.get_subcommands().any(|known| known.get_name() == word);
    if words.is_empty() || words.first().is_some_and(known) {
        return None;
    }
    let line: Vec<&str> =
        ["probe", "capture"].into_iter().chain(words.iter().map(String::as_str)).collect();
    let matches = clap(Extent::Full).try_get_matches_from(&line).ok()?;
    let filter = matches.subcommand()?.1.get_many::<String>("words").unwrap_or_default();
    let filter = filter.cloned().collect::<Vec<_>>().join(" ");
    let options = Options::default().direction(true).ifindex(1).resolver(&NoNames);
    let right = match probe_filter::compile(&filter, &options) {
        Ok(_) => true,
        // A word that means nothing from its start on may be a command's; names are looked up
        // where it runs.
        Err(error) => error.span().start > 0,
    };
    right.then(|| line.into_iter().map(quoted).collect::<Vec<_>>().join(" "))
}

/// A word as the shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,=@+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// A flag that this command does not have: it may be another's, or a form of the output.
fn flag(error: &::clap::Error, words: &[String]) -> Option<String> {
    let (ErrorKind::UnknownArgument, Some(ContextValue::String(given))) =
        (error.kind(), error.get(ContextKind::InvalidArg))
    else {
        return None;
    };
    let given = given.split('=').next()?;
    let root = clap(Extent::Full);
    let this = root.find_subcommand(words.first()?)?;
    let form = given.strip_prefix("--").unwrap_or_default();
    let format = this.get_arguments().find(|arg| arg.get_long() == Some("format"));
    if format
        .is_some_and(|arg| arg.get_possible_values().iter().any(|value| value.matches(form, true)))
    {
        return Some(format!("write --format {form}"));
    }
    let others = root.get_subcommands().filter(|other| other.get_name() != "extcap");
    let owners: Vec<String> = others
        .filter(|other| other.get_name() != this.get_name() && has(other, given))
        .map(|other| format!("`probe {}`", other.get_name()))
        .collect();
    (!owners.is_empty()).then(|| format!("{given} is a flag of {}", owners.join(", ")))
}

/// Whether a command has a flag, which is written like this.
fn has(command: &Clap, flag: &str) -> bool {
    command.get_arguments().any(|arg| match flag.strip_prefix("--") {
        Some(long) => arg.get_long() == Some(long),
        None => {
            arg.get_short().is_some_and(|short| flag.strip_prefix('-') == Some(&short.to_string()))
        }
    })
}
