//! Which crate knows which: the directions that docs/architecture.md promises.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use xtask::shell::{cargo, root, say};

/// Crates that forbid unsafe code and know nothing of the system or of the program, each with
/// what else it must not know; a name stands for its kin, too.
const PURE: &[(&str, &[&str])] = &[
    ("probe-common", &[]),
    ("probe-filter", &[]),
    ("probe-flow", &["libc", "probe-common", "probe-filter", "probe-pcap", "probe-print"]),
    ("probe-frame", &[]),
    ("probe-link", &[]),
    ("probe-pcap", &["probe-common", "probe-filter", "probe-link", "probe-print"]),
    ("probe-print", &["libc", "probe-filter", "probe-pcap"]),
    ("probe-sketch", &["libc", "probe-filter", "probe-pcap", "probe-print"]),
];
/// What none of them may know.
const UNKNOWN_TO_PURE: &[&str] = &["aya", "clap", "probe-user", "test-support", "testbed", "tokio"];
/// The product, and what only its tests may know.
const PRODUCT: &str = "probe-user";
const UNKNOWN_TO_PRODUCT: &[&str] = &["test-support", "testbed", "pcap"];
/// Crates that one part of probe-user alone may know: how the crate's name begins, and the part's
/// folder or file.
const ALONE: [(&str, &str); 2] = [("aya", "kernel"), ("clap", "cli")];

/// Fails where a crate or a module knows what it must not.
pub fn check() -> Result<()> {
    for (package, unknown) in PURE {
        check_package(package, UNKNOWN_TO_PURE)?;
        check_package(package, unknown)?;
        let head = root().join(package).join("src/lib.rs");
        let text = fs::read_to_string(&head)?;
        let safe = text.lines().any(|line| line == "#![forbid(unsafe_code)]");
        ensure!(safe, "{} does not forbid unsafe code", head.display());
    }
    check_package(PRODUCT, UNKNOWN_TO_PRODUCT)?;
    let source = root().join("probe-user/src");
    for (word, part) in ALONE {
        let mut offenders = Vec::new();
        collect(&source, word, part, &mut offenders)?;
        ensure!(
            offenders.is_empty(),
            "{word} outside probe-user's module {part}:\n{}",
            offenders.join("\n")
        );
    }
    say("dependencies: run the right way");
    Ok(())
}

fn check_package(package: &str, unknown: &[&str]) -> Result<()> {
    let mut tree = cargo(&["tree", "--package", package, "--edges", "normal,build"]);
    tree.args(["--prefix", "none", "--target", "all"]);
    let output = tree.output().context("cargo tree")?;
    ensure!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let mut names = text.lines().filter_map(|line| line.split_whitespace().next());
    match names.find(|name| unknown.iter().any(|word| is_of_family(name, word))) {
        Some(name) => bail!("{package} depends on {name}"),
        None => Ok(()),
    }
}

/// Whether a crate is `word` or one of its kin, such as `aya-obj` of `aya`.
fn is_of_family(name: &str, word: &str) -> bool {
    name.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Collects the lines of code that name a crate, outside the part that may.
fn collect(folder: &Path, word: &str, part: &str, offenders: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if path.file_stem().is_some_and(|name| name == part) {
            continue;
        }
        if path.is_dir() {
            collect(&path, word, part, offenders)?;
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = fs::read_to_string(&path)?;
            let lines = text.lines().enumerate().filter(|(_, line)| names(line, word));
            offenders.extend(lines.map(|(number, line)| {
                format!("{}:{}: {}", path.display(), number + 1, line.trim())
            }));
        }
    }
    Ok(())
}

/// Whether a line of code, not of comment, names a crate or one of its kin.
fn names(line: &str, word: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    code.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter_map(|name| name.strip_prefix(word))
        .any(|rest| rest.is_empty() || rest.starts_with('_'))
}

#[cfg(test)]
mod tests {
    use super::{is_of_family, names};

    #[test]
    fn a_family_is_not_a_prefix() {
        assert!(is_of_family("aya", "aya") && is_of_family("aya-obj", "aya"));
        assert!(!is_of_family("pcapng-reader", "pcap"));
    }

    #[test]
    fn code_counts_comments_and_other_words_do_not() {
        assert!(names("use aya::Ebpf;", "aya"));
        assert!(names("    let loader = aya_obj::Object::parse(bytes)?;", "aya"));
        assert!(!names("//! Nothing here knows aya.", "aya"));
        assert!(names("use clap::Parser;", "clap") && !names("slap(claps)", "clap"));
        assert!(!names("let himalayan = ayacucho();", "aya"));
    }
}
