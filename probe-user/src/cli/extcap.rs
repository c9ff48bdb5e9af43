//! `probe extcap`: the flags with which Wireshark calls its plug-ins (extcap(4)), and those
//! of `probe capture` that its dialog offers.

use std::{ffi::OsString, path::PathBuf};

use clap::Args;
use nix::unistd::geteuid;
use probe_filter::VlanView;
use probe_frame::MAX_FRAME;

use super::values;
use crate::{
    capture::{self, FileForm, FileOutput, Limits, Outputs},
    extcap::{Field, Flag, PREFIX, Plan, Recording},
    failure::Usage,
    kernel::{Direction, Hook},
    source::{Choice, DirectionChoice, Live, Promiscuity, Source},
};

/// Flags of `probe extcap`.
#[derive(Debug, Args)]
#[command(after_help = "\
To install it, link the program into Wireshark's extcap folder, and give its file the rights \
that capturing needs:\n\n  \
    ln -s \"$(command -v probe)\" FOLDER/probe\n  \
    sudo setcap cap_bpf,cap_net_admin,cap_net_raw,cap_perfmon+ep \\\n      \"$(readlink -f \"$(command -v probe)\")\"\n\n\
`tshark -G folders` names the folder, as does Help > About Wireshark > Folders: since \
Wireshark 4.2 there is a personal one, ~/.local/lib/wireshark/extcap; else the global one \
serves. Then `tshark -D` lists probe-eth0 and the like.\n\n\
Called with --extcap-... or --capture as its first argument, as Wireshark does, probe needs no \
`extcap` before it.\n\n\
Examples:\n  \
    probe extcap --extcap-interfaces\n  \
    probe --extcap-interface probe-eth0 --extcap-dlts\n  \
    probe --extcap-interface probe-eth0 --capture --fifo PIPE \\\n      --extcap-capture-filter @syn")]
pub struct ExtcapArgs {
    /// List the interfaces
    #[arg(long = "extcap-interfaces")]
    pub list: bool,

    /// Version of Wireshark
    #[arg(long = "extcap-version", value_name = "VERSION", num_args = 0..=1,
          require_equals = true, default_missing_value = "")]
    pub wireshark: Option<String>,

    /// Interface by its name in the list (probe-eth0, probe-any)
    #[arg(long = "extcap-interface", value_name = "IF")]
    pub interface: Option<String>,

    /// List the link type of the interface
    #[arg(long = "extcap-dlts", requires = "interface")]
    pub dlts: bool,

    /// List the flags that the dialog offers
    #[arg(long = "extcap-config", requires = "interface")]
    pub config: bool,

    /// Capture filter; without --capture only check it, and print what is wrong with it on
    /// standard output
    #[arg(
        long = "extcap-capture-filter",
        value_name = "EXPR",
        requires = "interface",
        allow_hyphen_values = true
    )]
    pub filter: Option<String>,

    /// Capture frames into the pipe of --fifo
    #[arg(long, requires_all = ["interface", "fifo"])]
    pub capture: bool,

    /// Named pipe to write frames to, in pcapng
    #[arg(long, value_name = "PIPE")]
    pub fifo: Option<PathBuf>,

    /// Where to attach: auto, or another hook of `probe capture`
    #[arg(long, value_name = "HOOK", default_value = "auto", value_parser = values::hook)]
    pub hook: Choice<Hook>,

    /// Which frames: in, out, inout or auto (received and sent; with XDP received)
    #[arg(long, value_name = "DIR", default_value = "auto", value_parser = values::direction_or_auto)]
    pub direction: Choice<Direction>,

    /// Bytes of a frame to capture (0: as many as possible)
    #[arg(long = "snapshot-length", value_name = "BYTES", default_value_t = 0,
          value_parser = values::number::<u32, 0, { MAX_FRAME as u64 }>)]
    pub snaplen: u32,

    /// Capture one match in N (on each CPU)
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = values::number::<u64, 1, { u64::MAX }>)]
    pub sample: u64,

    /// Capture at most RATE matches per second (on each CPU; 0: no limit)
    #[arg(long, value_name = "RATE", default_value_t = 0)]
    pub max_rate: u64,

    /// Buffer size per CPU, in KiB or with a suffix [default: 18M, less with many CPUs]
    #[arg(long = "buffer-size", value_name = "SIZE", value_parser = values::buffer_size)]
    pub buffer_size: Option<usize>,

    /// Where filters find the outermost VLAN tag: live or as-frame
    #[arg(long, value_name = "VIEW", default_value = "live", value_parser = values::vlan)]
    pub vlan: VlanView,

    /// Write messages to FILE instead of standard error, where Wireshark takes each of them for
    /// an error
    #[arg(long, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
}

