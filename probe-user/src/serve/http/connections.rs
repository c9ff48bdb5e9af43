//! Connections, and their limits: whoever is slow, large or many is refused, and costs little.

use std::{io, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, UnixListener},
    sync::Semaphore,
    time::{sleep, timeout},
};

use crate::serve::listen::Listener;

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

/// Accepts connections from now on. Needs the runtime.
///
/// # Errors
/// Where the socket cannot be used.
pub fn accept(listener: Listener, router: Router) -> io::Result<()> {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    match listener {
        Listener::Tcp(listener) => {
            listener.set_nonblocking(true)?;
            let listener = TcpListener::from_std(listener)?;
            tokio::spawn(async move {
                loop {
                    match listener.accept().await {
                        Ok((stream, _)) => admit(stream, &room, &router),
                        Err(_) => sleep(PAUSE).await,
                    }
                }
            });
        }
        Listener::Unix(listener) => {
            listener.set_nonblocking(true)?;
            let listener = UnixListener::from_std(listener)?;
            tokio::spawn(async move {
                loop {
                    match listener.accept().await {
                        Ok((stream, _)) => admit(stream, &room, &router),
                        Err(_) => sleep(PAUSE).await,
                    }
                }
            });
        }
    }
    Ok(())
}

fn admit<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    mut stream: S,
    room: &Arc<Semaphore>,
    router: &Router,
) {
    let Ok(place) = Arc::clone(room).try_acquire_owned() else {
        tokio::spawn(async move {
            let _ = timeout(PAUSE, stream.write_all(FULL)).await;
        });
        return;
    };
    let service = TowerToHyperService::new(router.clone());
    tokio::spawn(async move {
        let _place = place;
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
    });
}
