//! What may have been meant by a name that nothing has.

/// The name that is at most two edits away, and nearest.
pub fn closest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    names
        .into_iter()
        .map(|candidate| (strsim::levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 2 && *distance < candidate.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses() {
        let names = ["lo", "eth0", "wlan0"];
        assert_eq!(closest("etho", names), Some("eth0"));
        assert_eq!(closest("wlan", names), Some("wlan0"));
        assert_eq!(closest("bond7", names), None);
        assert_eq!(closest("", names), None);
    }
}
