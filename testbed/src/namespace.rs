//! Anonymous network namespaces.
//!
//! A [`Namespace`] is two descriptors: one of a network namespace and one of a mount
//! namespace in which `/sys` shows that network and [`SCRATCH_DIR`] is an empty
//! tmpfs. Neither has a name, so the kernel removes both, with all links and files in
//! them, when the last descriptor and the last process inside are gone; SIGKILL
//! leaves nothing to clean up.

use std::ffi::{CStr, OsStr};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result, anyhow};
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, chdir, getppid};

use crate::requirements::find_tool;

/// A tmpfs of its own in every namespace, for files that must vanish with it.
/// `/dev/shm` is on every machine and in nobody's path to this project.
pub const SCRATCH_DIR: &str = "/dev/shm";

/// Settings that keep IPv6 silent: no addresses but those given, no solicitations, no
/// duplicate address detection. What is left, multicast listener reports for the
/// solicited-node groups, goes with the links' `arp off` (see `link`).
const QUIET_IPV6: [(&str, &str); 6] = [
    ("accept_ra", "0"),
    ("autoconf", "0"),
    ("router_solicitations", "0"),
    ("dad_transmits", "0"),
    ("accept_dad", "0"),
    // IN6_ADDR_GEN_MODE_NONE, include/uapi/linux/if_link.h: no link-local address.
    ("addr_gen_mode", "1"),
];

/// An anonymous network namespace, with a mount namespace to go with it.
#[derive(Debug)]
pub struct Namespace {
    network: Arc<OwnedFd>,
    mounts: Arc<OwnedFd>,
}

impl Namespace {
    /// Makes a namespace whose loopback is up and whose IPv6 is silent.
    pub fn new() -> Result<Self> {
        let made = in_new_thread(|| {
            unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS)
                .context("making a network namespace (this needs root)")?;
            private_mounts()?;
            for (setting, value) in QUIET_IPV6 {
                for scope in ["all", "default"] {
                    let path = format!("/proc/sys/net/ipv6/conf/{scope}/{setting}");
                    fs::write(&path, value).with_context(|| format!("writing {path}"))?;
                }
            }
            let open = |path: &str| File::open(path).with_context(|| format!("opening {path}"));
            Ok(Self {
                network: Arc::new(open("/proc/thread-self/ns/net")?.into()),
                mounts: Arc::new(open("/proc/thread-self/ns/mnt")?.into()),
            })
        })?;
        made.ip(&["link set lo up"])?;
        Ok(made)
    }

    /// A command that will run inside, and die with the thread that spawns it. A program
    /// is also looked for where only an administrator's PATH leads: a user who came here
    /// through sudo may have brought a PATH without those folders.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let program = program.as_ref();
        let found = program.to_str().filter(|name| !name.contains('/')).and_then(find_tool);
        let mut command = Command::new(found.as_deref().map_or(program, Path::as_os_str));
        let (network, mounts) = (Arc::clone(&self.network), Arc::clone(&self.mounts));
        let parent = Pid::this();
        let enter = move || {
            die_with_parent(parent)?;
            enter_both(&network, &mounts)
        };
        // SAFETY: the closure runs between fork and exec and makes only system calls on
        // memory it owns: no allocation, no lock.
        unsafe { command.pre_exec(enter) };
        command
    }

    /// Runs a closure on a thread inside: sockets it opens belong to this namespace for
    /// good. Do not spawn processes in it, they would die with that thread; use
    /// [`command`](Self::command).
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        in_new_thread(|| {
            // A mount namespace can be entered only by a thread with a root and a working
            // directory of its own (setns(2)).
            unshare(CloneFlags::CLONE_FS).context("leaving the shared working directory")?;
            enter_both(&self.network, &self.mounts).context("entering a network namespace")?;
            work()
        })
    }

    /// A path by which another process of this user can open the network namespace, as
    /// long as this value lives.
    pub fn path(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", std::process::id(), self.network.as_raw_fd()).into()
    }
}

/// Runs a closure on a thread of its own, so that the caller's thread keeps its
/// namespaces whatever the closure does.
fn in_new_thread<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|scope| match scope.spawn(work).join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

/// Mounts that only this mount namespace sees: `/sys` of the new network, and a tmpfs.
fn private_mounts() -> Result<()> {
    let mount = |kind, target, flags| mount(Some(kind), target, Some(kind), flags, None::<&str>);
    mount("none", "/", MsFlags::MS_REC | MsFlags::MS_PRIVATE).context("making / private")?;
    mount("sysfs", "/sys", MsFlags::empty()).context("mounting the namespace's /sys")?;
    mount("tmpfs", SCRATCH_DIR, MsFlags::empty()).context("mounting a tmpfs on /dev/shm")
}

/// Enters both namespaces and goes back to the working directory, which entering a
/// mount namespace resets to its root. Safe between fork and exec.
fn enter_both(network: &OwnedFd, mounts: &OwnedFd) -> io::Result<()> {
    // nix's getcwd allocates.
    let mut directory = [0_u8; libc::PATH_MAX as usize];
    // SAFETY: the buffer is ours and its true length is given.
    let known = unsafe { libc::getcwd(directory.as_mut_ptr().cast(), directory.len()) };
    setns(mounts, CloneFlags::CLONE_NEWNS)?;
    setns(network, CloneFlags::CLONE_NEWNET)?;
    match CStr::from_bytes_until_nul(&directory) {
        Ok(directory) if !known.is_null() => Ok(chdir(directory)?),
        _ => Ok(()),
    }
}

/// Asks the kernel to kill this process when its parent thread dies (PR_SET_PDEATHSIG),
/// and fails where the parent died before it could ask. Safe between fork and exec.
pub(crate) fn die_with_parent(parent: Pid) -> io::Result<()> {
    set_pdeathsig(Signal::SIGKILL)?;
    if getppid() == parent { Ok(()) } else { Err(Errno::ESRCH.into()) }
}

impl Namespace {
    /// Runs lines of `ip -batch` inside.
    pub fn ip<S: AsRef<str>>(&self, lines: &[S]) -> Result<()> {
        let script: String = lines.iter().map(|line| format!("{}\n", line.as_ref())).collect();
        // ip reads a batch from a file; standard input would need a writer thread.
        let file = format!("{SCRATCH_DIR}/ip.{:?}", thread::current().id());
        self.enter(|| fs::write(&file, &script).with_context(|| format!("writing {file}")))?;
        let mut command = self.command("ip");
        command.args(["-batch", &file]);
        crate::run(command, crate::process::SHORT)
            .map_err(|error| anyhow!("{error:#}; the ip commands were:\n{script}"))?;
        Ok(())
    }

    /// Sets values below /proc/sys/net of the namespace.
    pub fn set(&self, values: &[(&str, &str)]) -> Result<()> {
        self.enter(|| {
            for (name, value) in values {
                let path = format!("/proc/sys/net/{name}");
                fs::write(&path, value).with_context(|| format!("writing {path}"))?;
            }
            Ok(())
        })
    }
}
