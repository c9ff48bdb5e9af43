//! The initramfs of a virtual machine: all files that there are in it, and the script that is
//! its first process.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testbed::requirements::{REQUIRED, find_tool};
use xtask::setup::{Fetched, Machine};

use super::Step;
use super::build::Programs;
use super::judge::RELEASE;

/// Enough to copy a hundred megabytes.
const LOCAL: Duration = Duration::from_secs(60);

/// What the tests call.
const TOOLS: [&str; 2] = ["ip", "ethtool"];

/// Makes the initramfs in a folder and says where it is.
pub fn make(
    folder: &Path,
    machine: Machine,
    kernel: &Fetched,
    programs: &Programs,
    steps: &[Step],
) -> Result<PathBuf> {
    let root = folder.join("root");
    for part in ["dev", "proc", "sys", "tmp", "modules", "usr/bin", "usr/sbin", "usr/lib"] {
        fs::create_dir_all(root.join(part))?;
    }
    match machine {
        // This machine's own programs, each at its place, with the libraries that they load.
        Machine::Amd64 => {
            let busybox = find_tool("busybox").context("there is no busybox")?;
            put(&root, &busybox, Path::new("/usr/bin/busybox"))?;
            let mut all = vec![busybox, programs.live.clone(), programs.probe.clone()];
            for name in TOOLS {
                let tool = find_tool(name).with_context(|| format!("there is no {name}"))?;
                put(&root, &tool, &Path::new("/usr/sbin").join(name))?;
                all.push(tool);
            }
            for library in libraries(&all)? {
                put(&root, &library, &library)?;
            }
        }
        // Debian's for that machine; our own programs need no libraries.
        Machine::Arm64 => {
            copy_folder(&kernel.userland().join("usr"), &root.join("usr"))?;
            for link in ["bin", "sbin", "lib"] {
                symlink(Path::new("usr").join(link), root.join(link))?;
            }
        }
    }
    put(&root, &programs.live, Path::new("/live"))?;
    put(&root, &programs.probe, &programs.place)?;
    for module in kernel.modules() {
        let name = module.file_name().unwrap_or_default();
        put(&root, &module, &Path::new("/modules").join(name))?;
    }
    let init = root.join("init");
    fs::write(&init, script(steps)?)?;
    fs::set_permissions(&init, fs::Permissions::from_mode(0o755))?;
    pack(&root, &folder.join("initrd"))
}

/// The first process. What it says is read by `judge`. Nothing is mounted over /tmp: all is in
/// memory as it is, and the project, with probe in its place, may lie there.
fn script(steps: &[Step]) -> Result<String> {
    let mut script = String::from(
        "#!/usr/bin/busybox sh\n\
         b=/usr/bin/busybox\n\
         $b mount -t proc none /proc\n\
         $b mount -t sysfs none /sys\n\
         $b mount -t devtmpfs none /dev\n\
         $b mkdir -p /dev/shm\n\
         export PATH=/usr/sbin:/usr/bin HOME=/ TMPDIR=/tmp RUST_BACKTRACE=0\n",
    );
    // The last one allows tests what nobody wants on a machine with other work.
    writeln!(script, "export {REQUIRED}=1 PROBE_OWN_MACHINE=1")?;
    writeln!(script, "echo \"{RELEASE}$($b uname -r)\"")?;
    writeln!(
        script,
        "[ -e /sys/kernel/realtime ] && echo realtime: $($b cat /sys/kernel/realtime)"
    )?;
    // What a kernel has built in, it has no module of.
    script.push_str("load() { [ ! -e /modules/$1.ko ] || $b insmod /modules/$1.ko; }\n");
    for step in steps {
        for module in step.modules {
            writeln!(script, "load {module}")?;
        }
        if step.tests.is_empty() {
            continue;
        }
        // Two threads, though the tests go one by one: with one alone a test's name is written
        // before it runs, and what others write comes between the name and the result.
        let flags = "--include-ignored --test-threads 2 --exact";
        writeln!(script, "/live {flags} {}", step.tests.join(" "))?;
        script.push_str("echo \"live ended: $?\"\n");
    }
    // What must not have been in the kernel's log.
    script.push_str("$b dmesg | $b grep -E 'WARNING:|BUG:|Oops|Call Trace'\n$b reboot -f\n");
    Ok(script)
}

/// Copies a file to its place below a root.
fn put(root: &Path, file: &Path, place: &Path) -> Result<()> {
    let target = root.join(place.strip_prefix("/").context("a place is a path from the root")?);
    fs::create_dir_all(target.parent().unwrap_or(root))?;
    fs::copy(file, &target)
        .map(drop)
        .with_context(|| format!("copying {} to {}", file.display(), target.display()))
}

/// The shared libraries of programs, and the program that loads them, as ldd(1) lists them.
fn libraries(programs: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for program in programs {
        let mut ldd = Command::new("ldd");
        ldd.arg(program);
        // It fails on a program that loads none.
        let output = ldd.output().context("starting ldd")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(!text.contains("not found"), "{}: {text}", program.display());
        // `libc.so.6 => /lib/.../libc.so.6 (0x...)`, `/lib64/ld-linux-x86-64.so.2 (0x...)`
        let paths = text.lines().filter_map(|line| {
            line.split_whitespace().find(|word| word.starts_with('/')).map(PathBuf::from)
        });
        found.extend(paths);
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    let mut copy = Command::new("cp");
    copy.args(["--archive", "--no-target-directory"]).arg(from).arg(to);
    testbed::run(copy, LOCAL).map(drop)
}

/// Puts a folder into an archive as the kernel wants it
/// (Documentation/driver-api/early-userspace/buffer-format.rst), all files root's.
fn pack(root: &Path, archive: &Path) -> Result<PathBuf> {
    let mut shell = Command::new("sh");
    let script =
        "set -e; cd \"$1\"; find . | cpio --quiet --create --format newc --owner 0:0 > \"$2\"";
    shell.args(["-c", script, "pack"]).arg(root).arg(archive);
    testbed::run(shell, LOCAL).context("packing the initramfs")?;
    Ok(archive.to_owned())
}
