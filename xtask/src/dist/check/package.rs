//! The Debian package: what lintian says, and what is left after install, upgrade, remove and purge.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use testbed::run;

use super::System;
use crate::dist::{Release, Target, manual};

/// Enough for dpkg and lintian.
const LIMIT: Duration = Duration::from_secs(120);

const CONFIGURATION: &str = "/etc/probe/probe.toml";
/// A line of somebody's own.
const OWN: &str = "# mine\n";
const UNIT: &str = "/usr/lib/systemd/system/probe.service";

/// Folders of dpkg's own records, its log and the loader's cache: they tell what was done.
const RECORDS: [&str; 4] = ["/var/lib/dpkg", "/var/log", "/var/cache/ldconfig", "/etc/ld.so.cache"];

/// Runs all of it.
pub fn check(release: &Release) -> Result<String> {
    let package = release.package(Target::X86_64);
    let mut lintian = Command::new("lintian");
    lintian.args(["--fail-on", "error,warning", "--allow-root"]).arg(&package);
    let said = run(lintian, LIMIT).context("lintian")?;
    let said = said.text();
    ensure!(said.trim().is_empty(), "lintian: {said}");

    let system = System::debian("bookworm", &[])?;
    system.put(&package)?;
    newer(&package, &system.path("/newer.deb"))?;
    let before = files(&system)?;

    dpkg(&system, &["--install", &inside(&package)?])?;
    installed(&system, release)?;

    let configuration = system.path(CONFIGURATION);
    let shipped = fs::read_to_string(&configuration)?;
    fs::write(&configuration, format!("{shipped}{OWN}"))?;
    dpkg(&system, &["--install", "/newer.deb"])?;
    let kept = fs::read_to_string(&configuration)?;
    ensure!(kept == format!("{shipped}{OWN}"), "the upgrade changed {CONFIGURATION}: {kept}");

    dpkg(&system, &["--remove", "probe"])?;
    ensure!(!system.path("/usr/bin/probe").exists(), "the program is still there");
    ensure!(configuration.is_file(), "the configuration went with the program");
    dpkg(&system, &["--purge", "probe"])?;
    let after = files(&system)?;
    let differ: Vec<&PathBuf> = (before.keys().chain(after.keys()))
        .filter(|path| before.get(*path) != after.get(*path))
        .collect();
    ensure!(differ.is_empty(), "not as before: {differ:?}");
    Ok(format!("lintian is silent; after the purge {} files are as before", after.len()))
}

/// What an administrator finds after the installation.
fn installed(system: &System, release: &Release) -> Result<()> {
    let version = run(system.command(&["probe", "--version"]), LIMIT)?.text();
    ensure!(version.trim() == format!("probe {}", release.version), "version: {version}");
    for file in [CONFIGURATION, UNIT, "/usr/share/bash-completion/completions/probe"] {
        ensure!(system.path(file).is_file(), "no {file}");
    }
    let pages = manual::files(&release.folder.join(manual::FOLDERS[0]))?;
    ensure!(!pages.is_empty(), "no manual pages");
    for page in &pages {
        let file = format!("/usr/share/man/{}.gz", page.display());
        ensure!(system.path(&file).is_file(), "no {file}");
    }
    let wanted = system.path("/etc/systemd/system/multi-user.target.wants/probe.service");
    ensure!(fs::symlink_metadata(wanted).is_err(), "the installation enabled the service");
    // Nothing is watched until somebody says what.
    let check = system.command(&["probe", "check", CONFIGURATION]);
    let refused = testbed::Running::spawn(check)?.wait(LIMIT)?;
    ensure!(refused.status.code() == Some(2), "the default configuration: {}", refused.stderr);
    ensure!(refused.stderr.contains(CONFIGURATION), "{}", refused.stderr);
    Ok(())
}

fn dpkg(system: &System, words: &[&str]) -> Result<()> {
    let words = [&["dpkg", "--force-confdef", "--force-confold"], words].concat();
    let finished = run(system.command(&words), LIMIT).with_context(|| words.join(" "))?;
    // Such as a folder that is not empty.
    ensure!(!finished.stderr.contains("warning"), "{}: {}", words.join(" "), finished.stderr);
    Ok(())
}

/// Where the package is in the system.
fn inside(package: &Path) -> Result<String> {
    Ok(format!("/{}", package.file_name().context("a name")?.to_string_lossy()))
}

/// Makes the same package in a later version, with another default configuration.
fn newer(package: &Path, place: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let tree = folder.path().join("tree");
    let mut unpack = Command::new("dpkg-deb");
    unpack.arg("--raw-extract").arg(package).arg(&tree);
    run(unpack, LIMIT)?;
    let control = tree.join("DEBIAN/control");
    let text = fs::read_to_string(&control)?;
    fs::write(&control, text.replace("\nVersion: ", "\nVersion: 9:"))?;
    let configuration = tree.join(CONFIGURATION.trim_start_matches('/'));
    let text = fs::read_to_string(&configuration)?;
    fs::write(&configuration, format!("# of a later version\n{text}"))?;
    let mut pack = Command::new("dpkg-deb");
    pack.args(["--root-owner-group", "--build"]).arg(&tree).arg(place);
    run(pack, LIMIT).map(drop)
}

/// What a file is: rights, owner, and its bytes or where it leads.
#[derive(PartialEq, Eq)]
struct Found {
    mode: u32,
    owner: (u32, u32),
    text: Vec<u8>,
}

/// Everything in a system but dpkg's records.
fn files(system: &System) -> Result<BTreeMap<PathBuf, Found>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![PathBuf::from("/")];
    while let Some(folder) = folders.pop() {
        let inside = system.path(&folder.to_string_lossy());
        for entry in fs::read_dir(&inside).with_context(|| inside.display().to_string())? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            if RECORDS.iter().any(|record| path.starts_with(record)) {
                continue;
            }
            let metadata = entry.metadata()?;
            let text = if metadata.is_file() {
                fs::read(entry.path())?
            } else if metadata.is_symlink() {
                fs::read_link(entry.path())?.into_os_string().into_encoded_bytes()
            } else {
                Vec::new()
            };
            if metadata.is_dir() {
                folders.push(path.clone());
            }
            let mode = metadata.permissions().mode();
            found.insert(path, Found { mode, owner: (metadata.uid(), metadata.gid()), text });
        }
    }
    Ok(found)
}
