//! probe: read the command line, run the command, report how it ended.

#![deny(clippy::print_stderr, clippy::print_stdout)]

use std::process::ExitCode;

use probe::{cli, failure, stop};

fn main() -> ExitCode {
    if let Err(error) = stop::outlive_file_limit() {
        return failure::report(&error.into());
    }
    match cli::read() {
        Ok(command) => match probe::run(command) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failure::report(&error),
        },
        // Help and version come this way, too.
        Err(refused) => refused.report(),
    }
}
