//! The Debian package, by what probe-user/Cargo.toml says of it.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::io::Write as _;

use anyhow::{Context, Result, ensure};
use xtask::setup::CARGO_DEB;
use xtask::shell::{root, run, target_dir};

use super::{Release, Target, binary::PROFILE, copy_into, manual};

/// Makes `probe_VERSION-1_ARCHITECTURE.deb`.
pub fn make(release: &Release, target: Target) -> Result<()> {
    gather(release, &target_dir().join(target.triple()).join(PROFILE).join("manual"))?;
    let mut deb = release.dated(Command::new(CARGO_DEB.find_or_build()?));
    // The program is built, and stripped.
    deb.args(["--no-build", "--no-strip", "--quiet", "--package", "probe-user"]);
    deb.args(["--profile", PROFILE, "--target", target.triple(), "--output"]);
    deb.arg(release.package(target)).current_dir(root());
    run(deb)
}

/// Puts what is made for the package where its manifest looks for things that are made.
fn gather(release: &Release, folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    for part in manual::FOLDERS {
        for entry in fs::read_dir(release.folder.join(part))? {
            copy_into(&entry?.path(), &folder.join(part))?;
        }
    }
    let file = folder.join("changelog.Debian.gz");
    let mut gzip = Command::new("gzip");
    gzip.args(["--no-name", "-9"]).stdin(Stdio::piped()).stdout(File::create(&file)?);
    let mut child = gzip.spawn().context("starting gzip")?;
    let text = changelog(release)?;
    child.stdin.take().context("gzip's input")?.write_all(text.as_bytes())?;
    let status = child.wait()?;
    ensure!(status.success(), "gzip failed ({status})");
    Ok(())
}

/// CHANGELOG.md's newest entries in Debian's form (deb-changelog(5)).
fn changelog(release: &Release) -> Result<String> {
    let text = fs::read_to_string(root().join("CHANGELOG.md")).context("reading CHANGELOG.md")?;
    let mut date = Command::new("date");
    date.args(["--utc", "--rfc-email", &format!("--date=@{}", release.time)]);
    let date = String::from_utf8(date.output().context("starting date")?.stdout)?;
    let entries = entries(&text);
    ensure!(!entries.is_empty(), "CHANGELOG.md has no entries");
    Ok(format!(
        "probe ({}-1) unstable; urgency=medium\n\n{entries} -- {MAINTAINER}  {date}",
        release.version
    ))
}

/// As in probe-user/Cargo.toml.
const MAINTAINER: &str = "The probe developers <probe@localhost>";

/// The list items under the first heading of a version, each as `  * ...` with its further lines
/// indented.
fn entries(text: &str) -> String {
    let mut out = String::new();
    let newest = text.split("\n## ").nth(1).unwrap_or_default();
    for line in newest.lines() {
        if let Some(item) = line.strip_prefix("- ") {
            out.push_str(&format!("  * {item}\n"));
        } else if let Some(more) = line.strip_prefix("  ") {
            out.push_str(&format!("    {}\n", more.trim_start()));
        }
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::entries;

    #[test]
    fn items_of_the_newest_version_alone() {
        let text = "# Changelog\n\n## [2.0]\n\n### Added\n\n- One,\n  and more.\n- Two.\n\n\
                    ## [1.0]\n\n- Old.\n";
        assert_eq!(entries(text), "  * One,\n    and more.\n  * Two.\n\n");
    }
}
