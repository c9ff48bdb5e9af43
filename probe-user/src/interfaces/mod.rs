//! `probe interfaces`, and what other commands ask about interfaces. All of it comes
//! from sysfs and getifaddrs(3); the kernel module is asked who is attached.

mod addresses;
mod report;
mod sysfs;

use std::io::{self, Write as _};

use anyhow::{Context as _, Result};
use probe_filter::ir::LinkType;

use crate::{
    cli::InterfacesArgs,
    explain,
    failure::Usage,
    kernel::{self, Attachment, Session},
};

pub use report::Interface;
pub use sysfs::names;

/// Runs the command.
pub fn run(args: &InterfacesArgs) -> Result<()> {
    let known = names().context("listing /sys/class/net")?;
    for name in &args.names {
        if !known.contains(name) {
            return Err(explain::kernel(kernel::Error::UnknownInterface { name: name.clone() }));
        }
    }
    let wanted = if args.names.is_empty() { &known } else { &args.names };
    let addresses = addresses::all();
    let interfaces: Vec<Interface> =
        wanted.iter().map(|name| report::describe(name, &addresses)).collect();
    let bytes = if args.json { report::json(&interfaces) } else { report::text(&interfaces) };
    let mut stdout = io::stdout().lock();
    stdout.write_all(&bytes).and_then(|()| stdout.flush()).context("writing to standard output")
}

/// What the frames of these interfaces begin with, which must be the same for all:
/// they share one program.
pub fn link_type(names: &[String]) -> Result<LinkType> {
    let mut first: Option<(&str, LinkType)> = None;
    for name in names {
        // An interface that does not exist is told better where it is attached to.
        let link = sysfs::link_type(name).unwrap_or_default();
        match first {
            Some((other, before)) if before != link => {
                let message = format!("{other} and {name} differ in link type: capture them apart");
                return Err(Usage::new(message).into());
            }
            _ => first = Some((name, link)),
        }
    }
    Ok(first.map_or_else(LinkType::default, |(_, link)| link))
}

/// The number of the interface that all frames come from, where there is only one.
pub fn index(names: &[String]) -> Option<u32> {
    let [name] = names else { return None };
    u32::try_from(sysfs::number(name, "ifindex")?).ok()
}

/// The line on stderr that scripts wait for: everything is attached. With `diagnostics`
/// another line before it says where the time went.
pub fn announce(session: &Session, rules: usize, diagnostics: bool) {
    if diagnostics {
        eprintln!("probe: started in {}", session.timing());
    }
    let places: Vec<String> =
        session.attachments().iter().map(|a| format!("{} ({})", a.interface, a.hook)).collect();
    let s = if rules == 1 { "" } else { "s" };
    eprintln!("probe: attached to {}, {rules} rule{s}", places.join(", "));
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
