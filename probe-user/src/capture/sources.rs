//! The files that are read (-r, -V), which -w must not write to: opening one empties it.

use std::{
    fs::{self, Metadata},
    os::{
        fd::AsFd,
        unix::fs::{FileTypeExt as _, MetadataExt as _},
    },
    path::{Path, PathBuf},
};

use crate::failure::Usage;

/// What the files are, by whatever name.
#[derive(Debug, Default)]
pub(super) struct Sources(Vec<(PathBuf, Identity)>);

/// Device and inode, which all names of a file have in common.
type Identity = (u64, u64);

impl Sources {
    /// Those of a capture that reads files; one that is not there is left to who opens it.
    pub(super) fn of(files: &[PathBuf]) -> Self {
        let known = |path: &PathBuf| {
            let metadata = if is_stdio(path) { of_descriptor(std::io::stdin()) } else { at(path) };
            Some((path.clone(), identity(&metadata?)?))
        };
        Self(files.iter().filter_map(known).collect())
    }

    /// Whether something else may be written there.
    ///
    /// # Errors
    /// It is one of the files, through whatever link.
    pub(super) fn check(&self, path: &Path) -> Result<(), Usage> {
        if self.0.is_empty() {
            return Ok(());
        }
        let metadata = if is_stdio(path) { of_descriptor(std::io::stdout()) } else { at(path) };
        let Some(target) = metadata.as_ref().and_then(identity) else { return Ok(()) };
        match self.0.iter().find(|(_, source)| *source == target) {
            Some((source, _)) => Err(Usage::new(format!(
                "-w {}: this is the file that is read ({}); nothing was written",
                path.display(),
                source.display()
            ))),
            None => Ok(()),
        }
    }
}

fn is_stdio(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn at(path: &Path) -> Option<Metadata> {
    fs::metadata(path).ok()
}

fn of_descriptor(descriptor: impl AsFd) -> Option<Metadata> {
    let owned = descriptor.as_fd().try_clone_to_owned().ok()?;
    fs::File::from(owned).metadata().ok()
}

/// Pipes, terminals and /dev/null can be read and written at once; files and disks cannot.
fn identity(metadata: &Metadata) -> Option<Identity> {
    let kind = metadata.file_type();
    (kind.is_file() || kind.is_block_device()).then(|| (metadata.dev(), metadata.ino()))
}
