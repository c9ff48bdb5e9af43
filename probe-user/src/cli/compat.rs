//! tcpdump's flags that have no effect here, and those that probe does not support. A flag that
//! would change the output is refused with the reason; one that would not is accepted, with a note
//! where that may surprise.

use std::ffi::OsString;

use clap::{ArgAction, Args};

use crate::{failure::Usage, reporter};

/// Flags without an effect, and unsupported ones.
#[derive(Debug, Args)]
pub struct Compat {
    /// Accepted; there is no optimizer to turn off
    #[arg(short = 'O', long = "no-optimize", hide = true)]
    pub no_optimize: bool,

    /// Accepted; frames are always printed at once
    #[arg(long = "immediate-mode", hide = true)]
    pub immediate: bool,

    /// Accepted; foreign addresses are printed as numbers, too
    #[arg(short = 'f', hide = true)]
    pub foreign: bool,

    /// Accepted with a note; NFS is not decoded
    #[arg(short = 'u', hide = true)]
    pub nfs_handles: bool,

    /// Refused
    #[arg(short = 'I', long = "monitor-mode", hide = true)]
    pub monitor: bool,

    /// Refused
    #[arg(short = 'H', hide = true)]
    pub mesh: bool,

    /// Refused
    #[arg(short = 'E', value_name = "SECRET", hide = true, action = ArgAction::Append)]
    pub decrypt: Vec<OsString>,

    /// Refused
    #[arg(short = 'M', value_name = "SECRET", hide = true, action = ArgAction::Append)]
    pub digest: Vec<OsString>,

    /// Refused
    #[arg(short = 'm', value_name = "MODULE", hide = true, action = ArgAction::Append)]
    pub mib: Vec<OsString>,

    /// Refused
    #[arg(short = 'T', value_name = "TYPE", hide = true, action = ArgAction::Append)]
    pub interpret_as: Vec<OsString>,
}

impl Compat {
    /// Refuses unsupported flags, and notes those without an effect.
    ///
    /// # Errors
    /// The flag and the reason.
    pub fn check(&self) -> Result<(), Usage> {
        let refusals = [
            (
                self.monitor,
                "-I: monitor mode is not supported: XDP and tcx see Ethernet frames, also of a \
                 wireless interface",
            ),
            (self.mesh, "-H: 802.11 mesh headers are not supported: probe reads no 802.11 frames"),
            (
                !self.decrypt.is_empty(),
                "-E: probe does not decrypt ESP; save the packets with -w, and open them in Wireshark",
            ),
            (
                !self.digest.is_empty(),
                "-M: probe does not check TCP-MD5 digests; save the packets with -w, and read them \
                 with tcpdump -M",
            ),
            (
                !self.mib.is_empty(),
                "-m: probe does not load SMI modules; SNMP object identifiers are printed as numbers",
            ),
            (
                !self.interpret_as.is_empty(),
                "-T: probe chooses a packet's protocol by its ports; another one cannot be forced",
            ),
        ];
        if let Some((_, reason)) = refusals.into_iter().find(|(given, _)| *given) {
            return Err(Usage::new(reason));
        }
        let notes = [(self.nfs_handles, "-u has no effect: NFS is not decoded")];
        for (_, note) in notes.into_iter().filter(|(given, _)| *given) {
            reporter::note(note);
        }
        Ok(())
    }
}
