//! Programs of crates.io that releases and the site are made with, in the project's own folder.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::tools;
use crate::shell::{cargo, finish, say};

/// A program, and the version that it is known to work with.
#[derive(Clone, Copy, Debug)]
pub struct Tool {
    name: &'static str,
    version: &'static str,
    /// Of its features those that are wanted; `None`: its defaults.
    features: Option<&'static str>,
}

/// Makes Debian packages from what stands in a crate's manifest.
pub const CARGO_DEB: Tool = Tool { name: "cargo-deb", version: "3.8.0", features: None };
/// Lists what a program is made of, as CycloneDX.
pub const CARGO_CYCLONEDX: Tool =
    Tool { name: "cargo-cyclonedx", version: "0.5.9", features: None };
/// Makes a site of docs/; without its server, which is half of what it takes to build it.
pub const MDBOOK: Tool = Tool { name: "mdbook", version: "0.5.4", features: Some("search") };

impl Tool {
    /// Where it is; builds it where it is not there in this version, which takes a minute or two.
    pub fn find_or_build(self) -> Result<PathBuf> {
        let Self { name, version, features } = self;
        let root = tools();
        let program = root.join("bin").join(name);
        if !program.is_file() {
            say(format!("{name} {version}: building it into .tools (a minute or two)"));
        }
        // Does nothing where this version is there.
        let mut install = cargo(&["install", name, "--locked", "--quiet", "--root"]);
        install.arg(&root).arg("--version").arg(format!("={version}"));
        if let Some(features) = features {
            install.args(["--no-default-features", "--features", features]);
        }
        // Flags for the programs of a release are none of its tools'.
        install.env_remove("CARGO_ENCODED_RUSTFLAGS");
        finish(install).with_context(|| format!("building {name}"))?;
        Ok(program)
    }
}
