//! `probe completions`: scripts that let a shell complete a command line, and what they ask for.
//!
//! A script knows no flag. At each Tab it calls this program with the words of the line, and the
//! program answers from the definition of its flags (clap_complete's engine): so there is one definition,
//! a script stays right when flags come, and interfaces and rules are those that there are now. A static
//! script for each shell would be thousands of lines to keep in step, and would have to call the
//! program all the same for names.

use std::{
    env,
    ffi::{OsStr, OsString},
};

use anyhow::{Context as _, Result};
use clap::{Arg, Args, Command as Clap, ValueEnum};
use clap_complete::{CompletionCandidate, engine::ArgValueCompleter, env::Shells};
use nix::net::if_::if_nameindex;

use super::{Extent, clap};
use crate::{Command, kernel::Hook, rules};

/// A script sets this to the name of its shell when it asks.
const ASKING: &str = "PROBE_COMPLETE";

/// zsh loads a file of `$fpath` at the first Tab, as the function that answers it: the script that
/// clap_complete writes defines another function, and leaves that Tab without an answer (zshcompsys(1), Autoloaded
/// files).
const FIRST_TAB_OF_ZSH: &str = "\
if [[ ${funcstack[1]} == _probe ]]; then
    _clap_dynamic_completer_probe \"$@\"
fi
";

/// Flags of `probe completions`.
#[derive(Debug, Args)]
#[command(after_help = "The script goes where the shell looks for it:\n  \
    bash        ~/.local/share/bash-completion/completions/probe\n  \
    elvish      in rc.elv: eval (probe completions elvish | slurp)\n  \
    fish        ~/.config/fish/completions/probe.fish\n  \
    powershell  $PROFILE\n  \
    zsh         _probe in a folder of $fpath\n\n\
    For this session alone, in bash: source <(probe completions bash)\n\n\
    Examples:\n  \
    probe completions bash\n  \
    probe completions fish | less")]
pub struct CompletionsArgs {
    /// The shell that the script is for
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: Shell,
}

/// Shells that can be asked to complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// GNU's, from 4.0 on
    Bash,
    /// Elvish
    Elvish,
    /// Fish
    Fish,
    /// PowerShell
    Powershell,
    /// Zsh
    Zsh,
}

impl CompletionsArgs {
    /// The script.
    ///
    /// # Errors
    /// None: it is written into memory.
    pub fn plan(self) -> Result<Command> {
        let name = self.shell.to_possible_value().context("a name")?;
        let shells = Shells::builtins();
        let shell = shells.completer(name.get_name()).context("a shell")?;
        let mut script = Vec::new();
        shell.write_registration(ASKING, "probe", "probe", "probe", &mut script)?;
        if self.shell == Shell::Zsh {
            script.extend_from_slice(FIRST_TAB_OF_ZSH.as_bytes());
        }
        Ok(Command::Print(script))
    }
}

/// The answer to a script, where one asks.
pub fn answer(words: &[OsString]) -> Option<Result<Command>> {
    let shell = env::var(ASKING).ok()?;
    let shells = Shells::builtins();
    let shell = shells.completer(&shell)?;
    let words: Vec<OsString> =
        words.iter().skip_while(|word| *word != "--").skip(1).cloned().collect();
    let folder = env::current_dir().ok();
    let mut command = with_completers(clap(Extent::Full), &words);
    let mut answer = Vec::new();
    let written = shell.write_complete(&mut command, words, folder.as_deref(), &mut answer);
    Some(written.map(|()| Command::Print(answer)).context("completing"))
}

/// Adds what only this machine, or the line itself, can say.
fn with_completers(command: Clap, line: &[OsString]) -> Clap {
    let rules = rules_of(line);
    command.mut_subcommands(|command| {
        let name = command.get_name().to_owned();
        command.mut_args(|arg| completed(arg, &name, &rules))
    })
}

/// What completes the value of one flag.
fn completed(arg: Arg, command: &str, rules: &[String]) -> Arg {
    let id = arg.get_id().as_str().to_owned();
    match (id.as_str(), command) {
        ("interface", "extcap") => {
            with(arg, || interfaces().into_iter().map(|name| format!("probe-{name}")).collect())
        }
        (
            "interfaces",
            "capture" | "count" | "rate" | "record" | "connections" | "http" | "health",
        ) => with(arg, || interfaces().into_iter().chain(["any".to_owned()]).collect()),
        ("interfaces" | "interface", _) | ("names", "interfaces") => with(arg, interfaces),
        ("fail_if" | "when", _) => {
            let names = [&["rate".to_owned(), "bytes".to_owned()][..], rules].concat();
            with(arg, move || names.clone())
        }
        ("hook", _) => with(arg, || {
            ["auto"].into_iter().chain(Hook::ALL.map(Hook::name)).map(String::from).collect()
        }),
        ("direction", _) => with(arg, || ["in", "out", "inout"].map(String::from).into()),
        ("vlan", _) => with(arg, || ["live", "as-frame"].map(String::from).into()),
        ("words", _) => {
            with(arg, || probe_filter::macros().map(|name| format!("@{name}")).collect())
        }
        _ => arg,
    }
}

/// Completes a value by names that are asked for when they are needed.
fn with(arg: Arg, names: impl Fn() -> Vec<String> + Send + Sync + 'static) -> Arg {
    arg.add(ArgValueCompleter::new(move |current: &OsStr| {
        let begins = |name: &String| current.to_str().is_some_and(|text| name.starts_with(text));
        names().into_iter().filter(begins).map(CompletionCandidate::new).collect()
    }))
}

/// The interfaces of this network namespace; none where the kernel does not say.
fn interfaces() -> Vec<String> {
    let Ok(all) = if_nameindex() else { return Vec::new() };
    all.iter().map(|interface| interface.name().to_string_lossy().into_owned()).collect()
}

/// The names of the rules on a line: of `--rule`, and of the file of `--rules`. What is not finished, or
/// wrong, has none.
fn rules_of(line: &[OsString]) -> Vec<String> {
    let words: Vec<&str> = line.iter().filter_map(|word| word.to_str()).collect();
    let mut names = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let value = |flag: &str| match word.strip_prefix(flag)? {
            "" => words.get(at + 1).copied(),
            rest => rest.strip_prefix('='),
        };
        if let Some(file) = value("--rules") {
            let read = rules::read_file(file.as_ref());
            names.extend(read.into_iter().flat_map(|file| file.rules).map(|rule| rule.name));
        } else if let Some((name, _)) = value("--rule").and_then(|rule| rule.split_once('=')) {
            names.push(name.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_of_the_line() {
        let folder = env::temp_dir().join(format!("completions.{}", std::process::id()));
        std::fs::write(&folder, "[[rule]]\nname = \"get\"\nfilter = \"@get\"\n").unwrap();
        let file = folder.to_str().unwrap();
        let names =
            |words: &[&str]| rules_of(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(names(&["count", "--rules", file, "--rule", "syn=@syn"]), ["get", "syn"]);
        assert_eq!(names(&["count", &format!("--rules={file}"), "--rule=a=tcp"]), ["get", "a"]);
        assert!(names(&["count", "--rules"]).is_empty());
        assert!(names(&["count", "--rules", "/nosuch", "--rule", "a"]).is_empty());
        std::fs::remove_file(folder).unwrap();
    }
}
