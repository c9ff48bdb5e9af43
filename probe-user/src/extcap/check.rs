//! Checks a capture filter, which Wireshark asks for while it is typed: no output means that it is
//! valid, and a line on standard output says what is wrong. The exit code is 0 either way; another
//! one means that it could not be checked.

use std::path::Path;

use anyhow::Result;
use probe_frame::visible;

use super::stderr::Redirected;
use crate::{
    rules,
    source::{Live, Place},
};

/// What is wrong, in one line, or nothing.
pub(super) fn filter(live: &Live, filter: &str, log_file: Option<&Path>) -> Result<String> {
    let _redirected = Redirected::start(log_file)?;
    let Place { chosen, .. } = live.place()?;
    let options = rules::live_options(&chosen.names(), chosen.link(), live.vlan);
    Ok(match probe_filter::compile(filter, &options) {
        Ok(_) => String::new(),
        Err(error) if error.is_resolvers() => return Err(error.into()),
        Err(error) => line(&error),
    })
}

fn line(error: &probe_filter::Error) -> String {
    let mut line = visible(error.message());
    if let Some(place) = error.text().get(error.span()).filter(|place| !place.is_empty()) {
        line = format!("{}: {line}", visible(place));
    }
    if let Some(expected) = error.expected_here() {
        line.push_str(&format!(" (expected {})", visible(expected)));
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_whatever_is_wrong() {
        for (filter, expected) in [
            (
                "tcp prot 80",
                "prot: this cannot follow an expression (expected and, or, or the end)",
            ),
            ("port 99999", "99999: 99999 is not a port (expected 0 to 65535)"),
            ("tcp port", "the filter ends too early (expected a port: a number or a name)"),
        ] {
            let error = probe_filter::compile(filter, &Default::default()).err().unwrap();
            assert_eq!(line(&error), format!("{expected}\n"));
        }
        let error = probe_filter::compile("tcp and\nfoo\n\x1b bar", &Default::default());
        assert_eq!(line(&error.err().unwrap()).lines().count(), 1);
    }
}
