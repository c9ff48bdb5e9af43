//! probe: what is hitting this server, and how much of it.
//!
//! ```text
//! cli ─> rules ─> watch ─> kernel ─┬─> count    ─> table | JSON | CSV
//!                                  ├─> rate     ─> text | JSON
//!        file (-r) ────────────────┴─> capture  ─> probe-print (lines) | file (-w)
//!                                     └── extcap (for Wireshark)
//! ```
//!
//! What is said to the user goes through [`reporter`], and data through [`stdout`]: macros such as
//! `println!` end the program where a write fails.
//!
//! [`kernel`] is the only module that knows how programs are loaded and attached;
//! [`probe_print`] and the formats of [`count`] and [`rate`] are pure: data in, bytes out.

#![cfg_attr(not(test), deny(clippy::print_stderr, clippy::print_stdout))]

pub mod bounded;
pub mod capture;
pub mod cli;
pub mod clock;
pub mod count;
pub mod explain;
pub mod extcap;
pub mod failure;
pub mod filter;
pub mod giving_up;
pub mod interfaces;
pub mod json;
pub mod kernel;
pub mod names;
pub mod offline;
pub mod privileges;
pub mod rate;
pub mod reporter;
pub mod resolver;
pub mod rules;
pub mod runtime;
pub mod stdout;
pub mod stop;
pub mod watch;
pub mod zone;

use cli::{Cli, Command};

/// Runs a command to its end.
///
/// # Errors
/// What went wrong; [`failure::code`] turns it into an exit code.
pub fn run(cli: Cli) -> anyhow::Result<()> {
    stop::outlive_file_limit()?;
    match cli.command {
        Command::Count(args) => count::run(&args),
        Command::Rate(args) => rate::run(&args),
        Command::Capture(args) => capture::run(&args),
        Command::Filter(args) => filter::run(&args),
        Command::Interfaces(args) => interfaces::run(&args),
        Command::Extcap(args) => extcap::run(&args),
    }
}
