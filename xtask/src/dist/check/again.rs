//! The release once more, from a copy of the sources in another folder: the same bytes.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use xtask::shell::{cargo, finish, root};

use super::super::{Release, Target};

const SUMS: &str = "SHA256SUMS";

/// Makes it for this kind of machine, and compares the sums.
pub fn check(release: &Release) -> Result<String> {
    let folder = tempfile::tempdir()?;
    // A name of another length, so that a path that got into a file moves what is behind it.
    let copy = folder.path().join("a/copy/in-another-place");
    copy_sources(&copy)?;
    // cargo keeps in the last two what it has installed.
    let tools = ["bin", "ebpf-toolchain", ".crates.toml", ".crates2.json"];
    for tool in tools.map(|name| format!(".tools/{name}")) {
        let place = copy.join(&tool);
        fs::create_dir_all(place.parent().context("a folder")?)?;
        std::os::unix::fs::symlink(root().join(tool), place)?;
    }
    let mut make = cargo(&["xtask", "dist", "--target", "x86_64"]);
    make.current_dir(&copy).env_remove("CARGO_TARGET_DIR");
    make.env("SOURCE_DATE_EPOCH", &release.time);
    finish(make)?;
    let [first, second] = [&release.folder, &copy.join("target/packages")].map(|place| {
        fs::read_to_string(place.join(SUMS)).with_context(|| place.display().to_string())
    });
    // The first may have other machines' files, too.
    let (first, second) = (first?, second?);
    let differ: Vec<&str> =
        second.lines().filter(|line| !first.lines().any(|it| it == *line)).collect();
    ensure!(second.contains(Target::X86_64.triple()), "no program in {second}");
    ensure!(differ.is_empty(), "other bytes in another folder:\n{}", differ.join("\n"));
    Ok(format!("{} files have the same bytes from another folder", second.lines().count()))
}

/// The files that git knows or would add, as they are now.
pub fn copy_sources(to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    let mut list = Command::new("git");
    list.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"]);
    let mut list = list.current_dir(root()).stdout(Stdio::piped()).spawn().context("git")?;
    let mut pack = Command::new("tar");
    pack.args(["--create", "--null", "--files-from=-", "--ignore-failed-read"]);
    pack.current_dir(root()).stdin(list.stdout.take().context("git's output")?);
    let mut pack = pack.stdout(Stdio::piped()).spawn().context("tar")?;
    let mut unpack = Command::new("tar");
    unpack.args(["--extract", "--directory"]).arg(to);
    unpack.stdin(pack.stdout.take().context("tar's output")?);
    finish(unpack)?;
    ensure!(list.wait()?.success() && pack.wait()?.success(), "copying the sources failed");
    Ok(())
}
