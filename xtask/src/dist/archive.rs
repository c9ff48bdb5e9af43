//! The archive for a machine, which `cargo binstall` looks for, and the sums of all.

use std::fs::{self, File};
use std::process::Command;

use anyhow::{Context, Result};
use xtask::shell::{finish, root, run};

use super::{Release, Target, copy_into, manual};

/// What goes with the program.
const BESIDE: [&str; 5] = ["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE", "NOTICE"];

/// Makes `probe-VERSION-TARGET.tar.gz`, with one folder of that name in it.
pub fn make(release: &Release, target: Target) -> Result<()> {
    let name = format!("probe-{}-{}", release.version, target.triple());
    let folder = release.folder.join(&name);
    copy_into(&release.program(target), &folder)?;
    for file in BESIDE {
        copy_into(&root().join(file), &folder)?;
    }
    manual::copy(release, &folder)?;
    // Everything that is not in the files themselves is said: order, owner, time, rights.
    let mut tar = Command::new("tar");
    tar.args(["--create", "--sort=name", "--owner=0", "--group=0", "--numeric-owner"]);
    tar.args(["--mode=u=rwX,go=rX", &format!("--mtime=@{}", release.time)]);
    tar.args(["--use-compress-program=gzip --no-name -9", "--file"]);
    tar.arg(release.folder.join(format!("{name}.tar.gz")));
    tar.arg("--directory").arg(&release.folder).arg(&name);
    run(tar)?;
    fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))
}

/// Writes `SHA256SUMS` of the files in the release's folder and of the programs.
pub fn sum(release: &Release) -> Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(&release.folder)? {
        let entry = entry?;
        let name = entry.file_name().into_string().ok().context("a name is text")?;
        if entry.path().is_file() {
            files.push(name);
        } else if entry.path().join("probe").is_file() {
            files.push(format!("{name}/probe"));
        }
    }
    files.sort();
    let sums = release.folder.join("SHA256SUMS");
    let mut command = Command::new("sha256sum");
    command.args(files).current_dir(&release.folder);
    command.stdout(File::create(&sums).with_context(|| format!("making {}", sums.display()))?);
    finish(command)
}
