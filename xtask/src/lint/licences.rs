//! What other people's crates may be: their licences, where they come from, and which are not
//! wanted. The rules are deny.toml's, for cargo-deny, which also asks for advisories; to build that
//! takes ten minutes of two CPUs, and reading three of its lists does not.

use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use spdx::{Expression, LicenseReq, ParseMode};
use toml::Table;
use xtask::shell::{cargo, root, say};

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Fails where a crate in the lock file is against deny.toml.
pub fn check() -> Result<()> {
    let rules = Rules::read()?;
    let mut metadata = cargo(&["metadata", "--format-version", "1", "--all-features", "--locked"]);
    let output = metadata.output().context("cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().context("cargo metadata has no packages")?;
    let objections: Vec<String> =
        packages.iter().filter_map(|package| rules.objection(package)).collect();
    ensure!(objections.is_empty(), "against deny.toml:\n{}", objections.join("\n"));
    say(format!("licences: {} crates as deny.toml wants them", packages.len()));
    Ok(())
}

/// What deny.toml says.
struct Rules {
    licences: Vec<String>,
    unwanted: Vec<String>,
}

impl Rules {
    fn read() -> Result<Self> {
        let text = fs::read_to_string(root().join("deny.toml")).context("reading deny.toml")?;
        let file: Table = text.parse().context("deny.toml")?;
        let list = |table: &str, key: &str| -> Result<&Vec<toml::Value>> {
            let list = file.get(table).and_then(|table| table.get(key)?.as_array());
            list.with_context(|| format!("deny.toml has no list {key} in [{table}]"))
        };
        let name = |value: &toml::Value| {
            let name = value.get("crate").unwrap_or(value).as_str();
            name.map(str::to_owned).context("a name in deny.toml is no text")
        };
        Ok(Self {
            licences: list("licenses", "allow")?.iter().map(name).collect::<Result<_>>()?,
            unwanted: list("bans", "deny")?.iter().map(name).collect::<Result<_>>()?,
        })
    }

    /// What is wrong with a package of cargo's metadata.
    fn objection(&self, package: &Value) -> Option<String> {
        let name = package["name"].as_str().unwrap_or("a crate without a name");
        if self.unwanted.iter().any(|unwanted| unwanted == name) {
            return Some(format!("{name}: not wanted"));
        }
        // The project's own have no source.
        if let Some(source) = package["source"].as_str().filter(|&source| source != REGISTRY) {
            return Some(format!("{name}: from {source}"));
        }
        let licence = package["license"].as_str().unwrap_or("none");
        (!self.allow(licence)).then(|| format!("{name}: licence {licence}"))
    }

    /// Whether an SPDX expression can be met with what is allowed.
    fn allow(&self, licence: &str) -> bool {
        let allowed = |wanted: &LicenseReq| {
            wanted.exception.is_none()
                && wanted
                    .license
                    .id()
                    .is_some_and(|id| self.licences.iter().any(|it| it == id.name))
        };
        // Lax: `MIT/Apache-2.0`, as older crates have it.
        Expression::parse_mode(licence, ParseMode::LAX).is_ok_and(|it| it.evaluate(allowed))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_against_the_rules_is_named() {
        let rules = Rules {
            licences: ["MIT", "Unicode-3.0"].map(str::to_owned).to_vec(),
            unwanted: vec!["openssl-sys".to_owned()],
        };
        let package =
            |name, source, license| json!({"name": name, "source": source, "license": license});
        let git = "git+https://example.com/a";
        for (package, objection) in [
            (package("a", Some(REGISTRY), Some("MIT OR Apache-2.0")), None),
            (package("a", Some(REGISTRY), Some("MIT/Apache-2.0")), None),
            (package("a", Some(REGISTRY), Some("(GPL-2.0-only OR MIT) AND Unicode-3.0")), None),
            (package("a", None, Some("MIT")), None),
            (package("a", Some(REGISTRY), Some("MIT AND ISC")), Some("a: licence MIT AND ISC")),
            (package("a", Some(REGISTRY), None), Some("a: licence none")),
            (package("a", Some(git), Some("MIT")), Some("a: from git+https://example.com/a")),
            (package("openssl-sys", Some(REGISTRY), Some("MIT")), Some("openssl-sys: not wanted")),
        ] {
            assert_eq!(rules.objection(&package).as_deref(), objection);
        }
    }

    #[test]
    fn the_file_has_the_lists() {
        let rules = Rules::read().unwrap();
        assert!(rules.allow("MIT OR Apache-2.0") && !rules.unwanted.is_empty());
    }
}
