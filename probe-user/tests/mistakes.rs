//! Mistakes made on purpose: each is refused before anything is attached, with the exit
//! code of its kind and a message that names the flag, the file or the place.

use std::{fmt::Write as _, fs, process::Command};

/// Runs it; its exit code and standard error.
fn run(arguments: &[&str]) -> (Option<i32>, String) {
    // A command line that should have been refused must not count for ever.
    let output = Command::new("timeout")
        .args(["20", env!("CARGO_BIN_EXE_probe")])
        .args(arguments)
        .output()
        .expect("the program runs");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    (output.status.code(), String::from_utf8(output.stderr).expect("text"))
}

fn check(arguments: &[&str], code: i32, parts: &[&str]) {
    let (got, said) = run(arguments);
    assert_eq!(got, Some(code), "{arguments:?}: {said}");
    assert!(!said.contains("panicked"), "{arguments:?}: {said}");
    for part in parts {
        assert!(said.contains(part), "{arguments:?} does not say {part:?}: {said}");
    }
}

#[test]
fn values_out_of_range_name_their_flag() {
    for (flag, values) in [
        ("--interval", &["0", "-1s", "-1", "1e3", "soon", "99999999999999999999h", "4e9h"][..]),
        ("--duration", &["0s", "-5", "99999999999d", ""]),
        ("--count", &["0", "-5", "99999999999999999999", "5x", "1.5"]),
        ("--format", &["xml", "-1"]),
        ("--hook", &["nic", "-x"]),
        ("--direction", &["both"]),
        ("--vlan", &["perhaps"]),
    ] {
        for value in values {
            check(&["count", "-i", "lo", flag, value], 2, &[flag]);
        }
    }
    for (flag, values) in
        [("--count", &["0", "1", "-1"][..]), ("--duration", &["0", "-1s", "soon"])]
    {
        for value in values {
            check(&["rate", "-i", "lo", flag, value], 2, &[flag]);
        }
    }
    for (flag, values) in [
        ("--snapshot-length", &["-1", "99999999999"][..]),
        ("-c", &["-1"]),
        ("--sample", &["0", "-1"]),
        ("--max-rate", &["0", "99999999999999999999"]),
        ("--buffer-size", &["0", "2G", "1T", "-1"]),
    ] {
        for value in values {
            check(&["capture", "-i", "lo", flag, value], 2, &[flag]);
        }
    }
}

#[test]
fn flags_that_exclude_each_other() {
    check(&["count", "-r", "x.pcap", "-i", "lo"], 2, &["--read", "--interface"]);
    check(&["count", "-i", "lo", "--engine", "user"], 2, &["--interface", "--engine"]);
    for command in ["count", "rate", "capture"] {
        check(&[command, "-r", "x.pcap", "--duration", "1s"], 2, &["--duration", "-r"]);
    }
}

#[test]
fn rules_files_name_file_and_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let many = |count: usize| {
        (0..count).fold(String::new(), |mut text, index| {
            writeln!(text, "[[rule]]\nname = \"r{index}\"\nfilter = \"port {index}\"").unwrap();
            text
        })
    };
    let (a, most) = ("[[rule]]\nname = \"a\"\n", many(1024));
    let over = many(1025);
    let twice = format!("{a}filter = \"tcp\"\n{a}filter = \"udp\"\n");
    let wrong = format!("\n{a}filter = \"tcp prot\"\n");
    let negative = format!("{a}filter = \"tcp\"\nsample = -1\n");
    let huge = format!("{a}filter = \"tcp\"\nsample = 99999999999999999999999\n");
    let table: &[(&str, &str, &[&str])] = &[
        ("over.toml", &over, &["over.toml: 1025 rules", "1024"]),
        ("broken.toml", "[[rule]\nname = \"a\"\n", &["broken.toml:1:"]),
        ("empty.toml", "", &["empty.toml: ", "no [[rule]]"]),
        ("twice.toml", &twice, &["\"a\"", "twice.toml:1", "twice.toml:4"]),
        ("wrong.toml", &wrong, &["wrong.toml:2: rule a: ", "tcp prot", "^^^^"]),
        ("types.toml", "rule = 3\n", &["types.toml:1:"]),
        ("negative.toml", &negative, &["negative.toml:4:"]),
        ("huge.toml", &huge, &["huge.toml:4:"]),
    ];
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    for (name, text, parts) in table {
        fs::write(path(name), text).expect("written");
        check(&["count", "-i", "lo", "--rules", &path(name)], 2, parts);
    }
    fs::write(path("most.toml"), most).expect("written");
    let one_more = ["count", "-i", "lo", "--rules", &path("most.toml"), "--rule", "x=tcp"];
    check(&one_more, 2, &["--rule", "1025 rules"]);
    fs::write(path("twice.toml"), format!("{a}filter = \"\"\n")).expect("written");
    let both = ["count", "-i", "lo", "--rules", &path("twice.toml"), "--rule", "a=tcp"];
    check(&both, 2, &["twice.toml:1", "--rule"]);
    check(&["count", "-i", "lo", "--rule", "b=tcp prot"], 2, &["--rule b: ", "^^^^"]);
}

#[test]
fn files_that_do_not_read_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let binary = folder.path().join("binary.toml");
    fs::write(&binary, b"\xff\xfe\0").expect("written");
    let binary = binary.to_str().expect("text");
    let place = folder.path().to_str().expect("text");
    check(&["count", "-i", "lo", "--rules", binary], 1, &[binary, "UTF-8"]);
    check(&["count", "-i", "lo", "--rules", place], 1, &[place, "directory"]);
    check(&["count", "-i", "lo", "--rules", "/nosuch.toml"], 1, &["/nosuch.toml", "No such file"]);
    check(&["count", "-r", binary], 1, &[binary, "neither a pcap nor a pcapng"]);
    check(&["capture", "-r", place], 1, &[place, "directory"]);
}
