//! `cargo xtask pictures`: the pictures of the docs, drawn by the program itself over made data.

use std::fs;

use anyhow::{Context, Result};
use xtask::shell::{cargo, root, run};

/// Draws all of them.
pub fn draw() -> Result<()> {
    let folder = root().join("docs/pictures");
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let arguments = ["run", "--quiet", "--package", "probe-user", "--example", "top_picture", "--"];
    let mut top = cargo(&arguments);
    top.arg(folder.join("top.svg"));
    run(top)
}
