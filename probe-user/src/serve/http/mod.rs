//! The process that serves HTTP: it has readings from a socket, connections from others, and no way
//! to anything else on the machine.
//!
//! | path | what |
//! | --- | --- |
//! | `/metrics` | Prometheus's protobuf or text 0.0.4, or OpenMetrics 1.0, as the `Accept` header wants |
//! | `/healthz` | whether counters are being read |
//! | `/readyz` | whether programs are attached |
//! | `/api/v1/snapshot` | the counts of the last interval, with an `ETag` |
//! | `/api/v1/stream` | the same of each interval, as server-sent events |
//! | `/-/reload` | POST, from a socket in the file system only: read the configuration again |

mod connections;
mod health;
mod list_metrics;
mod metrics;
mod news;
mod routes;

use std::{
    io,
    os::{
        fd::{AsFd as _, FromRawFd as _, OwnedFd, RawFd},
        unix::net::UnixStream as StdStream,
    },
};

use anyhow::{Context as _, Result};
use tokio::net::UnixStream;

use super::{
    confine::{self, Work},
    listen::Listener,
    process,
};
use crate::{reporter, runtime};
use news::News;

/// Serves until the one who started it is gone.
///
/// # Errors
/// What is no socket; where the runtime cannot be made.
pub fn run(sockets: &[RawFd]) -> Result<()> {
    process::leave_signals_to_the_first()?;
    let control = io::stdin().as_fd().try_clone_to_owned().context("standard input")?;
    let control = StdStream::from(control);
    control.set_nonblocking(true).context("standard input")?;
    let mut listeners = Vec::new();
    for &number in sockets {
        // SAFETY: `probe serve` hands these descriptors over, and nobody else in this process has
        // them.
        let socket = unsafe { OwnedFd::from_raw_fd(number) };
        listeners.push(Listener::of(socket).with_context(|| format!("descriptor {number}"))?);
    }
    runtime::block_on(async {
        let control = UnixStream::from_std(control).context("standard input")?;
        let (news, until_it_ends) = News::follow(control);
        for part in confine::confine(Work::default()) {
            reporter::note(format_args!("the process that serves HTTP goes without {part}"));
        }
        // Who connects before there is anything to tell waits.
        news.first().await;
        for listener in listeners {
            let is_local = matches!(listener, Listener::Unix(_));
            connections::accept(listener, routes::router(news.clone(), is_local))?;
        }
        let _ = until_it_ends.await;
        Ok(())
    })
}
