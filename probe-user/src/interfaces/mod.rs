//! `probe interfaces`, and what other commands ask about interfaces. It comes from rtnetlink(7),
//! ethtool(8)'s questions, sysfs and getifaddrs(3).

mod choose;
mod cost;
mod devices;
mod drivers;
mod ifaddrs;
mod links;
mod ready;
mod report;
mod sysfs;
mod table;
mod unknown;
mod watch;

use std::time::Duration;

use anyhow::{Context as _, Result};
use netlink_packet_route::link::LinkMessage;

use crate::{
    kernel::{Attachment, rtnetlink},
    stdout,
};

use choose::named;
pub use choose::{Chosen, choose, known_link_type};
pub use devices::{ANY, Device, devices, list};
pub use ifaddrs::{holder, own_addresses};
pub use links::{Change, Links, Newcomer, NoneLeft, follow};
pub use ready::announce;
pub use report::Interface;
pub use sysfs::{hardware_address, hardware_type, names};
pub use unknown::unknown;

/// What to say of interfaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Of which; none: of all.
    pub names: Vec<String>,
    /// As JSON, and not as text.
    pub json: bool,
    /// Rates, each time so long.
    pub watch: Option<Duration>,
}

/// Runs the command: those that are named are described at length, all of them in a table.
///
/// # Errors
/// An interface that is not there, what the netlink socket says, and those of writing.
pub fn run(plan: &Plan) -> Result<()> {
    let links = rtnetlink::links().context("asking the kernel for its interfaces")?;
    let given: Vec<String> = plan.names.iter().map(|name| named(name)).collect::<Result<_, _>>()?;
    let is = |name: &str, link: &LinkMessage| rtnetlink::name(link) == Some(name);
    if let Some(stranger) = given.iter().find(|name| !links.iter().any(|link| is(name, link))) {
        return Err(unknown(stranger).into());
    }
    if let Some(interval) = plan.watch {
        return watch::run(&given, interval, plan.json);
    }
    let wanted = |link: &&LinkMessage| given.is_empty() || given.iter().any(|name| is(name, link));
    let system = report::System::ask();
    let interfaces: Vec<Interface> =
        links.iter().filter(wanted).map(|link| system.describe(link)).collect();
    let bytes = if plan.json {
        report::json(&interfaces)
    } else if given.is_empty() {
        table::totals(&interfaces)
    } else {
        report::paragraphs(&interfaces)
    };
    stdout::print(&bytes)
}

/// The number of the interface that all frames come from, where there is only one.
pub fn index(names: &[String]) -> Option<u32> {
    let [name] = names else { return None };
    u32::try_from(sysfs::number(name, "ifindex")?).ok()
}

/// Those that are loopbacks.
pub fn loopbacks(names: &[String]) -> Vec<String> {
    names.iter().filter(|name| sysfs::is_loopback(name)).cloned().collect()
}

/// The hooks in use, each once.
pub fn hooks(attachments: &[Attachment]) -> String {
    let mut hooks: Vec<String> = Vec::new();
    for attachment in attachments {
        let hook = attachment.hook.to_string();
        if !hooks.contains(&hook) {
            hooks.push(hook);
        }
    }
    hooks.join(",")
}
