//! The writing thread: batches to all sinks.

use std::{
    ops::ControlFlow,
    sync::{
        atomic::Ordering,
        mpsc::{Receiver, RecvTimeoutError, Sender},
    },
    time::Duration,
};

use anyhow::{Result, anyhow};
use probe_pcap::Statistics;

use super::{Message, batch::Batch, progress::Progress};
use crate::{capture::sink::Sink, clock, share::Table};

/// How long a writer waits for frames before it looks at the clock, where a sink goes
/// by the clock.
const TICK: Duration = Duration::from_millis(50);

/// The writing thread: until the other end is gone, a sink fails, or one has enough.
pub(super) fn write(
    incoming: &Receiver<Message>,
    recycled: &Sender<Batch>,
    sinks: &mut [Box<dyn Sink>],
    progress: &Progress,
) -> Result<ControlFlow<()>> {
    let ticks = sinks.iter().any(|sink| sink.wants_ticks());
    let next = || {
        if ticks {
            incoming.recv_timeout(TICK)
        } else {
            incoming.recv().map_err(|_| RecvTimeoutError::Disconnected)
        }
    };
    loop {
        let mut end = None;
        let result = match next() {
            Ok(Message::Frames(mut batch)) => {
                progress.batch.store(batch.count() as u64, Ordering::Relaxed);
                let result = write_batch(&batch, sinks, progress);
                batch.clear();
                let _ = recycled.send(batch);
                result
            }
            Ok(Message::Interface(attachment)) => all(sinks, |sink| {
                sink.introduce(&attachment)?;
                Ok(ControlFlow::Continue(()))
            }),
            Ok(Message::Gone(index, gone)) => all(sinks, |sink| {
                sink.forget(index, gone);
                Ok(ControlFlow::Continue(()))
            }),
            Ok(Message::Lost(before)) => all(sinks, |sink| {
                sink.lost(before);
                Ok(ControlFlow::Continue(()))
            }),
            Ok(Message::Follow(share, since)) => all(sinks, |sink| {
                sink.follow(share, since);
                Ok(ControlFlow::Continue(()))
            }),
            Ok(Message::End(statistics)) => {
                end = Some(statistics);
                Ok(ControlFlow::Continue(()))
            }
            Err(RecvTimeoutError::Timeout) => all(sinks, |sink| sink.tick(clock::now())),
            Err(RecvTimeoutError::Disconnected) => {
                end = Some(Statistics::default());
                Ok(ControlFlow::Continue(()))
            }
        };
        let cancelled = progress.is_cancelled();
        let over = !matches!(result, Ok(ControlFlow::Continue(()))) || end.is_some() || cancelled;
        let mut finished = Ok(());
        if over {
            // Each is finished, whatever becomes of the others.
            for sink in sinks.iter_mut() {
                progress.enter(sink.as_ref());
                finished = finished.and(sink.finish(end.as_ref()));
            }
        }
        // What every sink has: on failure fewer than it was given.
        let kept = sinks.iter().map(|sink| sink.kept()).min().unwrap_or(0);
        progress.kept.store(kept, Ordering::Release);
        // Who follows connections is the only sink.
        progress.set_table(sinks.first().map_or_else(Table::default, |sink| sink.table()));
        progress.batch.store(0, Ordering::Release);
        if over {
            let result = result.and_then(|flow| finished.map(|()| flow));
            return if cancelled { Err(anyhow!("cancelled")) } else { result };
        }
    }
}

/// Gives each sink the frames that the ones before it took.
fn write_batch(
    batch: &Batch,
    sinks: &mut [Box<dyn Sink>],
    progress: &Progress,
) -> Result<ControlFlow<()>> {
    let mut most = usize::MAX;
    for sink in sinks {
        progress.enter(sink.as_ref());
        let before = progress.handed.load(Ordering::Relaxed);
        let mut handed = 0usize;
        let mut frames = batch.frames().take(most).inspect(|_| {
            handed += 1;
            progress.handed.store(before + handed as u64, Ordering::Relaxed);
        });
        // A cancelled writer stops between two frames.
        let mut frames = frames.by_ref().take_while(|_| !progress.is_cancelled());
        if sink.frames(&mut frames)?.is_break() {
            most = handed.saturating_sub(1);
        }
    }
    Ok(if most == usize::MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
}

/// Does a thing with each sink, until one fails or breaks.
fn all(
    sinks: &mut [Box<dyn Sink>],
    mut work: impl FnMut(&mut dyn Sink) -> Result<ControlFlow<()>>,
) -> Result<ControlFlow<()>> {
    for sink in sinks {
        if work(sink.as_mut())?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}
