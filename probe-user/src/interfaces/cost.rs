//! What attaching does to the link and to the machine, in a sentence: noted once after attaching,
//! and listed by `probe interfaces` beforehand.

use super::{drivers, sysfs};
use crate::kernel::{Attached, Attachment, TurnedOff};

/// What a program on a hook costs on a driver; nothing where it changes nothing.
pub(super) fn cost(hook: Attached, driver: Option<&str>) -> Option<&'static str> {
    match hook {
        Attached::Tcx => None,
        Attached::Clsact => Some(
            "the filter stays attached if probe is killed, and its qdisc stays in any case: `tc \
             qdisc del dev IF clsact` removes both",
        ),
        Attached::XdpGeneric => {
            Some("the kernel copies most frames into linear buffers with headroom for it")
        }
        Attached::XdpNative => Some(match driver.and_then(drivers::native) {
            Some(driver) => driver.effect.text(),
            None => {
                "most drivers stop the link and set up its queues again to attach and to detach; \
                 what this one does is unknown to probe"
            }
        }),
    }
}

/// Interfaces that share a note.
struct Group<'a> {
    hook: Attached,
    driver: Option<String>,
    interfaces: Vec<&'a str>,
}

/// The notes about a session: a line for the interfaces of each hook and driver, and one for
/// each interface on which something was turned off.
pub(super) fn notes(attachments: &[Attachment], turned_off: &[TurnedOff]) -> Vec<String> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for Attachment { interface, hook, .. } in attachments {
        let (hook, driver) = (*hook, sysfs::driver(interface));
        match groups.iter_mut().find(|group| group.hook == hook && group.driver == driver) {
            Some(group) => group.interfaces.push(interface),
            None => groups.push(Group { hook, driver, interfaces: vec![interface] }),
        }
    }
    let costs = groups.into_iter().filter_map(|Group { hook, driver, interfaces }| {
        let cost = cost(hook, driver.as_deref())?;
        let driver = driver.map(|driver| format!(" ({driver})")).unwrap_or_default();
        Some(format!("{hook} on {}{driver}: {cost}", interfaces.join(", ")))
    });
    let features = turned_off.iter().filter_map(|off| {
        let interface = off.interface()?;
        let features: Vec<_> = off.features().collect();
        let command: Vec<_> = features.iter().map(|feature| format!("{feature} on")).collect();
        Some(format!(
            "attaching turned {} off on {interface}; probe restores it at its end. If probe is \
             killed, `ethtool -K {interface} {}` does",
            features.join(" and "),
            command.join(" "),
        ))
    });
    costs.chain(features).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attachment(interface: &str, hook: Attached) -> Attachment {
        let (direction, link) = Default::default();
        Attachment { interface: interface.into(), index: 1, link, hook, direction }
    }

    #[test]
    fn a_line_for_each_hook_and_driver() {
        let tcx = attachment("lo", Attached::Tcx);
        let clsact = attachment("lo", Attached::Clsact);
        let generic = ["lo", "nosuch0"].map(|name| attachment(name, Attached::XdpGeneric));
        assert_eq!(notes(&[tcx], &[]), Vec::<String>::new());
        let both = notes(&generic, &[]);
        assert_eq!(both.len(), 1);
        assert!(both[0].starts_with("xdp-generic on lo, nosuch0: the kernel copies"), "{both:?}");
        assert!(notes(&[clsact], &[])[0].contains("stays attached if probe is killed"));
    }

    #[test]
    fn drivers_are_told_apart() {
        let native = |driver| cost(Attached::XdpNative, Some(driver)).unwrap();
        assert!(native("veth").contains("TSO and GSO are off"));
        assert!(native("i40e").contains("reset the card's function"));
        assert!(native("nosuch").contains("unknown to probe"));
    }
}
