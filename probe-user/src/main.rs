//! probe: parse the command line, run the command, report how it ended.

#![deny(clippy::print_stderr, clippy::print_stdout)]

use std::process::ExitCode;

use probe::{cli::Cli, failure};

fn main() -> ExitCode {
    match Cli::read() {
        Ok(cli) => match probe::run(cli) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failure::report(&error),
        },
        // Help and version come this way, too.
        Err(message) => failure::of_command_line(&message),
    }
}
