//! Completion in real shells: each loads its script, and is asked as at a Tab.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use testbed::requirements::{Requirement::Tool, met};

/// Runs a program that finds `probe`, and returns its lines.
fn lines(mut command: Command) -> Vec<String> {
    let programs = Path::new(env!("CARGO_BIN_EXE_probe")).parent().expect("a folder");
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());
    let output = command.env("PATH", path).stdin(Stdio::null()).output().expect("a shell");
    let said = String::from_utf8_lossy(&output.stderr);
    // Outside of a Tab bash has no completion whose options could be set.
    assert!(said.lines().all(|line| line.contains("compopt")), "{command:?}: {said}");
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().filter(|line| !line.is_empty()).map(String::from).collect()
}

/// What bash offers behind a line, whose last word is the one that is being typed.
fn bash(line: &str, folder: &Path) -> Vec<String> {
    // As readline does: the words of the line, and the place of the last one.
    let script = r#"
        source <(probe completions bash)
        function=$(complete -p probe) && function=${function#*-F } && function=${function%% *}
        eval "COMP_WORDS=($1)"
        [[ $1 == *' ' ]] && COMP_WORDS+=("")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9
        "$function" probe "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let mut bash = Command::new("bash");
    bash.args(["--norc", "--noprofile", "-c", script, "bash", line]).current_dir(folder);
    lines(bash)
}

/// The same of fish, without what stands beside each candidate.
fn fish(line: &str, folder: &Path) -> Vec<String> {
    let script = "probe completions fish | source; complete --do-complete $argv[1]";
    let mut fish = Command::new("fish");
    fish.args(["--no-config", "-c", script, line]).current_dir(folder);
    let offered = lines(fish).into_iter();
    offered.filter_map(|line| Some(line.split('\t').next()?.to_owned())).collect()
}

/// The same of zsh, which finds the script in a folder of `$fpath` at the first Tab, and shows what a function
/// of its own is given.
fn zsh(line: &str, folder: &Path) -> Vec<String> {
    let script = r#"
        probe completions zsh > _probe
        fpath=($PWD $fpath)
        compdef() { : }
        _describe() { print -rl -- ${(P)3} }
        words=(${=1}) CURRENT=${#words}
        autoload -Uz _probe
        _probe
    "#;
    let mut zsh = Command::new("zsh");
    zsh.args(["-f", "-c", script, "zsh", line]).current_dir(folder);
    let offered = lines(zsh).into_iter();
    offered.filter_map(|line| Some(line.split(':').next()?.to_owned())).collect()
}

/// The same of elvish. Its editor, which has the table of completers, is there in a terminal alone: the completer
/// becomes a function. What does not begin with the last word the editor leaves out.
fn elvish(line: &str, folder: &Path) -> Vec<String> {
    let mut probe = Command::new("probe");
    probe.args(["completions", "elvish"]);
    let script = lines(probe).join("\n");
    let begin = "set edit:completion:arg-completer[probe] =";
    assert!(script.contains(begin), "{script}");
    let empty = if line.ends_with(' ') { "''" } else { "" };
    let script = format!("{}\n$complete {line} {empty}", script.replace(begin, "var complete ="));
    let mut elvish = Command::new("elvish");
    elvish.args(["-norc", "-c", &script]).current_dir(folder);
    let last = line.rsplit(' ').next().unwrap_or_default();
    lines(elvish).into_iter().filter(|word| word.starts_with(last)).collect()
}

/// A folder with a file of rules and one of frames.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = "[[rule]]\nname = \"get\"\nfilter = \"@get\"\n";
    fs::write(folder.path().join("rules.toml"), rules).expect("written");
    fs::write(folder.path().join("trace.pcap"), "").expect("written");
    folder
}

/// Lines that each shell completes alike.
fn check(offered: impl Fn(&str) -> Vec<String>) {
    assert_eq!(offered("probe cap"), ["capture"]);
    assert_eq!(offered("probe count -i l"), ["lo"]);
    assert_eq!(offered("probe interfaces l"), ["lo"]);
    assert_eq!(offered("probe count --rules rules.toml --fail-if g"), ["get"]);
    assert_eq!(offered("probe record --rule syn=@syn --when s"), ["syn"]);
    assert_eq!(offered("probe count --hook xdp-n"), ["xdp-native"]);
    assert_eq!(offered("probe count --format j"), ["json"]);
    assert_eq!(offered("probe count -i lo @syn"), ["@syn", "@synack"]);
    assert_eq!(offered("probe capture --sample-"), ["--sample-flows"]);
    assert_eq!(offered("probe count -r tra"), ["trace.pcap"]);
}

#[test]
fn completion_in_bash() {
    if !met(&[Tool("bash")]) {
        return;
    }
    let folder = folder();
    let offered = |line: &str| bash(line, folder.path());
    check(offered);
    assert_eq!(offered("probe extcap --extcap-interface probe-l"), ["probe-lo"]);
    let shells = offered("probe completions ");
    assert!(["bash", "zsh"].iter().all(|shell| shells.contains(&(*shell).into())), "{shells:?}");
    let interfaces = offered("probe capture -i ");
    assert!(interfaces.contains(&"lo".into()) && interfaces.contains(&"any".into()));
    let commands = offered("probe ");
    assert!(["count", "capture", "help"].iter().all(|name| commands.contains(&(*name).to_owned())));
    assert!(!commands.contains(&"serve-http".into()), "{commands:?}");
}

#[test]
fn completion_in_fish() {
    if met(&[Tool("fish")]) {
        let folder = folder();
        check(|line| fish(line, folder.path()));
    }
}

#[test]
fn completion_in_zsh() {
    if met(&[Tool("zsh")]) {
        let folder = folder();
        check(|line| zsh(line, folder.path()));
    }
}

#[test]
fn completion_in_elvish() {
    if met(&[Tool("elvish")]) {
        let folder = folder();
        check(|line| elvish(line, folder.path()));
    }
}
