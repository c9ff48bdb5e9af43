//! Links of the documentation to its own files: each leads to a file, and where it names a heading, to
//! one that is there.

use std::collections::HashMap;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use pulldown_cmark::{Event, Parser, Tag, TagEnd};
use xtask::shell::{root, say};

/// Fails where a link of a Markdown file leads nowhere.
pub fn check() -> Result<()> {
    let mut pages = HashMap::new();
    for file in files()? {
        let text = fs::read_to_string(root().join(&file))
            .with_context(|| format!("reading {}", file.display()))?;
        pages.insert(file, Page::read(&text));
    }
    let mut objections: Vec<String> = Vec::new();
    let mut links = 0;
    for (file, page) in &pages {
        for link in page.links.iter().filter(|link| is_local(link)) {
            links += 1;
            if let Err(error) = follow(file, link, &pages) {
                objections.push(format!("{}: {link}: {error}", file.display()));
            }
        }
    }
    objections.sort();
    ensure!(objections.is_empty(), "links that lead nowhere:\n{}", objections.join("\n"));
    ensure!(links > 0, "the documentation has no links: has it moved?");
    say(format!("links: {links} of {} pages lead somewhere", pages.len()));
    Ok(())
}

/// The Markdown files that git knows or would add, as paths from the root.
fn files() -> Result<Vec<PathBuf>> {
    let mut git = Command::new("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard", "*.md"]);
    let output = git.current_dir(root()).output().context("starting git")?;
    ensure!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr));
    let names = String::from_utf8(output.stdout)?;
    Ok(names.lines().map(PathBuf::from).filter(|name| root().join(name).is_file()).collect())
}

/// Whether a link leads into the repository.
fn is_local(link: &str) -> bool {
    !link.contains("://") && !link.starts_with("mailto:")
}

fn follow(from: &Path, link: &str, pages: &HashMap<PathBuf, Page>) -> Result<()> {
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = if path.is_empty() {
        from.to_owned()
    } else {
        let target = plain(&from.parent().unwrap_or(Path::new("")).join(path));
        ensure!(root().join(&target).exists(), "no such file");
        target
    };
    if !anchor.is_empty() {
        let page = pages.get(&target).context("headings are looked for in Markdown files only")?;
        ensure!(page.anchors.iter().any(|it| it == anchor), "no such heading");
    }
    Ok(())
}

/// A path without `..`.
fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, part| {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
        plain
    })
}

/// What a page has.
#[derive(Debug, Default, PartialEq, Eq)]
struct Page {
    links: Vec<String>,
    anchors: Vec<String>,
}

impl Page {
    fn read(text: &str) -> Self {
        let mut page = Self::default();
        let mut heading = None::<String>;
        for event in Parser::new(text) {
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push(dest_url.into_string());
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    let anchor = anchor(&heading.take().unwrap_or_default());
                    let same = page.anchors.iter().filter(|it| **it == anchor).count();
                    // A second heading of the same words has a number.
                    let anchor = if same == 0 { anchor } else { format!("{anchor}-{same}") };
                    page.anchors.push(anchor);
                }
                Event::Text(text) | Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                _ => {}
            }
        }
        page
    }
}

/// The anchor that GitHub and mdBook make of a heading.
fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_headings_but_not_those_in_code() {
        let page = Page::read(
            "# What `probe` does, and how\n\n[a](b.md#c) ![p](p.svg) `[d](e.md)`\n\n\
             ## Same\n\n## Same\n\n```\n[f](g.md)\n# h\n```\n",
        );
        assert_eq!(page.links, ["b.md#c", "p.svg"]);
        assert_eq!(page.anchors, ["what-probe-does-and-how", "same", "same-1"]);
    }

    #[test]
    fn a_link_that_leads_nowhere_is_told() {
        let page = |text| Page::read(text);
        let pages = HashMap::from([
            (PathBuf::from("README.md"), page("# One\n")),
            (PathBuf::from("docs/limits.md"), page("# Two\n")),
        ]);
        let from = Path::new("docs/limits.md");
        for right in ["../README.md", "../README.md#one", "#two", "limits.md#two", "../deploy"] {
            follow(from, right, &pages).unwrap();
        }
        for wrong in ["README.md", "../README.md#two", "#one", "../deploy#x", "../../README.md#two"]
        {
            assert!(follow(from, wrong, &pages).is_err(), "{wrong}");
        }
    }
}
