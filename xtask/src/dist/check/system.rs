//! Other systems' files, in a folder that goes with us.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use testbed::Namespace;

use crate::dist::copy_into;

/// Enough to fetch and unpack a small Debian.
const DEBOOTSTRAP: Duration = Duration::from_secs(600);

/// A root folder.
pub struct System {
    folder: tempfile::TempDir,
}

impl System {
    /// One with nothing in it.
    pub fn empty() -> Result<Self> {
        Ok(Self { folder: tempfile::tempdir().context("making a folder")? })
    }

    /// A small Debian of this release, with these packages more.
    pub fn debian(suite: &str, packages: &[&str]) -> Result<Self> {
        let system = Self::empty()?;
        let mut make = Command::new("mmdebstrap");
        make.args(["--quiet", "--variant=minbase", "--mode=root"]);
        if !packages.is_empty() {
            make.arg(format!("--include={}", packages.join(",")));
        }
        make.arg(suite).arg(system.root());
        testbed::run(make, DEBOOTSTRAP).with_context(|| format!("making a Debian {suite}"))?;
        Ok(system)
    }

    /// Where it is on this system.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// A place in it, as this system names it.
    pub fn path(&self, place: &str) -> PathBuf {
        self.root().join(place.trim_start_matches('/'))
    }

    /// Copies a file into its root.
    pub fn put(&self, file: &Path) -> Result<()> {
        copy_into(file, self.root())
    }

    /// A command that runs in it.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("chroot");
        command.arg(self.root()).args(words).env_clear();
        command
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("DEBIAN_FRONTEND", "noninteractive");
        command
    }

    /// A command that runs in it, in a network of its own and with its /sys.
    pub fn command_on(&self, namespace: &Namespace, words: &[&str]) -> Result<Command> {
        let sys = self.path("/sys");
        fs::create_dir_all(&sys).with_context(|| format!("making {}", sys.display()))?;
        // The mount goes with the mount namespace, and that with the command.
        let script = "mount -t sysfs sysfs \"$0/sys\" && exec chroot \"$0\" \"$@\"";
        let mut command = namespace.command("unshare");
        command.args(["--mount", "--propagation=private", "sh", "-c", script]);
        command.arg(self.root()).args(words);
        Ok(command)
    }
}

/// A shell's script where the tree of control groups is mounted anew, for machines that have the older
/// one. The mount goes with its namespace. What is added to the command are its parameters, from $0 on.
pub fn with_control_groups(script: &str) -> Command {
    let script = format!(
        "umount --recursive /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup && {script}"
    );
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation=private", "sh", "-c", &script]);
    command
}
