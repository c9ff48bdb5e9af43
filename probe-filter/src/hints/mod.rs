//! What somebody may have meant by a filter that was refused.
//!
//! Each rule knows one kind of mistake and proposes another text in the place of a part of the
//! filter. What it proposes is compiled before it is shown: the mistake must be gone, and another
//! one may only come later in the text.

mod addresses;
mod bytes;
mod shell;
mod typography;
mod wireshark;
mod words;

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use crate::error::Span;
use crate::names::{Port, Resolver};
use crate::{Options, compile};

pub use typography::in_ascii;

/// Nobody reads a hint about more than this, and each proposal is compiled.
const LONGEST_TEXT: usize = 1_000;

/// Characters of a hint, which may repeat the whole filter.
const LONGEST_HINT: usize = 160;

/// What a rule has to say.
struct Proposal {
    /// A text in the place of a part of the filter; `None` where there is nothing to try out.
    with: Option<(Span, String)>,
    words: String,
}

/// A filter that was refused, and the place of the mistake.
struct Mistake<'a> {
    text: &'a str,
    span: Span,
}

/// How far a proposal comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Comes {
    /// The next mistake is behind it.
    Further,
    /// To the end: it is a filter.
    Through,
}

/// What to say of a filter that was refused at this place.
pub fn hint(text: &str, span: &Span) -> Option<String> {
    const RULES: [fn(&Mistake<'_>) -> Option<Proposal>; 15] = [
        typography::look_alikes,
        wireshark::display_filter,
        shell::eaten_quotes,
        shell::single_quotes,
        addresses::wildcard,
        addresses::list,
        addresses::range,
        addresses::with_port,
        words::capitals,
        words::sign,
        words::word,
        bytes::constant,
        bytes::comparison,
        addresses::bare,
        words::nearest_macro,
    ];
    if text.len() > LONGEST_TEXT || !text.is_char_boundary(span.start.min(text.len())) {
        return None;
    }
    let mistake = Mistake { text, span: span.clone() };
    if mistake.comes(&(0..0), "") == Some(Comes::Through) {
        // The words are right. What they ask for is not to be had here.
        return None;
    }
    let mut proposals = RULES.iter().filter_map(|rule| rule(&mistake));
    let fits = |proposal: &Proposal| match &proposal.with {
        Some((replaced, with)) => mistake.comes(replaced, with).is_some(),
        None => true,
    };
    proposals.find(fits).map(|proposal| cut(proposal.words))
}

/// A line of a length that is read.
fn cut(mut words: String) -> String {
    if let Some((end, _)) = words.char_indices().nth(LONGEST_HINT) {
        words.truncate(end);
        words.push('…');
    }
    words
}

impl<'a> Mistake<'a> {
    /// The filter with another text in the place of a part.
    fn with(&self, replaced: &Span, with: &str) -> String {
        let mut text = self.text.to_owned();
        text.replace_range(replaced.clone(), with);
        text
    }

    /// How far the filter comes with another text in the place of a part, if the mistake is gone.
    fn comes(&self, replaced: &Span, with: &str) -> Option<Comes> {
        let options = Options::default().direction(true).ifindex(1).netmask(0);
        match compile(&self.with(replaced, with), &options.resolver(&AnyName)) {
            Ok(_) => Some(Comes::Through),
            Err(error) if error.span().start >= replaced.start + with.len() => Some(Comes::Further),
            Err(_) => None,
        }
    }

    /// Says the whole filter as it should be.
    fn whole(&self, replaced: Span, with: String) -> Proposal {
        let words = format!("did you mean {}?", self.with(&replaced, &with).trim());
        Proposal { with: Some((replaced, with)), words }
    }

    /// The word, without blanks, that a place is in or right before.
    fn word_at(&self, place: usize) -> Option<Span> {
        let place = place.min(self.text.len());
        let blank = |c: char| c.is_whitespace() || matches!(c, '(' | ')');
        let start = self.text[..place].rfind(blank).map_or(0, |at| at + 1);
        let end = self.text[place..].find(blank).map_or(self.text.len(), |at| place + at);
        (start < end).then_some(start..end)
    }

    /// The word before a place, blanks between them.
    fn word_before(&self, place: usize) -> Option<Span> {
        let before = self.text[..place.min(self.text.len())].trim_end();
        self.word_at(before.len()).filter(|word| word.start < before.len())
    }

    /// The part of the text.
    fn get(&self, span: &Span) -> &'a str {
        self.text.get(span.clone()).unwrap_or_default()
    }
}

/// Every name is known, and nobody is asked: hints are about words.
struct AnyName;

impl Resolver for AnyName {
    fn host(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Ok(vec![Ipv4Addr::LOCALHOST.into()])
    }

    fn port(&self, name: &str) -> io::Result<Port> {
        // `80-90` is a range that was written in the place of a port.
        let known = name.starts_with(|c: char| c.is_ascii_alphabetic()).then_some(1);
        Ok(Port { tcp: known, udp: known })
    }

    fn protocol(&self, _: &str) -> io::Result<Option<u32>> {
        Ok(Some(1))
    }

    fn network(&self, _: &str) -> io::Result<Option<u32>> {
        Ok(Some(1))
    }

    fn ether(&self, _: &str) -> io::Result<Option<[u8; 6]>> {
        Ok(Some([0; 6]))
    }
}
