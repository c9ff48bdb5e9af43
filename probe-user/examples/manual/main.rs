//! Writes the manual pages into a folder, by section: `cargo xtask man FOLDER`.

mod command;
mod pages;
mod prose;

use std::{env, fs, path::PathBuf};

use anyhow::{Context as _, Result};

fn main() -> Result<()> {
    let folder = env::args_os().nth(1).context("usage: manual FOLDER")?;
    for page in pages::all()? {
        let path =
            PathBuf::from(&folder).join(format!("man{}", page.section)).join(page.file_name());
        fs::create_dir_all(path.parent().context("a folder")?)?;
        fs::write(&path, page.text).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}
