//! A named pipe as the file of -w. Opening one blocks until it has a reader, and open(2) would not
//! notice Ctrl-C; so it is opened without blocking, again and again, while the rings collect
//! frames.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io,
    os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _},
    path::Path,
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use probe_frame::visible;

use crate::{privileges, reporter};

/// How often a reader is looked for.
const LOOK: Duration = Duration::from_millis(20);

/// A named pipe to write to. Between two looks at a path somebody else may have put another file
/// there, such as one of root's: so what was opened is looked at again, and nothing is written to
/// what is no pipe.
#[derive(Clone, Copy, Debug)]
pub struct Pipe<'a> {
    path: &'a Path,
    /// The user's name for it is a symbolic link (`/dev/fd/63` is, which a shell makes of
    /// `>(command)`); elsewhere links are not followed.
    linked: bool,
}

impl<'a> Pipe<'a> {
    /// The pipe at a path, if one is there.
    pub fn at(path: &'a Path) -> Option<Self> {
        let is_fifo = |metadata: Metadata| metadata.file_type().is_fifo();
        // Root may look into folders of others, and open their pipes, as it may their files.
        privileges::creating(|| {
            let itself = fs::symlink_metadata(path).is_ok_and(is_fifo);
            let linked = !itself && fs::metadata(path).is_ok_and(is_fifo);
            (itself || linked).then_some(Self { path, linked })
        })
    }

    /// A pipe that has to be at a path: what else is there is an error.
    pub fn demanded(path: &'a Path) -> Self {
        Self { path, linked: false }
    }

    /// Opens it as soon as it has a reader; `None` if `give_up` says so before.
    ///
    /// # Errors
    /// Those of opening, and that it is no named pipe.
    pub fn open(self, give_up: impl Fn() -> bool) -> Result<Option<File>> {
        let path = visible(&self.path.to_string_lossy());
        let not_one = || format!("{path} is not a named pipe, as it must be");
        let follow = if self.linked { 0 } else { libc::O_NOFOLLOW };
        let mut options = OpenOptions::new();
        // Not truncated and not created: it is there, and a pipe.
        options.write(true).custom_flags(libc::O_NONBLOCK | follow);
        let mut waiting = false;
        loop {
            match privileges::creating(|| options.open(self.path)) {
                Ok(file) if !file.metadata()?.file_type().is_fifo() => bail!(not_one()),
                Ok(file) => {
                    make_blocking(&file).with_context(|| format!("opening {path}"))?;
                    return Ok(Some(file));
                }
                Err(error) => match error.raw_os_error() {
                    Some(libc::ENXIO) => {}
                    Some(libc::ELOOP) => bail!("{}: it is a symbolic link", not_one()),
                    _ => return Err(error).with_context(|| format!("opening {path}")),
                },
            }
            if give_up() {
                return Ok(None);
            }
            if !std::mem::replace(&mut waiting, true) {
                reporter::say(format_args!("waiting for a reader on {path}"));
            }
            thread::sleep(LOOK);
        }
    }
}

/// Writes wait for the reader from here on, in the writing thread.
fn make_blocking(file: &File) -> io::Result<()> {
    let flags = OFlag::from_bits_retain(fcntl(file, FcntlArg::F_GETFL)?);
    fcntl(file, FcntlArg::F_SETFL(flags - OFlag::O_NONBLOCK))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{
        cell::Cell,
        io::{Read as _, Write as _},
    };

    use nix::sys::stat::Mode;

    use super::*;

    fn fifo(folder: &Path) -> std::path::PathBuf {
        let path = folder.join("fifo");
        nix::unistd::mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        path
    }

    #[test]
    fn it_waits_for_a_reader_until_told_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let path = fifo(folder.path());
        assert!(Pipe::at(folder.path()).is_none());
        let looks = Cell::new(0);
        let enough = || looks.replace(looks.get() + 1) >= 3;
        assert!(Pipe::at(&path).unwrap().open(enough).unwrap().is_none());
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
        let mut file = Pipe::at(&path).unwrap().open(|| false).unwrap().expect("a reader came");
        // More than a pipe holds: a descriptor that does not block would fail.
        let sent: Vec<u8> = (0..1 << 20).map(|n: u32| n as u8).collect();
        file.write_all(&sent).unwrap();
        drop(file);
        assert!(reader.join().unwrap().unwrap() == sent);
    }

    /// Whether opening fails, says why, and leaves the file that is there as it is.
    fn refused(pipe: Pipe<'_>, why: &str, victim: &Path) {
        let error = pipe.open(|| false).unwrap_err().to_string();
        assert!(error.contains("is not a named pipe") && error.ends_with(why), "{error}");
        assert_eq!(fs::read(victim).unwrap(), b"untouched");
    }

    #[test]
    fn only_pipes_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        let (path, victim) = (fifo(folder.path()), folder.path().join("victim"));
        let link = folder.path().join("link");
        fs::write(&victim, "untouched").unwrap();
        refused(Pipe::demanded(&victim), "must be", &victim);
        // Swapped after it was looked at: for a file, and for a link to one.
        let pipe = Pipe::at(&path).unwrap();
        fs::rename(&path, folder.path().join("other")).unwrap();
        std::os::unix::fs::symlink(&victim, &path).unwrap();
        refused(pipe, "symbolic link", &victim);
        fs::rename(&victim, &path).unwrap();
        refused(pipe, "must be", &path);
        // A link is the user's own name for a pipe, but it must still lead to one.
        std::os::unix::fs::symlink(folder.path().join("other"), &link).unwrap();
        let linked = Pipe::at(&link).unwrap();
        assert!(linked.open(|| true).unwrap().is_none());
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        refused(linked, "must be", &path);
    }
}
