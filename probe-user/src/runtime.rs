//! The one tokio runtime, on this thread: timers, signals and netlink are waited for together.

use anyhow::{Context as _, Result};

/// Runs a command's future to its end.
///
/// # Errors
/// The future's own, and where the runtime cannot be made: no descriptors are left.
pub fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("starting the event loop")?.block_on(future)
}
