//! Connections, and their limits: whoever is slow, large or many is refused, and costs little.

use std::{
    io, net::TcpListener as StdTcpListener, os::unix::net::UnixListener as StdUnixListener,
    sync::Arc, time::Duration,
};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use super::news::News;

/// Connections to one socket at a time.
pub const CONNECTIONS: usize = 256;
/// How long the head of a request may take to come, and how long a connection may be idle.
const HEAD: Duration = Duration::from_secs(10);
/// Bytes of a head at most.
const HEAD_BYTES: usize = 16 * 1024;
/// Header lines at most.
const HEADERS: usize = 64;
/// How long a connection lives: streams begin anew after it, and slow readers are let go.
const LIFE: Duration = Duration::from_secs(600);
/// What a request that is being answered then still has.
const GRACE: Duration = Duration::from_secs(5);
/// After an error of accept(2), such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// What is said to one too many.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\
    Retry-After: 1\r\n\r\n";

/// How connections to a socket are answered.
#[derive(Clone)]
pub enum Way {
    /// As they come.
    Plain(Router),
    /// As the web config file says: by TLS or not.
    Guarded(Router, News),
}

/// A listening socket of either kind.
pub trait Accept: Sized + Send + 'static {
    /// What the runtime makes of it.
    type Listener: Send + Sync;
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Gives it to the runtime.
    fn listener(self) -> io::Result<Self::Listener>;

    /// The next connection.
    fn next(listener: &Self::Listener) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Accept for StdTcpListener {
    type Listener = TcpListener;
    type Stream = TcpStream;

    fn listener(self) -> io::Result<TcpListener> {
        self.set_nonblocking(true)?;
        TcpListener::from_std(self)
    }

    async fn next(listener: &TcpListener) -> io::Result<TcpStream> {
        listener.accept().await.map(|(stream, _)| stream)
    }
}

impl Accept for StdUnixListener {
    type Listener = UnixListener;
    type Stream = UnixStream;

    fn listener(self) -> io::Result<UnixListener> {
        self.set_nonblocking(true)?;
        UnixListener::from_std(self)
    }

    async fn next(listener: &UnixListener) -> io::Result<UnixStream> {
        listener.accept().await.map(|(stream, _)| stream)
    }
}

/// Accepts connections from now on. Needs the runtime.
///
/// # Errors
/// Where the socket cannot be used.
pub fn accept<L: Accept>(listener: L, way: Way) -> io::Result<()> {
    let listener = listener.listener()?;
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    tokio::spawn(async move {
        loop {
            match L::next(&listener).await {
                Ok(stream) => admit(stream, &room, &way),
                Err(_) => sleep(PAUSE).await,
            }
        }
    });
    Ok(())
}

fn admit<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    mut stream: S,
    room: &Arc<Semaphore>,
    way: &Way,
) {
    let Ok(place) = Arc::clone(room).try_acquire_owned() else {
        tokio::spawn(async move {
            let _ = timeout(PAUSE, stream.write_all(FULL)).await;
        });
        return;
    };
    let way = way.clone();
    tokio::spawn(async move {
        let _place = place;
        let (router, news) = match way {
            Way::Plain(router) => return serve(stream, router).await,
            Way::Guarded(router, news) => (router, news),
        };
        let Some(tls) = news.web().await.tls.clone() else { return serve(stream, router).await };
        if let Ok(Ok(stream)) = timeout(HEAD, TlsAcceptor::from(tls).accept(stream)).await {
            serve(stream, router).await;
        }
    });
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, router: Router) {
    let service = TowerToHyperService::new(router);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    // Whatever ends it concerns the other end alone.
    if timeout(LIFE, connection.as_mut()).await.is_err() {
        connection.as_mut().graceful_shutdown();
        let _ = timeout(GRACE, connection).await;
    }
}
