//! probe's text beside tcpdump's.

use std::{path::Path, process::Command};

/// What a program prints of a file.
pub fn output(program: &str, arguments: &[&str], file: &Path) -> String {
    let output = Command::new(program)
        .args(arguments)
        .arg("-r")
        .arg(file)
        .env("TZ", "UTC")
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Panics with the first frames whose texts differ.
pub fn assert_equal(what: &str, ours: &[impl AsRef<str>], theirs: &[impl AsRef<str>]) {
    let pairs = ours.iter().zip(theirs).map(|(ours, theirs)| (ours.as_ref(), theirs.as_ref()));
    let mut differ: Vec<String> = pairs
        .filter(|(ours, theirs)| ours != theirs)
        .map(|(ours, theirs)| format!("probe:   {ours}\ntcpdump: {theirs}\n"))
        .collect();
    let number = differ.len();
    differ.truncate(8);
    assert!(
        number == 0 && ours.len() == theirs.len(),
        "{what}: {number} of {} frames differ:\n{}",
        theirs.len(),
        differ.concat()
    );
}
