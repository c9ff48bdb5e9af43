//! Captures of many protocols: tcpdump's own tests, out of the distribution's source
//! package. They are fetched, never committed.
//!
//! apt ([`Apt`]) fetches and verifies the package, from the mirrors that this machine's own
//! sources name and with their keys: from a copy of those sources in which `deb` is `deb-src`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::apt::Apt;
use super::{sources, tools};
use crate::shell::say;

/// The variable that names a folder of captures to the tests.
pub const CAPTURES: &str = "PROBE_CAPTURES";

/// The source package.
const PACKAGE: &str = "tcpdump";
/// Archives whose captures the tests are known to pass with (SHA-256). apt has verified any
/// archive by the mirror's signature; these are those that everybody has tested the same.
const PINNED: [(&str, &str); 1] = [(
    "tcpdump_4.99.3.orig.tar.gz",
    "ad75a6ed3dc0d9732945b2e5483cb41dc8b4b528a169315e499c6861952e73b3",
)];
/// Enough to unpack and to add up two megabytes.
const LOCAL: Duration = Duration::from_secs(60);

/// The folder of captures: the one that the user has named, else our own, which is
/// fetched where it is not there yet.
pub fn captures() -> Result<PathBuf> {
    if let Some(named) = env::var_os(CAPTURES) {
        // Tests run in the folders of their crates.
        return Ok(std::path::absolute(named)?);
    }
    let folder = tools().join("captures");
    if !folder.is_dir() {
        fetch(&folder).with_context(|| {
            format!("fetching {PACKAGE}'s test captures (or name a folder of captures: {CAPTURES})")
        })?;
    }
    Ok(folder)
}

/// Fetches the package in a folder beside, and moves the captures to their place last: what
/// was interrupted is not there.
fn fetch(folder: &Path) -> Result<()> {
    say(format!("test captures: fetching the source package of {PACKAGE}"));
    let work = folder.with_extension("partial");
    let apt = Apt::new(&work)?;
    fs::create_dir_all(work.join("tests"))?;
    sources::write_copy(&apt.sources())?;
    apt.update();
    apt.get(&["source", "--download-only", PACKAGE])?;
    let archive = archive(&apt.packages())?;
    verify(&archive)?;
    let mut tar = Command::new("tar");
    tar.arg("--extract").arg("--file").arg(&archive).arg("--directory").arg(work.join("tests"));
    // tcpdump-4.99.3/tests/NAME becomes NAME.
    tar.args(["--strip-components=2", "--wildcards", "*/tests/*.pcap*"]);
    testbed::run(tar, LOCAL).context("unpacking")?;
    fs::rename(work.join("tests"), folder)
        .with_context(|| format!("moving the captures to {}", folder.display()))?;
    fs::remove_dir_all(&work).with_context(|| format!("removing {}", work.display()))?;
    let name = archive.file_name().unwrap_or_default().to_string_lossy();
    say(format!("test captures: {} of {name}", fs::read_dir(folder)?.count()));
    Ok(())
}

/// The archive of the original sources among what was fetched.
fn archive(package: &Path) -> Result<PathBuf> {
    (fs::read_dir(package)?.flatten().map(|entry| entry.path()))
        .find(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.contains(".orig.tar.") && !name.ends_with(".asc")
        })
        .context("the package holds no archive of original sources")
}

/// Holds a pinned archive against its checksum, and says where the archive is another.
fn verify(archive: &Path) -> Result<()> {
    let name = archive.file_name().unwrap_or_default().to_string_lossy();
    let Some((_, pinned)) = PINNED.iter().find(|(pinned, _)| *pinned == name) else {
        say(format!("test captures: {name} is not the release that the tests were made with"));
        return Ok(());
    };
    let mut sum = Command::new("sha256sum");
    sum.arg(archive);
    let said = testbed::run(sum, LOCAL)?.text();
    let found = said.split_whitespace().next().unwrap_or_default();
    ensure!(found == *pinned, "{name} has the checksum {found}, not {pinned}");
    Ok(())
}
