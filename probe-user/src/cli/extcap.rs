//! `probe extcap`: the flags by which Wireshark calls its plug-ins (extcap(4)), and those
//! of `probe capture` that its dialog offers.

use std::{ffi::OsString, path::PathBuf};

use clap::Args;
use probe_filter::VlanView;

use super::values::{self, Choice};
use crate::kernel::{Direction, Hook};

/// Flags of `probe extcap`.
#[derive(Debug, Args)]
#[command(after_help = "\
To install it, link the program into Wireshark's extcap folder, and give its file the rights \
that capturing needs:\n\n  \
    ln -s \"$(command -v probe)\" FOLDER/probe\n  \
    sudo setcap cap_bpf,cap_net_admin,cap_perfmon+ep \"$(readlink -f \"$(command -v probe)\")\"\n\n\
`tshark -G folders` names the folder, as does Help > About Wireshark > Folders: since \
Wireshark 4.2 there is a personal one, ~/.local/lib/wireshark/extcap; else the global one \
serves. Then `tshark -D` lists probe-eth0 and the like.\n\n\
Called with --extcap-... or --capture as its first argument, as Wireshark does, probe needs no \
`extcap` before it.")]
pub struct ExtcapArgs {
    /// List the interfaces
    #[arg(long = "extcap-interfaces")]
    pub list: bool,

    /// Version of Wireshark
    #[arg(long = "extcap-version", value_name = "VERSION", num_args = 0..=1,
          require_equals = true, default_missing_value = "")]
    pub wireshark: Option<String>,

    /// Interface, as listed: probe-eth0, probe-any
    #[arg(long = "extcap-interface", value_name = "IF")]
    pub interface: Option<String>,

    /// List the link type of the interface
    #[arg(long = "extcap-dlts", requires = "interface")]
    pub dlts: bool,

    /// List the flags that the dialog offers
    #[arg(long = "extcap-config", requires = "interface")]
    pub config: bool,

    /// Filter; without --capture it is only checked: what is wrong with it goes to standard
    /// output
    #[arg(
        long = "extcap-capture-filter",
        value_name = "EXPR",
        requires = "interface",
        allow_hyphen_values = true
    )]
    pub filter: Option<String>,

    /// Capture
    #[arg(long, requires_all = ["interface", "fifo"])]
    pub capture: bool,

    /// Named pipe that frames are written to, as pcapng
    #[arg(long, value_name = "PIPE")]
    pub fifo: Option<PathBuf>,

    /// Where to attach: auto, or another hook of `probe capture`
    #[arg(long, value_name = "HOOK", default_value = "auto", value_parser = values::hook)]
    pub hook: Choice<Hook>,

    /// Which frames: auto (received and sent; with XDP received), in, out or inout
    #[arg(long, value_name = "DIR", default_value = "auto", value_parser = values::direction_or_auto)]
    pub direction: Choice<Direction>,

    /// Bytes of a frame to capture (0: as many as possible)
    #[arg(long = "snapshot-length", value_name = "BYTES", default_value_t = 0,
          value_parser = clap::value_parser!(u32).range(0..=262_144))]
    pub snaplen: u32,

    /// Capture one match in N (on each CPU)
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u64).range(1..))]
    pub sample: u64,

    /// Capture at most so many frames a second (on each CPU; 0: no limit)
    #[arg(long, value_name = "RATE", default_value_t = 0)]
    pub max_rate: u64,

    /// Rings of each CPU, in KiB or with a suffix [default: 18M, less where there are many CPUs]
    #[arg(long = "buffer-size", value_name = "SIZE", value_parser = values::buffer_size)]
    pub buffer_size: Option<usize>,

    /// Where filters find the outermost VLAN tag: live or as-frame
    #[arg(long, value_name = "VIEW", default_value = "live", value_parser = values::vlan)]
    pub vlan: VlanView,

    /// Where to say what `probe capture` says on standard error: Wireshark would take every
    /// word there for an error
    #[arg(long, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
}

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
    use crate::cli::{Cli, Command};

    fn read(words: &[&str]) -> Result<Command, clap::Error> {
        let words = words.iter().map(OsString::from).collect();
        Cli::from_words(insert_command(words)).map(|cli| cli.command)
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
            let error = read(words).expect_err("refused");
            assert!(error.use_stderr(), "{words:?}");
        }
    }
}
