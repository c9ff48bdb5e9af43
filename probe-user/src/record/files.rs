//! The files of a recorder: what they are called, and how many there may be.

use std::{
    collections::VecDeque,
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use probe_frame::WallTime;

/// Where recordings go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The file's name; of several files the first part of their names, with the extension.
    pub path: PathBuf,
    /// How many there may be.
    pub files: u32,
    /// What happens to the next one when there are so many.
    pub when_full: WhenFull,
    /// Bytes that a file may have.
    pub bytes: u64,
}

/// What becomes of a recording for which there is no file left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// There is none: the recorder has done its work.
    End,
    /// It takes the place of the oldest file that this process has written.
    Replace,
}

/// The files written so far.
#[derive(Debug)]
pub(super) struct Files {
    output: Output,
    written: VecDeque<PathBuf>,
}

impl Files {
    pub(super) fn new(output: Output) -> Self {
        Self { output, written: VecDeque::new() }
    }

    /// Whether there can be another one.
    pub(super) fn are_left(&self) -> bool {
        self.output.when_full == WhenFull::Replace
            || (self.written.len() as u32) < self.output.files
    }

    /// Whether files can be created there: without it, that would be known when it is too late.
    ///
    /// # Errors
    /// Those of open(2).
    pub(super) fn check(&self) -> io::Result<()> {
        let folder = match self.output.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        // A file without a name, which is gone with its descriptor.
        let opened = OpenOptions::new().write(true).custom_flags(libc::O_TMPFILE).open(folder);
        match opened.map_err(|error| (error.raw_os_error(), error)) {
            // Not every file system has such files (open(2)).
            Ok(_) | Err((Some(libc::EOPNOTSUPP | libc::EISDIR), _)) => Ok(()),
            Err((_, error)) => Err(error),
        }
    }

    /// Creates the file of a recording that begins at this time.
    ///
    /// # Errors
    /// Those of open(2) and unlink(2), and where what has that name is no regular file.
    pub(super) fn create(&mut self, time: WallTime, rule: &str) -> io::Result<(File, PathBuf)> {
        let Output { path, files, .. } = &self.output;
        let one = *files == 1 && self.output.when_full == WhenFull::End;
        let path = if one { path.clone() } else { named(path, time, rule) };
        while self.written.len() as u32 >= *files
            && let Some(oldest) = self.written.pop_front()
        {
            match fs::remove_file(&oldest) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        let mut options = OpenOptions::new();
        // O_NONBLOCK: a named pipe is an error, and not a wait for its reader.
        options.write(true).custom_flags(libc::O_NONBLOCK);
        if one {
            options.create(true).truncate(true);
        } else {
            options.create_new(true);
        }
        let not_plain = || {
            let message = "it exists already and is not a regular file";
            io::Error::new(io::ErrorKind::AlreadyExists, message)
        };
        let file = options.open(&path).map_err(|error| match error.raw_os_error() {
            Some(libc::ENXIO) => not_plain(),
            _ => error,
        })?;
        if !file.metadata()?.is_file() {
            return Err(not_plain());
        }
        self.written.push_back(path.clone());
        Ok((file, path))
    }
}

/// `incident-20261128T133501.123Z-syn.pcapng`: in the order of time, in UTC.
fn named(path: &Path, time: WallTime, rule: &str) -> PathBuf {
    let time = Timestamp::from_nanosecond(time.0.into()).unwrap_or(Timestamp::MAX);
    let mut name = path.file_stem().map_or_else(OsString::new, OsString::from);
    name.push(format!("-{}-{rule}", time.strftime("%Y%m%dT%H%M%S%.3fZ")));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const TIME: WallTime = WallTime(1_795_244_401_123_456_789);

    fn output(path: PathBuf, files: u32, when_full: WhenFull) -> Output {
        Output { path, files, when_full, bytes: 1 << 20 }
    }

    #[test]
    fn names_have_the_time_and_the_rule() {
        let name = named(Path::new("/a/incident.pcapng"), TIME, "syn");
        assert_eq!(name, Path::new("/a/incident-20261121T070001.123Z-syn.pcapng"));
        assert_eq!(named(Path::new("x"), TIME, "a.b"), Path::new("x-20261121T070001.123Z-a.b"));
    }

    #[test]
    fn as_many_as_there_may_be() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().join("i.pcapng");
        let mut one = Files::new(output(base.clone(), 1, WhenFull::End));
        assert_eq!(one.create(TIME, "syn").unwrap().1, base);
        assert!(!one.are_left());
        let later = |seconds| WallTime(TIME.0 + seconds * WallTime::SECOND);
        let mut several = Files::new(output(base.clone(), 2, WhenFull::Replace));
        let made: Vec<_> = (0..3).map(|n| several.create(later(n), "syn").unwrap().1).collect();
        assert_eq!([0, 1, 2].map(|n: usize| made[n].exists()), [false, true, true]);
        assert!(several.are_left() && base.exists());
        // A name that is there is nobody's to overwrite.
        let error = several.create(later(2), "syn").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn what_is_no_plain_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe.pcapng");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let mut files = Files::new(output(pipe, 1, WhenFull::End));
        assert_eq!(files.create(TIME, "syn").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert!(files.check().is_ok());
        let nowhere = output("/nowhere/at/all.pcapng".into(), 1, WhenFull::End);
        assert_eq!(Files::new(nowhere).check().unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
