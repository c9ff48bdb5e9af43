//! probe: what is hitting this server, and how much of it.
//!
//! ```text
//! cli ─> plans ─> rules ─> watch ─> kernel ─┬─> count    ─> table | JSON | CSV
//!                                           ├─> rate     ─> text | JSON
//!                 file (-r) ────────────────┴─> capture  ─> probe-print (lines) | file (-w)
//!                                              ├── connections ─> probe-flow ─> text | JSON | CSV
//!                                              └── extcap (for Wireshark)
//! ```
//!
//! [`cli`] reads the command line, checks it, and makes a plan of it, such as [`count::Plan`]. The
//! commands know plans, not flags: nothing but [`cli`] knows clap.
//!
//! What is said to the user goes through [`reporter`], and data through [`stdout`]: macros such as
//! `println!` end the program where a write fails.
//!
//! [`kernel`] is the only module that knows how programs are loaded and attached;
//! [`probe_print`] and the formats of [`count`] and [`rate`] are pure: data in, bytes out.

#![cfg_attr(not(test), deny(clippy::print_stderr, clippy::print_stdout))]

pub mod account;
pub mod bounded;
pub mod cancel;
pub mod capture;
pub mod cli;
pub mod clock;
pub mod condition;
pub mod config;
pub mod connections;
pub mod count;
pub mod diagnose;
mod display;
pub mod duration;
pub mod explain;
pub mod extcap;
pub mod failure;
pub mod filter;
pub mod framing;
pub mod health;
pub mod history;
pub mod interfaces;
pub mod json;
pub mod kernel;
pub mod keys;
pub mod link_type;
pub mod names;
pub mod nearest;
pub mod offline;
mod output;
pub mod privileges;
pub mod progress;
pub mod rate;
pub mod record;
pub mod reporter;
pub mod resolver;
pub mod rules;
pub mod runtime;
mod screen;
pub mod serve;
pub mod share;
mod signal_pipe;
pub mod snapshot;
pub mod source;
pub mod stdout;
pub mod stop;
mod terminal;
pub mod text;
pub mod top;
pub mod watch;
pub mod zone;

/// What to do, with all that there is to know about it.
#[derive(Debug)]
pub enum Command {
    /// Count what matches.
    Count(count::Plan),
    /// Show counts on a terminal, and what is behind them.
    Top(Box<top::Plan>),
    /// Measure a rate.
    Rate(rate::Plan),
    /// Say what is wrong with a port.
    Diagnose(diagnose::Plan),
    /// Show or save frames.
    Capture(Box<capture::Plan>),
    /// Follow connections, or requests on them.
    Connections(Box<connections::Plan>),
    /// Show what `probe capture` lists.
    List(capture::List),
    /// Say how ports do.
    Health(health::Plan),
    /// Keep the last frames, and write them when something happens.
    Record(Box<record::Plan>),
    /// Check a filter, and show what it compiles to.
    Filter(filter::Plan),
    /// Describe interfaces.
    Interfaces(interfaces::Plan),
    /// Count always, as a service.
    Serve(serve::Plan),
    /// Be the process that serves HTTP for it, at these descriptors.
    ServeHttp(Vec<i32>),
    /// Be the process of its section `[health]`.
    ServeHealth,
    /// Be the process that records for it.
    ServeRecord,
    /// Check the configuration of `probe serve`.
    Check(serve::check::Plan),
    /// Answer Wireshark.
    Extcap(extcap::Plan),
    /// Print what the command line itself has made.
    Print(Vec<u8>),
}

/// Runs a command to its end.
///
/// # Errors
/// What went wrong; [`failure::code`] turns it into an exit code.
pub fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Count(plan) => count::run(&plan),
        Command::Top(plan) => top::run(&plan),
        Command::Rate(plan) => rate::run(&plan),
        Command::Diagnose(plan) => diagnose::run(&plan),
        Command::Capture(plan) => capture::run(&plan).map(drop),
        Command::Connections(plan) => connections::run(&plan),
        Command::List(list) => capture::list(&list),
        Command::Health(plan) => health::run(&plan),
        Command::Record(plan) => record::run(&plan),
        Command::Filter(plan) => filter::run(&plan),
        Command::Interfaces(plan) => interfaces::run(&plan),
        Command::Serve(plan) => serve::run(&plan),
        Command::ServeHttp(sockets) => serve::http::run(&sockets),
        Command::ServeHealth => serve::health::part::run(),
        Command::ServeRecord => serve::recorders::part::run(),
        Command::Check(plan) => serve::check::run(&plan),
        Command::Extcap(plan) => extcap::run(&plan),
        Command::Print(bytes) => stdout::print(&bytes),
    }
}
