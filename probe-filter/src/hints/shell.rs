//! What the shell does to quotes before a filter is read.

use super::{Mistake, Proposal};

const PAYLOAD: &str = "payload";

/// Where the text that belongs to the `payload` at the mistake begins and ends.
fn text_of_payload(mistake: &Mistake<'_>) -> Option<std::ops::Range<usize>> {
    let start = mistake.text.get(..mistake.span.end)?.rfind(PAYLOAD)? + PAYLOAD.len();
    let rest = mistake.text.get(start..)?.strip_prefix(' ')?;
    let end = [" and ", " or ", " && ", " || ", ")"]
        .into_iter()
        .filter_map(|sign| rest.find(sign))
        .min()
        .unwrap_or(rest.len());
    (!rest[..end].trim().is_empty()).then_some(start + 1..start + 1 + end)
}

/// `payload "GET "` on the command line, which the shell made `payload GET ` of.
pub fn eaten_quotes(mistake: &Mistake<'_>) -> Option<Proposal> {
    let replaced = text_of_payload(mistake)?;
    let text = mistake.get(&replaced);
    if text.contains(['"', '\'', '[', '=']) {
        return None;
    }
    let with = format!("\"{text}\"");
    let whole = mistake.with(&replaced, &with);
    let words = format!("the shell has taken the quotes away; quote the filter: '{whole}'");
    Some(Proposal { with: Some((replaced, with)), words })
}

/// `payload 'GET '`
pub fn single_quotes(mistake: &Mistake<'_>) -> Option<Proposal> {
    let replaced = text_of_payload(mistake)?;
    let text = mistake.get(&replaced).trim().strip_prefix('\'')?.strip_suffix('\'')?;
    let with = format!("\"{text}\"");
    let whole = mistake.with(&replaced, &with);
    let words = format!("the quotes inside are double ones: {whole}");
    Some(Proposal { with: Some((replaced, with)), words })
}
