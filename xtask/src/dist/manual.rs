//! Manual pages and completions: the program says them of itself.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use testbed::requirements::find_tool;
use xtask::shell::finish;

use super::{Release, Target};

/// Where they are, in the release's folder and in archives.
pub const FOLDERS: [&str; 2] = ["man", "completions"];

/// The shells, and the names by which they look for a completion.
const SHELLS: [(&str, &str); 3] =
    [("bash", "probe.bash"), ("zsh", "_probe"), ("fish", "probe.fish")];

/// Asks the program for them.
pub fn make(release: &Release) -> Result<()> {
    let [man, completions] = FOLDERS.map(|name| release.folder.join(name));
    for folder in [&man, &completions] {
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    }
    let mut pages = program(release)?;
    pages.arg("man").arg(&man);
    finish(pages)?;
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

/// Whether a folder holds manual pages.
pub fn pages(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}
