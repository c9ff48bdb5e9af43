//! Counts of a running `probe serve`, from its stream (`/api/v1/stream`): server-sent events, of which each has
//! a snapshot (HTML, section 9.2).

use std::{fmt, future::poll_fn, path::PathBuf, pin::Pin, str::FromStr, time::Duration};

use anyhow::{Context as _, Result, anyhow, bail};
use hyper::{
    Request, StatusCode,
    body::{Body as _, Incoming},
    client::conn::http1::handshake,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    sync::mpsc::Sender,
    time::{sleep, timeout},
};

use crate::{
    snapshot::Snapshot,
    top::{app::Event, session::Told},
};

/// How long an answer may take to begin.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait before another try, once it was there.
const PAUSE: Duration = Duration::from_secs(1);
/// Bytes of one snapshot at most: a thousand rules with lists take less than two million.
const MOST: usize = 64 << 20;

/// Where a `probe serve` listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A socket in the file system.
    Unix(PathBuf),
    /// A host and a port.
    Tcp(String),
}

impl FromStr for Place {
    type Err = String;

    /// `http://HOST:PORT`, `unix:/PATH`, or `/PATH`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("https://") {
            return Err(
                "TLS is not spoken here: name the socket in the file system, or forward the \
                        port by ssh -L"
                    .into(),
            );
        }
        let path = text.strip_prefix("unix:").unwrap_or(text);
        if path.starts_with('/') {
            return Ok(Self::Unix(path.into()));
        }
        let authority = text.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
        match authority {
            Some(authority) if authority.rsplit_once(':').is_some_and(is_port) => {
                Ok(Self::Tcp(authority.into()))
            }
            _ => Err(
                "expected http://ADDRESS:PORT or the path of a socket, as probe serve's listen \
                      has it"
                    .into(),
            ),
        }
    }
}

fn is_port((host, port): (&str, &str)) -> bool {
    !host.is_empty() && !host.contains(['/', '@']) && port.parse::<u16>().is_ok()
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "{}", path.display()),
            Self::Tcp(authority) => write!(f, "http://{authority}"),
        }
    }
}

/// Listens from now on, and begins anew where a connection ends: `probe serve` lets each live for some minutes.
/// Needs the runtime.
///
/// # Errors
/// Where nobody is there who answers.
pub async fn follow(place: Place, events: Sender<Told>) -> Result<()> {
    let mut stream = connect(&place).await?;
    tokio::spawn(async move {
        loop {
            let ended = listen(stream, &events).await;
            let mut why = ended.err().map(|error| format!("{error:#}"));
            stream = loop {
                if let Some(why) = why.take() {
                    let text = format!("--connect {place}: {why}; trying again");
                    if events.send(told(Event::Message(text))).await.is_err() {
                        return;
                    }
                    sleep(PAUSE).await;
                }
                match connect(&place).await {
                    Ok(stream) => break stream,
                    Err(error) => why = Some(format!("{error:#}")),
                }
            };
        }
    });
    Ok(())
}

/// Asks for the stream.
async fn connect(place: &Place) -> Result<Incoming> {
    let answer = async {
        match place {
            Place::Unix(path) => ask(UnixStream::connect(path).await?, "localhost").await,
            Place::Tcp(authority) => ask(TcpStream::connect(authority).await?, authority).await,
        }
    };
    let answer = timeout(PATIENCE, answer).await.unwrap_or_else(|_| Err(anyhow!("no answer")));
    answer.with_context(|| format!("--connect {place}"))
}

async fn ask<S>(stream: S, host: &str) -> Result<Incoming>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut requests, connection) = handshake(TokioIo::new(stream)).await?;
    // Whatever ends it, the answer says so, too.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    let request = Request::get("/api/v1/stream").header("Host", host).body(String::new())?;
    let answer = requests.send_request(request).await?;
    match answer.status() {
        StatusCode::OK => Ok(answer.into_body()),
        StatusCode::UNAUTHORIZED => {
            bail!("probe serve wants a password there; its socket in the file system wants none")
        }
        status => bail!("the answer is {status}, and not the stream of a probe serve"),
    }
}

/// Takes what comes until the connection ends.
async fn listen(mut body: Incoming, events: &Sender<Told>) -> Result<()> {
    let mut lines = Lines::default();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(bytes) = frame?.into_data() else { continue };
        for data in lines.take(&bytes)? {
            let snapshot: Snapshot = serde_json::from_slice(&data)
                .context("what came is no snapshot of a probe serve")?;
            if events.send(told(Event::Snapshot(Box::new(snapshot)))).await.is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// What is no session's is always wanted.
fn told(event: Event) -> Told {
    Told { by: None, event }
}

/// Lines of server-sent events, of which those of data are wanted.
#[derive(Default)]
struct Lines(Vec<u8>);

impl Lines {
    /// Takes bytes, and gives what is after `data:` in the lines that they end: an event of `probe serve` has one
    /// such line.
    fn take(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
        self.0.extend_from_slice(bytes);
        let mut data = Vec::new();
        while let Some(end) = self.0.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.0.drain(..=end).collect();
            if let Some(rest) = line.strip_prefix(b"data:") {
                data.push(rest.trim_ascii().to_vec());
            }
        }
        if self.0.len() > MOST {
            bail!("a snapshot of more than {} MB", MOST >> 20);
        }
        Ok(data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        for (text, place) in [
            ("/run/probe.sock", Place::Unix("/run/probe.sock".into())),
            ("unix:/run/probe.sock", Place::Unix("/run/probe.sock".into())),
            ("http://127.0.0.1:9977", Place::Tcp("127.0.0.1:9977".into())),
            ("http://[::1]:9977/", Place::Tcp("[::1]:9977".into())),
        ] {
            assert_eq!(text.parse(), Ok(place));
        }
        for text in [
            "",
            "run/probe.sock",
            "http://",
            "http://a",
            "http://a:b",
            "https://a:1",
            "a:1",
            "http://u@a:1",
            "http://a/b:1",
        ] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }

    /// However the bytes come, the data are whole.
    #[test]
    fn events_in_pieces() {
        let text = b": hello\n\nevent: snapshot\nid: 1\ndata: {\"a\":1}\r\n\nid: 2\ndata:{}\n\n";
        for size in 1..text.len() {
            let mut lines = Lines::default();
            let pieces = text.chunks(size).flat_map(|piece| lines.take(piece).unwrap());
            assert_eq!(pieces.collect::<Vec<_>>(), [&b"{\"a\":1}"[..], b"{}"], "{size}");
        }
    }
}
