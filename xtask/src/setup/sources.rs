//! apt's sources, copied with `deb` as `deb-src`, in both of their forms
//! (sources.list(5)): one line a source, and paragraphs of fields.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// Enough for a program that only prints its settings.
const SHORT: Duration = Duration::from_secs(20);

/// Writes a copy of this machine's sources into a folder.
pub fn write_copy(folder: &Path) -> Result<()> {
    let mut copied = 0;
    for path in files()? {
        let text =
            fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let (copy, extension) = match path.extension() {
            Some(extension) if extension == "sources" => (paragraphs(&text), "sources"),
            _ => (lines(&text), "list"),
        };
        let place = folder.join(format!("{copied}.{extension}"));
        fs::write(&place, copy).with_context(|| format!("writing {}", place.display()))?;
        copied += 1;
    }
    ensure!(copied > 0, "apt has no sources here");
    Ok(())
}

/// The address from which this machine's own sources have an archive of Debian's, `debian` or
/// `debian-security`; where it is none of Debian's machines, the one that Debian gives.
pub fn address_of(archive: &str) -> Result<String> {
    let mut addresses = Vec::new();
    for path in files()? {
        addresses.push(fs::read_to_string(&path)?);
    }
    let end = format!("/{archive}");
    let is_it =
        |word: &&str| word.starts_with("http") && word.trim_end_matches('/').ends_with(&end);
    let uncommented =
        addresses.iter().flat_map(|text| text.lines().filter(|l| !l.starts_with('#')));
    let found = uncommented.flat_map(str::split_whitespace).find(is_it);
    Ok(found.map_or_else(|| format!("http://deb.debian.org{end}"), str::to_owned))
}

/// The files that apt reads, where its own settings say they are.
fn files() -> Result<Vec<PathBuf>> {
    let (list, parts) = (setting("Dir::Etc::sourcelist/f")?, setting("Dir::Etc::sourceparts/d")?);
    let mut files: Vec<PathBuf> = (fs::read_dir(parts).into_iter().flatten().flatten())
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "list" || end == "sources"))
        .collect();
    files.sort();
    files.insert(0, list);
    files.retain(|path| path.is_file());
    Ok(files)
}

/// What `apt-config shell` says of one of its paths: `X='/etc/apt/sources.list'`.
fn setting(name: &str) -> Result<PathBuf> {
    let mut command = Command::new("apt-config");
    command.args(["shell", "X", name]);
    let said = testbed::run(command, SHORT)?.text();
    let value = said.trim().strip_prefix("X='").and_then(|rest| rest.strip_suffix('\''));
    value.map(PathBuf::from).with_context(|| format!("apt-config knows no {name}: {said}"))
}

/// `deb [options] address suite component...`, a line each.
fn lines(text: &str) -> String {
    let sources = text.lines().filter_map(|line| {
        let (kind, rest) = line.trim_start().split_once([' ', '\t'])?;
        (kind == "deb").then(|| format!("deb-src {}\n", rest.trim_start()))
    });
    sources.collect()
}

/// Paragraphs of fields; the field `Types` says which kind they are. One that is of
/// source packages already becomes a second one of the same, which apt notes and skips.
fn paragraphs(text: &str) -> String {
    let mut copy = String::new();
    let mut in_types = false;
    for line in text.lines() {
        let continues = line.starts_with([' ', '\t']);
        let field = line.split_once(':').map(|(name, _)| name.trim());
        in_types = match field {
            _ if continues => in_types,
            Some(name) => name.eq_ignore_ascii_case("Types"),
            None => false,
        };
        match (in_types, continues) {
            (false, _) => copy.extend([line, "\n"]),
            (true, false) => copy.push_str("Types: deb-src\n"),
            (true, true) => {}
        }
    }
    copy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_sources() {
        let list = "# deb http://commented.example/debian stable main\n\
                    deb http://mirror.example/debian stable main contrib\n\
                    deb\t[signed-by=/k.gpg arch=amd64]  http://other.example/x suite main\n\
                    deb-src http://mirror.example/debian stable main contrib\n\n";
        assert_eq!(
            lines(list),
            "deb-src http://mirror.example/debian stable main contrib\n\
             deb-src [signed-by=/k.gpg arch=amd64]  http://other.example/x suite main\n"
        );
    }

    #[test]
    fn paragraphs_of_fields() {
        let text = "Types: deb\n# http://old.example\nURIs: http://mirror.example/debian\n\
                    Suites: stable\nSigned-By:\n -----BEGIN\n .\n abc: def\n\n\
                    types: deb\n deb-src\nURIs: http://other.example/x\nEnabled: no\n";
        assert_eq!(
            paragraphs(text),
            "Types: deb-src\n# http://old.example\nURIs: http://mirror.example/debian\n\
             Suites: stable\nSigned-By:\n -----BEGIN\n .\n abc: def\n\n\
             Types: deb-src\nURIs: http://other.example/x\nEnabled: no\n"
        );
    }
}
