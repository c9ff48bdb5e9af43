//! Debian's kernels and one of Ubuntu's, as packages: fetched and unpacked into `.tools/kernels`, never installed.
//!
//! A kernel that is there is used as it is; remove its folder to get the newest of its line.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::apt::{self, Apt};
use super::packages::KEYRING;
use super::{sources, tools};
use crate::shell::say;

/// Enough to unpack a module.
const LOCAL: Duration = Duration::from_secs(60);

/// The modules that the tests need; none of them needs another.
const MODULES: [&str; 3] = ["veth", "sch_ingress", "cls_bpf"];

/// What kind of computer a kernel is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// A PC.
    Amd64,
    /// 64-bit Arm.
    Arm64,
}

impl Machine {
    /// Debian's name for it.
    pub const fn architecture(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }
}

/// Who builds a kernel: an archive, its keys, and its suites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// Debian, by the name of a release.
    Debian(&'static [(&'static str, &'static str)]),
    /// Ubuntu, which has a line that Debian has not.
    Ubuntu(&'static [&'static str]),
}

const BULLSEYE: Source =
    Source::Debian(&[("debian", "bullseye"), ("debian-security", "bullseye-security")]);
const BOOKWORM: Source =
    Source::Debian(&[("debian", "bookworm"), ("debian-security", "bookworm-security")]);
const TRIXIE: Source =
    Source::Debian(&[("debian", "trixie"), ("debian-security", "trixie-security")]);
/// The newest kernels that Debian builds for a stable release.
const BACKPORTS: Source = Source::Debian(&[("debian", "trixie-backports")]);
const JAMMY: Source = Source::Ubuntu(&["jammy", "jammy-updates"]);

const UBUNTU: &str = "http://archive.ubuntu.com/ubuntu";

/// A line of kernels, of which the newest is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// What `--kernel` calls it.
    pub name: &'static str,
    /// Its machine.
    pub machine: Machine,
    /// The package that depends on the newest of the line.
    package: &'static str,
    source: Source,
}

impl Kernel {
    /// All that are known, oldest first. The `cloud` packages are small, and have what the tests
    /// need; `rt` is PREEMPT_RT.
    pub const ALL: [Self; 8] = [
        kernel("5.10", Machine::Amd64, "linux-image-cloud-amd64", BULLSEYE),
        kernel("5.15", Machine::Amd64, "linux-image-virtual", JAMMY),
        kernel("6.1", Machine::Amd64, "linux-image-cloud-amd64", BOOKWORM),
        kernel("6.1-rt", Machine::Amd64, "linux-image-rt-amd64", BOOKWORM),
        kernel("6.12", Machine::Amd64, "linux-image-cloud-amd64", TRIXIE),
        kernel("6.12-rt", Machine::Amd64, "linux-image-rt-amd64", TRIXIE),
        kernel("newest", Machine::Amd64, "linux-image-cloud-amd64", BACKPORTS),
        kernel("arm64-6.12", Machine::Arm64, "linux-image-cloud-arm64", TRIXIE),
    ];
}

const fn kernel(
    name: &'static str,
    machine: Machine,
    package: &'static str,
    source: Source,
) -> Kernel {
    Kernel { name, machine, package, source }
}

impl Source {
    /// Its lines for apt. Ubuntu's keys come out of Debian's package of them, into `work`.
    fn lines(self, work: &Path) -> Result<String> {
        match self {
            Self::Debian(suites) => {
                let line = |&(archive, suite): &(&str, &str)| {
                    Ok(line(Path::new(KEYRING), &sources::address_of(archive)?, suite))
                };
                suites.iter().map(line).collect()
            }
            Self::Ubuntu(suites) => {
                let folder = work.with_extension("keys");
                let apt = Apt::new(&folder)?.for_machine(Machine::Amd64.architecture())?;
                fs::write(apt.sources().join("debian.list"), TRIXIE.lines(&folder)?)?;
                apt.update();
                fetch_into(&apt, &["ubuntu-keyring".to_owned()], &work.join("keys"))?;
                fs::remove_dir_all(&folder)?;
                let keys = work.join("keys/usr/share/keyrings/ubuntu-archive-keyring.gpg");
                Ok(suites.iter().map(|suite| line(&keys, UBUNTU, suite)).collect())
            }
        }
    }
}

/// A line of apt's sources (sources.list(5)).
fn line(keys: &Path, address: &str, suite: &str) -> String {
    format!("deb [signed-by={}] {address} {suite} main\n", keys.display())
}

impl FromStr for Kernel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|kernel| kernel.name == text).ok_or_else(|| {
            let names = Self::ALL.map(|kernel| kernel.name).join(", ");
            format!("no such kernel; one of {names}")
        })
    }
}

/// A kernel that is here.
pub struct Fetched {
    folder: PathBuf,
}

