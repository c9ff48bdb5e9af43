//! `probe serve`: always on, configured by a file; and `probe check`, which says what that file would
//! do.

mod backoff;
pub mod check;
mod confine;
mod devices;
mod document;
mod follower;
mod generation;
pub mod health;
pub mod http;
mod list_figures;
mod listen;
mod otlp;
mod part;
mod present;
mod process;
mod reading;
pub mod recorders;
mod service;
mod slots;
mod web;
mod worker;

use std::path::PathBuf;

use anyhow::Result;
use nix::unistd::User;

use crate::{config::Config, failure::Usage, runtime, stdout, stop};
use listen::Listeners;
use service::Service;

/// What to serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The configuration; `-` is standard input.
    pub file: PathBuf,
    /// Whether to print it, defaults included, and end.
    pub print_config: bool,
    /// Whether to give up the rights to load and attach once that is done.
    pub no_reload: bool,
    /// Whether each interval is a line of JSON on standard output.
    pub json: bool,
}

/// Runs the command.
///
/// # Errors
/// Mistakes in the configuration, and what the kernel refuses.
pub fn run(plan: &Plan) -> Result<()> {
    let config = Config::read(&plan.file)?;
    if plan.print_config {
        return stdout::print(config.text()?.as_bytes());
    }
    supported(&config)?;
    stop::hangup_is_no_end();
    let listeners = Listeners::open(&config.listen)?;
    runtime::block_on(async {
        let (mut service, stop) = Service::start(plan, config, listeners).await?;
        service.announce();
        let ran = service.run(stop).await;
        service.end().await.and(ran)
    })
}

/// Refuses what can be written in a configuration, but is not to be had on this machine.
///
/// # Errors
/// What that is.
fn supported(config: &Config) -> Result<(), Usage> {
    match &config.user {
        Some(user) if !matches!(User::from_name(user), Ok(Some(_))) => {
            Err(Usage::new(format!("user: no user is named {user:?}")))
        }
        _ => recorders::check(config),
    }
}
