//! The user's time zone, as tzset(3) finds it: the variable TZ names a file below
//! /usr/share/zoneinfo (or the folder of TZDIR), or anywhere, or is a rule itself; without it
//! /etc/localtime counts. Files are read to a limit, since TZ may name `/dev/zero`.

use std::{
    ffi::OsStr,
    fs::OpenOptions,
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use jiff::tz::TimeZone;

use probe_frame::visible;

use crate::reporter;

/// Bytes of a zone at most; the largest of tzdata have less than 4 KiB.
const LIMIT: u64 = 64 << 10;

const ZONES: &str = "/usr/share/zoneinfo";
const LOCAL: &str = "/etc/localtime";

/// The time zone of this process, found once. Where TZ says nothing that has a meaning it is UTC,
/// and the user is told.
pub fn local() -> TimeZone {
    static ZONE: OnceLock<TimeZone> = OnceLock::new();
    let find = || match std::env::var_os("TZ") {
        // A system without the file has UTC.
        None => file(Path::new(LOCAL)).unwrap_or(TimeZone::UTC),
        Some(name) => named(&name, std::env::var_os("TZDIR").as_deref()).unwrap_or_else(|error| {
            let name = visible(&name.to_string_lossy());
            reporter::note(format_args!("TZ={name}: {error}; times are shown in UTC"));
            TimeZone::UTC
        }),
    };
    ZONE.get_or_init(find).clone()
}

/// A zone by the value of TZ.
fn named(value: &OsStr, zones: Option<&OsStr>) -> io::Result<TimeZone> {
    let text = value.to_str().ok_or(io::ErrorKind::InvalidFilename)?;
    let name = text.strip_prefix(':').unwrap_or(text);
    if matches!(name, "" | "UTC" | "UTC0" | "GMT") {
        return Ok(TimeZone::UTC);
    }
    // A path from the root stays what it is.
    let path = PathBuf::from(zones.unwrap_or(ZONES.as_ref())).join(name);
    file(&path).or_else(|error| TimeZone::posix(name).map_err(|_| error))
}

fn file(path: &Path) -> io::Result<TimeZone> {
    // O_NONBLOCK: a named pipe is no zone, and not waited for.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LIMIT {
        let message = format!("larger than {} KiB, the limit", LIMIT >> 10);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    let zone = TimeZone::tzif(&path.to_string_lossy(), &bytes);
    zone.map_err(|_| io::Error::other("not a time zone"))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn names_and_rules() {
        let hour = |value: &str| {
            let zone = named(value.as_ref(), None).unwrap();
            zone.to_datetime(Timestamp::from_second(1_700_000_000).unwrap()).hour()
        };
        for (value, expected) in [("", 22), ("UTC", 22), (":UTC0", 22), ("XYZ-3", 1), ("XYZ+4", 18)]
        {
            assert_eq!(hour(value), expected, "{value}");
        }
        if Path::new(ZONES).join("Asia/Tokyo").exists() {
            for value in ["Asia/Tokyo", ":Asia/Tokyo", "/usr/share/zoneinfo/Asia/Tokyo"] {
                assert_eq!(hour(value), 7, "{value}");
            }
        }
    }

    #[test]
    fn what_is_no_zone_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let long = folder.path().join("long");
        std::fs::write(&long, vec![0; LIMIT as usize + 1]).unwrap();
        for (value, expected) in [
            ("/dev/zero", "not a regular file"),
            (long.to_str().unwrap(), "larger than 64 KiB"),
            ("/etc/passwd", "not a time zone"),
            ("No/Such", "No such file"),
        ] {
            let error = named(value.as_ref(), None).unwrap_err().to_string();
            assert!(error.contains(expected), "{value}: {error}");
        }
    }
}
