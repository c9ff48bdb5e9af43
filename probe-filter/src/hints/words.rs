//! Words: misspelt, of other languages, or macros without their `@`.

use super::{Comes, Mistake, Proposal};
use crate::ast::{Macro, Protocol};
use crate::error::Span;
use crate::keywords::{self, WORDS};

/// What people write, and the words of this language for it.
const ALIASES: [(&str, &str); 42] = [
    ("ipv4", "ip"),
    ("ip4", "ip"),
    ("inet", "ip"),
    ("ipv6", "ip6"),
    ("inet6", "ip6"),
    ("icmpv6", "icmp6"),
    ("icmp4", "icmp"),
    ("ping", "icmp"),
    ("sport", "src port"),
    ("srcport", "src port"),
    ("dport", "dst port"),
    ("dstport", "dst port"),
    ("sports", "src port"),
    ("dports", "dst port"),
    ("saddr", "src host"),
    ("daddr", "dst host"),
    ("from", "src"),
    ("source", "src"),
    ("to", "dst"),
    ("dest", "dst"),
    ("destination", "dst"),
    ("ip", "host"),
    ("ip6", "host"),
    ("addr", "host"),
    ("address", "host"),
    ("hostname", "host"),
    ("server", "host"),
    ("mac", "ether host"),
    ("ethernet", "ether"),
    ("eth", "ether"),
    ("network", "net"),
    ("subnet", "net"),
    ("cidr", "net"),
    ("range", "portrange"),
    ("ports", "port"),
    ("service", "port"),
    ("protocol", "proto"),
    ("length", "len"),
    ("size", "len"),
    ("tls", "@tls-hello"),
    ("ssl", "@tls-hello"),
    ("reset", "@rst"),
];

/// Words of more letters than this may have two mistakes.
const SHORT: usize = 5;

/// Letters left out, put in, changed or swapped with their neighbour; more than anybody asks for
/// where the lengths alone tell.
pub fn distance(typed: &str, word: &str) -> usize {
    match typed.len().abs_diff(word.len()) {
        ..=2 => strsim::osa_distance(typed, word),
        more => more,
    }
}

/// The word at the mistake, or the one before it: a misspelt word may be taken for a host's name,
/// and be noticed one word later.
pub fn word(mistake: &Mistake<'_>) -> Option<Proposal> {
    let here = mistake.word_at(mistake.span.start);
    let before = mistake.word_before(here.as_ref().map_or(mistake.span.start, |word| word.start));
    [here, before].into_iter().flatten().find_map(|word| meant(mistake, word))
}

/// The words that may stand in the place of one, the nearest ones.
fn meant(mistake: &Mistake<'_>, span: Span) -> Option<Proposal> {
    let typed = mistake.get(&span).trim_start_matches('!');
    let span = span.end - typed.len()..span.end;
    if !typed.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let lower = typed.to_ascii_lowercase();
    let may_be = |with: &str| mistake.comes(&span, with);
    let aliases = ALIASES.iter().filter(|(alias, _)| *alias == lower);
    let mut aliases = aliases.map(|(_, with)| (*with).to_owned()).chain(of_macro(&lower));
    if let Some(with) = aliases.find(|with| may_be(with).is_some()) {
        return Some(said(span, &[with]));
    }
    if keywords::word(typed).is_some() {
        return None;
    }
    let most = if lower.len() < SHORT { 1 } else { 2 };
    let words = WORDS.iter().copied().chain(Protocol::ALL.iter().map(|known| known.name()));
    let plain = words.map(|word| (distance(&lower, word), word.to_owned()));
    let macros = Macro::ALL
        .iter()
        .map(|known| (distance(&lower, known.name()), format!("@{}", known.name())));
    let mut near: Vec<(usize, Comes, String)> = macros
        .chain(plain)
        .filter(|(distance, _)| (1..=most).contains(distance))
        .filter_map(|(distance, with)| may_be(&with).map(|comes| (distance, comes, with)))
        .collect();
    // The nearest; of those such as make a filter of it, where any does.
    near.sort_by_key(|&(distance, comes, _)| (distance, std::cmp::Reverse(comes)));
    let best = near.first().map(|&(distance, comes, _)| (distance, comes))?;
    let near = near.into_iter().take_while(|&(distance, comes, _)| (distance, comes) == best);
    let near: Vec<String> = near.map(|(_, _, with)| with).take(3).collect();
    Some(said(span, &near))
}

fn said(replaced: Span, meant: &[String]) -> Proposal {
    let words = format!("did you mean {}?", meant.join(" or "));
    Proposal { with: meant.first().map(|first| (replaced, first.clone())), words }
}

/// The macro of this name.
fn of_macro(name: &str) -> Option<String> {
    let known =
        Macro::ALL.iter().find(|known| known.name().replace('-', "") == name.replace('-', ""));
    known.map(|known| format!("@{}", known.name()))
}

/// `@sny`
pub fn nearest_macro(mistake: &Mistake<'_>) -> Option<Proposal> {
    let typed = mistake.get(&mistake.span).strip_prefix('@')?.to_ascii_lowercase();
    let alias = ALIASES.iter().find(|(alias, with)| *alias == typed && with.starts_with('@'));
    let named = of_macro(&typed).or_else(|| alias.map(|(_, with)| (*with).to_owned()));
    let nearest = named.or_else(|| {
        let nearest = Macro::ALL.iter().min_by_key(|known| distance(&typed, known.name()))?;
        (distance(&typed, nearest.name()) <= 2).then(|| format!("@{}", nearest.name()))
    })?;
    Some(said(mistake.span.clone(), &[nearest]))
}

/// `TCP PORT 80`: all of it in lower case, but for what stands in quotes.
pub fn capitals(mistake: &Mistake<'_>) -> Option<Proposal> {
    if mistake.text.contains('"') || !mistake.text.contains(|c: char| c.is_ascii_uppercase()) {
        return None;
    }
    let all = 0..mistake.text.len();
    let lower = mistake.text.to_ascii_lowercase();
    (mistake.comes(&all, &lower) == Some(Comes::Through)).then(|| mistake.whole(all, lower))
}

/// `port = 80`, `src host: 192.0.2.1`
pub fn sign(mistake: &Mistake<'_>) -> Option<Proposal> {
    const BEFORE: [&str; 6] = ["host", "net", "port", "portrange", "src", "dst"];
    let rest = mistake.text.get(mistake.span.start..)?;
    let sign = ["==", "=", ":"].into_iter().find(|sign| rest.starts_with(sign))?;
    if rest.starts_with("::") {
        return None;
    }
    let before = mistake.text[..mistake.span.start].trim_end();
    if !BEFORE.contains(&before.rsplit([' ', '(', '!']).next()?) {
        return None;
    }
    let behind = mistake.span.start + sign.len();
    let blanks = mistake.text[behind..].len() - mistake.text[behind..].trim_start().len();
    Some(mistake.whole(before.len()..behind + blanks, " ".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keywords;

    #[test]
    fn words_are_those_of_the_language() {
        for word in WORDS {
            assert!(keywords::word(word).is_some(), "{word}");
        }
    }
}
