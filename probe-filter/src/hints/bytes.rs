//! `tcp[...]` and arithmetic.

use super::words::distance;
use super::{Mistake, Proposal};
use crate::keywords;

/// `tcp[tcpflags]` alone, `tcp[tcpflags] & tcp-syn`
pub fn comparison(mistake: &Mistake<'_>) -> Option<Proposal> {
    let end = mistake.text.get(..mistake.span.start)?.trim_end().len();
    let start = mistake.text[..end]
        .rfind([' ', '('].as_slice())
        .filter(|_| !mistake.text[..end].contains('&'));
    let term = &mistake.text[start.map_or(0, |at| at + 1)..end];
    if !term.ends_with(']') && !term.contains('&') {
        return None;
    }
    let flags = ["tcp[tcpflags]", "tcp[13]"].contains(&term);
    let with = if flags { " & tcp-syn != 0" } else { " != 0" };
    let replaced = end..end;
    mistake.comes(&replaced, with)?;
    let words = format!("a comparison is missing, as {}", mistake.with(&replaced, with).trim());
    Some(Proposal { with: Some((replaced, with.to_owned())), words })
}

/// `tcp[13] = syn`
pub fn constant(mistake: &Mistake<'_>) -> Option<Proposal> {
    let word = mistake.span.clone();
    let typed = mistake.get(&word).to_ascii_lowercase();
    let typed = match typed.as_str() {
        "psh" => "push",
        "flags" => "tcpflags",
        "unreachable" => "unreach",
        "" => return None,
        other => other,
    };
    // The constants of the protocol that is named before come first.
    let before = &mistake.text[..word.start];
    let of_it = |name: &&str| {
        name.split_once('-').is_some_and(|(of, _)| before.contains(&format!("{of}[")))
    };
    let exact =
        |name: &&str| *name == typed || name.split_once('-').is_some_and(|(_, rest)| rest == typed);
    let near = |name: &&str| distance(typed, name) == 1;
    let all = || keywords::constants();
    let mut candidates =
        all().filter(exact).filter(of_it).chain(all().filter(exact)).chain(all().filter(near));
    let with = candidates.find(|with| mistake.comes(&word, with).is_some())?;
    let words = format!("did you mean {with}?");
    Some(Proposal { with: Some((word, with.to_owned())), words })
}
