//! A name that no interface has.

use super::sysfs;
use crate::failure::Usage;

/// What to say of an interface that does not exist: which one may have been meant.
pub fn unknown(name: &str) -> Usage {
    let names = sysfs::names().unwrap_or_default();
    let shown = probe_frame::visible(name);
    let mut message = format!("no interface is named {shown:?}");
    if let Some(advice) = part_of_another(name, &names) {
        return Usage::new(format!("{message}: {advice}"));
    }
    match closest(name, &names) {
        Some(guess) => message.push_str(&format!("; did you mean {guess:?}?")),
        None if !names.is_empty() => {
            message.push_str(&format!("; the interfaces are {}", names.join(", ")));
        }
        None => {}
    }
    Usage::new(message)
}

/// `eth0:1` is the label of an address (ip-address(8)), and `eth0.100` the usual name of a VLAN
/// device: what of another interface they stand for.
fn part_of_another(name: &str, names: &[String]) -> Option<String> {
    let known = |of: &&str| names.iter().any(|name| name == of);
    if let Some((of, _)) = name.split_once(':').filter(|(of, _)| known(of)) {
        return Some(format!(
            "that is an alias, an address of {of}: -i {of}, and 'host ADDRESS' for the one address"
        ));
    }
    let (of, id) = name.rsplit_once('.').filter(|(of, _)| known(of))?;
    let others = names.iter().filter(|name| name.starts_with(&format!("{of}."))).cloned();
    let others: Vec<String> = others.collect();
    let others = match others.as_slice() {
        [] => String::new(),
        others => format!("; {of} has {}", others.join(", ")),
    };
    id.parse::<u16>().ok().map(|id| format!("-i {of} with the filter 'vlan {id}'{others}"))
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

    #[test]
    fn parts_of_others() {
        let names = ["lo", "eth0", "eth0.7", "eth0.9"].map(String::from);
        let said = |name| part_of_another(name, &names).unwrap_or_default();
        assert!(said("eth0:1").contains("alias") && said("eth0:1").contains("-i eth0,"));
        assert_eq!(said("eth0.100"), "-i eth0 with the filter 'vlan 100'; eth0 has eth0.7, eth0.9");
        assert_eq!(said("lo.5"), "-i lo with the filter 'vlan 5'");
        for other in ["wlan0:1", "eth1.5", "eth0.x", "eth0"] {
            assert_eq!(part_of_another(other, &names), None, "{other}");
        }
    }
}
