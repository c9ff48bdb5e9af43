//! `probe interfaces`, and what other commands ask about interfaces. All of it comes
//! from sysfs and getifaddrs(3); the kernel module is asked who is attached.

mod choose;
mod cost;
mod devices;
mod drivers;
mod ifaddrs;
mod links;
mod report;
mod sysfs;
mod unknown;

use anyhow::{Context as _, Result};

use crate::{
    kernel::{Attachment, Session},
    reporter, stdout,
};

pub use choose::{Chosen, choose, known_link_type};
pub use devices::{ANY, Device, devices, list};
pub use links::{Change, Links, NoneLeft, tell};
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
    for name in &plan.names {
        if !known.contains(name) {
            return Err(unknown(name).into());
        }
    }
    let wanted = if plan.names.is_empty() { &known } else { &plan.names };
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

/// The line on stderr that scripts wait for: everything is attached. Lines before it say what
/// that did to the links, where it did anything, and with `diagnostics` where the time went.
pub fn announce(session: &Session, rules: usize, diagnostics: bool) {
    for note in cost::notes(session.attachments(), session.turned_off()) {
        reporter::note(note);
    }
    if diagnostics {
        reporter::say(format_args!("started in {}", session.timing()));
    }
    let places: Vec<String> =
        session.attachments().iter().map(|a| format!("{} ({})", a.interface, a.hook)).collect();
    let s = if rules == 1 { "" } else { "s" };
    reporter::say(format_args!("attached to {}, {rules} rule{s}", places.join(", ")));
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
