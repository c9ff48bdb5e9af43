//! Flags that several commands share.

use std::{io, path::PathBuf, time::Duration};

use anstream::AutoStream;
use clap::{Args, ColorChoice, ValueEnum};
use probe_filter::VlanView;

use super::values;
use crate::{
    condition::{self, Condition},
    failure::Usage,
    kernel::{Direction, Hook},
    rules::Rule,
    source::{self, Choice, DirectionChoice, Promiscuity, Source},
};

/// The filter, as the words that are left over.
#[derive(Debug, Args)]
pub struct Expression {
    /// Filter, as in pcap-filter(7), and macros such as @syn [default: every packet]
    #[arg(value_name = "EXPR")]
    pub words: Vec<String>,
}

impl Expression {
    /// The filter's text.
    pub fn text(&self) -> String {
        self.words.join(" ")
    }
}

/// Where live frames come from.
#[derive(Debug, Args)]
pub struct Live {
    /// Interface to look at, or any (all there are); by a name of its own or by its number in
    /// `probe capture -D`, may be given several times [default: that of the default route]
    #[arg(short = 'i', long = "interface", value_name = "IF")]
    pub interfaces: Vec<String>,

    /// Where to attach: auto (tcx, which changes nothing on the machine; before Linux 6.6
    /// xdp-generic, or clsact for frames sent and -i any), tcx, xdp (in the driver where it
    /// can, else generic), xdp-native, xdp-generic, clsact
    #[arg(long, value_name = "HOOK", default_value = "auto", value_parser = values::hook)]
    pub hook: Choice<Hook>,

    /// Which frames: in, out or inout; XDP sees frames received only [default: inout for capture,
    /// where the hook sees them, else in]
    #[arg(short = 'Q', long = "direction", value_name = "DIR", value_parser = values::direction)]
    pub direction: Option<Direction>,

    /// Where filters find the outermost VLAN tag: live (beside the frame, as tcpdump has it
    /// on a live link) or as-frame (in the frame, as in a file)
    #[arg(long, value_name = "VIEW", default_value = "live", value_parser = values::vlan)]
    pub vlan: VlanView,

    /// Drop privileges to this user after attaching, before any file is created [default: the
    /// user who called sudo; else stay root, without capabilities]
    #[arg(short = 'Z', long = "relinquish-privileges", value_name = "USER")]
    pub user: Option<String>,

    /// Show the log messages of the kernel programs on standard error
    #[arg(long)]
    pub diagnostics: bool,
}

impl Live {
    /// As the commands know it: which frames they look at without -Q, and in which mode.
    pub fn plan(self, direction: DirectionChoice, promiscuity: Promiscuity) -> source::Live {
        let Self { interfaces, hook, direction: given, vlan, user, diagnostics } = self;
        let direction = given.map_or(direction, DirectionChoice::Given);
        source::Live { interfaces, hook, direction, promiscuity, vlan, user, diagnostics }
    }
}

/// Promiscuous mode, of commands that only count.
#[derive(Debug, Args)]
pub struct Promiscuous {
    /// Put the interface into promiscuous mode: count frames to other hosts, too
    #[arg(long)]
    pub promiscuous: bool,
}

impl Promiscuous {
    /// The mode asked for.
    pub fn mode(&self) -> Promiscuity {
        if self.promiscuous { Promiscuity::On } else { Promiscuity::Off }
    }
}

/// Where filters run on the frames of a file.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Engine {
    /// In this process
    User,
    /// In the kernel, in the program that would be attached (BPF_PROG_TEST_RUN)
    Kernel,
}

/// Frames from a file instead.
#[derive(Debug, Args)]
pub struct Offline {
    /// Read frames from a pcap or pcapng file (- is standard input)
    #[arg(short = 'r', long = "read", value_name = "FILE", conflicts_with = "interfaces")]
    pub file: Option<PathBuf>,

    /// Where the filter runs on the frames of a file
    #[arg(long, value_enum, conflicts_with = "interfaces")]
    pub engine: Option<Engine>,
}

impl Offline {
    /// Refuses an end by time where there is a file.
    ///
    /// # Errors
    /// That.
    pub fn has_no_clock(&self, duration: Option<Duration>) -> Result<(), Usage> {
        match (&self.file, duration) {
            (Some(_), Some(_)) => {
                Err(Usage::new("--duration needs live frames: a file (-r) has no clock"))
            }
            _ => Ok(()),
        }
    }

    /// The frames of files, where there are any; else those of interfaces.
    pub fn source<F>(&self, files: Option<F>, live: source::Live) -> Source<F> {
        let Some(files) = files else { return Source::Live(live) };
        let engine = match self.engine {
            Some(Engine::Kernel) => {
                // A frame of a file came in, unless -Q says otherwise.
                let direction = match live.direction {
                    DirectionChoice::Given(direction) => direction,
                    DirectionChoice::Received | DirectionChoice::Both => Direction::In,
                };
                source::Engine::Kernel(live.hook, direction)
            }
            Some(Engine::User) | None => source::Engine::User,
        };
        Source::Stored { files, engine, user: live.user }
    }
}

/// The conditions of a flag, on the counts of these rules.
///
/// # Errors
/// What is wrong with one of them, and where.
pub fn conditions(flag: &str, texts: &[String], rules: &[Rule]) -> Result<Vec<Condition>, Usage> {
    let names: Vec<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
    let read = |text: &String| condition::parse(text, &names);
    texts
        .iter()
        .map(read)
        .collect::<Result<_, _>>()
        .map_err(|error| Usage::new(format!("{flag}: {error}")))
}

/// Whether standard output gets colours. Where the user does not say, NO_COLOR, CLICOLOR,
/// CLICOLOR_FORCE, TERM and whether it is a terminal decide (<https://no-color.org>,
/// <https://bixense.com/clicolors>).
pub fn colors(choice: ColorChoice) -> bool {
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never,
    }
}
