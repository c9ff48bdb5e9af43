//! The command line: each flag, its help and its default stand here once, and what the flags ask
//! for becomes the plan of a command. Nothing else in this crate knows clap. Flags that several
//! commands share are in `shared.rs`.

mod capture;
mod compat;
mod connections;
mod count;
mod diagnose;
mod extcap;
mod filter;
mod health;
mod hints;
mod interfaces;
mod lists;
mod rate;
mod record;
mod serve;
mod shared;
pub(crate) mod values;

use std::{any::TypeId, ffi::OsString, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Error};
use clap::{Arg, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use probe_filter::Key;

use crate::{Command, failure, keys::By, reporter};
use capture::CaptureArgs;
use compat::Compat;
use connections::{ConnectionsArgs, HttpArgs};
use count::CountArgs;
use diagnose::DiagnoseArgs;
use extcap::ExtcapArgs;
use filter::FilterArgs;
use health::HealthArgs;
use interfaces::InterfacesArgs;
use lists::Lists;
use rate::RateArgs;
use record::RecordArgs;
use serve::{CheckArgs, ServeArgs, ServeHttpArgs};
use shared::{Expression, Live, Offline, Promiscuous};

/// Reads the command line, and makes a plan of it.
///
/// # Errors
/// Mistakes, and the wish for help.
pub fn read() -> Result<Command, Refused> {
    from_words(extcap::insert_command(std::env::args_os().collect()))
}

/// As [`read`], of other words, the first of which is the program's name.
///
/// # Errors
/// Those of [`read`].
pub fn from_words<T: Into<OsString> + Clone>(
    words: impl IntoIterator<Item = T>,
) -> Result<Command, Refused> {
    let words: Vec<OsString> = words.into_iter().map(Into::into).collect();
    hints::check_dashes(&words)?;
    let matches =
        clap().try_get_matches_from(&words).map_err(|error| hints::refused(error, &words))?;
    let cli = Cli::from_arg_matches(&matches)
        .map_err(|error| Refused::Words(error.format(&mut Cli::command())))?;
    cli.command.plan()
}

/// The definition of the command line.
fn clap() -> clap::Command {
    Cli::command().mut_subcommands(|command| command.mut_args(may_be_negative))
}

/// Why there is nothing to run.
#[derive(Debug)]
pub enum Refused {
    /// The words are none of the command line, or ask for help: clap knows what to print.
    Words(clap::Error),
    /// Each flag is right, but not what they ask for together.
    Plan(Error),
}

impl Refused {
    /// Says why: help on stdout, a mistake on stderr, where the user's own words in it are
    /// [neutralised](reporter). Gives the exit code.
    pub fn report(&self) -> ExitCode {
        match self {
            Self::Words(message) if message.use_stderr() => {
                reporter::plain(message.render().to_string().trim_end());
                ExitCode::from(2)
            }
            Self::Words(help) => match help.print().context("writing to standard output") {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => failure::report(&error),
            },
            Self::Plan(error) => failure::report(error),
        }
    }
}

/// Counts, samples and captures packets in the kernel, by tcpdump's filters.
#[derive(Debug, Parser)]
#[command(
    name = "probe",
    version,
    about,
    long_about = "Counts, samples and captures packets in the kernel, by tcpdump's filters.\n\n\
        Filters are pcap-filter(7) expressions, and macros such as @syn and @http-request that \
        hold for IPv4 and IPv6.",
    max_term_width = 100,
    propagate_version = true
)]
struct Cli {
    #[command(subcommand)]
    command: Subcommands,
}

/// Lets what should be a number or a time begin with a hyphen: `-c -5` is then a wrong
/// value of `-c`, and not an unknown flag `-5`. Names and files stay as they are.
fn may_be_negative(arg: Arg) -> Arg {
    let value = arg.get_value_parser().type_id();
    let texts =
        [TypeId::of::<String>(), TypeId::of::<PathBuf>(), TypeId::of::<Key>(), TypeId::of::<By>()];
    let takes_text = texts.iter().any(|text| value == *text);
    let takes_number = arg.get_action().takes_values() && !arg.is_positional() && !takes_text;
    if takes_number { arg.allow_hyphen_values(true) } else { arg }
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    /// Count matching packets, many filters at once, without copying any
    Count(CountArgs),
    /// Measure the rate of matching packets, exactly
    Rate(RateArgs),
    /// Show or save packets, as tcpdump does
    Capture(Box<CaptureArgs>),
    /// Keep the last seconds of packets, and save them when something happens
    Record(Box<RecordArgs>),
    /// Tell how connections went: open, refused, rejected, unanswered, how fast, what HTTP said
    Connections(Box<ConnectionsArgs>),
    /// Tell of HTTP/1 requests: status, size, time to first byte
    Http(Box<HttpArgs>),
    /// How the ports of a server do: outcomes of connections, times, a verdict
    Health(Box<HealthArgs>),
    /// Say what is wrong with a port: open, refused, rejected, dropped, and how one knows
    Diagnose(DiagnoseArgs),
    /// Check a filter, and show what it compiles to
    Filter(FilterArgs),
    /// List interfaces: state, driver, counters, suitable hooks
    Interfaces(InterfacesArgs),
    /// Count always, as a service: metrics by HTTP, rules that change without a gap
    Serve(ServeArgs),
    /// Serve HTTP for `probe serve`
    #[command(hide = true)]
    ServeHttp(ServeHttpArgs),
    /// Follow connections for `probe serve`
    #[command(hide = true)]
    ServeHealth,
    /// Check the configuration of `probe serve`: mistakes, interfaces, what each rule costs
    Check(CheckArgs),
    /// Be a capture plug-in of Wireshark (extcap)
    Extcap(Box<ExtcapArgs>),
    /// Print version
    Version,
}

impl Subcommands {
    fn plan(self) -> Result<Command, Refused> {
        let plan = match self {
            Self::Count(args) => args.plan().map(Command::Count),
            Self::Rate(args) => args.plan().map(Command::Rate).map_err(Error::new),
            Self::Capture(args) => args.plan(),
            Self::Record(args) => args.plan().map(Box::new).map(Command::Record),
            Self::Connections(args) => Ok(Command::Connections(Box::new(args.plan()?))),
            Self::Http(args) => Ok(Command::Connections(Box::new(args.plan()?))),
            Self::Health(args) => args.plan().map(Command::Health),
            Self::Diagnose(args) => Ok(Command::Diagnose(args.plan())),
            Self::Filter(args) => Ok(Command::Filter(args.plan())),
            Self::Interfaces(args) => Ok(Command::Interfaces(args.plan())),
            Self::Serve(args) => Ok(Command::Serve(args.plan())),
            Self::ServeHttp(args) => Ok(Command::ServeHttp(args.sockets)),
            Self::ServeHealth => Ok(Command::ServeHealth),
            Self::Check(args) => Ok(Command::Check(args.plan())),
            Self::Extcap(args) => args.plan().map(Command::Extcap).map_err(Error::new),
            // It comes the way that the flag's does.
            Self::Version => return from_words(["probe", "--version"]),
        };
        plan.map_err(Refused::Plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Rule;

    #[test]
    fn the_definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_and_words_of_a_filter_mix() {
        let words = ["probe", "count", "-i", "eth0", "tcp", "port", "80", "-c", "5"];
        let Command::Count(plan) = from_words(words).unwrap() else { panic!("count") };
        assert_eq!(plan.rules, [Rule::new("match", "tcp port 80")]);
        assert_eq!(plan.count, Some(5));
    }
}
