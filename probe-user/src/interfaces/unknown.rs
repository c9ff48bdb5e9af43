//! A name that no interface has.

use super::sysfs;
use crate::{failure::Usage, nearest::closest};

/// What to say of an interface that does not exist: which one may have been meant.
pub fn unknown(name: &str) -> Usage {
    let names = sysfs::names().unwrap_or_default();
    let shown = probe_frame::visible(name);
    let mut message = format!("no interface is named {shown:?}");
    if let Some(advice) = part_of_another(name, &names) {
        return Usage::new(format!("{message}: {advice}"));
    }
    match closest(name, names.iter().map(String::as_str)) {
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

#[cfg(test)]
mod tests {
    use super::*;

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
