//! What listens on the server: threads of this process, with sockets of its namespace.

use std::io::{BufRead, BufReader, Write as _};
use std::net::{Ipv6Addr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::socket::{Backlog, Shutdown, listen, shutdown};

use super::Scenario;
use crate::Namespace;

/// How long [`Scenario::Slow`] takes for an answer.
pub const SLOW_ANSWER: Duration = Duration::from_millis(300);
/// How long a service waits for a client to say something.
const PATIENCE: Duration = Duration::from_secs(20);

/// The services. Dropped, they stop listening, and their threads end.
#[derive(Debug)]
pub(super) struct Services {
    listeners: Vec<Arc<TcpListener>>,
    sockets: Vec<Arc<UdpSocket>>,
    /// What fills the listen queue.
    _waiting: Vec<TcpStream>,
}

impl Services {
    /// Starts all of them; when this returns, they listen on IPv4 and IPv6.
    pub(super) fn start(server: &Namespace) -> Result<Self> {
        let mut services = server.enter(|| {
            let tcp = |scenario| bound(scenario, TcpListener::bind);
            let udp = |scenario| bound(scenario, UdpSocket::bind);
            let (full, waiting) = full_queue(tcp(Scenario::FullQueue)?)?;
            let [open, slow, half_open] = [Scenario::Open, Scenario::Slow, Scenario::HalfOpen];
            Ok(Self {
                listeners: vec![tcp(open)?, tcp(slow)?, tcp(half_open)?, full],
                sockets: vec![udp(Scenario::UdpAnswers)?, udp(Scenario::UdpSilent)?],
                _waiting: waiting,
            })
        })?;
        // Not the last one, whose queue is full because nobody accepts.
        for (listener, delay) in
            services.listeners.iter().zip([Duration::ZERO, SLOW_ANSWER, Duration::ZERO])
        {
            let listener = Arc::clone(listener);
            thread::spawn(move || serve(&listener, delay));
        }
        if let Some(socket) = services.sockets.first_mut() {
            let socket = Arc::clone(socket);
            thread::spawn(move || echo(&socket));
        }
        Ok(services)
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        // Wakes the threads; for UDP it also says that the socket has no peer, which is known.
        for listener in &self.listeners {
            let _ = shutdown(listener.as_raw_fd(), Shutdown::Both);
        }
        for socket in &self.sockets {
            let _ = shutdown(socket.as_raw_fd(), Shutdown::Both);
        }
    }
}

/// A socket on a scenario's port, of both versions of IP (ipv6(7), IPV6_V6ONLY).
fn bound<S>(
    scenario: Scenario,
    bind: impl Fn((Ipv6Addr, u16)) -> std::io::Result<S>,
) -> Result<Arc<S>> {
    let socket = bind((Ipv6Addr::UNSPECIFIED, scenario.port()));
    Ok(Arc::new(socket.with_context(|| format!("listening for {scenario:?}"))?))
}

/// Fills the queue of a listener by connections over the loopback, where no test looks.
fn full_queue(listener: Arc<TcpListener>) -> Result<(Arc<TcpListener>, Vec<TcpStream>)> {
    // listen(2) on a listening socket changes its backlog. The queue holds one more than that
    // (sk_acceptq_is_full, include/net/sock.h). With a backlog of 0 the queue of SYNs would
    // always be full, too, and SYN cookies be sent.
    listen(&listener, Backlog::new(1)?).context("setting the backlog")?;
    let port = Scenario::FullQueue.port();
    let connect = |_| TcpStream::connect((Ipv6Addr::LOCALHOST, port)).context("filling a queue");
    let waiting = (0..2).map(connect).collect::<Result<_>>()?;
    Ok((listener, waiting))
}

fn serve(listener: &TcpListener, delay: Duration) {
    while let Ok((stream, _)) = listener.accept() {
        // A client that goes away ends its own conversation only.
        thread::spawn(move || converse(stream, delay));
    }
}

/// Answers requests of HTTP/1.1 (RFC 9112) without a body, one after the other.
fn converse(mut stream: TcpStream, delay: Duration) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    while let Some(request) = lines.next() {
        let request = request?;
        let mut close = false;
        loop {
            match lines.next().transpose()?.as_deref() {
                None => return Ok(()),
                Some("") => break,
                Some(header) => close |= header.eq_ignore_ascii_case("connection: close"),
            }
        }
        thread::sleep(delay);
        let path = request.split(' ').nth(1).and_then(|path| path.strip_prefix('/'));
        let status: u16 = path.and_then(|path| path.parse().ok()).unwrap_or(200);
        let body = "probe's testbed\n";
        let length = body.len();
        write!(stream, "HTTP/1.1 {status} Status\r\nContent-Length: {length}\r\n\r\n{body}")?;
        if close {
            break;
        }
    }
    Ok(())
}

fn echo(socket: &UdpSocket) {
    let mut buffer = [0; 2048];
    // After `shutdown` there is no sender, which is an error.
    while let Ok((length, from)) = socket.recv_from(&mut buffer) {
        // A client that has gone does not hear it.
        let _ = socket.send_to(&buffer[..length], from);
    }
}
