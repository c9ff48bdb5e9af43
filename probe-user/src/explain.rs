//! Errors of the kernel side in the words of the command line: what happened, and which
//! flag to change.

use anyhow::{Error, anyhow};

use crate::{failure::Usage, interfaces, kernel};

/// Adds what the user can do about it.
pub fn kernel(error: kernel::Error) -> Error {
    use kernel::Error as K;
    let hint = match &error {
        K::UnknownInterface { name } => return Usage::new(unknown_interface(name)).into(),
        K::Egress { .. } => return Usage::new(format!("{error}: use --hook tcx with -Q")).into(),
        K::TooManyRules(_) | K::TooManySampled(_) => return Usage::new(error.to_string()).into(),
        K::Permission { .. } => {
            "this needs root, or CAP_NET_ADMIN, CAP_BPF and CAP_PERFMON (CAP_SYS_ADMIN on \
             kernels before 5.8)"
        }
        K::Rings { .. } => "try a smaller --buffer-size",
        K::Occupied { .. } => "use --hook tcx to look behind it, or take it off first",
        K::Unsupported { hook: kernel::Hook::XdpNative, .. } => {
            "use --hook xdp-generic or --hook tcx"
        }
        K::Unsupported { .. } => "use --hook tcx",
        K::NoLink { .. } => "use a newer kernel, or --hook clsact if leftovers are acceptable",
        K::KernelTooOld { .. } => "docs/compatibility.md says what each kernel can do",
        K::Verify { .. } | K::Generate(_) => {
            "this is a bug in probe, please report it with the filter; simpler filters may load"
        }
        _ => return error.into(),
    };
    anyhow!("{error}\nprobe: {hint}")
}

/// What to say of an interface that does not exist.
fn unknown_interface(name: &str) -> String {
    let names = interfaces::names().unwrap_or_default();
    let shown = crate::print::text::visible(name);
    let mut message = format!("no interface is named {shown:?}");
    match closest(name, &names) {
        Some(guess) => message.push_str(&format!("; did you mean {guess:?}?")),
        None if !names.is_empty() => {
            message.push_str(&format!("; there are {}", names.join(", ")));
        }
        None => {}
    }
    message
}

/// The name that is at most two edits away, and nearest.
fn closest<'a>(name: &str, names: &'a [String]) -> Option<&'a str> {
    names
        .iter()
        .map(|candidate| (distance(name, candidate), candidate.as_str()))
        .filter(|(distance, candidate)| *distance <= 2 && *distance < candidate.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (y, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let value = (diagonal + usize::from(x != *y)).min(*cell + 1).min(left + 1);
            (diagonal, left, *cell) = (*cell, value, value);
        }
    }
    row.last().copied().unwrap_or(0)
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
        for (a, b, expected) in [("", "abc", 3), ("kitten", "sitting", 3), ("eth0", "eth0", 0)] {
            assert_eq!(distance(a, b), expected);
        }
    }

    #[test]
    fn an_unknown_interface_is_a_usage_error() {
        let error = kernel(kernel::Error::UnknownInterface { name: "nosuch0\x1b".into() });
        assert_eq!(crate::failure::code(&error), 2);
        assert!(!error.to_string().contains('\x1b'));
    }
}
