//! The files of a recorder: what they are called, and how many there may be.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File, OpenOptions},
    io,
    os::unix::{ffi::OsStrExt as _, fs::OpenOptionsExt as _},
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
    /// It takes the place of the oldest file of the rule in that folder, whoever has written it, and
    /// whatever `-z` has made of it: one whose name begins as ours do.
    Replace,
}

/// The files of one recorder.
#[derive(Debug)]
pub(super) struct Files {
    output: Output,
    /// How many it has written.
    written: u32,
}

impl Files {
    pub(super) fn new(output: Output) -> Self {
        Self { output, written: 0 }
    }

    /// Whether there can be another one.
    pub(super) fn are_left(&self) -> bool {
        self.output.when_full == WhenFull::Replace || self.written < self.output.files
    }

    /// Whether files can be created there: without it, that would be known when it is too late.
    ///
    /// # Errors
    /// Those of open(2).
    pub(super) fn check(&self) -> io::Result<()> {
        let folder = self.folder();
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
    /// Those of open(2), readdir(3) and unlink(2), and where what has that name is no regular file.
    pub(super) fn create(&mut self, time: WallTime, rule: &str) -> io::Result<(File, PathBuf)> {
        let Output { path, files, .. } = &self.output;
        let one = *files == 1 && self.output.when_full == WhenFull::End;
        let path = if one { path.clone() } else { named(path, time, rule) };
        if self.output.when_full == WhenFull::Replace {
            let there = self.there(rule)?;
            let excess = (there.len() + 1).saturating_sub(*files as usize);
            for oldest in &there[..excess] {
                match fs::remove_file(oldest) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
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
        self.written += 1;
        Ok((file, path))
    }

    fn folder(&self) -> &Path {
        match self.output.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }

    /// The rule's files in the folder, the oldest first.
    fn there(&self, rule: &str) -> io::Result<Vec<PathBuf>> {
        let mut there = Vec::new();
        for entry in fs::read_dir(self.folder())? {
            let name = entry?.file_name();
            if is_named(&name, &self.output.path, rule) {
                there.push(self.output.path.with_file_name(name));
            }
        }
        there.sort();
        Ok(there)
    }
}

/// The time in a name, in UTC: the order of names is that of times.
const TIME: &str = "%Y%m%dT%H%M%S%.3fZ";

/// `incident-20261128T133501.123Z-syn.pcapng`.
fn named(path: &Path, time: WallTime, rule: &str) -> PathBuf {
    let time = Timestamp::from_nanosecond(time.0.into()).unwrap_or(Timestamp::MAX);
    let (stem, end) = around(path, rule);
    let mut name = stem;
    name.push(time.strftime(TIME).to_string());
    name.push(end);
    path.with_file_name(name)
}

/// Whether that is the name of a file of this rule, with something behind it perhaps (`.gz`).
fn is_named(name: &OsStr, path: &Path, rule: &str) -> bool {
    /// `TIME`, with digits as zeroes.
    const SHAPE: &[u8] = b"00000000T000000.000Z";
    let (stem, end) = around(path, rule);
    let rest = name.as_bytes().strip_prefix(stem.as_bytes());
    let Some((time, rest)) = rest.and_then(|rest| rest.split_at_checked(SHAPE.len())) else {
        return false;
    };
    let shape = time.iter().map(|&byte| if byte.is_ascii_digit() { b'0' } else { byte });
    let rest = rest.strip_prefix(end.as_bytes());
    shape.eq(SHAPE.iter().copied()) && rest.is_some_and(|rest| matches!(rest, [] | [b'.', ..]))
}

/// What stands before the time in names, and behind it.
fn around(path: &Path, rule: &str) -> (OsString, OsString) {
    let mut stem = path.file_stem().map_or_else(OsString::new, OsString::from);
    stem.push("-");
    let mut end = OsString::from(format!("-{rule}"));
    if let Some(extension) = path.extension() {
        end.push(".");
        end.push(extension);
    }
    (stem, end)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const NOW: WallTime = WallTime(1_795_244_401_123_456_789);

    fn output(path: PathBuf, files: u32, when_full: WhenFull) -> Output {
        Output { path, files, when_full, bytes: 1 << 20 }
    }

    #[test]
    fn names_have_the_time_and_the_rule() {
        let name = named(Path::new("/a/incident.pcapng"), NOW, "syn");
        assert_eq!(name, Path::new("/a/incident-20261121T070001.123Z-syn.pcapng"));
        assert_eq!(named(Path::new("x"), NOW, "a.b"), Path::new("x-20261121T070001.123Z-a.b"));
    }

    #[test]
    fn as_many_as_there_may_be() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().join("i.pcapng");
        let mut one = Files::new(output(base.clone(), 1, WhenFull::End));
        assert_eq!(one.create(NOW, "syn").unwrap().1, base);
        assert!(!one.are_left());
        let later = |seconds| WallTime(NOW.0 + seconds * WallTime::SECOND);
        let mut several = Files::new(output(base.clone(), 2, WhenFull::Replace));
        let made: Vec<_> = (0..3).map(|n| several.create(later(n), "syn").unwrap().1).collect();
        assert_eq!([0, 1, 2].map(|n: usize| made[n].exists()), [false, true, true]);
        assert!(several.are_left() && base.exists());
        // Another process, of the same rule and of another one; a file was compressed meanwhile.
        let compressed = folder.path().join("i-20261121T070002.123Z-syn.pcapng.gz");
        fs::rename(&made[1], &compressed).unwrap();
        for name in ["i-20261121T070000.123Z-syn2.pcapng", "i-20261121T07000.1234Z-syn.pcapng"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let mut again = Files::new(output(base.clone(), 2, WhenFull::Replace));
        let next = again.create(later(3), "syn").unwrap().1;
        assert!(!compressed.exists() && made[2].exists() && next.exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 5);
        // A name that is there is nobody's to overwrite.
        let error = several.create(later(3), "syn").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn what_is_no_plain_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe.pcapng");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let mut files = Files::new(output(pipe, 1, WhenFull::End));
        assert_eq!(files.create(NOW, "syn").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert!(files.check().is_ok());
        let nowhere = output("/nowhere/at/all.pcapng".into(), 1, WhenFull::End);
        assert_eq!(Files::new(nowhere).check().unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
