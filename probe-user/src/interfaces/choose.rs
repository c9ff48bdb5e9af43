//! Which interfaces `-i` means: names, numbers of the list of `-D`, and `any`.

use anyhow::Result;
use probe_filter::ir::LinkType;
use probe_frame::visible;

use super::{
    devices::{ANY, Device, devices, up},
    sysfs,
    unknown::unknown,
};
use crate::{failure::Usage, reporter};

/// What `-i` came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Names, each once.
    pub names: Vec<String>,
    /// Whether `any` is among what was given.
    pub any: bool,
    /// What their frames begin with.
    pub link: LinkType,
}

impl Chosen {
    /// Whether a frame may be of one interface or of another.
    pub fn several(&self) -> bool {
        self.any || self.names.len() > 1
    }
}

/// Makes names of what was given. `any` is every interface that is up now; those with
/// another link type than the rest are left out, and named.
///
/// # Errors
/// A number that the list does not have, nothing given at all, or interfaces that cannot
/// share a program.
pub fn choose(given: &[String]) -> Result<Chosen> {
    if given.is_empty() {
        return Err(Usage::new(
            "no interface given: name one with -i (`probe interfaces` lists them), or a file with -r",
        )
        .into());
    }
    let mut names: Vec<String> = Vec::new();
    let mut any = false;
    for text in given {
        let name = named(text, devices)?;
        any |= name == ANY;
        if names.contains(&name) {
            return Err(Usage::new(format!("-i: {} is given twice", visible(&name))).into());
        }
        if name != ANY {
            names.push(name);
        }
    }
    if any {
        let link = match names.is_empty() {
            true => LinkType::Ethernet,
            false => link_type(&names)?,
        };
        let (fitting, others) = alike(up(), link);
        if !others.is_empty() {
            let others = others.join(", ");
            reporter::note(format_args!(
                "-i any leaves out {others}, of another link type: capture them separately"
            ));
        }
        names.extend(fitting.into_iter().filter(|name| !names.contains(name)).collect::<Vec<_>>());
        if names.is_empty() {
            return Err(Usage::new("-i any: no Ethernet interface is up").into());
        }
    }
    let link = link_type(&names)?;
    Ok(Chosen { names, any, link })
}

/// What the frames of an interface begin with.
///
/// # Errors
/// Where there is no such interface.
pub fn known_link_type(name: &str) -> Result<LinkType> {
    sysfs::link_type(name).ok_or_else(|| unknown(name).into())
}

/// The name that a word stands for: itself, unless it is a number that no interface has
/// for a name.
fn named(text: &str, devices: impl Fn() -> Vec<Device>) -> Result<String, Usage> {
    let Ok(number) = text.parse::<usize>() else { return Ok(text.into()) };
    let devices = devices();
    if devices.iter().any(|device| device.name == text) {
        return Ok(text.into());
    }
    let chosen = number.checked_sub(1).and_then(|index| devices.get(index));
    chosen.map(|device| device.name.clone()).ok_or_else(|| {
        Usage::new(format!(
            "-i {text}: no such number; `probe capture -D` lists 1 to {}",
            devices.len()
        ))
    })
}

/// The interfaces of a link type, and the others.
fn alike(names: Vec<String>, link: LinkType) -> (Vec<String>, Vec<String>) {
    names.into_iter().partition(|name| sysfs::link_type(name).unwrap_or_default() == link)
}

/// What the frames of these interfaces begin with, which must be the same for all:
/// they share one program.
fn link_type(names: &[String]) -> Result<LinkType> {
    let mut first: Option<(&str, LinkType)> = None;
    for name in names {
        // An interface that does not exist is told better where it is attached to.
        let link = sysfs::link_type(name).unwrap_or_default();
        match first {
            Some((other, before)) if before != link => {
                let message =
                    format!("{other} and {name} differ in link type: capture them separately");
                return Err(Usage::new(message).into());
            }
            _ => first = Some((name, link)),
        }
    }
    Ok(first.map_or_else(LinkType::default, |(_, link)| link))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_list() {
        let all = devices();
        for (number, device) in (1..).zip(&all) {
            assert_eq!(named(&format!("{number}"), devices).unwrap(), device.name);
        }
        for text in ["0", &format!("{}", all.len() + 1)] {
            let error = named(text, devices).unwrap_err();
            assert!(error.to_string().contains("lists 1 to"), "{error}");
        }
        assert_eq!(named("eth0.5", devices).unwrap(), "eth0.5");
        assert_eq!(named("any", devices).unwrap(), "any");
    }

    #[test]
    fn each_interface_once() {
        let twice = ["lo", "lo"].map(String::from);
        assert_eq!(choose(&twice).unwrap_err().to_string(), "-i: lo is given twice");
        let any = choose(&["any".into(), "lo".into()]).unwrap();
        assert!(any.several());
        assert_eq!(any.names.iter().filter(|name| *name == "lo").count(), 1);
        assert!(!any.names.contains(&"any".to_string()));
        assert!(choose(&[]).is_err());
    }
}
