//! What Wireshark's dialog offers for an interface: flags of `probe capture`. A flag that the
//! user does not touch is not passed on, or with its default.

use probe_frame::MAX_FRAME;

use super::sentence::Sentence;

/// What a field takes.
enum Field {
    /// A number, from and to.
    Number { default: u64, least: u64, most: u64 },
    /// One of several: value and words. The first is the default.
    OneOf(&'static [(&'static str, &'static str)]),
    /// Text, with an example of it.
    Text(&'static str),
    /// A file, which need not exist.
    File,
}

/// A flag.
struct Flag {
    name: &'static str,
    display: &'static str,
    tooltip: &'static str,
    field: Field,
}

/// As long as a number of the dialog can be.
const MOST: u64 = i32::MAX as u64;

const FLAGS: [Flag; 8] = [
    Flag {
        name: "--hook",
        display: "Hook",
        tooltip: "Where the program is attached",
        field: Field::OneOf(&[
            ("auto", "Best for this kernel"),
            ("tcx", "tcx: beside any other program, frames received and sent"),
            ("xdp", "XDP: before the network stack, frames received"),
        ]),
    },
    Flag {
        name: "--direction",
        display: "Direction",
        tooltip: "Which frames of the interface",
        field: Field::OneOf(&[
            ("auto", "All that the hook sees"),
            ("in", "Received"),
            ("out", "Sent (needs tcx)"),
            ("inout", "Received and sent (needs tcx)"),
        ]),
    },
    Flag {
        name: "--snapshot-length",
        display: "Bytes of a frame",
        tooltip: "How much of a frame is captured; 0: all of it",
        field: Field::Number { default: 0, least: 0, most: MAX_FRAME as u64 },
    },
    Flag {
        name: "--sample",
        display: "One frame in",
        tooltip: "Capture one match in so many, on each CPU",
        field: Field::Number { default: 1, least: 1, most: MOST },
    },
    Flag {
        name: "--max-rate",
        display: "Frames a second",
        tooltip: "Capture at most so many frames a second, on each CPU; 0: no limit",
        field: Field::Number { default: 0, least: 0, most: MOST },
    },
    Flag {
        name: "--buffer-size",
        display: "Rings of each CPU",
        tooltip: "In KiB, or with a suffix; empty: what fits the number of CPUs",
        field: Field::Text("18M"),
    },
    Flag {
        name: "--vlan",
        display: "Filters find the VLAN tag",
        tooltip: "Where a capture filter sees the outermost VLAN tag",
        field: Field::OneOf(&[
            ("live", "Beside the frame, as in a live capture"),
            ("as-frame", "In the frame, as in a file"),
        ]),
    },
    Flag {
        name: "--log-file",
        display: "Log file",
        tooltip: "Where messages and the summary of the capture go",
        field: Field::File,
    },
];

/// The answer to --extcap-config.
pub(super) fn sentences() -> String {
    (0_u32..).zip(&FLAGS).map(|(number, flag)| argument(number, flag)).collect()
}

fn argument(number: u32, flag: &Flag) -> String {
    let sentence = Sentence::new("arg")
        .with("number", number)
        .with("call", flag.name)
        .with("display", flag.display)
        .with("tooltip", flag.tooltip);
    let sentence = match &flag.field {
        Field::Number { default, least, most } => sentence
            .with("type", "unsigned")
            .with("default", default)
            .with("range", format_args!("{least},{most}")),
        Field::OneOf(_) => sentence.with("type", "selector"),
        Field::Text(example) => sentence.with("type", "string").with("placeholder", example),
        Field::File => sentence.with("type", "fileselect").with("mustexist", false),
    };
    let mut out = sentence.to_string();
    if let Field::OneOf(values) = &flag.field {
        for (place, (value, words)) in values.iter().enumerate() {
            let sentence = Sentence::new("value")
                .with("arg", number)
                .with("value", value)
                .with("display", words)
                .with("default", place == 0);
            out.push_str(&sentence.to_string());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cli::{Cli, Command},
        extcap::sentence::fits,
    };

    fn extcap(words: &[&str]) -> Result<Command, clap::Error> {
        Cli::from_words([&["probe", "extcap"], words].concat()).map(|cli| cli.command)
    }

    #[test]
    fn the_first_sentences() {
        let expected = "\
arg {number=0}{call=--hook}{display=Hook}{tooltip=Where the program is attached}{type=selector}
value {arg=0}{value=auto}{display=Best for this kernel}{default=true}
value {arg=0}{value=tcx}{display=tcx: beside any other program, frames received and sent}\
{default=false}
value {arg=0}{value=xdp}{display=XDP: before the network stack, frames received}{default=false}
arg {number=1}{call=--direction}";
        assert!(sentences().starts_with(expected), "{}", sentences());
        let number = "\
arg {number=2}{call=--snapshot-length}{display=Bytes of a frame}\
{tooltip=How much of a frame is captured; 0: all of it}{type=unsigned}{default=0}\
{range=0,262144}\n";
        assert!(sentences().contains(number), "{}", sentences());
    }

    /// The dialog and the command line agree: each value that the one offers, the other
    /// takes, and what is out of the one's range is out of the other's where that has one.
    #[test]
    fn every_value_offered_is_taken() {
        for flag in &FLAGS {
            for text in [flag.display, flag.tooltip] {
                assert!(fits(text), "{text}");
            }
            let takes = |value: &str| extcap(&[flag.name, value]).is_ok();
            match &flag.field {
                Field::Number { default, least, most } => {
                    for value in [default, least, most] {
                        assert!(takes(&value.to_string()), "{} {value}", flag.name);
                    }
                }
                Field::OneOf(values) => {
                    for (value, words) in *values {
                        assert!(takes(value) && fits(words), "{} {value}", flag.name);
                    }
                    assert!(!takes("nosuch"), "{}", flag.name);
                }
                Field::Text(value) => assert!(takes(value), "{}", flag.name),
                Field::File => assert!(takes("words"), "{}", flag.name),
            }
        }
        assert!(extcap(&["--snapshot-length", "262145"]).is_err());
    }
}
