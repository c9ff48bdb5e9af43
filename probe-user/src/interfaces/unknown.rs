//! A name that no interface has.

use super::sysfs;
use crate::failure::Usage;

/// What to say of an interface that does not exist: which one may have been meant.
pub fn unknown(name: &str) -> Usage {
    let names = sysfs::names().unwrap_or_default();
    let shown = probe_frame::visible(name);
    let mut message = format!("no interface is named {shown:?}");
    match closest(name, &names) {
        Some(guess) => message.push_str(&format!("; did you mean {guess:?}?")),
        None if !names.is_empty() => {
            message.push_str(&format!("; the interfaces are {}", names.join(", ")));
        }
        None => {}
    }
    Usage::new(message)
}

/// The name that is at most two edits away, and nearest.
fn closest<'a>(name: &str, names: &'a [String]) -> Option<&'a str> {
    names
        .iter()
        .map(|candidate| (strsim::levenshtein(name, candidate), candidate.as_str()))
        .filter(|(distance, candidate)| *distance <= 2 && *distance < candidate.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses() {
        let names = ["lo", "eth0", "wlan0"].map(String::from);
        assert_eq!(closest("etho", &names), Some("eth0"));
        assert_eq!(closest("wlan", &names), Some("wlan0"));
        assert_eq!(closest("bond7", &names), None);
        assert_eq!(closest("", &names), None);
    }
}
