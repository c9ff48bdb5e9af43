//! How the program ends: the one place that turns an error into a message and an exit code.
//!
//! 0 is success (also where the reader of our output went away), 1 a failure at run
//! time, 2 a mistake on the command line, an expression that does not compile included.

use std::{error::Error, fmt, io, process::ExitCode};

use crate::{explain, reporter};

/// A mistake of the caller: exit code 2.
#[derive(Debug)]
pub struct Usage(String);

impl Usage {
    /// The mistake, in words that name the flag to change.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Usage {}

/// The exit code that an error stands for.
pub fn code(error: &anyhow::Error) -> u8 {
    if is_broken_pipe(error) {
        0
    } else if error.chain().any(|cause| cause.is::<Usage>()) {
        2
    } else {
        1
    }
}

/// Says what went wrong on stderr and gives the exit code.
pub fn report(error: &anyhow::Error) -> ExitCode {
    let code = code(error);
    if code != 0 {
        let mut message = String::new();
        for (depth, cause) in error.chain().enumerate() {
            let text = cause.to_string();
            // Some errors repeat their cause in their own text.
            if !message.contains(&text) {
                if depth > 0 {
                    message.push_str(": ");
                }
                message.push_str(&text);
            }
        }
        reporter::say(message);
        let errno =
            |cause: &(dyn Error + 'static)| cause.downcast_ref::<io::Error>()?.raw_os_error();
        if let Some(hint) = error.chain().filter_map(errno).find_map(explain::limit) {
            reporter::say(hint);
        }
    }
    ExitCode::from(code)
}

/// Whether the error only says that whoever read our output has gone.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    })
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn codes() {
        let usage = anyhow::Error::new(Usage::new("no such flag")).context("reading flags");
        assert_eq!(code(&usage), 2);
        let pipe: anyhow::Result<()> =
            Err(io::Error::from(io::ErrorKind::BrokenPipe)).context("writing to stdout");
        assert_eq!(code(&pipe.unwrap_err()), 0);
        let full: anyhow::Result<()> =
            Err(io::Error::from(io::ErrorKind::StorageFull)).context("writing a.pcap");
        assert_eq!(code(&full.unwrap_err()), 1);
    }
}
