//! How xtask and the benchmarks start, and end; commands, said aloud before they run.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use testbed::requirements::is_root;

/// The project's folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the project's folder")
}

/// Where cargo puts what it builds.
pub fn target_dir() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A cargo command in the project's folder, run by the cargo that runs us.
pub fn cargo(arguments: &[&str]) -> Command {
    let program = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut cargo = Command::new(program);
    cargo.args(arguments).current_dir(root());
    cargo
}

/// A command that runs as root: through sudo where we are not. Of our environment sudo
/// hands on only what is named in `keep`.
pub fn as_root(program: impl AsRef<Path>, keep: &[&str]) -> Command {
    if is_root() {
        return Command::new(program.as_ref());
    }
    let mut sudo = Command::new("sudo");
    for name in keep {
        if let Ok(value) = env::var(name) {
            sudo.arg(format!("{name}={value}"));
        }
    }
    sudo.arg(program.as_ref());
    sudo
}

/// A program's `main`: does its work, and says why where that failed.
pub fn main(work: impl FnOnce() -> Result<()>) -> ExitCode {
    end_with_the_reader();
    match work() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The chain of causes, without the backtrace that RUST_BACKTRACE would add.
            say(format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Lets SIGPIPE end us, as it ends other commands: whoever reads the output may go, as in
/// `cargo xtask run | head`, and that is no reason to panic.
fn end_with_the_reader() {
    // SAFETY: signal(2) takes numbers; no other thread runs yet that could change it, too.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

/// Says what is done and why. Where nobody can hear it, the work goes on.
pub fn say(text: impl AsRef<str>) {
    let _ = writeln!(io::stderr(), "xtask: {}", text.as_ref());
}

/// Shows a line of results, of the form of `println!`, on standard output.
#[macro_export]
macro_rules! show {
    ($($text:tt)*) => {
        $crate::shell::show_line(format_args!($($text)*))
    };
}

/// A measurement goes on though the disk is full: what else it writes may have room.
pub fn show_line(text: fmt::Arguments<'_>) {
    if let Err(error) = writeln!(io::stdout(), "{text}") {
        say(format!("writing to standard output: {error}"));
    }
}

/// Shows a command, runs it with our standard streams, and fails where it fails.
pub fn run(command: Command) -> Result<()> {
    say(shown(&command));
    finish(command)
}

/// Runs a command with our standard streams, and fails where it fails.
pub fn finish(mut command: Command) -> Result<()> {
    let status = command.status().with_context(|| format!("starting {}", shown(&command)))?;
    ensure!(status.success(), "`{}` failed ({status})", shown(&command));
    Ok(())
}

/// A command as one would type it.
pub fn shown(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words: Vec<_> = std::iter::once(name)
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    words.join(" ")
}
