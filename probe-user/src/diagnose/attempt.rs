//! The one connection that is made: an ordinary socket's, and what this host's kernel says of it. What became of it
//! on the wire is known from the frames.

use std::{
    io::{self, Read as _},
    mem::MaybeUninit,
    net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr},
    time::{Duration, Instant},
};

use probe_flow::Protocol;
use socket2::{Domain, Socket, Type};

/// How long a server may wait before it speaks first, if it does.
const GREETING: Duration = Duration::from_millis(500);
/// How long is waited for more, and for the server's FIN, behind its last byte.
const QUIET: Duration = Duration::from_millis(150);
/// How long the server's FIN may take behind ours.
const FAREWELL: Duration = Duration::from_millis(250);
/// When datagrams are sent: a datagram may be lost as a SYN may, and is sent again at like times
/// (RFC 6298, section 2.1).
const DATAGRAMS: [Duration; 3] = [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(3)];

/// An attempt under way.
pub struct Attempt {
    socket: Socket,
    to: SocketAddr,
    protocol: Protocol,
    /// What is said to the server.
    send: Vec<u8>,
    /// How long an answer to that may take.
    patience: Duration,
    start: Instant,
    /// Datagrams sent so far.
    sent: usize,
    connected: Option<Instant>,
    last_byte: Option<Instant>,
    our_fin: Option<Instant>,
    failed: Option<io::Error>,
    over: bool,
}

impl Attempt {
    /// A socket with a port of its own, from which nothing has been sent yet.
    ///
    /// # Errors
    /// Those of sockets.
    pub fn new(
        protocol: Protocol,
        to: SocketAddr,
        send: Option<Vec<u8>>,
        patience: Duration,
    ) -> io::Result<Self> {
        let kind = match protocol {
            Protocol::Tcp => Type::STREAM,
            Protocol::Udp => Type::DGRAM,
        };
        let socket = Socket::new(Domain::for_address(to), kind, None)?;
        let any: SocketAddr = match to {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        socket.bind(&any.into())?;
        socket.set_nonblocking(true)?;
        let send = send.unwrap_or_else(|| match protocol {
            Protocol::Tcp => Vec::new(),
            Protocol::Udp => question(to.port()),
        });
        Ok(Self {
            socket,
            to,
            protocol,
            send,
            patience,
            start: Instant::now(),
            sent: 0,
            connected: None,
            last_byte: None,
            our_fin: None,
            failed: None,
            over: false,
        })
    }

    /// The port that it is made from.
    ///
    /// # Errors
    /// Those of getsockname(2).
    pub fn port(&self) -> io::Result<u16> {
        let address = self.socket.local_addr()?.as_socket();
        address.map(|address| address.port()).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Sends the first packet, unless this host refuses to.
    pub fn start(&mut self) {
        self.start = Instant::now();
        match self.socket.connect(&self.to.into()) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => self.fail(error),
            _ => self.go_on(),
        }
    }

    /// Does what is due, without waiting.
    pub fn go_on(&mut self) {
        if self.is_over() {
            return;
        }
        let result = match self.protocol {
            Protocol::Udp => self.ask(),
            Protocol::Tcp if self.connected.is_none() => self.connect(),
            Protocol::Tcp => self.converse(),
        };
        if let Err(error) = result {
            self.fail(error);
        }
    }

    /// Whether nothing more is to be done.
    pub fn is_over(&self) -> bool {
        self.over || self.failed.is_some()
    }

    /// Whether the kernel has the connection.
    pub fn is_connected(&self) -> bool {
        self.connected.is_some()
    }

    /// What the kernel said where it gave up.
    pub fn failure(&self) -> Option<&io::Error> {
        self.failed.as_ref()
    }

    fn fail(&mut self, error: io::Error) {
        self.failed = Some(error);
    }

    /// Looks whether the kernel has the connection, and then says what is to be said.
    fn connect(&mut self) -> io::Result<()> {
        if let Some(error) = self.socket.take_error()? {
            return Err(error);
        }
        // ENOTCONN until the handshake is done.
        if self.socket.peer_addr().is_err() {
            return Ok(());
        }
        self.connected = Some(Instant::now());
        if !self.send.is_empty() {
            self.socket.send(&self.send)?;
        }
        Ok(())
    }

    /// Listens until the server has said what it says by itself, and then takes leave.
    fn converse(&mut self) -> io::Result<()> {
        let mut buffer = [0; 4096];
        loop {
            match (&self.socket).read(&mut buffer) {
                Ok(0) => {
                    self.over = true;
                    // Its frames are still seen: the socket is closed when they were.
                    return self.socket.shutdown(Shutdown::Write);
                }
                Ok(_) => self.last_byte = Some(Instant::now()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // The server ends it so: the frames tell.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    self.over = true;
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        let greeting = if self.send.is_empty() { GREETING } else { self.patience };
        let (since, patience) = match (self.our_fin, self.last_byte, self.connected) {
            (Some(fin), ..) => (fin, FAREWELL),
            (None, Some(byte), _) => (byte, QUIET),
            (None, None, connected) => (connected.unwrap_or(self.start), greeting),
        };
        if since.elapsed() < patience {
            return Ok(());
        }
        if self.our_fin.is_some() {
            self.over = true;
        } else {
            self.our_fin = Some(Instant::now());
            self.socket.shutdown(Shutdown::Write)?;
        }
        Ok(())
    }

    /// Sends the datagrams whose time has come, and looks for an answer.
    fn ask(&mut self) -> io::Result<()> {
        while DATAGRAMS.get(self.sent).is_some_and(|&at| self.start.elapsed() >= at) {
            self.sent += 1;
            self.socket.send(&self.send)?;
        }
        let mut buffer = [MaybeUninit::uninit(); 2048];
        match self.socket.recv(&mut buffer) {
            Ok(_) => self.over = true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// A datagram that the service of a port answers: a question for the root's name servers (RFC 1035), a client's
/// question for the time (RFC 5905), and else one without a byte.
fn question(port: u16) -> Vec<u8> {
    match port {
        53 => {
            // An id, recursion desired, one question: the root, NS, IN.
            [&[0x70, 0x72, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], &[0, 0, 2, 0, 1]].concat()
        }
        123 => {
            // Version 4, mode 3 (client), and 47 bytes that a client may leave at 0.
            let mut packet = vec![0; 48];
            packet[0] = 4 << 3 | 3;
            packet
        }
        _ => Vec::new(),
    }
}
