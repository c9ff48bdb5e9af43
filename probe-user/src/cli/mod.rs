//! The command line: each flag, its help and its default stand here once, and what the flags ask
//! for becomes the plan of a command. Nothing else in this crate knows clap. Flags that several
//! commands share are in `shared.rs`.

mod capture;
mod compat;
mod completions;
mod connections;
mod count;
mod counted;
mod diagnose;
mod extcap;
mod filter;
mod forms;
mod health;
mod help;
mod hints;
mod interfaces;
mod lists;
mod rate;
mod record;
mod serve;
mod shared;
mod top;
pub(crate) mod values;

use std::{any::TypeId, ffi::OsString, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Error};
use clap::{Arg, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use probe_filter::Key;

use crate::{Command, failure, keys::By, reporter};
use capture::CaptureArgs;
use compat::Compat;
use completions::CompletionsArgs;
use connections::{ConnectionsArgs, HttpArgs};
use count::CountArgs;
use diagnose::DiagnoseArgs;
use extcap::ExtcapArgs;
use filter::FilterArgs;
use forms::Forms;
use health::HealthArgs;
use help::Extent;
use interfaces::InterfacesArgs;
use lists::Lists;
use rate::RateArgs;
use record::RecordArgs;
use serve::{CheckArgs, ServeArgs, ServeHttpArgs};
use shared::{Expression, Live, Offline, Promiscuous};
use top::TopArgs;

/// Reads the command line, and makes a plan of it.
///
/// # Errors
/// Mistakes, and the wish for help.
pub fn read() -> Result<Command, Refused> {
    let words: Vec<OsString> = std::env::args_os().collect();
    if let Some(answer) = completions::answer(&words) {
        return answer.map_err(Refused::Plan);
    }
    from_words(extcap::insert_command(words))
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
    let extent = if words.iter().any(|word| word == "-h") { Extent::Short } else { Extent::Full };
    let matches =
        clap(extent).try_get_matches_from(&words).map_err(|error| hints::refused(error, &words))?;
    let cli = Cli::from_arg_matches(&matches)
        .map_err(|error| Refused::Words(error.format(&mut clap(extent))))?;
    cli.command.plan()
}

/// The definition of the command line, for manual pages.
pub fn definition() -> clap::Command {
    clap(Extent::Full)
}

/// The definition of the command line, with as much help as is asked for.
fn clap(extent: Extent) -> clap::Command {
    let command = Cli::command().mut_subcommands(|command| command.mut_args(may_be_negative));
    help::arrange(command, extent)
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
#[command(name = "probe", version, about, max_term_width = 100, propagate_version = true)]
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
    /// Count matching packets, many filters at once
    Count(CountArgs),
    /// Measure the rate of matching packets, exactly
    Rate(RateArgs),
    /// Show or save packets, as tcpdump does
    Capture(Box<CaptureArgs>),
    /// Watch rules, sources, ports on the terminal
    Top(Box<TopArgs>),
    /// Keep the last seconds, save them if something happens
    Record(Box<RecordArgs>),
    /// Tell how connections went, how fast, what HTTP said
    Connections(Box<ConnectionsArgs>),
    /// Tell of HTTP/1 requests, their status and times
    Http(Box<HttpArgs>),
    /// Tell how a server's ports do, with a verdict for each
    Health(Box<HealthArgs>),
    /// Say what is wrong with a port, and how one knows
    Diagnose(DiagnoseArgs),
    /// Check a filter, explain it, show what it compiles to
    Filter(FilterArgs),
    /// List interfaces: state, driver, counters, usable hooks
    Interfaces(InterfacesArgs),
    /// Count always, as a service with metrics by HTTP
    Serve(ServeArgs),
    /// Serve HTTP for `probe serve`
    #[command(hide = true)]
    ServeHttp(ServeHttpArgs),
    /// Follow connections for `probe serve`
    #[command(hide = true)]
    ServeHealth,
    /// Record for `probe serve`
    #[command(hide = true)]
    ServeRecord,
    /// Check the configuration of probe serve
    Check(CheckArgs),
    /// Be a capture plug-in of Wireshark (extcap)
    Extcap(Box<ExtcapArgs>),
    /// Print what lets a shell complete command lines
    Completions(CompletionsArgs),
    /// Print version
    #[command(hide = true)]
    Version,
}

impl Subcommands {
    fn plan(self) -> Result<Command, Refused> {
        let plan = match self {
            Self::Count(args) => args.plan().map(Command::Count),
            Self::Rate(args) => args.plan().map(Command::Rate).map_err(Error::new),
            Self::Capture(args) => args.plan(),
            Self::Top(args) => args.plan().map(Box::new).map(Command::Top),
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
            Self::ServeRecord => Ok(Command::ServeRecord),
            Self::Check(args) => Ok(Command::Check(args.plan())),
            Self::Extcap(args) => args.plan().map(Command::Extcap).map_err(Error::new),
            Self::Completions(args) => args.plan(),
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
