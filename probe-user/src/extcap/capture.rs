//! The capture that Wireshark asks for: `probe capture -w PIPE --format pcapng`.

use std::path::Path;

use anyhow::Result;
use nix::unistd::geteuid;

use super::quiet::Quiet;
use crate::{
    capture,
    cli::{CaptureArgs, Cli, Command, ExtcapArgs, FileFormat, Live},
    kernel::{self, Direction, Hook},
};

/// Captures until the pipe's reader goes, or a signal comes.
pub(super) fn run(args: &ExtcapArgs, interface: &str, fifo: &Path) -> Result<()> {
    let _quiet = Quiet::start(args.log_file.as_deref())?;
    capture::run(&translated(args, interface, fifo)?)
}

/// The flags of `probe capture` for these. What is not said is as there.
fn translated(args: &ExtcapArgs, interface: &str, fifo: &Path) -> Result<CaptureArgs> {
    let Command::Capture(defaults) = Cli::from_words(["probe", "capture"])?.command else {
        anyhow::bail!("`probe capture` has no defaults");
    };
    let mut capture = *defaults;
    capture.live = live(args, interface);
    capture.write = Some(fifo.into());
    capture.must_be_fifo = true;
    capture.format = Some(FileFormat::Pcapng);
    capture.snaplen = args.snaplen;
    capture.sample = Some(args.sample);
    capture.max_rate = Some(args.max_rate).filter(|&rate| rate > 0);
    capture.buffer_size = args.buffer_size;
    capture.expression.words = args.filter.clone().into_iter().collect();
    Ok(capture)
}

/// Where to look, and at what.
pub(super) fn live(args: &ExtcapArgs, interface: &str) -> Live {
    let hook = args.hook.given();
    let direction = args.direction.given().unwrap_or(match hook {
        Some(hook) if hook.is_xdp() => Direction::In,
        _ => Direction::InOut,
    });
    // A filter that stands in for tcx would outlive us if we were killed: only where the
    // frames wanted leave no choice.
    let hook = hook.or_else(|| (kernel::release() >= (6, 6)).then_some(Hook::Tcx));
    Live {
        interfaces: vec![interface.into()],
        hook,
        direction,
        vlan: args.vlan,
        // The pipe is that of the user who started us, sudo or not.
        user: geteuid().is_root().then(|| "root".into()),
        diagnostics: false,
    }
}
