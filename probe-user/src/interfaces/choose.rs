//! Which interfaces `-i` means: names of either kind, numbers of the list of `-D`, and `any`; and
//! which one is looked at where none is given.

use anyhow::Result;
use probe_filter::ir::LinkType;
use probe_frame::visible;

use super::{
    devices::{ANY, Device, devices},
    sysfs,
    unknown::unknown,
};
use crate::{
    failure::Usage,
    kernel::{Interface, rtnetlink},
    reporter,
};

/// What `-i` came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// The interfaces, each once.
    pub interfaces: Vec<Interface>,
    /// Whether `any` is among what was given: then those that come later belong to it, too.
    pub any: bool,
    /// Why this interface, where none was given.
    pub default: Option<&'static str>,
}

impl Chosen {
    /// Whether a frame may be of one interface or of another.
    pub fn several(&self) -> bool {
        self.any || self.interfaces.len() > 1
    }

    /// Says which interface it is, where none was given.
    pub fn announce(&self) {
        if let (Some(why), [Interface { name, .. }]) = (self.default, &self.interfaces[..]) {
            reporter::say(format_args!("no -i given: {}, {why}", visible(name)));
        }
    }

    /// The names, as the kernel has them.
    pub fn names(&self) -> Vec<String> {
        self.interfaces.iter().map(|it| it.name.clone()).collect()
    }

    /// What outputs call them: `any`, or their names.
    pub fn labels(&self) -> Vec<String> {
        if self.any { vec![ANY.into()] } else { self.names() }
    }

    /// What frames begin with, each type once; the first is the one that filters are about where
    /// there is a choice. `any` has both types, whatever is there by now.
    pub fn links(&self) -> Vec<LinkType> {
        let mut links = if self.any { vec![LinkType::Ethernet, LinkType::Raw] } else { Vec::new() };
        for interface in &self.interfaces {
            if !links.contains(&interface.link) {
                links.push(interface.link);
            }
        }
        links
    }

    /// The first of the [`links`](Self::links).
    pub fn link(&self) -> LinkType {
        self.links().first().copied().unwrap_or_default()
    }
}

/// Finds what was given. `any` is every interface that there is; those of a link type that is not
/// known are left out, and named. Nothing is the default interface.
///
/// # Errors
/// A number that the list does not have, a name beside `any` that no interface has, and nothing given where
/// there is no default.
pub fn choose(given: &[String]) -> Result<Chosen> {
    if given.is_empty() {
        let (name, why) = default()?;
        return Ok(Chosen { interfaces: vec![interface(name)], any: false, default: Some(why) });
    }
    let mut interfaces: Vec<Interface> = Vec::new();
    let mut any = false;
    for text in given {
        let name = if text == ANY { ANY.into() } else { named(text)? };
        if name.contains(':') {
            // No interface has it in its name (dev_valid_name), but the kernel would take what is
            // before it for one (dev_ioctl).
            return Err(unknown(&name).into());
        }
        if name == ANY {
            any = true;
        } else if interfaces.iter().all(|known| known.name != name) {
            interfaces.push(interface(name));
        } else if name == *text {
            reporter::note(format_args!("-i {}: given twice, attached once", visible(text)));
        } else {
            let (text, name) = (visible(text), visible(&name));
            reporter::note(format_args!("-i {text}: is {name}, given twice, attached once"));
        }
    }
    if any {
        // Later on nobody can tell it from one of `any` that has gone.
        if let Some(stranger) = interfaces.iter().find(|it| is_unknown(&it.name)) {
            return Err(unknown(&stranger.name).into());
        }
        let others = add_all(&mut interfaces);
        if !others.is_empty() {
            let others = others.join(", ");
            reporter::note(format_args!(
                "-i any leaves out {others}, whose frames begin with neither Ethernet nor IP"
            ));
        }
        if interfaces.is_empty() {
            return Err(Usage::new("-i any: there is no interface").into());
        }
    }
    Ok(Chosen { interfaces, any, default: None })
}

fn is_unknown(name: &str) -> bool {
    matches!(rtnetlink::link_named(name), Ok(None))
}

