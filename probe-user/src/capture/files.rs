//! The flags about files, checked for contradictions and made into one plan.

use std::{fs::File, path::Path};

use anyhow::Result;
use probe_filter::ir::LinkType;
use probe_pcap::{Contents, Format, Origin};

use super::{
    fifo::Pipe,
    file_sink::{Clock, FileSink, Files},
    post_rotate::PostRotate,
    rotation::Limits,
};
use crate::{
    cli::{CaptureArgs, FileFormat},
    failure::Usage,
    reporter,
};

/// Looks at the flags alone, before anything is attached or opened.
pub(super) fn check(args: &CaptureArgs) -> Result<()> {
    let limits = limits(args);
    let mistake = match &args.write {
        None if limits.rotates() => "-C and -G rotate the file of -w: give one with -w",
        Some(path) if is_stdout(path) && limits.rotates() => {
            "-w -: standard output cannot be rotated by -C or -G"
        }
        Some(path) if limits.rotates() && Pipe::at(path).is_some() => {
            "-w: a named pipe cannot be rotated by -C or -G"
        }
        None if args.format.is_some() => "--format applies to the file of -w: give one with -w",
        _ => return note(args, limits),
    };
    Err(Usage::new(mistake).into())
}

/// What tcpdump takes and does nothing with.
fn note(args: &CaptureArgs, limits: Limits) -> Result<()> {
    if !limits.rotates() {
        for (given, flag) in [(args.files.is_some(), "-W"), (args.post_rotate.is_some(), "-z")] {
            if given {
                reporter::note(format_args!("{flag} does nothing without -C or -G"));
            }
        }
    }
    Ok(())
}

/// Creates the file of -w, or the first of them.
pub(super) fn open(
    args: &CaptureArgs,
    path: &Path,
    link: LinkType,
    origin: Origin,
    fifo: Option<File>,
) -> Result<FileSink> {
    let interfaces = origin.interfaces.len();
    let format = match args.file_format(path, interfaces) {
        FileFormat::Pcap => Format::Pcap(args.precision()),
        FileFormat::Pcapng => Format::PcapNg(origin),
    };
    if interfaces > 1 && matches!(format, Format::Pcap(_)) {
        reporter::note("pcap does not record the interface of a frame; --format pcapng does");
    }
    let offline = args.offline.file.is_some() || args.file_list.is_some();
    FileSink::create(
        path,
        Files {
            contents: Contents { link, snaplen: args.snaplen(), format },
            limits: limits(args),
            clock: if offline { Clock::Wall } else { Clock::Frames },
            each: args.packet_buffered,
            post_rotate: args.post_rotate.clone().map(PostRotate::new),
        },
        fifo,
    )
}

fn limits(args: &CaptureArgs) -> Limits {
    Limits {
        bytes: args.file_size,
        // As in tcpdump, 0 is no rotation.
        seconds: args.rotate_seconds.filter(|&seconds| seconds > 0),
        files: args.files,
    }
}

fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-"
}
