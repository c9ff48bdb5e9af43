//! Signals that are waited for beside other things. tokio's own would take descriptors at the start of every
//! command, and panic where there are none.

use std::{io, os::unix::net};

use signal_hook::low_level;
use tokio::net::UnixStream;

/// Wakes whoever waits when one of its signals comes.
#[derive(Debug)]
pub struct SignalPipe {
    /// Readable from a signal on until it is waited for.
    came: net::UnixStream,
    /// To wait for that in the runtime; made when it is needed.
    waiter: Option<UnixStream>,
}

impl SignalPipe {
    /// Starts to watch. Whoever is woken finds done what handlers did that were registered before.
    ///
    /// # Errors
    /// Where no handler or descriptor can be had.
    pub fn watch(signals: &[i32]) -> io::Result<Self> {
        let (came, send) = net::UnixStream::pair()?;
        came.set_nonblocking(true)?;
        for &signal in signals {
            low_level::pipe::register(signal, send.try_clone()?)?;
        }
        Ok(Self { came, waiter: None })
    }

    /// Waits for a signal; several that came meanwhile are one. Needs the runtime.
    ///
    /// # Errors
    /// Where no descriptor is left to wait with.
    pub async fn wait(&mut self) -> io::Result<()> {
        let waiter = match self.waiter.take() {
            Some(waiter) => waiter,
            None => UnixStream::from_std(self.came.try_clone()?)?,
        };
        let waiter = self.waiter.insert(waiter);
        let mut bytes = [0; 64];
        loop {
            if waiter.readable().await.is_err() {
                // The runtime is about to end.
                std::future::pending().await
            }
            // A byte for each signal; none where the readiness was of bytes that are read already.
            match waiter.try_read(&mut bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                _ => return Ok(()),
            }
        }
    }
}
