//! `probe extcap`: Wireshark's way to call programs that capture (extcap(4)). It asks for
//! interfaces, link types and flags, each by a call of its own, and then for a capture into a
//! named pipe, which is that of `probe capture`.
//!
//! All answers are lines of a small grammar on standard output. Whatever comes on standard error
//! is shown to the user as an error, so that nothing else may.

mod capture;
mod check;
mod config;
mod list;
mod quiet;
mod sentence;

use anyhow::Result;

use crate::{
    cli::ExtcapArgs,
    failure::Usage,
    interfaces::{self, ANY},
    stdout,
};

/// What the names of interfaces begin with in Wireshark, where others offer them, too.
const PREFIX: &str = "probe-";

/// Runs the command.
pub fn run(args: &ExtcapArgs) -> Result<()> {
    if args.list {
        return answer(&list::interfaces(&interfaces::devices()));
    }
    let Some(name) = &args.interface else {
        return match &args.wireshark {
            Some(_) => answer(&list::version()),
            None => Err(Usage::new(
                "nothing to do: give --extcap-interfaces, --extcap-dlts, --extcap-config or --capture, \
                 as Wireshark does; `probe extcap --help` explains how to install it",
            )
            .into()),
        };
    };
    let interface = interface(name)?;
    if args.dlts {
        return answer(&list::link_types(&interface)?);
    }
    if args.config {
        return answer(&config::sentences());
    }
    match (&args.fifo, &args.filter) {
        (Some(pipe), _) if args.capture => capture::run(args, &interface, pipe),
        (_, Some(filter)) => answer(&check::filter(args, &interface, filter)?),
        _ => Err(Usage::new(format!(
            "--extcap-interface {name}: give --extcap-dlts, --extcap-config or --capture with it"
        ))
        .into()),
    }
}

/// The interface that a name of the list stands for.
fn interface(name: &str) -> Result<String> {
    let Some(interface) = name.strip_prefix(PREFIX) else {
        let name = probe_frame::visible(name);
        return Err(Usage::new(format!(
            "--extcap-interface {name}: names begin with {PREFIX}, as --extcap-interfaces lists \
             them"
        ))
        .into());
    };
    // A number would else be one of the list of `probe capture -D`.
    if interface != ANY {
        interfaces::known_link_type(interface)?;
    }
    Ok(interface.into())
}

fn answer(text: &str) -> Result<()> {
    stdout::print(text.as_bytes())
}