impl ExtcapArgs {
    /// What Wireshark asks for.
    ///
    /// # Errors
    /// Nothing that it would ask for, or a name that is none of the list's.
    pub fn plan(self) -> Result<Plan, Usage> {
        if self.list {
            return Ok(Plan::Interfaces);
        }
        let Some(name) = &self.interface else {
            return match &self.wireshark {
                Some(_) => Ok(Plan::Version),
                None => Err(Usage::new(
                    "nothing to do: give --extcap-interfaces, --extcap-dlts, --extcap-config or \
                     --capture, as Wireshark does; `probe extcap --help` explains how to install it",
                )),
            };
        };
        let Some(interface) = name.strip_prefix(PREFIX).map(String::from) else {
            let name = probe_frame::visible(name);
            return Err(Usage::new(format!(
                "--extcap-interface {name}: names begin with {PREFIX}, as --extcap-interfaces \
                 lists them"
            )));
        };
        if self.dlts {
            return Ok(Plan::LinkTypes { interface });
        }
        if self.config {
            return Ok(Plan::Dialog { interface, flags: &FLAGS });
        }
        match (&self.fifo, &self.filter) {
            (Some(pipe), _) if self.capture => Ok(Plan::Capture(Box::new(Recording {
                plan: self.capture(&interface, pipe.clone()),
                pipe: pipe.clone(),
                log_file: self.log_file,
                interface,
            }))),
            (_, Some(filter)) => Ok(Plan::Check {
                filter: filter.clone(),
                live: self.live(&interface),
                log_file: self.log_file,
                interface,
            }),
            _ => Err(Usage::new(format!(
                "--extcap-interface {name}: give --extcap-dlts, --extcap-config or --capture with it"
            ))),
        }
    }

    /// A capture into the pipe.
    fn capture(&self, interface: &str, pipe: PathBuf) -> capture::Plan {
        capture::Plan {
            source: Source::Live(self.live(interface)),
            filter: self.filter.clone().unwrap_or_default(),
            link: None,
            limits: Limits {
                snaplen: values::snaplen(self.snaplen),
                sample: self.sample,
                max_rate: Some(self.max_rate).filter(|&rate| rate > 0),
                ring_bytes: self.buffer_size,
                ..Limits::default()
            },
            // What Wireshark does not show is in the log.
            account: true,
            outputs: Outputs {
                file: Some(FileOutput {
                    must_be_pipe: true,
                    form: Some(FileForm::PcapNg),
                    ..FileOutput::to(pipe)
                }),
                ..Outputs::default()
            },
        }
    }

    /// Where to look, and at what.
    fn live(&self, interface: &str) -> Live {
        let direction = match self.direction {
            Choice::Given(direction) => DirectionChoice::Given(direction),
            Choice::Auto => DirectionChoice::Both,
        };
        Live {
            interfaces: vec![interface.into()],
            hook: self.hook,
            direction,
            promiscuity: Promiscuity::IfPermitted,
            vlan: self.vlan,
            // The pipe is that of the user who started us, sudo or not.
            user: geteuid().is_root().then(|| "root".into()),
            diagnostics: false,
        }
    }
}

/// As long as a number of the dialog can be.
const MOST: u64 = i32::MAX as u64;

/// What the dialog offers. A flag that the user does not touch is not passed on, or with its
/// default.
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
        display: "Buffer size per CPU",
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

