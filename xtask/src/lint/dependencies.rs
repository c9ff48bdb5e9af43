//! Which crate knows which: the directions that docs/architecture.md promises.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::shell::{cargo, root, say};

/// Crates that must build without the eBPF loader and without an async runtime.
const PURE: [&str; 2] = ["probe-filter", "probe-common"];
/// What they must not know; a name stands for all crates that begin with it.
const UNKNOWN_TO_PURE: [&str; 2] = ["aya", "tokio"];
/// The only part of probe-user that may know aya.
const KERNEL_MODULE: [&str; 2] = ["kernel", "kernel.rs"];

/// Fails where a crate or a module knows what it must not.
pub fn check() -> Result<()> {
    for package in PURE {
        check_package(package)?;
    }
    let source = root().join("probe-user/src");
    let mut offenders = Vec::new();
    collect_aya(&source, &mut offenders)?;
    ensure!(
        offenders.is_empty(),
        "aya outside probe-user's kernel module:\n{}",
        offenders.join("\n")
    );
    say("dependencies: probe-filter and probe-common are pure, aya stays in the kernel module");
    Ok(())
}

fn check_package(package: &str) -> Result<()> {
    let mut tree = cargo(&["tree", "--package", package, "--edges", "normal,build"]);
    tree.args(["--prefix", "none", "--target", "all"]);
    let output = tree.output().context("cargo tree")?;
    ensure!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let mut names = text.lines().filter_map(|line| line.split_whitespace().next());
    let forbidden = names.find(|name| UNKNOWN_TO_PURE.iter().any(|word| name.starts_with(word)));
    match forbidden {
        Some(name) => bail!("{package} depends on {name}"),
        None => Ok(()),
    }
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
    use super::names_aya;

    #[test]
    fn code_counts_comments_and_other_words_do_not() {
        assert!(names_aya("use aya::Ebpf;"));
        assert!(names_aya("    let loader = aya_obj::Object::parse(bytes)?;"));
        assert!(!names_aya("//! Nothing here knows aya."));
        assert!(!names_aya("let himalayan = ayacucho();"));
    }
}
