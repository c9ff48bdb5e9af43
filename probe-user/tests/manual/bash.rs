//! Completion in a real bash: the script is loaded, and its function called as at a Tab.

use std::{fs, path::Path, process::Command};

use testbed::requirements::{Requirement::Tool, met};

/// What bash offers behind a line, whose last word is the one that is being typed.
fn offered(line: &str, folder: &Path) -> Vec<String> {
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
    let programs = Path::new(env!("CARGO_BIN_EXE_probe")).parent().expect("a folder");
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());
    let output = Command::new("bash")
        .args(["--norc", "--noprofile", "-c", script, "bash", line])
        .env("PATH", path)
        .current_dir(folder)
        .output()
        .expect("bash");
    let text = String::from_utf8(output.stdout).expect("text");
    let said = String::from_utf8_lossy(&output.stderr);
    // Outside of a Tab there is no completion whose options could be set.
    assert!(said.lines().all(|line| line.contains("compopt")), "{line}: {said}");
    text.lines().filter(|line| !line.is_empty()).map(String::from).collect()
}

#[test]
fn completion_in_bash() {
    if !met(&[Tool("bash")]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let rules = "[[rule]]\nname = \"get\"\nfilter = \"@get\"\n";
    fs::write(folder.path().join("rules.toml"), rules).expect("written");
    fs::write(folder.path().join("trace.pcap"), "").expect("written");
    let offered = |line: &str| offered(line, folder.path());
    assert_eq!(offered("probe cap"), ["capture"]);
    assert_eq!(offered("probe count -i l"), ["lo"]);
    assert_eq!(offered("probe extcap --extcap-interface probe-l"), ["probe-lo"]);
    assert_eq!(offered("probe interfaces l"), ["lo"]);
    assert_eq!(offered("probe count --rules rules.toml --fail-if g"), ["get"]);
    assert_eq!(offered("probe record --rule syn=@syn --when s"), ["syn"]);
    assert_eq!(offered("probe count --hook xdp-n"), ["xdp-native"]);
    assert_eq!(offered("probe count --format j"), ["json"]);
    assert_eq!(offered("probe count -i lo @syn"), ["@syn", "@synack"]);
    assert_eq!(offered("probe capture --sample-"), ["--sample-flows"]);
    assert_eq!(offered("probe count -r tra"), ["trace.pcap"]);
    let shells = offered("probe completions ");
    assert!(["bash", "zsh"].iter().all(|shell| shells.contains(&(*shell).into())), "{shells:?}");
    let interfaces = offered("probe capture -i ");
    assert!(interfaces.contains(&"lo".into()) && interfaces.contains(&"any".into()));
    let commands = offered("probe ");
    assert!(["count", "capture", "help"].iter().all(|name| commands.contains(&(*name).to_owned())));
    assert!(!commands.contains(&"serve-http".into()), "{commands:?}");
}
