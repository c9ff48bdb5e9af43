//! Addresses and ports: without the word before them, in lists, in ranges, with a port behind
//! them, with a star.

use super::{Comes, Mistake, Proposal};
use crate::error::Span;

/// Words that ask for an address or port behind them.
const KINDS: [&str; 4] = ["host", "net", "port", "portrange"];

/// The run of characters of an address or name around a place.
fn address_at(mistake: &Mistake<'_>, place: usize, more: &[char]) -> Span {
    let part = |c: char| {
        c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/') || more.contains(&c)
    };
    let place = place.min(mistake.text.len());
    let before = mistake.text[..place].chars().rev().take_while(|&c| part(c)).count();
    let after = mistake.text[place..].chars().take_while(|&c| part(c)).count();
    place - before..place + after
}

/// `192.0.2.1`, `192.0.2.0/24`, `2001:db8::1`, `80`
pub fn bare(mistake: &Mistake<'_>) -> Option<Proposal> {
    let here = mistake.word_at(mistake.span.start);
    // Of a number alone the end of the filter is where the mistake shows.
    let before = mistake.word_before(mistake.span.start);
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-' | '/');
    let looks_like_one =
        |text: &str| is_number(text) || text.contains(['.', ':', '-']) && text.chars().all(part);
    let word = here.into_iter().chain(before).find(|word| looks_like_one(mistake.get(word)))?;
    let text = mistake.get(&word);
    let is_range = text.split_once('-').is_some_and(|(from, to)| is_number(from) && is_number(to));
    let kinds: &[&str] = if is_range {
        &["portrange"]
    } else if text.contains(['.', ':']) {
        &["host", "net", "ether host"]
    } else {
        &["port"]
    };
    // Other numbers are parts of what is wrong somewhere else.
    let least = if is_number(text) { Comes::Through } else { Comes::Further };
    let mut proposals = kinds.iter().map(|kind| format!("{kind} {text}"));
    let with = proposals.find(|with| mistake.comes(&word, with) >= Some(least))?;
    let words = format!("did you mean {with}?");
    Some(Proposal { with: Some((word, with)), words })
}

/// `port 80,443`, `port {80, 443}`
pub fn list(mistake: &Mistake<'_>) -> Option<Proposal> {
    let comma = mistake.text.get(mistake.span.start..)?.find(',')? + mistake.span.start;
    // Behind the last word that asks for one.
    let before = &mistake.text[..comma];
    let behind = |kind: &&str| Some(before.rfind(&format!("{kind} "))? + kind.len() + 1);
    let start = KINDS.iter().filter_map(behind).max()?;
    let rest = &mistake.text[start..];
    let ends = [" and ", " or ", " && ", " || ", ")"].into_iter().filter_map(|end| rest.find(end));
    let end = start + ends.min().unwrap_or(rest.len());
    let items = mistake.text[start..end].split([',', '{', '}', ' ']);
    let items: Vec<&str> = items.filter(|item| !item.is_empty()).collect();
    // Alone it needs no parentheses.
    let words = mistake.text[..start].split(' ');
    let alone = end == mistake.text.len()
        && !words.clone().any(|word| matches!(word, "and" | "or" | "not" | "!" | "&&" | "||"))
        && !before.contains(['(', '!']);
    let with = items.join(" or ");
    Some(mistake.whole(start..end, if alone { with } else { format!("({with})") }))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `port 80-90`, `port 80:90`, `port 80..90`
pub fn range(mistake: &Mistake<'_>) -> Option<Proposal> {
    const PORT: &str = "port ";
    let start = mistake.text.get(..mistake.span.end)?.rfind(PORT)?;
    let rest = &mistake.text[start + PORT.len()..];
    let first = rest.trim_start();
    let first = &first[..first.find(|c: char| !c.is_ascii_digit()).unwrap_or(first.len())];
    let after = rest.trim_start().get(first.len()..)?.trim_start();
    let sign =
        ["..", "-", ":", "to ", "through "].into_iter().find(|sign| after.starts_with(sign))?;
    let last = after[sign.len()..].trim_start_matches(['.', ' ']);
    let digits = last.find(|c: char| !c.is_ascii_digit()).unwrap_or(last.len());
    let end = mistake.text.len() - last.len() + digits;
    let last = &last[..digits];
    (is_number(first) && is_number(last))
        .then(|| mistake.whole(start..end, format!("portrange {first}-{last}")))
}

/// `192.0.2.1:80`, also behind `host`
pub fn with_port(mistake: &Mistake<'_>) -> Option<Proposal> {
    let run = address_at(mistake, mistake.span.start, &[':']);
    let (address, port) = mistake.get(&run).rsplit_once(':')?;
    if !is_number(port) || address.contains(':') || !address.contains('.') {
        return None;
    }
    let before = mistake.word_before(run.start).filter(|word| KINDS.contains(&mistake.get(word)));
    let start = before.map_or(run.start, |word| word.start);
    Some(mistake.whole(start..run.end, format!("host {address} and port {port}")))
}

/// `host 192.0.2.*`
pub fn wildcard(mistake: &Mistake<'_>) -> Option<Proposal> {
    let run = address_at(mistake, mistake.span.start, &['*']);
    let text = mistake.get(&run);
    let parts: Vec<&str> = text.trim_end_matches('.').split('.').collect();
    let known = parts.iter().take_while(|part| is_number(part)).count();
    let stars = parts[known..].iter().all(|part| matches!(*part, "*" | "x" | "X"));
    if !(1..=3).contains(&known) || parts.len() > 4 || parts.len() == known || !stars {
        return None;
    }
    let mut network = parts[..known].to_vec();
    network.resize(4, "0");
    let before = mistake.word_before(run.start).filter(|word| KINDS.contains(&mistake.get(word)));
    let start = before.map_or(run.start, |word| word.start);
    Some(mistake.whole(start..run.end, format!("net {}/{}", network.join("."), known * 8)))
}