/// Wireshark names no subcommand.
pub(super) fn insert_command(mut words: Vec<OsString>) -> Vec<OsString> {
    let first = words.get(1).and_then(|word| word.to_str());
    if first.is_some_and(|word| word.starts_with("--extcap-") || word == "--capture") {
        words.insert(1, "extcap".into());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Command,
        cli::{self, Refused},
        extcap::{fits, sentences},
    };

    fn read(words: &[&str]) -> Result<Command, Refused> {
        cli::from_words(insert_command(words.iter().map(OsString::from).collect()))
    }

    /// The plan of `probe extcap` with these flags, for the loopback.
    fn plan(words: &[&str]) -> Result<Plan, Refused> {
        let words = [&["probe", "extcap", "--extcap-interface", "probe-lo"], words].concat();
        match read(&words)? {
            Command::Extcap(plan) => Ok(plan),
            other => panic!("{other:?}"),
        }
    }

    fn recording(words: &[&str]) -> Recording {
        match plan(&[&["--capture", "--fifo", "f"], words].concat()) {
            Ok(Plan::Capture(recording)) => *recording,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn wireshark_names_no_subcommand() {
        for words in [
            &["probe", "--extcap-interfaces", "--extcap-version=4.0"][..],
            &["probe", "--extcap-interfaces", "--extcap-version"],
            &["probe", "extcap", "--extcap-interfaces"],
            &["probe", "--capture", "--extcap-interface", "probe-lo", "--fifo", "f"],
            &["probe", "--extcap-config", "--extcap-interface", "probe-lo"],
            &["probe", "--extcap-capture-filter", "-x", "--extcap-interface", "probe-lo"],
        ] {
            assert!(matches!(read(words), Ok(Command::Extcap(_))), "{words:?}");
        }
        assert!(read(&["probe", "capture", "--extcap-dlts"]).is_err());
        assert!(read(&["probe", "--captures"]).is_err());
    }

    #[test]
    fn what_belongs_together() {
        for words in [
            &["probe", "--capture", "--extcap-interface", "probe-lo"][..],
            &["probe", "--capture", "--fifo", "f"],
            &["probe", "--extcap-dlts"],
            &["probe", "--extcap-config"],
            &["probe", "--extcap-capture-filter", "tcp"],
            &["probe", "extcap", "--hook", "nic"],
            &["probe", "extcap", "--direction", "up"],
            &["probe", "extcap", "--sample", "0"],
        ] {
            match read(words) {
                Err(Refused::Words(error)) => assert!(error.use_stderr(), "{words:?}"),
                other => panic!("{words:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn hook_and_direction_go_together() {
        use Choice::{Auto, Given};
        use DirectionChoice::Both;
        let given = DirectionChoice::Given;
        for (words, hook, direction) in [
            (&[][..], Auto, Both),
            (&["--hook", "tcx"], Given(Hook::Tcx), Both),
            (&["--hook", "xdp-native", "--direction", "auto"], Given(Hook::XdpNative), Both),
            (&["--direction", "out"], Auto, given(Direction::Out)),
            // The kernel refuses it in words that say what to do.
            (&["--hook", "xdp", "--direction", "inout"], Given(Hook::Xdp), given(Direction::InOut)),
        ] {
            let Source::Live(live) = recording(words).plan.source else { panic!("{words:?}") };
            assert_eq!((live.hook, live.direction), (hook, direction), "{words:?}");
        }
    }

    #[test]
    fn the_dialogs_zeroes_are_no_limits() {
        let capture = recording(&["--max-rate", "0", "--snapshot-length", "0"]).plan;
        assert_eq!(capture.limits, Limits::default());
        let file = capture.outputs.file.unwrap();
        assert!(file.must_be_pipe && file.form == Some(FileForm::PcapNg));
        assert!(capture.outputs.lines.is_none() && !capture.outputs.number);
        let words = ["--max-rate", "7", "--snapshot-length", "96", "--sample", "5"];
        let more = ["--buffer-size", "64", "--extcap-capture-filter", "tcp port 80"];
        let capture = recording(&[&words[..], &more].concat()).plan;
        let limits = Limits {
            max_rate: Some(7),
            snaplen: 96,
            sample: 5,
            ring_bytes: Some(64 << 10),
            ..Limits::default()
        };
        assert_eq!((capture.limits, capture.filter.as_str()), (limits, "tcp port 80"));
    }

    #[test]
    fn the_dialogs_first_sentences() {
        let sentences = sentences(&FLAGS);
        let expected = "\
arg {number=0}{call=--hook}{display=Hook}{tooltip=Where the program is attached}{type=selector}
value {arg=0}{value=auto}{display=Best for this kernel}{default=true}
value {arg=0}{value=tcx}{display=tcx: beside any other program, frames received and sent}\
{default=false}
value {arg=0}{value=xdp}{display=XDP: before the network stack, frames received}{default=false}
arg {number=1}{call=--direction}";
        assert!(sentences.starts_with(expected), "{sentences}");
        let number = "\
arg {number=2}{call=--snapshot-length}{display=Bytes of a frame}\
{tooltip=How much of a frame is captured; 0: all of it}{type=unsigned}{default=0}\
{range=0,262144}\n";
        assert!(sentences.contains(number), "{sentences}");
    }

    /// The dialog and the command line agree: each value that the one offers, the other
    /// takes, the defaults are the same, and what is out of the one's range is out of the other's
    /// where that has one.
    #[test]
    fn every_value_offered_is_taken() {
        for flag in &FLAGS {
            for text in [flag.display, flag.tooltip] {
                assert!(fits(text), "{text}");
            }
            let takes = |value: &str| plan(&["--extcap-dlts", flag.name, value]).is_ok();
            let untouched = format!("{:?}", recording(&[]));
            let same = |value: &str| format!("{:?}", recording(&[flag.name, value])) == untouched;
            match &flag.field {
                Field::Number { default, least, most } => {
                    for value in [default, least, most] {
                        assert!(takes(&value.to_string()), "{} {value}", flag.name);
                    }
                    assert!(same(&default.to_string()), "{}", flag.name);
                }
                Field::OneOf(values) => {
                    for (value, words) in *values {
                        assert!(takes(value) && fits(words), "{} {value}", flag.name);
                    }
                    assert!(same(values[0].0), "{}", flag.name);
                    assert!(!takes("nosuch"), "{}", flag.name);
                }
                Field::Text(value) => assert!(takes(value), "{}", flag.name),
                Field::File => assert!(takes("words"), "{}", flag.name),
            }
        }
        assert!(plan(&["--extcap-dlts", "--snapshot-length", "262145"]).is_err());
    }
}
