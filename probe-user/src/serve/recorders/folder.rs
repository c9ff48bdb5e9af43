//! Whether recordings can be written to a folder: known before something happens.

use std::{fs, io, os::unix::fs::MetadataExt as _, path::Path};

use nix::{
    fcntl::{AT_FDCWD, AtFlags},
    unistd::{AccessFlags, User, faccessat, getgrouplist},
};

use crate::failure::Usage;

/// Checks that files can be made in a folder, by this user or else by who runs this.
///
/// # Errors
/// Why not, with the folder's name.
pub fn check(folder: &Path, user: Option<&User>) -> Result<(), Usage> {
    let refused = |why: String| Err(Usage::new(format!("directory {}: {why}", folder.display())));
    let metadata = match fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => metadata,
        Ok(_) => return refused("it is no directory".into()),
        Err(error) => return refused(error.to_string()),
    };
    let rights = AccessFlags::W_OK | AccessFlags::X_OK;
    match user {
        // Root's own rights to files are given up.
        Some(user) if !may_write(user, metadata.uid(), metadata.gid(), metadata.mode()) => {
            refused(format!("the user {} may not write there", user.name))
        }
        // A file system that is mounted read-only, for one.
        _ => match faccessat(AT_FDCWD, folder, rights, AtFlags::AT_EACCESS) {
            Err(error) if user.is_none() || error == nix::errno::Errno::EROFS => {
                refused(io::Error::from(error).to_string())
            }
            _ => Ok(()),
        },
    }
}

/// Whether the mode of a file lets a user write to it and search it. An access list that says otherwise
/// shows when the recorder starts.
fn may_write(user: &User, owner: u32, group: u32, mode: u32) -> bool {
    const WRITE_AND_SEARCH: u32 = 0o3;
    let groups = std::ffi::CString::new(user.name.as_str())
        .ok()
        .and_then(|name| getgrouplist(&name, user.gid).ok())
        .unwrap_or_default();
    let shift = if user.uid.as_raw() == owner {
        6
    } else if user.gid.as_raw() == group || groups.iter().any(|it| it.as_raw() == group) {
        3
    } else {
        0
    };
    mode >> shift & WRITE_AND_SEARCH == WRITE_AND_SEARCH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_there_and_may_be_written_to() {
        let there = tempfile::tempdir().unwrap();
        let file = there.path().join("file");
        fs::write(&file, "").unwrap();
        let said = |folder: &Path| check(folder, None).map_err(|error| error.to_string());
        assert_eq!(said(there.path()), Ok(()));
        let nowhere = there.path().join("nowhere");
        let expected = format!("directory {}: No such file or directory", nowhere.display());
        assert!(said(&nowhere).unwrap_err().starts_with(&expected));
        assert!(said(&file).unwrap_err().ends_with("it is no directory"));
        // A temporary folder is its owner's alone.
        let nobody = User::from_name("nobody").unwrap().unwrap();
        let error = check(there.path(), Some(&nobody)).unwrap_err().to_string();
        assert!(error.ends_with("the user nobody may not write there"), "{error}");
    }

    #[test]
    fn owner_group_and_others() {
        let nobody = User::from_name("nobody").unwrap().unwrap();
        let (uid, gid) = (nobody.uid.as_raw(), nobody.gid.as_raw());
        let may = |owner, group, mode| may_write(&nobody, owner, group, mode);
        assert!(may(uid, 0, 0o700) && may(0, gid, 0o770) && may(0, 0, 0o777));
        // The owner's rights are the owner's, even where others have more.
        assert!(!may(uid, gid, 0o077) && !may(0, gid, 0o707) && !may(0, 0, 0o770));
        assert!(!may(uid, 0, 0o600) && !may(0, 0, 0o776));
    }
}
