//! Opens what -w writes to: standard output, a plain file, or a pipe or a device.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use probe_pcap::{Contents, Writer};

use crate::stdout::{self, BlockingWriter};

/// Creates the file that the user named; `-` is standard output.
pub(super) fn given(path: &Path, contents: &Contents) -> io::Result<Writer> {
    if path.as_os_str() == "-" {
        return Writer::to_stream(Box::new(stdout::open()?), contents);
    }
    begin(File::create(path)?, path, contents)
}

/// Creates a file of a name that the user did not give, but that was made up: whoever knows
/// how may have put something there. It becomes a plain file or an error; links are not followed.
pub(super) fn made_up(path: &Path, contents: &Contents) -> io::Result<Writer> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    // O_NONBLOCK: a named pipe without a reader is an error, too, and not a wait.
    options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let not_plain = || {
        let message = "it exists already and is not a regular file (-C and -G follow no link)";
        io::Error::new(io::ErrorKind::AlreadyExists, message)
    };
    let file = options.open(path).map_err(|error| match error.raw_os_error() {
        Some(libc::ELOOP | libc::ENXIO) => not_plain(),
        _ => error,
    })?;
    if !file.metadata()?.is_file() {
        return Err(not_plain());
    }
    begin(file, path, contents)
}

fn begin(file: File, path: &Path, contents: &Contents) -> io::Result<Writer> {
    // A pipe or a device is written as a stream: it has no length to cut.
    if !file.metadata()?.is_file() {
        return Writer::to_stream(Box::new(BlockingWriter::new(file)), contents);
    }
    Writer::to_file(file, contents).inspect_err(|_| {
        // Without even a head it is a file that nobody can read, and we made it.
        let _ = fs::remove_file(path);
    })
}

#[cfg(test)]
mod tests {
    use probe_frame::{LinkType, Precision};
    use probe_pcap::{Format, Origin};

    use super::*;

    /// A device that is always full: the head already fails.
    #[test]
    fn no_room_is_reported_at_once() {
        for format in [Format::Pcap(Precision::Micro), Format::PcapNg(Origin::default())] {
            let contents = Contents { link: LinkType::Raw, snaplen: 100, format };
            let error = given(Path::new("/dev/full"), &contents).err().unwrap();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        }
    }
}
