//! Manual pages and completions, from the program's own flags.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use testbed::requirements::find_tool;
use xtask::build;
use xtask::shell::finish;

use super::{Release, Target, copy_into};

/// Where they are, in the release's folder and in archives.
pub const FOLDERS: [&str; 2] = ["man", "completions"];

/// The shells, and the names by which they look for a completion.
const SHELLS: [(&str, &str); 3] =
    [("bash", "probe.bash"), ("zsh", "_probe"), ("fish", "probe.fish")];

/// Asks the program for them.
pub fn make(release: &Release) -> Result<()> {
    let [man, completions] = FOLDERS.map(|name| release.folder.join(name));
    build::manual(&man)?;
    fs::create_dir_all(&completions)
        .with_context(|| format!("making {}", completions.display()))?;
    for (shell, name) in SHELLS {
        let mut complete = program(release)?;
        complete.args(["completions", shell]);
        let file = completions.join(name);
        complete.stdout(File::create(&file).with_context(|| format!("making {}", file.display()))?);
        finish(complete)?;
    }
    Ok(())
}

/// The program for this machine; where only the other one's was made, that one, emulated.
fn program(release: &Release) -> Result<Command> {
    let (own, other) = if cfg!(target_arch = "aarch64") {
        (Target::Aarch64, Target::X86_64)
    } else {
        (Target::X86_64, Target::Aarch64)
    };
    if release.program(own).is_file() {
        return Ok(release.dated(Command::new(release.program(own))));
    }
    let triple = other.triple();
    let machine = triple.split('-').next().unwrap_or(triple);
    let emulator = format!("qemu-{machine}-static");
    let emulator = find_tool(&emulator).with_context(|| {
        format!("no {emulator} here (Debian's qemu-user-static) to run the program for {triple}")
    })?;
    let mut command = release.dated(Command::new(emulator));
    command.arg(release.program(other));
    Ok(command)
}

/// Copies them into a folder, by the same names.
pub fn copy(release: &Release, to: &Path) -> Result<()> {
    for part in FOLDERS {
        for file in files(&release.folder.join(part))? {
            let file = Path::new(part).join(file);
            let folder = file.parent().context("a file is in a folder")?;
            copy_into(&release.folder.join(&file), &to.join(folder))?;
        }
    }
    Ok(())
}

/// The files in a folder and in those in it, as paths from there, in order.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut folders) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(inner) = folders.pop() {
        let place = folder.join(&inner);
        for entry in fs::read_dir(&place).with_context(|| format!("reading {}", place.display()))? {
            let entry = entry?;
            let path = inner.join(entry.file_name());
            let list = if entry.path().is_dir() { &mut folders } else { &mut found };
            list.push(path);
        }
    }
    found.sort();
    Ok(found)
}
