//! Parts: processes beside the one that counts, each with programs of its own. A part is told what to
//! do, loads and attaches, says that it is ready, and gives up every right; from then on both sides
//! send each other words, a line of JSON each.
//!
//! ```text
//! the process that counts                  a part
//! Part::start ── setup ──────────────────> Control::open
//!             <───────── ready, or why not ── Control::ready
//! Part::tell  ── words ──────────────────> Control::told
//! Hub::next   <──────────────── words ──── Control::say
//! ```
//!
//! The end of either socket is the end of the part, and its programs go with it.

use std::{os::fd::AsFd as _, time::Duration};

use anyhow::{Context as _, Result, anyhow};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
    task::JoinHandle,
    time::timeout,
};

use super::process::{self, Process, Rights};

/// How long a part may take until it is ready: the kernel verifies its programs.
const READY: Duration = Duration::from_secs(60);
/// How long one that is not ready may take to end.
const FAREWELL: Duration = Duration::from_secs(1);
/// Words that are on their way, in either direction.
const WORDS: usize = 64;

/// A part, among all that were started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PartId(u64);

/// What a part said.
#[derive(Debug)]
pub struct Word {
    /// Who.
    pub part: PartId,
    /// What, in JSON; `None`: it has ended.
    pub line: Option<String>,
}

/// Where the words of all parts come in.
pub struct Hub {
    words: mpsc::Receiver<Word>,
    say: mpsc::Sender<Word>,
    started: u64,
}

impl Hub {
    /// One that no part belongs to yet.
    pub fn new() -> Self {
        let (say, words) = mpsc::channel(WORDS);
        Self { words, say, started: 0 }
    }

    /// The next word of any part. Of parts that were ended or dropped there may be some yet.
    pub async fn next(&mut self) -> Word {
        match self.words.recv().await {
            Some(word) => word,
            // There is a sender here.
            None => std::future::pending().await,
        }
    }
}

/// A part, as the process that counts sees it. Dropping it lets it end, and does not wait.
pub struct Part {
    id: PartId,
    process: Process,
    tell: mpsc::Sender<Vec<u8>>,
    tasks: [JoinHandle<()>; 2],
}

impl Part {
    /// Starts a part by its hidden command, and waits until it is ready. `what` is what it is, for
    /// messages. Needs the runtime.
    ///
    /// # Errors
    /// What the part says is wrong, and where it cannot be started.
    pub async fn start(
        hub: &mut Hub,
        what: String,
        command: &str,
        setup: &impl Serialize,
    ) -> Result<Self> {
        let (process, socket) = Process::start(what, &[command.to_owned()], Rights::Lent)?;
        let (from, mut to) = socket.into_split();
        let mut from = BufReader::new(from);
        let ready = async {
            to.write_all(&crate::json::line(setup)).await.ok()?;
            process::line(&mut from).await
        };
        let ready: Result<(), String> = match timeout(READY, ready).await {
            Ok(Some(line)) => serde_json::from_str(&line)
                .unwrap_or_else(|_| Err("what it says is no answer".into())),
            Ok(None) => Err("it ended before it was ready".into()),
            Err(_) => Err(format!("it is not ready after {} s", READY.as_secs())),
        };
        if let Err(error) = ready {
            let what = process.what().to_owned();
            drop((from, to));
            process.end(FAREWELL).await;
            return Err(anyhow!("{what}: {error}"));
        }
        hub.started += 1;
        let id = PartId(hub.started);
        let say = hub.say.clone();
        let listen = tokio::spawn(async move {
            loop {
                let line = process::line(&mut from).await;
                let is_over = line.is_none();
                if say.send(Word { part: id, line }).await.is_err() || is_over {
                    return;
                }
            }
        });
        let (tell, mut told) = mpsc::channel::<Vec<u8>>(WORDS);
        let speak = tokio::spawn(async move {
            while let Some(line) = told.recv().await {
                if to.write_all(&line).await.is_err() {
                    return;
                }
            }
        });
        Ok(Self { id, process, tell, tasks: [listen, speak] })
    }

    /// Whose words are its.
    pub fn id(&self) -> PartId {
        self.id
    }

    /// Sends it a word. Says whether it still listens.
    pub fn tell(&self, word: &impl Serialize) -> bool {
        self.tell.try_send(crate::json::line(word)).is_ok()
    }

    /// Says that it ended by itself.
    pub fn say_ended(&mut self) {
        self.process.say_ended();
    }

    /// Ends it: it goes when it has no socket to read from, and has so long for that.
    pub async fn end(self, patience: Duration) {
        let Self { process, tell, tasks: [listen, speak], .. } = self;
        // What it was told before gets there.
        drop(tell);
        let _ = timeout(patience, speak).await;
        listen.abort();
        let _ = listen.await;
        process.end(patience).await;
    }
}

/// The other end of the socket, in the part.
pub struct Control {
    lines: Lines<BufReader<OwnedReadHalf>>,
    to: OwnedWriteHalf,
}

impl Control {
    /// Takes standard input for the socket, and reads what this part is to do. Needs the runtime.
    ///
    /// # Errors
    /// Where it is none, or nobody says anything: this program was not started by `probe serve`.
    pub async fn open<T: DeserializeOwned>() -> Result<(T, Self)> {
        let socket = std::io::stdin().as_fd().try_clone_to_owned().context("standard input")?;
        let socket = std::os::unix::net::UnixStream::from(socket);
        socket.set_nonblocking(true).context("standard input")?;
        let socket = UnixStream::from_std(socket).context("standard input")?;
        let (from, to) = socket.into_split();
        let mut control = Self { lines: BufReader::new(from).lines(), to };
        let setup = control.told().await.context("standard input: nobody says what to do")?;
        Ok((setup, control))
    }

    /// Says that the part is ready, or why it is not: then the part has nothing more to do.
    pub async fn ready<T>(&mut self, result: Result<T>) -> Option<T> {
        let word: Result<(), String> =
            result.as_ref().map(drop).map_err(|error| format!("{error:#}"));
        self.say(&word).await;
        result.ok()
    }

    /// The next word; `None` is the end. Where something else is waited for beside it, none is lost.
    pub async fn told<T: DeserializeOwned>(&mut self) -> Option<T> {
        // Both ends are one program: what is not understood is the end, too.
        let line = self.lines.next_line().await.ok()??;
        serde_json::from_str(&line).ok()
    }

    /// Says a word. Where nobody listens any more, the next look at what is [told](Self::told) shows
    /// it.
    pub async fn say(&mut self, word: &impl Serialize) {
        let _ = self.to.write_all(&crate::json::line(word)).await;
    }
}
