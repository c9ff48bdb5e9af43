//! The Debian package, by what probe-user/Cargo.toml says of it.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use xtask::setup::CARGO_DEB;
use xtask::shell::{finish, root, run, target_dir};

use super::{Release, Target, binary::PROFILE, manual};

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
    manual::copy(release, folder)?;
    let pages = folder.join(manual::FOLDERS[0]);
    for page in manual::files(&pages)? {
        gzip(&pages.join(page))?;
    }
    let file = folder.join("changelog.Debian");
    fs::write(&file, changelog(release)?).with_context(|| format!("writing {}", file.display()))?;
    gzip(&file)
}

/// Replaces a file by `FILE.gz`, without its name and time in it.
fn gzip(file: &Path) -> Result<()> {
    let mut gzip = Command::new("gzip");
    gzip.args(["--no-name", "-9"]).arg(file);
    finish(gzip)
}

/// CHANGELOG.md's newest entries in Debian's form (deb-changelog(5)).
fn changelog(release: &Release) -> Result<String> {
    let text = fs::read_to_string(root().join("CHANGELOG.md")).context("reading CHANGELOG.md")?;
    let mut date = Command::new("date");
    date.args(["--utc", "--rfc-email", &format!("--date=@{}", release.time)]);
    let date = String::from_utf8(date.output().context("starting date")?.stdout)?;
    let entries = entries(&text);
    ensure!(!entries.is_empty(), "CHANGELOG.md has no entries");
    let version = release.version;
    Ok(format!(
        "probe ({version}-1) unstable; urgency=medium\n\n{entries}\n -- {MAINTAINER}  {date}"
    ))
}

/// As in probe-user/Cargo.toml.
const MAINTAINER: &str = "The probe developers <probe@probe.invalid>";
/// Columns of a line, as Debian wants them.
const WIDTH: usize = 78;

/// The list items under the first heading of a version, each as `  * ...`.
fn entries(text: &str) -> String {
    let newest = text.split("\n## ").nth(1).unwrap_or_default();
    let mut items: Vec<Vec<&str>> = Vec::new();
    for line in newest.lines() {
        if let Some(item) = line.strip_prefix("- ") {
            items.push(item.split_whitespace().collect());
        } else if let (Some(more), Some(item)) = (line.strip_prefix("  "), items.last_mut()) {
            item.extend(more.split_whitespace());
        }
    }
    items.iter().map(|words| wrapped(words)).collect()
}

fn wrapped(words: &[&str]) -> String {
    let mut lines = vec![String::from("  *")];
    for word in words {
        let last = lines.last_mut().expect("there is a first line");
        if last.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(format!("    {word}"));
        } else {
            last.push(' ');
            last.push_str(word);
        }
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::{WIDTH, entries, wrapped};

    #[test]
    fn items_of_the_newest_version_alone() {
        let text = "# Changelog\n\n## [2.0]\n\n### Added\n\n- One,\n  and more.\n- Two.\n\n\
                    ## [1.0]\n\n- Old.\n";
        assert_eq!(entries(text), "  * One, and more.\n  * Two.\n");
    }

    #[test]
    fn lines_are_as_long_as_they_may_be() {
        let text = wrapped(&["word"; 40]);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.len() > 1 && lines.iter().all(|line| line.len() <= WIDTH), "{text}");
        assert!(lines[0].len() + " word".len() > WIDTH);
        assert!(lines[1].starts_with("    word"), "{text}");
    }
}
