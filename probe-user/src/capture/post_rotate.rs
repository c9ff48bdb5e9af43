//! The command of -z: run on each file that was closed, beside the capture and at the
//! lowest priority. Whatever becomes of it, the capture goes on.

use std::{
    ffi::OsString,
    io,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::reporter;

/// The lowest priority (setpriority(2)).
const NICE: libc::c_int = 19;

/// How long the end of a capture waits for commands, to tell how they ended. Shorter
/// than the time after which a writer counts as stuck.
const PATIENCE: Duration = Duration::from_millis(300);

/// Runs the command, and knows the children that have not ended.
pub(crate) struct PostRotate {
    command: OsString,
    running: Vec<(Child, PathBuf)>,
}

impl PostRotate {
    pub(crate) fn new(command: OsString) -> Self {
        Self { command, running: Vec::new() }
    }

    /// Starts `command file`.
    pub(crate) fn run(&mut self, file: &Path) {
        self.reap();
        let mut command = Command::new(&self.command);
        // A group of its own: Ctrl-C ends the capture, and not the compression of a file.
        command.arg(file).stdin(Stdio::null()).process_group(0);
        // SAFETY: what runs between fork and exec is one plain system call.
        unsafe { command.pre_exec(lower_priority) };
        match command.spawn() {
            Ok(child) => self.running.push((child, file.into())),
            Err(error) => self.complain(file, &error.to_string()),
        }
    }

    /// Takes note of the children that have ended.
    pub(crate) fn reap(&mut self) {
        let mut running = std::mem::take(&mut self.running);
        running.retain_mut(|(child, file)| match child.try_wait() {
            Ok(None) => true,
            Ok(Some(status)) if status.success() => false,
            Ok(Some(status)) => {
                self.complain(file, &status.to_string());
                false
            }
            Err(error) => {
                self.complain(file, &error.to_string());
                false
            }
        });
        self.running = running;
    }

    /// Waits a little; commands that take longer go on without us.
    pub(crate) fn finish(&mut self) {
        let end = Instant::now() + PATIENCE;
        self.reap();
        while !self.running.is_empty() && Instant::now() < end {
            thread::sleep(Duration::from_millis(5));
            self.reap();
        }
        if !self.running.is_empty() {
            let (count, command) = (self.running.len(), self.command.display());
            let text = format_args!(
                "-z: {command} is still running on {count} file(s), and continues without probe"
            );
            reporter::say(text);
        }
    }

    fn complain(&self, file: &Path, what: &str) {
        let (command, file) = (self.command.display(), file.display());
        reporter::say(format_args!("-z: {command} {file}: {what}"));
    }
}

/// Runs in the child; if it fails, the command runs at our own priority.
fn lower_priority() -> io::Result<()> {
    // nix has no nice(2).
    // SAFETY: takes and returns a number, touches no memory, allocates nothing.
    unsafe { libc::nice(NICE) };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_gets_the_file_and_is_reaped() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a b.pcap");
        std::fs::write(&file, "x").unwrap();
        let mut post = PostRotate::new("rm".into());
        post.run(&file);
        post.finish();
        assert!(!file.exists());
        assert!(post.running.is_empty());
    }

    #[test]
    fn a_failure_is_not_fatal() {
        let mut post = PostRotate::new("/no such command".into());
        post.run(Path::new("x"));
        assert!(post.running.is_empty());
        let mut post = PostRotate::new("false".into());
        post.run(Path::new("x"));
        post.finish();
        assert!(post.running.is_empty());
    }

    #[test]
    fn a_slow_command_blocks_nothing() {
        let start = Instant::now();
        let mut post = PostRotate::new("sleep".into());
        post.run(Path::new("2"));
        assert!(start.elapsed() < Duration::from_secs(1));
        post.finish();
        assert!(start.elapsed() < Duration::from_secs(2));
        for (child, _) in &mut post.running {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}
