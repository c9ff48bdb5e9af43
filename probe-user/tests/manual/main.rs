//! What people read and what shells load: help, manual pages, completion scripts, held against the
//! files in `golden`. With `PROBE_BLESS=1` they are written anew:
//! `PROBE_BLESS=1 cargo test -p probe-user --test manual`.

#[path = "../../examples/manual/command.rs"]
mod command;
#[path = "../../examples/manual/pages.rs"]
mod pages;
#[path = "../../examples/manual/prose.rs"]
mod prose;

mod shells;

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use testbed::requirements::{Requirement::Tool, met};

fn golden(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/manual/golden").join(folder)
}

/// Holds texts against the files of a folder, which has no others.
fn check(folder: &str, texts: BTreeMap<String, String>) {
    let folder = golden(folder);
    if env::var_os("PROBE_BLESS").is_some() {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder");
        for (name, text) in &texts {
            fs::write(folder.join(name), text).expect("written");
        }
        return;
    }
    let how = "to accept it: PROBE_BLESS=1 cargo test -p probe-user --test manual";
    for (name, text) in &texts {
        let path = folder.join(name);
        let expected = fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}; {how}", path.display()));
        for (number, (now, before)) in text.lines().zip(expected.lines()).enumerate() {
            assert_eq!(now, before, "{name}, line {}; {how}", number + 1);
        }
        assert!(*text == expected, "{name} has another length; {how}");
    }
    let files = fs::read_dir(&folder).expect("a folder").map(|file| file.expect("readable"));
    for name in files.map(|file| file.file_name().into_string().expect("text")) {
        assert!(texts.contains_key(&name), "{name} is not made any more; {how}");
    }
}

fn help(words: &[&str]) -> String {
    let mut probe = Command::new(env!("CARGO_BIN_EXE_probe"));
    let output = probe.args(words).env("COLUMNS", "80").output().expect("it runs");
    assert!(output.status.success() && output.stderr.is_empty(), "{words:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn help_of_every_command() {
    let mut texts = BTreeMap::from([("probe.txt".to_owned(), help(&["--help"]))]);
    assert_eq!(help(&["help"]), help(&["-h"]));
    for command in command::visible(&probe::cli::definition()) {
        let name = command.get_name();
        let all = help(&[name, "--help"]);
        assert_eq!(help(&["help", name]), all, "{name}");
        texts.insert(format!("{name}.txt"), format!("{}\n{all}", help(&[name, "-h"])));
    }
    check("help", texts);
}

#[test]
fn manual_pages() {
    let pages = pages::all().expect("pages");
    check("man", pages.into_iter().map(|page| (page.file_name(), page.text)).collect());
}

/// Neither groff nor mandoc has a complaint.
#[test]
fn manual_pages_are_right() {
    if !met(&[Tool("man"), Tool("mandoc")]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    for page in pages::all().expect("pages") {
        let path = folder.path().join(page.file_name());
        fs::write(&path, &page.text).expect("written");
        let mut man = Command::new("man");
        man.args(["--warnings", "-E", "UTF-8", "-l"]).arg(&path).env("MANWIDTH", "80");
        // The last release of mandoc wants a date in each page, which would differ from build to build.
        let mut mandoc = Command::new("mandoc");
        mandoc.args(["-T", "lint", "-W", "warning"]).arg(&path);
        for (tool, mut command) in [("man", man), ("mandoc", mandoc)] {
            let output = command.output().expect("it runs");
            let said = if tool == "man" { output.stderr } else { output.stdout };
            let said = String::from_utf8(said).expect("text");
            let complaints: Vec<&str> =
                said.lines().filter(|line| !line.contains("missing date")).collect();
            assert!(complaints.is_empty(), "{tool}: {}", complaints.join("\n"));
        }
    }
}

#[test]
fn completion_scripts() {
    let shells = ["bash", "elvish", "fish", "powershell", "zsh"];
    check(
        "completions",
        shells.map(|shell| (shell.to_owned(), help(&["completions", shell]))).into(),
    );
}
