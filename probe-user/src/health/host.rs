//! What the kernel of this host says beside the packets, in the network namespace of this process, which
//! is that of the interfaces: counters of /proc/net/netstat, settings below /proc/sys/net, and the
//! listening sockets. All of it may be read without rights.

use std::{
    collections::VecDeque, fs::File, net::IpAddr, os::unix::fs::FileExt as _, time::Duration,
};

use super::{
    service::{Protocol, Service},
    verdict::HostView,
};
use crate::{
    interfaces,
    kernel::sock_diag::{self, Listener},
};

/// Counters of TcpExt in /proc/net/netstat (`snmp4_net_list`, net/ipv4/proc.c), since the host started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// SYNs and completed handshakes that found a listen queue full.
    pub listen_overflows: u64,
    /// SYNs that listening sockets dropped, those of above among them.
    pub listen_drops: u64,
    /// SYNs that found the queue of half-open connections full, and were answered with a cookie.
    pub full_do_cookies: u64,
    /// SYN cookies sent.
    pub cookies_sent: u64,
    /// SYN cookies that came back: a client completed its handshake.
    pub cookies_received: u64,
}

impl Counters {
    /// What was counted since `earlier`.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            listen_overflows: self.listen_overflows.saturating_sub(earlier.listen_overflows),
            listen_drops: self.listen_drops.saturating_sub(earlier.listen_drops),
            full_do_cookies: self.full_do_cookies.saturating_sub(earlier.full_do_cookies),
            cookies_sent: self.cookies_sent.saturating_sub(earlier.cookies_sent),
            cookies_received: self.cookies_received.saturating_sub(earlier.cookies_received),
        }
    }
}

/// Settings that decide what becomes of SYNs (tcp(7), listen(2)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// net.ipv4.tcp_syncookies: 0 never, 1 where the queue is full, 2 always.
    pub syncookies: u64,
    /// net.ipv4.tcp_max_syn_backlog: half-open connections that a listening socket remembers.
    pub max_syn_backlog: u64,
    /// net.ipv4.tcp_synack_retries: how often an answer is sent again.
    pub synack_retries: u64,
    /// net.core.somaxconn: the most that a listen queue may hold.
    pub somaxconn: u64,
}

/// All of it, at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// The counters.
    pub counters: Counters,
    /// The settings.
    pub settings: Settings,
    /// Listening sockets of TCP; none known where the kernel does not tell.
    pub tcp: Option<Vec<Listener>>,
    /// Bound sockets of UDP.
    pub udp: Option<Vec<Listener>>,
}

/// The files below /proc in which it stands. They stay open, and are read again and again: a process that
/// may not open files any more can do that.
#[derive(Debug)]
struct Files {
    netstat: File,
    syncookies: File,
    max_syn_backlog: File,
    synack_retries: File,
    somaxconn: File,
}

impl Files {
    /// Opens them; `None` where /proc is not there, as in an empty chroot.
    fn open() -> Option<Self> {
        let setting = |name: &str| File::open(format!("/proc/sys/net/{name}")).ok();
        Some(Self {
            // "self" is the main thread; all threads are in one network namespace.
            netstat: File::open("/proc/self/net/netstat").ok()?,
            syncookies: setting("ipv4/tcp_syncookies")?,
            max_syn_backlog: setting("ipv4/tcp_max_syn_backlog")?,
            synack_retries: setting("ipv4/tcp_synack_retries")?,
            somaxconn: setting("core/somaxconn")?,
        })
    }

    /// Asks the kernel.
    fn ask(&self) -> Option<Host> {
        let setting = |file| text(file)?.trim().parse().ok();
        Some(Host {
            counters: counters(&text(&self.netstat)?)?,
            settings: Settings {
                syncookies: setting(&self.syncookies)?,
                max_syn_backlog: setting(&self.max_syn_backlog)?,
                synack_retries: setting(&self.synack_retries)?,
                somaxconn: setting(&self.somaxconn)?,
            },
            tcp: sock_diag::listeners(libc::IPPROTO_TCP).ok(),
            udp: sock_diag::listeners(libc::IPPROTO_UDP).ok(),
        })
    }
}

