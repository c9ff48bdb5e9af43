//! apt with sources, lists and cache of its own, in a folder of ours: those of the machine stay as
//! they are, and no root is needed. It verifies what it fetches as ever, by the keys that the
//! sources name.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testbed::requirements::find_tool;

use crate::shell::say;

/// Enough for ten megabytes of lists, or for a kernel, over a slow line.
const DOWNLOAD: Duration = Duration::from_secs(600);
/// Enough for questions that are answered from the lists.
const LOCAL: Duration = Duration::from_secs(60);

/// The folder, and what apt is told by `-o`.
pub struct Apt {
    folder: PathBuf,
    options: Vec<OsString>,
}

impl Apt {
    /// Makes the folder anew. apt then still has to be given sources, in [`sources`](Self::sources).
    pub fn new(folder: &Path) -> Result<Self> {
        ensure!(find_tool("apt-get").is_some(), "there is no apt-get here");
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| format!("removing {}", folder.display()))?;
        }
        for part in ["sources", "lists/partial", "cache/archives/partial", "package"] {
            let part = folder.join(part);
            fs::create_dir_all(&part).with_context(|| format!("making {}", part.display()))?;
        }
        let mut apt = Self { folder: folder.to_owned(), options: Vec::new() };
        for (option, place) in [
            ("Dir::Etc::sourceparts", "sources"),
            ("Dir::State::lists", "lists"),
            ("Dir::Cache", "cache"),
        ] {
            apt.set(option, folder.join(place));
        }
        apt.set("Dir::Etc::sourcelist", "/dev/null");
        // As root apt fetches as a user of its own, who may not reach our folder.
        apt.set("APT::Sandbox::User", "root");
        apt.set("Acquire::Retries", "3");
        Ok(apt)
    }

    /// Looks at packages of another machine, as if none were installed.
    pub fn for_machine(mut self, architecture: &str) -> Result<Self> {
        let status = self.folder.join("status");
        fs::write(&status, "")?;
        self.set("Dir::State::status", status);
        self.set("APT::Architecture", architecture);
        self.set("APT::Architectures", architecture);
        Ok(self)
    }

    fn set(&mut self, option: &str, value: impl Into<OsString>) {
        let mut setting = OsString::from(format!("{option}="));
        setting.push(value.into());
        self.options.extend(["-o".into(), setting]);
    }

    /// Where its sources go, as files of either of apt's forms (sources.list(5)).
    pub fn sources(&self) -> PathBuf {
        self.folder.join("sources")
    }

    /// Where it puts packages.
    pub fn packages(&self) -> PathBuf {
        self.folder.join("package")
    }

    /// Reads what the sources have.
    pub fn update(&self) {
        // One source of several that cannot be had need not be the one that has the package.
        if let Err(error) = self.get(&["update"]) {
            say(format!("apt-get update: {error:#}"));
        }
    }

    /// apt-get, run in the packages' folder. What it says is shown where it fails.
    pub fn get(&self, arguments: &[&str]) -> Result<()> {
        let mut command = self.command("apt-get", arguments);
        command.arg("-qq").current_dir(self.packages());
        testbed::run(command, DOWNLOAD).map(drop)
    }

    /// The names of packages that a package depends on.
    pub fn depends(&self, package: &str, recurse: bool) -> Result<Vec<String>> {
        let mut command = self.command("apt-cache", &["depends", "--important", package]);
        if recurse {
            command.arg("--recurse");
        }
        let said = testbed::run(command, LOCAL)?.text();
        let names = said.lines().filter_map(|line| line.trim().split_once("Depends: "));
        let mut names: Vec<String> = names.map(|(_, name)| name.to_owned()).collect();
        names.sort();
        names.dedup();
        Ok(names)
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(&self.options).args(arguments);
        command
    }
}

/// Unpacks a package's files into a folder.
pub fn unpack(package: &Path, folder: &Path) -> Result<()> {
    let mut dpkg = Command::new("dpkg-deb");
    dpkg.arg("--extract").arg(package).arg(folder);
    testbed::run(dpkg, LOCAL).map(drop)
}
