//! The process that serves HTTP: it has readings from a socket, connections from others, and no way
//! to anything else on the machine.
//!
//! | path | what |
//! | --- | --- |
//! | `/` | the page |
//! | `/metrics` | Prometheus's protobuf or text 0.0.4, or OpenMetrics 1.0, as the `Accept` header wants |
//! | `/healthz` | whether counters are being read |
//! | `/readyz` | whether programs are attached |
//! | `/api/v1/snapshot` | the counts of the last interval, with an `ETag` |
//! | `/api/v1/stream` | the same of each interval, as server-sent events |
//! | `/api/v1/record` | POST, from a socket in the file system only: record the frames of `rule=NAME` |
//! | `/-/reload` | POST, from a socket in the file system only: read the configuration again |

mod connections;
mod gate;
mod health;
mod list_metrics;
mod metrics;
mod news;
#[cfg(feature = "otlp")]
mod otlp;
mod page;
mod passwords;
mod pushes;
mod record_metrics;
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
use connections::Way;
use gate::Gate;
use news::News;
use passwords::Passwords;

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
        let passwords = Passwords::start().context("starting a thread")?;
        let connects_to = news.otlp().await.map(|it| it.address);
        for part in confine::confine(Work { connects_to, ..Work::default() }) {
            reporter::note(format_args!("the process that serves HTTP goes without {part}"));
        }
        // Who connects before there is anything to tell waits.
        news.first().await;
        for listener in listeners {
            let (gate, news) =
                (Gate { news: news.clone(), passwords: passwords.clone() }, news.clone());
            match listener {
                Listener::Unix(listener) => {
                    connections::accept(listener, Way::Plain(routes::local(news)))?;
                }
                Listener::Tcp(listener) => {
                    connections::accept(listener, Way::Guarded(routes::remote(gate), news))?;
                }
            }
        }
        #[cfg(feature = "otlp")]
        tokio::spawn(otlp::push(news));
        let _ = until_it_ends.await;
        Ok(())
    })
}
