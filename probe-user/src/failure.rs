//! How the program ends: the one place that turns an error into a message and an exit code.
//!
//! 0 is success (also where the reader of our output went away), 1 a failure at run
//! time, 2 a mistake on the command line, an expression that does not compile included, 3 that a
//! condition held which the caller wants to be told of (`--fail-if`).

use std::{error::Error, fmt, io, process::ExitCode};

use crate::reporter;

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

/// A condition held that the caller wants to be told of: exit code 3.
#[derive(Debug)]
pub struct Alert(String);

impl Alert {
    /// Which one, and its value.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Alert {}
/// An answer that was told as it was asked for, and that is not the good one: exit code 1, without a message.
#[derive(Debug)]
pub struct Negative;

impl fmt::Display for Negative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer is no")
    }
}

impl Error for Negative {}

/// A failure, and what the user can do about it. Its text is that of the failure, with all causes.
#[derive(Debug)]
pub struct Hinted {
    failure: anyhow::Error,
    hint: String,
}

impl Hinted {
    /// A hint that follows on a line of its own.
    pub fn new(failure: impl Into<anyhow::Error>, hint: impl Into<String>) -> Self {
        Self { failure: failure.into(), hint: hint.into() }
    }
}

impl fmt::Display for Hinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.failure)
    }
}

impl Error for Hinted {}

/// The exit code that an error stands for.
pub fn code(error: &anyhow::Error) -> u8 {
    if is_broken_pipe(error) {
        0
    } else if is_usage(error) {
        2
    } else if error.is::<Alert>() {
        3
    } else {
        1
    }
}

/// Whether the caller made a mistake.
fn is_usage(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| match cause.downcast_ref::<Hinted>() {
        Some(hinted) => is_usage(&hinted.failure),
        None => cause.is::<Usage>(),
    })
}

/// Says what went wrong on stderr, and what can be done about it; gives the exit code.
///
/// An error either leaves its cause to its `source`, or says it in its own text and has none.
pub fn report(error: &anyhow::Error) -> ExitCode {
    let code = code(error);
    if code != 0 && !error.is::<Negative>() {
        reporter::say(format_args!("{error:#}"));
        if let Some(hint) = hint(error) {
            reporter::say(hint);
        }
    }
    ExitCode::from(code)
}

/// What the user can do about an error.
fn hint(error: &anyhow::Error) -> Option<&str> {
    let said = error.chain().find_map(|cause| cause.downcast_ref::<Hinted>());
    let errno = |cause: &(dyn Error + 'static)| cause.downcast_ref::<io::Error>()?.raw_os_error();
    match said {
        Some(Hinted { hint, .. }) => Some(hint),
        None => error.chain().filter_map(errno).find_map(limit),
    }
}

/// Whether the error only says that the reader of the output is gone (EPIPE).
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    })
}

/// Which limit of the process or the machine was reached.
pub fn limit(errno: i32) -> Option<&'static str> {
    match errno {
        libc::EFBIG => Some("the limit on the size of a file is reached: see ulimit -f"),
        libc::EMFILE => Some("the limit on open files is reached: see ulimit -n"),
        libc::ENFILE => {
            Some("the machine's limit on open files is reached: see sysctl fs.file-max")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn codes() {
        let usage = anyhow::Error::new(Usage::new("no such flag")).context("reading flags");
        assert_eq!(code(&usage), 2);
        assert_eq!(code(&Hinted::new(usage, "write it so").into()), 2);
        assert_eq!(code(&Alert::new("--fail-if syn > 5: 6 packets").into()), 3);
        let pipe: anyhow::Result<()> =
            Err(io::Error::from(io::ErrorKind::BrokenPipe)).context("writing to stdout");
        assert_eq!(code(&pipe.unwrap_err()), 0);
        let full: anyhow::Result<()> =
            Err(io::Error::from(io::ErrorKind::StorageFull)).context("writing a.pcap");
        assert_eq!(code(&full.unwrap_err()), 1);
    }

    #[test]
    fn hints_are_said_once() {
        let failed = |errno| anyhow::Error::new(io::Error::from_raw_os_error(errno));
        let plain = failed(libc::ENOENT).context("opening a.pcap");
        assert_eq!(hint(&plain), None);
        let too_many = failed(libc::EMFILE).context("opening a.pcap");
        assert_eq!(hint(&too_many), limit(libc::EMFILE));
        let hinted = anyhow::Error::new(Hinted::new(too_many, "close some")).context("reading");
        assert_eq!(hint(&hinted), Some("close some"));
        let cause = io::Error::from_raw_os_error(libc::EMFILE);
        assert_eq!(format!("{hinted:#}"), format!("reading: opening a.pcap: {cause}"));
    }
}
