//! Standard output, written by a thread of its own: a reader that has stopped reading
//! must not keep Ctrl-C from ending the program.

use std::{
    io,
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow};

/// How long the reader may take once the user wants the end.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often it is asked whether the user does.
const LOOK: Duration = Duration::from_millis(20);

/// The way to standard output.
pub struct Output {
    texts: Option<SyncSender<Vec<u8>>>,
    /// What became of the writing; comes when the thread ends.
    result: Receiver<io::Result<()>>,
}

impl Output {
    /// Starts the thread.
    pub fn start() -> Result<Self> {
        Self::with_room(io::stdout(), 1)
    }

    /// Any output, with room for so many texts beside the one that is being written.
    pub(super) fn with_room(
        mut out: impl io::Write + Send + 'static,
        texts: usize,
    ) -> Result<Self> {
        let (texts, incoming) = sync_channel::<Vec<u8>>(texts);
        let (done, result) = sync_channel(1);
        let write = move || {
            // Readers want each text when it is made.
            let written = incoming
                .iter()
                .try_for_each(|text| out.write_all(&text).and_then(|()| out.flush()));
            let _ = done.send(written);
        };
        thread::Builder::new().name("output".into()).spawn(write).context("starting a thread")?;
        Ok(Self { texts: Some(texts), result })
    }

    /// Hands a text over; `false` where the reader is so far behind that it is left out.
    pub fn offer(&mut self, text: Vec<u8>) -> Result<bool> {
        match self.texts.as_ref().map(|texts| texts.try_send(text)) {
            Some(Ok(())) => Ok(true),
            Some(Err(TrySendError::Full(_))) => Ok(false),
            Some(Err(TrySendError::Disconnected(_))) | None => self.end(&|| false).map(|()| true),
        }
    }

    /// Hands the last text over and waits until all are written; once the user `ending`,
    /// only for a moment.
    pub fn finish(mut self, text: Vec<u8>, ending: &dyn Fn() -> bool) -> Result<()> {
        let mut text = Some(text);
        let mut patience = Patience::new(ending);
        while let (Some(texts), Some(last)) = (&self.texts, text.take()) {
            match texts.try_send(last) {
                Ok(()) | Err(TrySendError::Disconnected(_)) => break,
                Err(TrySendError::Full(last)) => text = Some(last),
            }
            patience.spend()?;
            thread::sleep(LOOK);
        }
        self.end(ending)
    }

    /// As [`finish`](Self::finish), and goes on with another thread.
    pub fn restart(this: &mut Option<Self>, text: &str, ending: &dyn Fn() -> bool) -> Result<()> {
        if let Some(output) = this.take() {
            output.finish(text.into(), ending)?;
            *this = Some(Self::start()?);
        }
        Ok(())
    }

    /// Waits for the thread's end, and says how it ended.
    fn end(&mut self, ending: &dyn Fn() -> bool) -> Result<()> {
        self.texts = None;
        let mut patience = Patience::new(ending);
        loop {
            match self.result.recv_timeout(LOOK) {
                Ok(written) => return written.context("writing to standard output"),
                Err(RecvTimeoutError::Timeout) => patience.spend()?,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(anyhow!("the thread that writes to standard output has panicked"));
                }
            }
        }
    }
}

/// Without end, until the user ending.
struct Patience<'a> {
    ending: &'a dyn Fn() -> bool,
    end: Option<Instant>,
}

impl<'a> Patience<'a> {
    fn new(ending: &'a dyn Fn() -> bool) -> Self {
        Self { ending, end: None }
    }

    /// Fails where there is none left.
    fn spend(&mut self) -> Result<()> {
        if self.end.is_none() && (self.ending)() {
            self.end = Some(Instant::now() + PATIENCE);
        }
        if self.end.is_some_and(|end| Instant::now() >= end) {
            Err(anyhow!("the reader of the output has stopped reading"))
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn texts_arrive_in_order() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut output = Output::with_room(writer, 1).unwrap();
        while !output.offer(b"first ".to_vec()).unwrap() {}
        while !output.offer(b"second ".to_vec()).unwrap() {}
        output.finish(b"last".to_vec(), &|| false).unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "first second last");
    }

    #[test]
    fn a_reader_that_does_not_read_is_left() {
        let (_reader, writer) = io::pipe().unwrap();
        let mut output = Output::with_room(writer, 1).unwrap();
        // More than a pipe holds: the thread waits, one text waits, the next is left out.
        while output.offer(vec![b'x'; 1 << 20]).unwrap() {}
        let start = Instant::now();
        let error = output.finish(b"last".to_vec(), &|| true).unwrap_err();
        assert!(error.to_string().contains("has stopped reading"), "{error}");
        assert!(start.elapsed() >= PATIENCE);
    }

    #[test]
    fn a_reader_that_goes_is_noticed() {
        let (reader, writer) = io::pipe().unwrap();
        let mut output = Output::with_room(writer, 1).unwrap();
        drop(reader);
        let error = loop {
            if let Err(error) = output.offer(b"text".to_vec()) {
                break error;
            }
        };
        assert!(crate::failure::is_broken_pipe(&error), "{error}");
    }
}
