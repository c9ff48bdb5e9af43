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
    ("probe-frame", &[]),
    ("probe-link", &[]),
    ("probe-pcap", &["probe-common", "probe-filter", "probe-link", "probe-print"]),
    ("probe-print", &["libc", "probe-filter", "probe-pcap"]),
];
/// What none of them may know.
const UNKNOWN_TO_PURE: &[&str] = &["aya", "clap", "probe-user", "test-support", "testbed", "tokio"];
/// The product, and what only its tests may know.
const PRODUCT: &str = "probe-user";
const UNKNOWN_TO_PRODUCT: &[&str] = &["test-support", "testbed", "pcap"];
/// The only part of probe-user that may know aya.
const KERNEL_MODULE: [&str; 2] = ["kernel", "kernel.rs"];

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
    let mut offenders = Vec::new();
    collect_aya(&source, &mut offenders)?;
    ensure!(
        offenders.is_empty(),
        "aya outside probe-user's kernel module:\n{}",
        offenders.join("\n")
    );
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

/// Collects the lines of code that name aya, outside the kernel module.
fn collect_aya(folder: &Path, offenders: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if KERNEL_MODULE.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            collect_aya(&path, offenders)?;
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(&path)?;
            let lines = text.lines().enumerate().filter(|(_, line)| names_aya(line));
            offenders.extend(lines.map(|(number, line)| {
                format!("{}:{}: {}", path.display(), number + 1, line.trim())
            }));
        }
    }
    Ok(())
}

/// Whether a line of code, not of comment, has a word that begins with `aya`.
fn names_aya(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    code.split(|c: char| !c.is_alphanumeric() && c != '_')
        .any(|word| word == "aya" || word.starts_with("aya_"))
}

#[cfg(test)]
mod tests {
    use super::{is_of_family, names_aya};

    #[test]
    fn a_family_is_not_a_prefix() {
        assert!(is_of_family("aya", "aya") && is_of_family("aya-obj", "aya"));
        assert!(!is_of_family("pcapng-reader", "pcap"));
    }

    #[test]
    fn code_counts_comments_and_other_words_do_not() {
        assert!(names_aya("use aya::Ebpf;"));
        assert!(names_aya("    let loader = aya_obj::Object::parse(bytes)?;"));
        assert!(!names_aya("//! Nothing here knows aya."));
        assert!(!names_aya("let himalayan = ayacucho();"));
    }
}
