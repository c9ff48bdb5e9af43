//! A bar on the terminal while a large file is read: only there, only of large files, and gone at the end.

use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use nix::pty::{Winsize, openpty};

/// Longest frame that a capture file may have.
const FRAME: u32 = 262_144;
/// Clears a line, as console and indicatif do.
const CLEAR: &str = "\x1b[2K";

/// A capture of frames of zeros, as holes in a file: large, and no room is taken.
fn capture(folder: &Path, frames: u32) -> PathBuf {
    let path = folder.join(format!("{frames}.pcap"));
    let mut file = File::create(&path).unwrap();
    let words =
        |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
    file.write_all(&words(&[0xa1b2_c3d4, 4 << 16 | 2, 0, 0, FRAME, 1])).unwrap();
    for second in 0..frames {
        file.write_all(&words(&[second, 0, FRAME, FRAME])).unwrap();
        file.seek(SeekFrom::Current(FRAME.into())).unwrap();
    }
    let end = file.stream_position().unwrap();
    file.set_len(end).unwrap();
    path
}

/// What came on standard output, and on the terminal that standard error is.
fn on_terminal(arguments: &[&str], input: Stdio) -> (String, String) {
    let size = Winsize { ws_row: 24, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
    let terminal = openpty(Some(&size), None).unwrap();
    let mut probe = Command::new(env!("CARGO_BIN_EXE_probe"));
    probe.args(arguments).env("TERM", "xterm").stdin(input).stdout(Stdio::piped());
    probe.stderr(Stdio::from(terminal.slave));
    let mut master = File::from(terminal.master);
    let shown = thread::spawn(move || {
        let mut bytes = Vec::new();
        // It ends with an error (EIO) when nobody has the other end any more.
        let _ = master.read_to_end(&mut bytes);
        String::from_utf8(bytes).unwrap()
    });
    let child = probe.spawn().unwrap();
    // Its own copy of the terminal.
    drop(probe);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    (String::from_utf8(output.stdout).unwrap(), shown.join().unwrap())
}

/// What is left of a bar when it is gone: what stands behind the last clearing.
fn left(terminal: &str) -> &str {
    terminal.rsplit_once(CLEAR).map_or(terminal, |(_, behind)| behind)
}

#[test]
fn a_bar_while_a_large_file_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let large = capture(folder.path(), 800);
    let (large, copy) = (large.to_str().unwrap(), folder.path().join("copy.pcap"));
    let copy = copy.to_str().unwrap();
    for arguments in [
        &["count", "-r", large, "--format", "csv"][..],
        &["rate", "-r", large],
        &["connections", "-r", large],
        &["health", "-r", large, "--format", "json"],
        &["capture", "-r", large, "-w", copy, "len = 1"],
    ] {
        let (stdout, terminal) = on_terminal(arguments, Stdio::null());
        assert!(terminal.contains(" of 209.73 MB"), "{terminal:?}");
        assert!(!left(&terminal).contains('%'), "{arguments:?}: {terminal:?}");
        let plain = Command::new(env!("CARGO_BIN_EXE_probe")).args(arguments).output().unwrap();
        assert_eq!(stdout, String::from_utf8(plain.stdout).unwrap(), "{arguments:?}");
        let said = String::from_utf8(plain.stderr).unwrap();
        assert!(!said.contains('%') && !said.contains('\x1b'), "{arguments:?}: {said}");
        // What is said meanwhile is said all the same.
        for line in said.lines() {
            assert!(terminal.contains(line), "{arguments:?}: {line} in {terminal:?}");
        }
    }
}

#[test]
fn bytes_of_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let large = capture(folder.path(), 800);
    let cat = Command::new("cat").arg(&large).stdout(Stdio::piped()).spawn();
    let mut cat = cat.unwrap();
    let (_, terminal) = on_terminal(&["count", "-r", "-"], cat.stdout.take().unwrap().into());
    assert!(cat.wait().unwrap().success());
    assert!(terminal.contains(" MB read, ") && !terminal.contains('%'), "{terminal:?}");
    assert!(!left(&terminal).contains("MB"), "{terminal:?}");
}

#[test]
fn no_bar_of_small_files() {
    let folder = tempfile::tempdir().unwrap();
    let small = capture(folder.path(), 700);
    let (_, terminal) = on_terminal(&["count", "-r", small.to_str().unwrap()], Stdio::null());
    assert!(!terminal.contains(CLEAR) && !terminal.contains('%'), "{terminal:?}");
}
