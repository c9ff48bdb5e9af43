//! Characters that web pages and word processors put in the place of ASCII's.

use super::{Mistake, Proposal};

/// A character's place in ASCII, and what it is called.
fn ascii_of(c: char) -> Option<(&'static str, &'static str)> {
    Some(match c {
        '\u{2018}'..='\u{201b}' | '\u{2032}' | '\u{b4}' | '\u{2039}' | '\u{203a}' => {
            ("'", "typographic quotes, as web pages have them")
        }
        '\u{201c}'..='\u{201f}' | '\u{2033}' | '\u{ab}' | '\u{bb}' => {
            ("\"", "typographic quotes, as web pages have them")
        }
        '\u{2010}'..='\u{2013}' | '\u{2212}' | '\u{fe63}' | '\u{ff0d}' => {
            ("-", "a dash that is no hyphen, as web pages have it")
        }
        '\u{2014}' | '\u{2015}' => ("--", "a dash that is no hyphen, as web pages have it"),
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            (" ", "a blank that is none of ASCII's, as web pages have it")
        }
        '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' | '\u{ad}' => {
            ("", "a character that does not show, as web pages have it")
        }
        '\u{2260}' => ("!=", "a sign that is none of ASCII's"),
        '\u{2264}' => ("<=", "a sign that is none of ASCII's"),
        '\u{2265}' => (">=", "a sign that is none of ASCII's"),
        '\u{ff1a}' => (":", "a sign that is none of ASCII's"),
        _ => return None,
    })
}

/// What a text with typographic quotes, dashes, blanks or signs is in ASCII, and what is wrong with
/// it; `None` where it has none.
pub fn in_ascii(word: &str) -> Option<(String, &'static str)> {
    let what = word.chars().find_map(ascii_of)?.1;
    let plain = word.chars().fold(String::new(), |mut plain, c| {
        match ascii_of(c) {
            Some((ascii, _)) => plain.push_str(ascii),
            None => plain.push(c),
        }
        plain
    });
    Some((plain, what))
}

/// `“port 80”`, `1024‘`, `–i eth0`: without the quotes, which were the shell's, or with plain ones,
/// which are those of `payload`.
pub fn look_alikes(mistake: &Mistake<'_>) -> Option<Proposal> {
    let (plain, what) = in_ascii(mistake.text)?;
    let all = 0..mistake.text.len();
    let unquoted = plain.replace(['"', '\''], "");
    let right = [&plain, &unquoted].into_iter().find(|text| mistake.comes(&all, text).is_some());
    let words = match right {
        Some(right) => format!("{what}; here: {}", right.trim()),
        // Flags are not the filter's.
        None if plain.trim_start().starts_with('-') => {
            let flag = plain.trim_start().split(' ').next().unwrap_or_default();
            format!("{what}: write {flag}")
        }
        None => format!("{what}: write {plain}"),
    };
    // It is wrong whatever else is.
    Some(Proposal { with: None, words })
}
