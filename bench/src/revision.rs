//! The other build of `--against REV`: a worktree of git below the target folder, there only
//! while it is built.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use xtask::shell::{cargo, root, run, say, target_dir};

use crate::Build;

/// What a revision is called in tables: the beginning of its hash.
fn short(revision: &str) -> Result<String> {
    let commit = format!("{revision}^{{commit}}");
    let output =
        git(&["rev-parse", "--verify", "--short", &commit]).output().context("starting git")?;
    ensure!(
        output.status.success(),
        "no revision {revision}: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The build of a revision, which [`build`] has made.
pub fn built(revision: &str) -> Result<Build> {
    let label = short(revision)?;
    let program = folder().join(format!("probe-{label}"));
    Ok(Build { label, program })
}

/// Builds a revision. What cargo made of it stays for the next time; the worktree does not.
pub fn build(revision: &str) -> Result<()> {
    let Build { label, program } = built(revision)?;
    // Ctrl-C ends cargo, and then we tidy up and end, too.
    let _deaf = IgnoreSignals::new();
    let tree = Worktree::add(&label)?;
    symlink(root().join(".tools"), tree.path.join(".tools")).context("linking .tools")?;
    let mut build = cargo(&["build", "--release", "--package", "probe-user", "--target-dir"]);
    let target = folder().join("target");
    build.arg(&target).current_dir(&tree.path);
    run(build).with_context(|| format!("building {revision}"))?;
    fs::copy(target.join("release/probe"), &program)
        .with_context(|| format!("copying to {}", program.display()))?;
    Ok(())
}

fn folder() -> PathBuf {
    target_dir().join("against")
}

fn git(arguments: &[&str]) -> Command {
    let mut git = Command::new("git");
    git.args(arguments).current_dir(root());
    git
}

/// A worktree, removed when dropped.
struct Worktree {
    path: PathBuf,
}

impl Worktree {
    fn add(revision: &str) -> Result<Self> {
        let tree = Self { path: folder().join("tree") };
        // One that was killed may have left it.
        tree.remove();
        fs::create_dir_all(folder()).with_context(|| format!("making {}", folder().display()))?;
        // Force: git may remember one whose folder is gone.
        let mut add = git(&["worktree", "add", "--force", "--detach", "--quiet"]);
        add.arg(&tree.path).arg(revision);
        run(add)?;
        Ok(tree)
    }

    fn remove(&self) {
        if exists(&self.path) {
            let mut remove = git(&["worktree", "remove", "--force"]);
            // Where git knows nothing of it, the folder is all there is.
            let removed = remove.arg(&self.path).output().is_ok_and(|it| it.status.success());
            if !removed && let Err(error) = fs::remove_dir_all(&self.path) {
                say(format!("{} stays: {error}", self.path.display()));
            }
        }
    }
}

fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

impl Drop for Worktree {
    fn drop(&mut self) {
        self.remove();
    }
}

/// While it is there, SIGINT and SIGTERM do not end this process. Handlers, unlike ignored
/// signals, are not inherited by what it starts.
struct IgnoreSignals;

impl IgnoreSignals {
    const SIGNALS: [libc::c_int; 2] = [libc::SIGINT, libc::SIGTERM];

    fn new() -> Self {
        extern "C" fn nothing(_: libc::c_int) {}
        Self::set(nothing as extern "C" fn(libc::c_int) as libc::sighandler_t);
        Self
    }

    fn set(handler: libc::sighandler_t) {
        for signal in Self::SIGNALS {
            // SAFETY: the handler does nothing, or is the default.
            unsafe { libc::signal(signal, handler) };
        }
    }
}

impl Drop for IgnoreSignals {
    fn drop(&mut self) {
        Self::set(libc::SIG_DFL);
    }
}
