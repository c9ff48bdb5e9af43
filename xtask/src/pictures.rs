//! `cargo xtask pictures`: the pictures of the docs, drawn by the program itself over made data.

use anyhow::Result;
use xtask::shell::{cargo, run};

/// Draws all of them.
pub fn draw() -> Result<()> {
    let arguments = ["run", "--quiet", "--package", "probe-user", "--example", "top_picture", "--"];
    let mut top = cargo(&arguments);
    top.arg("docs/pictures/top.svg");
    run(top)
}
