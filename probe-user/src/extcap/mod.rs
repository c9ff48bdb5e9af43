//! `probe extcap`: Wireshark's way to call programs that capture (extcap(4)). It asks for
//! interfaces, link types and flags, each by a call of its own, and then for a capture into a
//! named pipe, which is that of `probe capture`.
//!
//! All answers are lines of a small grammar on standard output. Whatever comes on standard
//! error is shown to the user as an error, so that nothing else may.

mod capture;
mod check;
mod config;
mod list;
mod sentence;
mod stderr;

use std::path::PathBuf;

use anyhow::Result;

use crate::{
    interfaces::{self, ANY},
    source::Live,
    stdout,
};

pub use capture::Recording;
#[cfg(test)]
pub(crate) use config::sentences;
pub use config::{Field, Flag};
#[cfg(test)]
pub(crate) use sentence::fits;

/// What the names of interfaces begin with in Wireshark, where others offer them, too.
pub const PREFIX: &str = "probe-";

/// What Wireshark asks for.
#[derive(Debug)]
pub enum Plan {
    /// List the interfaces, and the version of this plug-in.
    Interfaces,
    /// Print the version of this plug-in.
    Version,
    /// List the link types of an interface.
    LinkTypes {
        /// Its name, without the prefix of the list.
        interface: String,
    },
    /// Describe the fields of the capture dialog.
    Dialog {
        /// Name of the interface, without the prefix of the list.
        interface: String,
        /// The flags that have a field.
        flags: &'static [Flag],
    },
    /// Check a filter.
    Check {
        /// Name of the interface, without the prefix of the list.
        interface: String,
        /// The filter's text.
        filter: String,
        /// How it would be looked at.
        live: Live,
        /// Where words go.
        log_file: Option<PathBuf>,
    },
    /// Capture frames into Wireshark's pipe.
    Capture(Box<Recording>),
}

/// Runs the command.
///
/// # Errors
/// An interface that is not there, and what goes wrong in a capture.
pub fn run(plan: &Plan) -> Result<()> {
    match plan {
        Plan::Interfaces => answer(&list::interfaces(&interfaces::devices())),
        Plan::Version => answer(&list::version()),
        Plan::LinkTypes { interface } => answer(&list::link_types(interface)?),
        Plan::Dialog { interface, flags } => {
            is_there(interface)?;
            answer(&config::sentences(flags))
        }
        Plan::Check { interface, filter, live, log_file } => {
            is_there(interface)?;
            answer(&check::filter(live, filter, log_file.as_deref())?)
        }
        Plan::Capture(recording) => {
            is_there(&recording.interface)?;
            capture::run(recording)
        }
    }
}

/// Fails where there is no such interface. A number would else be one of the list of
/// `probe capture -D`.
fn is_there(interface: &str) -> Result<()> {
    match interface {
        ANY => Ok(()),
        name => interfaces::known_link_type(name).map(drop),
    }
}

fn answer(text: &str) -> Result<()> {
    stdout::print(text.as_bytes())
}
