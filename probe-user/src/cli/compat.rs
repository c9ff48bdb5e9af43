//! tcpdump's flags that ask for nothing here, and those that ask for what cannot be had.
//! None is ignored in silence: what would change the output is refused with the reason,
//! what could not change it is accepted, and where that may surprise, a note says so.

use std::ffi::OsString;

use clap::{ArgAction, Args};

use crate::{failure::Usage, reporter};

/// Flags that change nothing, or are refused.
#[derive(Debug, Args)]
pub struct Compat {
    /// Accepted; there is no optimizer to turn off
    #[arg(short = 'O', long = "no-optimize", hide = true)]
    pub no_optimize: bool,

    /// Accepted; frames always show at once
    #[arg(long = "immediate-mode", hide = true)]
    pub immediate: bool,

    /// Accepted; addresses show as numbers, foreign ones too
    #[arg(short = 'f', hide = true)]
    pub foreign: bool,

    /// Accepted with a note; NFS is not taken apart
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
    /// Refuses what cannot be done, and notes what does nothing.
    ///
    /// # Errors
    /// The flag and the reason.
    pub fn check(&self) -> Result<(), Usage> {
        let refusals = [
            (
                self.monitor,
                "-I: monitor mode is 802.11's; XDP and tcx see the Ethernet frames that the \
                 driver makes of it",
            ),
            (
                self.mesh,
                "-H: mesh headers are 802.11's; XDP and tcx see Ethernet and raw IP, where there \
                 are none",
            ),
            (
                !self.decrypt.is_empty(),
                "-E: ESP is not decrypted here; write a file with -w for that",
            ),
            (
                !self.digest.is_empty(),
                "-M: TCP-MD5 digests are not checked here; write a file with -w for that",
            ),
            (!self.mib.is_empty(), "-m: SMI modules are not read; objects of SNMP show as numbers"),
            (
                !self.interpret_as.is_empty(),
                "-T: a protocol is told by its ports here, and cannot be forced",
            ),
        ];
        if let Some((_, reason)) = refusals.into_iter().find(|(given, _)| *given) {
            return Err(Usage::new(reason));
        }
        let notes = [(self.nfs_handles, "-u does nothing: NFS is not taken apart")];
        for (_, note) in notes.into_iter().filter(|(given, _)| *given) {
            reporter::note(note);
        }
        Ok(())
    }
}
