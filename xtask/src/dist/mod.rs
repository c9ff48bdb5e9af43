//! `cargo xtask dist`: what a release is made of, in `target/packages`.
//!
//! | file | what it makes or checks |
//! | --- | --- |
//! | `binary` | `TARGET/probe`: static, stripped, the same bytes wherever it is built |
//! | `manual` | manual pages and completions, by asking the program for them |
//! | `archive` | `probe-VERSION-TARGET.tar.gz`, and `SHA256SUMS` of all |
//! | `package` | `probe_VERSION-1_ARCHITECTURE.deb` |
//! | `contents` | `probe-VERSION.cdx.json`: the crates that the program is made of |
//! | `check` | `--check`: all of this on systems that are made for it and thrown away |

mod archive;
mod binary;
mod check;
mod contents;
mod manual;
mod package;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use xtask::setup::{self, Use};
use xtask::shell::{root, say, target_dir};

/// What `cargo xtask dist` may be told.
#[derive(clap::Args)]
pub struct Args {
    /// Make it for this machine; several at once by commas
    #[arg(long = "target", value_delimiter = ',', default_values = ["x86_64", "aarch64"])]
    targets: Vec<Target>,
    /// Look whether the folder made before is right instead: install and remove the package, boot
    /// the unit, run the program on other systems. All of them unless some are named
    #[arg(long, value_name = "CHECK", num_args = 0.., value_delimiter = ',')]
    check: Option<Vec<check::Check>>,
}

/// A machine that a release is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// 64-bit x86.
    #[value(name = "x86_64")]
    X86_64,
    /// 64-bit Arm.
    #[value(name = "aarch64")]
    Aarch64,
}

impl Target {
    /// Rust's name for it, with a C library that links statically.
    fn triple(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-unknown-linux-musl",
            Self::Aarch64 => "aarch64-unknown-linux-musl",
        }
    }

    /// Debian's name for it.
    fn debian(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Aarch64 => "arm64",
        }
    }
}

/// A release: its name, its time, and where it is.
pub struct Release {
    version: &'static str,
    /// Seconds since 1970: the time of all files, so that the same sources give the same bytes
    /// (reproducible-builds.org/specs/source-date-epoch).
    time: String,
    folder: PathBuf,
}

/// Makes a release, or checks the one that is there.
pub fn perform(arguments: &Args) -> Result<()> {
    let release = Release::new()?;
    match &arguments.check {
        Some(checks) => check::perform(&release, checks),
        None => release.make(&arguments.targets),
    }
}

impl Release {
    fn new() -> Result<Self> {
        // target/dist is cargo's, for the profile of that name.
        let folder = target_dir().join("packages");
        Ok(Self { version: env!("CARGO_PKG_VERSION"), time: source_date()?, folder })
    }

    fn make(&self, targets: &[Target]) -> Result<()> {
        setup::packages(&[Use::Dist])?;
        let toolchain = setup::toolchain()?;
        // What an earlier release left would be in the sums of this one.
        if self.folder.exists() {
            fs::remove_dir_all(&self.folder)
                .with_context(|| format!("removing {}", self.folder.display()))?;
        }
        for &target in targets {
            binary::build(self, target, &toolchain)?;
        }
        manual::make(self)?;
        for &target in targets {
            archive::make(self, target)?;
            package::make(self, target)?;
        }
        contents::make(self)?;
        archive::sum(self)?;
        say(format!("{} has the release", self.folder.display()));
        Ok(())
    }

    /// The program for a machine.
    fn program(&self, target: Target) -> PathBuf {
        self.folder.join(target.triple()).join("probe")
    }

    /// The package for a machine.
    fn package(&self, target: Target) -> PathBuf {
        self.folder.join(format!("probe_{}-1_{}.deb", self.version, target.debian()))
    }

    /// A command whose output has the time of the sources in it, and not that of the clock.
    fn dated(&self, mut command: Command) -> Command {
        command.env("SOURCE_DATE_EPOCH", &self.time);
        command
    }
}

/// When the sources were last changed: what the environment says, else git's last commit.
fn source_date() -> Result<String> {
    if let Ok(time) = env::var("SOURCE_DATE_EPOCH") {
        ensure!(time.parse::<u64>().is_ok(), "SOURCE_DATE_EPOCH is no number of seconds: {time}");
        return Ok(time);
    }
    let mut git = Command::new("git");
    git.args(["log", "-1", "--format=%ct"]).current_dir(root());
    let output = git.output().context("starting git")?;
    ensure!(
        output.status.success(),
        "no commit tells the time of the sources: set SOURCE_DATE_EPOCH to seconds since 1970"
    );
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Copies a file into a folder, which is made.
fn copy_into(file: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let name = file.file_name().context("a file has a name")?;
    fs::copy(file, folder.join(name)).with_context(|| format!("copying {}", file.display()))?;
    Ok(())
}
