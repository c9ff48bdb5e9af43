//! `probe interfaces`, and what other commands ask about interfaces. All of it comes
//! from sysfs and getifaddrs(3); the kernel module is asked who is attached.

mod choose;
mod cost;
mod devices;
mod drivers;
mod ifaddrs;
mod links;
mod ready;
mod report;
mod sysfs;
mod unknown;

use anyhow::{Context as _, Result};

use crate::{kernel::Attachment, stdout};

use choose::named;
pub use choose::{Chosen, choose, known_link_type};
pub use devices::{ANY, Device, devices, list};
pub use links::{Change, Links, Newcomer, NoneLeft, follow};
pub use ready::announce;
pub use report::Interface;
pub use sysfs::{hardware_address, names};
pub use unknown::unknown;

/// What to say of interfaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Of which; none: of all.
    pub names: Vec<String>,
    /// As JSON, and not as text.
    pub json: bool,
}

/// Runs the command.
///
/// # Errors
/// An interface that is not there, and those of writing.
pub fn run(plan: &Plan) -> Result<()> {
    let known = names().context("listing /sys/class/net")?;
    let given: Vec<String> = plan.names.iter().map(|name| named(name)).collect::<Result<_, _>>()?;
    if let Some(stranger) = given.iter().find(|name| !known.contains(name)) {
        return Err(unknown(stranger).into());
    }
    let wanted = if given.is_empty() { &known } else { &given };
    let addresses = ifaddrs::addresses();
    let interfaces: Vec<Interface> =
        wanted.iter().map(|name| report::describe(name, &addresses)).collect();
    let bytes = if plan.json { report::json(&interfaces) } else { report::text(&interfaces) };
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
