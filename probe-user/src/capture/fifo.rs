//! A named pipe as the file of -w. Opening one waits for its reader, and open(2) would
//! wait deaf to Ctrl-C; so it is asked again and again, and the rings gather frames
//! meanwhile.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::{
        fd::AsRawFd as _,
        unix::fs::{FileTypeExt as _, OpenOptionsExt as _},
    },
    path::Path,
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result};

use crate::reporter;

/// How often a reader is looked for.
const LOOK: Duration = Duration::from_millis(20);

/// Whether the path is a named pipe.
pub(super) fn is_fifo(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_fifo())
}

/// Opens the pipe as soon as it has a reader; `None` if `give_up` says so before.
pub(crate) fn open(path: &Path, give_up: impl Fn() -> bool) -> Result<Option<File>> {
    let mut waiting = false;
    loop {
        // Not truncated and not created: it is there, and a pipe.
        match OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(path) {
            Ok(file) => {
                make_blocking(&file).with_context(|| format!("opening {}", path.display()))?;
                return Ok(Some(file));
            }
            Err(error) if error.raw_os_error() == Some(libc::ENXIO) => {}
            Err(error) => return Err(error).with_context(|| format!("opening {}", path.display())),
        }
        if give_up() {
            return Ok(None);
        }
        if !std::mem::replace(&mut waiting, true) {
            reporter::say(format_args!("waiting for somebody to read {}", path.display()));
        }
        thread::sleep(LOOK);
    }
}

/// Writes wait for the reader from here on, in the writing thread.
fn make_blocking(file: &File) -> io::Result<()> {
    // SAFETY: takes numbers; the descriptor is open.
    let flags = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETFL) };
    if flags < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: as above.
    let result = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFL, flags & !libc::O_NONBLOCK) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::Cell,
        ffi::CString,
        io::{Read as _, Write as _},
        os::unix::ffi::OsStrExt as _,
    };

    use super::*;

    fn fifo(folder: &Path) -> std::path::PathBuf {
        let path = folder.join("fifo");
        let name = CString::new(path.as_os_str().as_bytes()).unwrap();
        // SAFETY: the string ends in a zero byte and lives through the call.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
        path
    }

    #[test]
    fn it_waits_for_a_reader_until_told_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let path = fifo(folder.path());
        assert!(is_fifo(&path) && !is_fifo(folder.path()));
        let looks = Cell::new(0);
        let enough = || looks.replace(looks.get() + 1) >= 3;
        assert!(open(&path, enough).unwrap().is_none());
        assert_eq!(looks.get(), 4);
    }

    #[test]
    fn a_late_reader_gets_everything() {
        let folder = tempfile::tempdir().unwrap();
        let path = fifo(folder.path());
        let reader = thread::spawn({
            let path = path.clone();
            move || {
                thread::sleep(LOOK * 3);
                let mut bytes = Vec::new();
                File::open(path).unwrap().read_to_end(&mut bytes).map(|_| bytes)
            }
        });
        let mut file = open(&path, || false).unwrap().expect("a reader came");
        // More than a pipe holds: a descriptor that does not block would fail.
        let sent: Vec<u8> = (0..1 << 20).map(|n: u32| n as u8).collect();
        file.write_all(&sent).unwrap();
        drop(file);
        assert!(reader.join().unwrap().unwrap() == sent);
    }
}
