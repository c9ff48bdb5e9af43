//! `cargo xtask docs`: README.md and docs/ as a site, in `target/book`.
//!
//! The pages are laid out for it as they lie in the repository, so that a link that leads somewhere
//! there does so here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use xtask::setup::MDBOOK;
use xtask::shell::{root, say, shown, target_dir};

/// What the site has of the repository.
const PARTS: [&str; 8] = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "NOTICE",
    "LICENSE-MIT",
    "LICENSE-APACHE",
    "docs",
];
/// Folders and files that pages link to, and that are shown as they are.
const BESIDE: &str = "deploy";
const SUMMARY: &str = "docs/SUMMARY.md";

/// Builds the site; a warning is a failure.
pub fn build() -> Result<()> {
    let mdbook = MDBOOK.find_or_build()?;
    let book = target_dir().join("book");
    let source = book.join("src");
    if book.exists() {
        fs::remove_dir_all(&book).with_context(|| format!("removing {}", book.display()))?;
    }
    for part in PARTS.into_iter().chain([BESIDE]) {
        copy(&root().join(part), &source.join(part))?;
    }
    let summary = fs::read_to_string(root().join(SUMMARY)).context(SUMMARY)?;
    fs::write(source.join("SUMMARY.md"), from_the_root(&summary))?;
    fs::remove_file(source.join(SUMMARY))?;
    fs::copy(root().join("docs/book.toml"), book.join("book.toml"))?;

    let mut build = Command::new(mdbook);
    build.arg("build").arg(&book);
    say(shown(&build));
    let output = build.output().context("starting mdbook")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "mdbook: {said}");
    let warnings: Vec<&str> =
        said.lines().filter(|line| line.contains("WARN") || line.contains("ERROR")).collect();
    ensure!(warnings.is_empty(), "mdbook:\n{}", warnings.join("\n"));
    let mut nowhere = Vec::new();
    follow(&book.join("book"), &mut nowhere)?;
    ensure!(nowhere.is_empty(), "links of the site that lead nowhere:\n{}", nowhere.join("\n"));
    say(format!("{} is the site", book.join("book/index.html").display()));
    Ok(())
}

/// Collects the links of a folder's pages that lead to no file of the site.
fn follow(folder: &Path, nowhere: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            follow(&path, nowhere)?;
        } else if path.extension().is_some_and(|end| end == "html") && !path.ends_with("404.html") {
            let text = fs::read_to_string(&path)?;
            let lost = links(&text).filter(|link| !folder.join(link).exists());
            nowhere.extend(lost.map(|link| format!("{}: {link}", path.display())));
        }
    }
    Ok(())
}

/// Files of the site that a page's links name.
fn links(page: &str) -> impl Iterator<Item = &str> {
    page.split(" href=\"")
        .skip(1)
        .filter_map(|rest| rest.split(['"', '#']).next())
        .filter(|link| !link.is_empty() && !link.contains(':'))
}

/// Links of docs/SUMMARY.md as seen from the root, where mdBook wants the list.
fn from_the_root(summary: &str) -> String {
    summary.replace("](../", "](\0").replace("](", "](docs/").replace("](docs/\0", "](")
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to)?;
        let mut entries: Vec<PathBuf> =
            fs::read_dir(from)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        entries.sort();
        for entry in entries {
            let name = entry.file_name().context("an entry has a name")?;
            copy(&entry, &to.join(name))?;
        }
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(from, to).with_context(|| format!("copying {}", from.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{from_the_root, links};

    #[test]
    fn links_within_the_site() {
        let page =
            r##"<a href="a.html#b"><a class="c" href="#d"><link rel="e" href="https://f/g">"##;
        assert_eq!(links(page).collect::<Vec<_>>(), ["a.html"]);
    }

    #[test]
    fn links_of_the_summary_are_seen_from_the_root() {
        assert_eq!(
            from_the_root("[a](../README.md)\n- [b](filters.md)\n- [c](jobs/flood.md)\n"),
            "[a](README.md)\n- [b](docs/filters.md)\n- [c](docs/jobs/flood.md)\n"
        );
    }
}