impl Fetched {
    /// The kernel that boots.
    pub fn image(&self) -> PathBuf {
        self.folder.join("vmlinuz")
    }

    /// Its modules that the tests need; what is built in is not among them.
    pub fn modules(&self) -> Vec<PathBuf> {
        let files = MODULES.map(|name| self.folder.join(name).with_extension("ko"));
        files.into_iter().filter(|file| file.is_file()).collect()
    }

    /// The files of Debian for its machine with which the tests run, where its machine is not ours.
    pub fn userland(&self) -> PathBuf {
        self.folder.join("userland")
    }
}

impl Kernel {
    /// Finds the kernel, or fetches it.
    pub fn fetch(&self) -> Result<Fetched> {
        let folder = tools().join("kernels").join(self.name);
        if !folder.is_dir() {
            self.download(&folder).with_context(|| format!("fetching the kernel {}", self.name))?;
        }
        Ok(Fetched { folder })
    }

    /// Fetches in a folder beside, which takes its place last: what was interrupted is not there.
    fn download(&self, folder: &Path) -> Result<()> {
        let work = folder.with_extension("partial");
        let apt = Apt::new(&work)?.for_machine(self.machine.architecture())?;
        fs::write(apt.sources().join("kernel.list"), self.source.lines(&work)?)?;
        apt.update();
        let packages = self.packages(&apt)?;
        say(format!("kernel {}: fetching {}", self.name, packages.join(", ")));
        let files = work.join("files");
        fetch_into(&apt, &packages, &files)?;
        let ready = work.join("ready");
        fs::create_dir(&ready)?;
        gather(&files, &ready)?;
        if self.machine == Machine::Arm64 {
            fetch_into(&apt, &userland(&apt)?, &ready.join("userland"))?;
        }
        fs::rename(&ready, folder)
            .with_context(|| format!("moving the kernel to {}", folder.display()))?;
        fs::remove_dir_all(&work).with_context(|| format!("removing {}", work.display()))
    }

    /// The packages with the files: what the line's package stands for, and, from Linux 7 on, what
    /// that one is split into.
    fn packages(&self, apt: &Apt) -> Result<Vec<String>> {
        let image = (apt.depends(self.package, false)?.into_iter())
            .find(|name| name.starts_with("linux-image-"))
            .with_context(|| format!("{} names no kernel", self.package))?;
        let parts = ["linux-binary-", "linux-modules-"];
        let mut packages = apt.depends(&image, false)?;
        packages.retain(|name| parts.iter().any(|part| name.starts_with(part)));
        packages.push(image);
        Ok(packages)
    }
}

/// `ip`, `ethtool` and busybox, with all libraries that they need.
fn userland(apt: &Apt) -> Result<Vec<String>> {
    let mut packages = ["iproute2", "ethtool", "busybox-static"].map(str::to_owned).to_vec();
    for tool in ["iproute2", "ethtool"] {
        let depends = apt.depends(tool, true)?;
        let is_library = |name: &String| name.starts_with("lib") || name == "zlib1g";
        packages.extend(depends.into_iter().filter(is_library));
    }
    packages.sort();
    packages.dedup();
    Ok(packages)
}

/// Downloads packages and unpacks them.
fn fetch_into(apt: &Apt, packages: &[String], folder: &Path) -> Result<()> {
    let names: Vec<&str> = packages.iter().map(String::as_str).collect();
    apt.get(&[&["download"], names.as_slice()].concat())?;
    fs::create_dir_all(folder)?;
    for entry in fs::read_dir(apt.packages())? {
        let package = entry?.path();
        apt::unpack(&package, folder)?;
        fs::remove_file(&package)?;
    }
    Ok(())
}

/// Takes the kernel and its modules out of a package's files.
fn gather(files: &Path, ready: &Path) -> Result<()> {
    let mut all = Vec::new();
    collect(files, &mut all)?;
    let named = |name: &str| all.iter().find(|path| file_name(path).starts_with(name));
    let image = named("vmlinuz").context("the packages hold no kernel")?;
    fs::copy(image, ready.join("vmlinuz"))?;
    for module in MODULES {
        let Some(file) = named(&format!("{module}.ko")) else {
            say(format!("{} has no module {module}: it should be built in", file_name(image)));
            continue;
        };
        let target = ready.join(module).with_extension("ko");
        if file.extension().is_some_and(|end| end == "xz") {
            fs::write(&target, unxz(file)?)?;
        } else {
            fs::copy(file, &target)?;
        }
    }
    Ok(())
}

fn unxz(file: &Path) -> Result<Vec<u8>> {
    let mut xz = Command::new("xz");
    xz.args(["--decompress", "--stdout"]).arg(file);
    let module = testbed::run(xz, LOCAL)?.stdout;
    ensure!(!module.is_empty(), "{} is empty", file.display());
    Ok(module)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// All files below a folder.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), files)?
        } else {
            files.push(entry.path())
        }
    }
    Ok(())
}
