//! The capture that Wireshark asks for: `probe capture -w PIPE --format pcapng`.

use std::{
    os::fd::IntoRawFd as _,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Result;
use nix::unistd::geteuid;

use super::quiet::Quiet;
use crate::{
    capture::{self, Lost, fifo::Pipe},
    cli::{CaptureArgs, Choice, Cli, Command, ExtcapArgs, FileFormat, Live},
    kernel::Direction,
    reporter,
};

/// How long a failure waits for somebody who opens the pipe.
const PATIENCE: Duration = Duration::from_secs(2);

/// Captures until the pipe's reader goes, or a signal comes. What was lost is told as an
/// error: Wireshark has no other way to show it.
pub(super) fn run(args: &ExtcapArgs, interface: &str, pipe: &Path) -> Result<()> {
    let quiet = Quiet::start(args.log_file.as_deref())?;
    let result = translated(args, interface, pipe).and_then(|args| capture::live(&args));
    if result.is_err() {
        open_until_the_end(pipe);
    }
    drop(quiet);
    let Lost(frames) = result?;
    if frames > 0 {
        reporter::say(format_args!(
            "{frames} frames were lost: try a larger buffer, fewer bytes of a frame, or sampling"
        ));
    }
    Ok(())
}

/// Wireshark's dumpcap waits at the pipe until it has had a writer, for ever if none comes.
/// So it gets one: it reads the end of the pipe when this process ends, by when the error
/// has been told.
fn open_until_the_end(pipe: &Path) {
    let since = Instant::now();
    if let Ok(Some(pipe)) = Pipe::demanded(pipe).open(|| since.elapsed() >= PATIENCE) {
        // Left open on purpose.
        let _ = pipe.into_raw_fd();
    }
}

/// The flags of `probe capture` for these. What is not said is as there.
fn translated(args: &ExtcapArgs, interface: &str, pipe: &Path) -> Result<CaptureArgs> {
    let Command::Capture(defaults) = Cli::from_words(["probe", "capture"])?.command else {
        anyhow::bail!("`probe capture` has no defaults");
    };
    let mut capture = *defaults;
    capture.live = live(args, interface);
    capture.write = Some(pipe.into());
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
    let direction = match (args.direction, args.hook) {
        (Choice::Given(direction), _) => direction,
        (Choice::Auto, Choice::Given(hook)) if hook.is_xdp() => Direction::In,
        (Choice::Auto, _) => Direction::InOut,
    };
    Live {
        interfaces: vec![interface.into()],
        hook: args.hook,
        direction,
        vlan: args.vlan,
        // The pipe is that of the user who started us, sudo or not.
        user: geteuid().is_root().then(|| "root".into()),
        diagnostics: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Hook;

    fn args(words: &[&str]) -> ExtcapArgs {
        let words = [&["probe", "extcap"], words].concat();
        match Cli::from_words(words).unwrap().command {
            Command::Extcap(args) => *args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn hook_and_direction_go_together() {
        use Direction::{In, InOut, Out};
        for (words, hook, direction) in [
            (&[][..], Hook::Tcx, InOut),
            (&["--hook", "tcx"], Hook::Tcx, InOut),
            (&["--hook", "xdp"], Hook::Xdp, In),
            (&["--hook", "xdp-native", "--direction", "auto"], Hook::XdpNative, In),
            (&["--direction", "out"], Hook::Tcx, Out),
            // The kernel refuses it in words that say what to do.
            (&["--hook", "xdp", "--direction", "inout"], Hook::Xdp, InOut),
        ] {
            let live = live(&args(words), "lo");
            assert_eq!((live.hook(), live.direction), (hook, direction), "{words:?}");
        }
    }

    #[test]
    fn the_dialogs_zeroes_are_no_limits() {
        let translate = |words| translated(&args(words), "lo", Path::new("f")).unwrap();
        let capture = translate(&["--max-rate", "0", "--snapshot-length", "0"]);
        assert_eq!((capture.max_rate, capture.snaplen()), (None, probe_frame::MAX_FRAME));
        assert_eq!(capture.file_format(Path::new("f"), 1), FileFormat::Pcapng);
        assert!(capture.must_be_fifo && !capture.prints() && !capture.uses_stdout());
        let words = ["--max-rate", "7", "--snapshot-length", "96", "--sample", "5"];
        let more = ["--buffer-size", "64", "--extcap-interface", "probe-lo"];
        let filter = ["--extcap-capture-filter", "tcp port 80"];
        let capture = translate(&[&words[..], &more, &filter].concat());
        assert_eq!((capture.max_rate, capture.snaplen(), capture.sample), (Some(7), 96, Some(5)));
        assert_eq!(capture.buffer_size, Some(64 << 10));
        assert_eq!(capture.expression.text().unwrap(), "tcp port 80");
    }
}
