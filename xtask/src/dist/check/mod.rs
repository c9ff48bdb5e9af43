//! `cargo xtask dist --check`: a release on systems that are made for it and thrown away. Nothing is
//! installed, mounted or attached on this one.
//!
//! | check | what it does |
//! | --- | --- |
//! | `empty` | the program where there is nothing else: a file, and counts on a loopback |
//! | `old` | the same on Debian 11, whose C library is of 2020 |
//! | `package` | lintian; install, upgrade, remove, purge; the files before equal those after |
//! | `unit` | systemd, booted: start, reload, a bad reload, stop; what stays attached |
//! | `again` | the release once more, from a copy in another folder: the same bytes |
//! | `install` | `cargo install` from a clean checkout |
//! | `kubernetes` | the manifests against Kubernetes' schemas |
//! | `image` | the container's image, built, looked into and started |

mod again;
mod image;
mod install;
mod kubernetes;
mod package;
mod programs;
mod system;
mod unit;

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;
use testbed::requirements::is_root;
use xtask::setup::{self, Use};
use xtask::shell::say;

use super::{Release, Target};
use system::System;

/// One of the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Check {
    /// The program where there is nothing else.
    Empty,
    /// The program on Debian 11.
    Old,
    /// The package, installed and removed.
    Package,
    /// The unit, in a system that was booted.
    Unit,
    /// The same bytes from another folder.
    Again,
    /// `cargo install`.
    Install,
    /// The manifests.
    Kubernetes,
    /// The container's image.
    Image,
}

/// Runs these checks; all of them where none is named.
pub fn perform(release: &Release, checks: &[Check]) -> Result<()> {
    let checks = if checks.is_empty() { Check::value_variants() } else { checks };
    setup::packages(&[Use::Dist, Use::DistCheck])?;
    ensure!(
        is_root(),
        "namespaces and other systems' roots need root: sudo cargo xtask dist --check"
    );
    let program = release.program(Target::X86_64);
    ensure!(program.is_file(), "no {}: run `cargo xtask dist` first", program.display());
    for check in checks {
        let name = check.to_possible_value().map(|value| value.get_name().to_owned());
        let name = name.unwrap_or_default();
        let found = match check {
            Check::Empty => programs::run_in(&System::empty()?, release),
            Check::Old => programs::run_in(&System::debian("bullseye", &[])?, release),
            Check::Package => package::check(release),
            Check::Unit => unit::check(release),
            Check::Again => again::check(release),
            Check::Install => install::check(),
            Check::Kubernetes => kubernetes::check(),
            Check::Image => image::check(release),
        };
        let found = found.with_context(|| format!("check `{name}`"))?;
        say(format!("{name}: {found}"));
    }
    Ok(())
}