/// The whole of a file, from its beginning.
fn text(file: &File) -> Option<String> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 16 << 10]);
    loop {
        match file.read_at(&mut piece, bytes.len() as u64).ok()? {
            0 => return String::from_utf8(bytes).ok(),
            read => bytes.extend_from_slice(piece.get(..read)?),
        }
    }
}

/// Two lines belong together: `TcpExt:` with names, and with numbers. A kernel without a counter of
/// ours has no such event.
fn counters(text: &str) -> Option<Counters> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("TcpExt:"));
    let (names, numbers) = (lines.next()?, lines.next()?);
    let of = |name: &str| {
        let mut pairs = names.split_whitespace().zip(numbers.split_whitespace());
        pairs.find(|(other, _)| *other == name).and_then(|(_, number)| number.parse().ok())
    };
    Some(Counters {
        listen_overflows: of("ListenOverflows").unwrap_or(0),
        listen_drops: of("ListenDrops").unwrap_or(0),
        full_do_cookies: of("TCPReqQFullDoCookies").unwrap_or(0),
        cookies_sent: of("SyncookiesSent").unwrap_or(0),
        cookies_received: of("SyncookiesRecv").unwrap_or(0),
    })
}

/// What the host said at the ticks of a run.
#[derive(Debug, Default)]
pub struct HostLog {
    /// Since the first question.
    files: Option<Files>,
    /// By the time since the start: the first answer, and those of the last minute.
    counters: VecDeque<(Duration, Counters)>,
    last: Option<Host>,
    /// The addresses that are its own.
    addresses: Vec<IpAddr>,
}

/// Answers that are kept, beside the first. Ticks that are closer to each other than this allows for a span
/// make the span shorter.
const KEPT: usize = 128;

impl HostLog {
    /// Asks now.
    pub fn ask(&mut self, elapsed: Duration) {
        if self.files.is_none() {
            self.files = Files::open();
        }
        let Some(host) = self.files.as_ref().and_then(Files::ask) else { return };
        self.counters.push_back((elapsed, host.counters));
        if self.counters.len() > KEPT {
            self.counters.remove(1);
        }
        self.last = Some(host);
        self.addresses = interfaces::own_addresses();
    }

    /// What it says about a port, of which this is a server's address, since a time; nothing where that is
    /// another host.
    pub fn view(&self, server: IpAddr, service: Service, since: Duration) -> Option<HostView> {
        let now = self.last.as_ref().filter(|_| self.addresses.contains(&server))?;
        let at = self.counters.partition_point(|(elapsed, _)| *elapsed <= since);
        let (_, before) = self.counters.get(at.saturating_sub(1))?;
        let listeners = match service.protocol {
            Protocol::Tcp => &now.tcp,
            Protocol::Udp => &now.udp,
        };
        let listener = listeners.as_ref().map(|listeners| {
            let of_port = listeners.iter().filter(|listener| listener.port == service.port);
            of_port.max_by_key(|listener| listener.waiting).cloned()
        });
        let mut others = now.tcp.iter().flatten().filter(|other| other.port != service.port);
        Some(HostView {
            counters: now.counters.since(*before),
            settings: now.settings,
            listener,
            other_queue_full: others.any(Listener::is_full),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_by_their_names() {
        let text = "TcpExt: SyncookiesSent SyncookiesRecv SyncookiesFailed ListenOverflows ListenDrops \
                    TCPReqQFullDoCookies\nTcpExt: 5 3 1 7 9 4\nIpExt: InNoRoutes\nIpExt: 0\n";
        let expected = Counters {
            listen_overflows: 7,
            listen_drops: 9,
            full_do_cookies: 4,
            cookies_sent: 5,
            cookies_received: 3,
        };
        assert_eq!(counters(text), Some(expected));
        assert_eq!(expected.since(Counters::default()), expected);
        assert_eq!(expected.since(expected), Counters::default());
        assert_eq!(counters("TcpExt: A\nTcpExt: 1\n"), Some(Counters::default()));
        assert_eq!(counters("IpExt: A\n"), None);
    }

    #[test]
    fn this_host_answers() {
        let files = Files::open().unwrap();
        for _ in 0..2 {
            let host = files.ask().unwrap();
            assert!(host.settings.somaxconn > 0 && host.settings.max_syn_backlog > 0);
        }
    }
}
