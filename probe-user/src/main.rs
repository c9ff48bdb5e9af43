//! probe: parse the command line, run the command, say how it ended.

use std::process::ExitCode;

use probe::{cli::Cli, failure};

fn main() -> ExitCode {
    let cli = match Cli::read() {
        Ok(cli) => cli,
        // Help and version come this way, too; clap knows which stream and code.
        Err(message) => {
            let code = if message.use_stderr() { 2 } else { 0 };
            let _ = message.print();
            return ExitCode::from(code);
        }
    };
    match probe::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}
