//! The unit of `probe serve`, by systemd's own checks; nothing is started. (`cargo xtask dist --check
//! unit` runs it in a system that systemd has booted.)

use std::fs;
use std::process::Command;

use testbed::{
    requirements::{Requirement, met},
    run,
};

use super::{LIMIT, text};

const UNIT: &str = "deploy/systemd/probe.service";
const SOCKETS: &str = "deploy/systemd/probe.socket";
const OLDER: &str = "deploy/systemd/before-253.conf";
/// Of 100, which is no protection at all. The three capabilities, and a network that is the host's,
/// are what is left.
const EXPOSURE: u32 = 20;

/// systemd's version.
fn version() -> u32 {
    let said = run(systemd_analyze(&["--version"]), LIMIT).unwrap().text();
    let version = said.split_whitespace().nth(1).and_then(|version| version.parse().ok());
    version.unwrap_or_else(|| panic!("{said}"))
}

fn systemd_analyze(words: &[&str]) -> Command {
    let mut command = Command::new("systemd-analyze");
    command.args(words);
    command
}

#[test]
fn systemd_knows_all_of_it_and_what_it_may_do_is_little() {
    if !met(&[Requirement::Tool("systemd-analyze")]) {
        return;
    }
    // Whether the program is there is not the question here.
    let mut unit = text(UNIT).replace("/usr/bin/probe", "/bin/true");
    let mut older = text(OLDER).replace("/usr/bin/probe", "/bin/true");
    assert!(unit.contains("ExecStart=/bin/true serve "), "{unit}");
    if version() < 253 {
        // What the drop-in is for.
        unit = unit.replace("Type=notify-reload", "Type=notify");
    }
    let folder = tempfile::tempdir().unwrap();
    let drop_ins = folder.path().join("probe.service.d");
    fs::create_dir(&drop_ins).unwrap();
    let file = folder.path().join("probe.service");
    let path = file.to_str().unwrap();
    let sockets = folder.path().join("probe.socket");
    fs::write(&sockets, text(SOCKETS)).unwrap();
    for with_older in [false, true] {
        fs::write(&file, &unit).unwrap();
        if with_older {
            fs::write(drop_ins.join("before-253.conf"), &older).unwrap();
        }
        // An unknown key is no failure by itself, only a line.
        let words = ["verify", "--recursive-errors=yes", path, sockets.to_str().unwrap()];
        let said = run(systemd_analyze(&words), LIMIT);
        let said = said.unwrap_or_else(|error| panic!("{error:#}"));
        let ours: Vec<&str> = (said.stderr.lines())
            .filter(|line| line.contains("probe.service") || line.contains("probe.socket"))
            .collect();
        assert!(ours.is_empty(), "{ours:?}");
        let threshold = format!("--threshold={EXPOSURE}");
        let words = ["security", "--offline=true", "--no-pager", &threshold, path];
        run(systemd_analyze(&words), LIMIT).unwrap_or_else(|error| panic!("{error:#}"));
    }
    // And that a mistake would have been seen.
    older.push_str("RestartSec=soon\n");
    fs::write(drop_ins.join("before-253.conf"), older).unwrap();
    let said = run(systemd_analyze(&["verify", "--recursive-errors=yes", path]), LIMIT);
    let seen = match &said {
        Ok(finished) => finished.stderr.contains("RestartSec"),
        Err(_) => true,
    };
    assert!(seen, "{said:?}");
}
