//! Inputs without an end, and limits of the process: an error in words, at once, and never the
//! machine's memory.

use std::{
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    path::Path,
    process::{Command, Output},
};

fn probe(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_probe"));
    command.args(arguments).env_remove("TZ");
    command
}

/// Sets a limit of the process that is started (getrlimit(2)).
fn limited(mut command: Command, resource: libc::__rlimit_resource_t, limit: u64) -> Command {
    let set = move || {
        let limit = libc::rlimit { rlim_cur: limit, rlim_max: limit };
        // SAFETY: the structure lives through the call, which is one plain system call.
        match unsafe { libc::setrlimit(resource, &raw const limit) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }
    };
    // SAFETY: the closure makes one system call on memory it owns.
    unsafe { command.pre_exec(set) };
    command
}

/// Runs it with an address space in which there is no room for an endless text.
fn run(command: Command) -> Output {
    limited(command, libc::RLIMIT_AS, 1 << 30).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A file of so many UDP frames.
fn capture(path: &Path, frames: usize) {
    let mut bytes = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1] {
        bytes.extend(word.to_le_bytes());
    }
    let frame = [[0_u8; 12].as_slice(), &[0x08, 0x06], &[0; 46]].concat();
    for second in 0..frames as u32 {
        for word in [second, 0, frame.len() as u32, frame.len() as u32] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(&frame);
    }
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn endless_texts_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.pcap");
    capture(&file, 1);
    let file = file.to_str().unwrap();
    for (arguments, flag) in [
        (&["count", "-r", file, "--rules", "/dev/zero"][..], "--rules"),
        (&["capture", "-r", file, "-F", "/dev/zero"], "-F"),
        (&["capture", "-V", "/dev/zero"], "-V"),
    ] {
        let output = run(probe(arguments));
        let said = said(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(flag) && said.contains("/dev/zero"), "{said}");
        assert!(said.contains("larger than 16 MiB, the limit"), "{said}");
    }
}

#[test]
fn a_time_zone_without_an_end_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.pcap");
    capture(&file, 1);
    let mut command = probe(&["capture", "-nn", "-r", file.to_str().unwrap()]);
    command.env("TZ", "/dev/zero");
    let output = run(command);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("TZ=/dev/zero: not a regular file; times are shown in UTC"), "{said}");
    assert!(output.stdout.starts_with(b"00:00:00.000000 "), "{output:?}");
}

/// Their lines are found in one pass: in the square of their number it took minutes.
#[test]
fn too_many_rules_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("r.toml");
    let rule = |number| format!("[[rule]]\nname = \"r{number}\"\nfilter = \"port 1\"\n");
    std::fs::write(&rules, (0..100_000).map(rule).collect::<String>()).unwrap();
    let file = folder.path().join("a.pcap");
    capture(&file, 1);
    let (file, rules) = (file.to_str().unwrap(), rules.to_str().unwrap());
    let output = run(probe(&["count", "-r", file, "--rules", rules]));
    let said = said(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("r.toml: 100000 rules; one program holds at most 1024"), "{said}");
}

#[test]
fn a_limit_on_the_length_of_files_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("a.pcap"), folder.path().join("b.pcap"));
    capture(&from, 5_000);
    let (from, to) = (from.to_str().unwrap(), to.to_str().unwrap());
    let command = limited(probe(&["capture", "-r", from, "-w", to]), libc::RLIMIT_FSIZE, 100_000);
    let output = run(command);
    let said = said(&output);
    assert_eq!(output.status.signal(), None, "killed: {said}");
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("b.pcap") && said.contains("ulimit -f"), "{said}");
    // What is there are whole frames: a head of 24 bytes, and 76 bytes a frame.
    let length = std::fs::metadata(to).unwrap().len();
    assert!(length <= 100_000 && (length - 24).is_multiple_of(76), "{length} bytes");
}

/// With ever more descriptors every step fails once, and none panics.
#[test]
fn a_limit_on_descriptors_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("a.pcap"), folder.path().join("b.pcap"));
    capture(&from, 10);
    let (from, to) = (from.to_str().unwrap(), to.to_str().unwrap());
    let mut refused = 0;
    // The dynamic loader takes one, too.
    for limit in 4..24 {
        let command = probe(&["capture", "-r", from, "-w", to]);
        let output = limited(command, libc::RLIMIT_NOFILE, limit).output().unwrap();
        let said = said(&output);
        match output.status.code() {
            Some(0) => {}
            Some(1) => {
                refused += 1;
                assert!(said.contains("ulimit -n"), "{limit}: {said}");
            }
            code => panic!("{limit}: {code:?}: {said}"),
        }
    }
    assert!(refused > 0);
}
