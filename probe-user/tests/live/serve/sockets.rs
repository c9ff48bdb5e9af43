//! Sockets that systemd hands over (sd_listen_fds(3)).

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    process::Command,
};

use testbed::{
    Running, SERVER_LINK,
    requirements::{Requirement, met},
    run,
};

use super::{Answer, rule};
use crate::rig::{LIMIT, NEEDS, beside_others, probe, quiet_pair};

const TOOLS: &[Requirement] =
    &[Requirement::Tool("systemd-socket-activate"), Requirement::Tool("curl")];

/// One by TCP and one in the file system, opened before the program is started, by systemd's own test of
/// it. Who connects before `probe` counts is answered when it does.
#[test]
fn sockets_of_systemd() {
    if !met(NEEDS) || !met(TOOLS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("probe.sock");
    let file = folder.path().join("probe.toml");
    let head = format!("interfaces = \"{SERVER_LINK}\"\nlisten = \"systemd\"\n");
    fs::write(&file, head + &rule("all", "")).unwrap();
    let program = probe(&pair.server, &["serve", file.to_str().unwrap()]);
    let mut activate = pair.server.command("systemd-socket-activate");
    activate.args(["--listen=127.0.0.1:9977", &format!("--listen={}", path.display())]);
    activate.arg(program.get_program()).args(program.get_args());
    let running = Running::spawn(activate).unwrap();
    running.wait_for_line("Listening on", LIMIT).unwrap();
    // The first connection starts it.
    let mut curl = pair.server.command("curl");
    curl.args(["--silent", "--fail", "http://127.0.0.1:9977/readyz"]);
    assert_eq!(run(curl, LIMIT).unwrap().text(), "ok\n");
    // In the file system: who may connect may reload.
    let mut stream = UnixStream::connect(&path).unwrap();
    let request = b"POST /-/reload HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(request).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(Answer::read(&text).status, 200);
    running.interrupt(LIMIT).unwrap();
}

/// Without systemd there is nothing to serve at, and that is said.
#[test]
fn no_sockets_of_systemd() {
    if !met(NEEDS) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("probe.toml");
    fs::write(
        &file,
        String::from("interfaces = \"lo\"\nlisten = \"systemd\"\n") + &rule("all", ""),
    )
    .unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_probe"));
    command.args(["serve", file.to_str().unwrap()]).env_remove("LISTEN_FDS");
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("listen: systemd handed over no socket"), "{said}");
}
