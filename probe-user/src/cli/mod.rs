//! The command line. Each flag and its help stand in one place; flags that several
//! commands share are in [`shared`].

mod capture;
mod compat;
mod count;
mod extcap;
mod filter;
mod interfaces;
mod lists;
mod rate;
pub mod shared;
pub mod values;

use std::{any::TypeId, ffi::OsString, path::PathBuf};

use clap::{Arg, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

pub use capture::{CaptureArgs, FileFormat};
pub use compat::Compat;
pub use count::{CountArgs, CountFormat};
pub use extcap::ExtcapArgs;
pub use filter::FilterArgs;
pub use interfaces::InterfacesArgs;
pub use lists::Lists;
pub use rate::{RateArgs, RateFormat};
pub use shared::{Engine, Expression, Live, Offline};
pub use values::Choice;

/// Counts, samples and shows packets in the kernel, in tcpdump's language.
#[derive(Debug, Parser)]
#[command(
    name = "probe",
    version,
    about,
    long_about = "Counts, samples and shows packets in the kernel, in tcpdump's language.\n\n\
        Filters are pcap-filter(7) expressions, and macros such as @syn and @http-request that \
        hold for IPv4 and IPv6.",
    max_term_width = 100,
    propagate_version = true
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Reads the command line.
    ///
    /// # Errors
    /// Mistakes, and the wish for help; clap knows what to print, where, and the exit code.
    pub fn read() -> Result<Self, clap::Error> {
        Self::from_words(extcap::insert_command(std::env::args_os().collect()))
    }

    /// As [`read`](Self::read), of other words.
    pub(crate) fn from_words<T: Into<OsString> + Clone>(
        words: impl IntoIterator<Item = T>,
    ) -> Result<Self, clap::Error> {
        let command = Self::command().mut_subcommands(|command| command.mut_args(may_be_negative));
        let matches = command.try_get_matches_from(words)?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut Self::command()))
    }
}

/// Lets what should be a number or a time begin with a hyphen: `-c -5` is then a wrong
/// value of `-c`, and not an unknown flag `-5`. Names and files stay as they are.
fn may_be_negative(arg: Arg) -> Arg {
    let value = arg.get_value_parser().type_id();
    let takes_text = value == TypeId::of::<String>() || value == TypeId::of::<PathBuf>();
    let takes_number = arg.get_action().takes_values() && !arg.is_positional() && !takes_text;
    if takes_number { arg.allow_hyphen_values(true) } else { arg }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Count what matches, many filters at once, without copying a packet
    Count(CountArgs),
    /// Measure the rate of what matches, exactly
    Rate(RateArgs),
    /// Show or save packets, as tcpdump does
    Capture(Box<CaptureArgs>),
    /// Check a filter, and show what it compiles to
    Filter(FilterArgs),
    /// List interfaces: state, driver, counters, hooks that fit
    Interfaces(InterfacesArgs),
    /// Serve Wireshark as a plug-in (extcap)
    Extcap(Box<ExtcapArgs>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_and_words_of_a_filter_mix() {
        let words = ["probe", "count", "-i", "eth0", "tcp", "port", "80", "-c", "5"];
        let Command::Count(args) = Cli::from_words(words).unwrap().command else {
            panic!("count");
        };
        assert_eq!(args.expression.text().unwrap(), "tcp port 80");
        assert_eq!(args.count, Some(5));
    }
}