/// Adds the interfaces that there are; returns the names of those with an unknown link type.
fn add_all(interfaces: &mut Vec<Interface>) -> Vec<String> {
    let mut others = Vec::new();
    for link in rtnetlink::links().unwrap_or_default() {
        let Some(name) = rtnetlink::name(&link) else { continue };
        if interfaces.iter().any(|known| known.name == name) {
            continue;
        }
        match rtnetlink::link_type(&link) {
            Some(link) => interfaces.push(Interface { name: name.into(), link }),
            None => others.push(visible(name)),
        }
    }
    others
}

/// An interface that was named. One that does not exist is told better where it is attached to.
fn interface(name: String) -> Interface {
    let link = sysfs::link_type(&name).unwrap_or_default();
    Interface { name, link }
}

/// The interface that is looked at where none is given, and why this one: it has the default
/// route, or it is the most promising one of the list that is up.
fn default() -> Result<(String, &'static str), Usage> {
    // Without an answer there is still the list.
    let route = rtnetlink::default_route().ok().flatten();
    let link = route.and_then(|index| rtnetlink::link(index).ok().flatten());
    if let Some(name) = link.as_ref().and_then(rtnetlink::name) {
        return Ok((name.into(), "which has the default route"));
    }
    match first_up(devices()) {
        Some(name) => Ok((name, "the first that is up (there is no default route)")),
        None => Err(Usage::new(
            "no interface given, and none is up but the loopback: name one with -i (`probe \
             interfaces` lists them), or a file with -r",
        )),
    }
}

/// The first of the list of `-D` that is up, and carries more than this host's own frames.
fn first_up(devices: Vec<Device>) -> Option<String> {
    let mut others = devices.into_iter().filter(|it| !it.is_loopback() && it.name != ANY);
    others.find(Device::is_up).map(|device| device.name)
}

/// What the frames of an interface begin with.
///
/// # Errors
/// Where there is no such interface.
pub fn known_link_type(name: &str) -> Result<LinkType> {
    sysfs::link_type(&named(name)?).ok_or_else(|| unknown(name).into())
}

/// The name of the interface that a word stands for: its name, an alternative one, or its number in
/// the list of `-D`. A word that no interface has stays as it is; what cannot be attached to says
/// so.
pub(super) fn named(text: &str) -> Result<String, Usage> {
    if let Ok(Some(link)) = rtnetlink::link_named(text)
        && let Some(name) = rtnetlink::name(&link)
    {
        return Ok(name.into());
    }
    let Ok(number) = text.parse::<usize>() else { return Ok(text.into()) };
    let devices = devices();
    let chosen = number.checked_sub(1).and_then(|index| devices.get(index));
    chosen.map(|device| device.name.clone()).ok_or_else(|| {
        Usage::new(format!(
            "-i {text}: no such number; `probe capture -D` lists 1 to {}",
            devices.len()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_list() {
        let all = devices();
        for (number, device) in (1..).zip(&all) {
            assert_eq!(named(&format!("{number}")).unwrap(), device.name);
        }
        for text in ["0", &format!("{}", all.len() + 1)] {
            let error = named(text).unwrap_err();
            assert!(error.to_string().contains("lists 1 to"), "{error}");
        }
        assert_eq!(named("eth0.5").unwrap(), "eth0.5");
        assert_eq!(named("lo").unwrap(), "lo");
    }

    #[test]
    fn each_interface_once() {
        let twice = ["lo", "lo"].map(String::from);
        assert_eq!(choose(&twice).unwrap().names(), ["lo"]);
        let any = choose(&["any".into(), "lo".into()]).unwrap();
        assert!(any.several());
        assert_eq!(any.labels(), ["any"]);
        assert_eq!(any.names().iter().filter(|name| *name == "lo").count(), 1);
        assert!(!any.names().contains(&"any".to_string()));
        assert_eq!(any.links(), [LinkType::Ethernet, LinkType::Raw]);
    }

    #[test]
    fn the_loopback_is_nobodys_default() {
        let is_loopback = |device: &&Device| device.name == "lo";
        let only = devices().iter().filter(is_loopback).cloned().collect();
        assert_eq!(first_up(only), None);
        assert_ne!(first_up(devices()).as_deref(), Some("lo"));
    }
}
