//! What is done to the service, all at once.

use std::{
    collections::VecDeque,
    io::Write as _,
    net::{Ipv4Addr, TcpStream},
    os::unix::net::UnixStream,
    path::Path,
    sync::{
        PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use testbed::{
    CLIENT_LINK, CLIENT_V4, CLIENT_V6, Frame, FrameSender, LinkCounters, SERVER_V4, Tcp, http_get,
    pin_to_cpu, run, tcp_flags,
};

use super::{
    super::by_tcp,
    FILES, LIMIT, Parts, Set, Soak, add, get,
    rules::{self, MOST_BYTES, MOST_FILES},
};
use crate::{
    matrix::capture::frames,
    scattered::{NOBODY_V4, NOBODY_V6},
    serve::recorders::{files, wait_for},
};

/// Frames of a round, sent at once, and the time from one round to the next: 20,000 frames a second.
pub const ROUND: u64 = 4_000;
const PERIOD: Duration = Duration::from_millis(200);
/// Frames that make an alarm: one call of the kernel sends them.
pub const ALARMS: u64 = 64;

/// Connections to the server at a time.
const CONNECTIONS: u64 = 5;
/// Slow clients at a time: fewer than a socket has room for.
const SLOW_CLIENTS: usize = 48;

impl Soak {
    /// Sends rounds of frames. A veth hands a frame on where it was sent: from one CPU, so that one ring
    /// of a recorder has all of them, in their order.
    pub fn send_traffic(&self, over: &AtomicBool) {
        pin_to_cpu(0).unwrap();
        let sender = FrameSender::open(&self.pair.client, CLIENT_LINK).unwrap();
        let mut round: Vec<Vec<u8>> = (0..ROUND).map(|number| frame(number, 0)).collect();
        let mut next = Instant::now();
        while !over.load(Ordering::Relaxed) {
            let rounds = get(&self.made.rounds);
            for number in (SPOOFED..ROUND).step_by(8) {
                round[number as usize] = frame(number, rounds);
            }
            sender.send(&round).unwrap();
            add(&self.made.rounds, 1);
            thread::sleep(next.saturating_duration_since(Instant::now()));
            next = Instant::now().max(next + PERIOD);
        }
    }

    /// Interfaces come, get frames, and go.
    pub fn have_guests(&self, over: &AtomicBool) {
        let Self { pair, service, made, .. } = self;
        let frame = Frame::ipv4(CLIENT_V4, NOBODY_V4).udp(1024, 2000).build();
        while !over.load(Ordering::Relaxed) {
            let number = get(&made.guests);
            let (name, peer) = (format!("soak{number}"), format!("peer{number}"));
            let [.., high, low] = number.to_be_bytes();
            let mac = |end| [2, 0, 1, end, high, low];
            pair.client.veth((&peer, mac(1)), &pair.server, (&name, mac(2))).unwrap();
            let attached = format!("{name} appeared: attached (tcx)");
            service.running.wait_for_line(&attached, LIMIT).unwrap();
            let count = 50 + number % 50;
            let sender = FrameSender::open(&pair.client, &peer).unwrap();
            sender.send(&vec![frame.clone(); count as usize]).unwrap();
            let before = LinkCounters::default();
            pair.server.wait_for_received(&name, before, count, LIMIT).unwrap();
            add(&made.guest_frames, count);
            pair.server.ip(&[format!("link del {name}")]).unwrap();
            service.running.wait_for_line(&format!("{name} is gone"), LIMIT).unwrap();
            add(&made.guests, 1);
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// Makes connections to a server behind the link, but not while one process that follows them takes
    /// over from another.
    pub fn connect(&self, over: &AtomicBool) {
        while !over.load(Ordering::Relaxed) {
            let calm = self.calm.lock().unwrap_or_else(PoisonError::into_inner);
            let client = &self.pair.client;
            let made = http_get(client, SERVER_V4.into(), 80, CONNECTIONS, LIMIT).unwrap();
            add(&self.made.connections, made);
            drop(calm);
            thread::sleep(Duration::from_millis(500));
        }
    }

    /// Reads metrics and the document once a second.
    pub fn scrape_often(&self, over: &AtomicBool) {
        while !over.load(Ordering::Relaxed) {
            self.take(&self.service.request("GET", "/metrics", ""));
            self.document();
            thread::sleep(Duration::from_millis(500));
            self.take(&by_tcp(&self.pair.server, "GET", "/metrics"));
            thread::sleep(Duration::from_millis(500));
        }
    }

    /// Clients that say too little, or read nothing.
    pub fn have_slow_clients(&self, over: &AtomicBool) {
        let (mut local, mut others) = (VecDeque::new(), VecDeque::new());
        while !over.load(Ordering::Relaxed) {
            for begun in ["GET /met", "GET /api/v1/stream HTTP/1.1\r\nHost: x\r\n\r\n"] {
                let mut client = UnixStream::connect(self.service.socket()).unwrap();
                client.write_all(begun.as_bytes()).unwrap();
                local.push_back(client);
                let client = self.pair.server.enter(|| {
                    let mut client = TcpStream::connect("127.0.0.1:9977")?;
                    client.write_all(begun.as_bytes())?;
                    Ok(client)
                });
                others.push_back(client.unwrap());
                add(&self.made.slow_clients, 2);
            }
            local.drain(..local.len().saturating_sub(SLOW_CLIENTS));
            others.drain(..others.len().saturating_sub(SLOW_CLIENTS));
            thread::sleep(Duration::from_millis(250));
        }
    }

    /// One reload, every fifth of a bad file, and at every other step a recording.
    pub fn operate(&self) {
        let step = get(&self.made.steps);
        add(&self.made.steps, 1);
        let set = if step.is_multiple_of(2) { Set::Second } else { Set::First };
        // In every other stretch; in those between they grow old.
        let is_other = !get(&self.made.stretches).is_multiple_of(2) && step % 6 < 3;
        let parts = Parts { is_other };
        self.reload(set, parts, step % 5 == 4, step.is_multiple_of(3));
        self.document();
        if step.is_multiple_of(2) {
            self.record(step / 2);
        }
        thread::sleep(Duration::from_secs(1));
    }

    /// Writes a configuration and has it read, and waits for what becomes of it.
    pub fn reload(&self, set: Set, parts: Parts, is_bad: bool, by_signal: bool) {
        let Self { service, made, .. } = self;
        let mut calm = self.calm.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = !is_bad && *calm != parts;
        let calm = if changes {
            *calm = parts;
            Some(calm)
        } else {
            drop(calm);
            None
        };
        service.write(rules::HEAD, &rules::text(set, parts, is_bad, self.folder.path()));
        let (made, result) =
            if is_bad { (&made.failures, "failure") } else { (&made.reloads, "success") };
        if by_signal {
            service.running.signal(libc::SIGHUP).unwrap();
        } else {
            let (status, said) = service.reload();
            assert_eq!(status, if is_bad { 422 } else { 200 }, "{said}");
        }
        add(made, 1);
        let series = format!("probe_reloads_total{{result=\"{result}\"}}");
        wait_for(service, &series, get(made) as f64);
        if calm.is_some() {
            self.wait_for_health();
        }
    }

    /// Has a recording made, in one of three ways, and reads it.
    fn record(&self, number: u64) {
        let Self { service, made, .. } = self;
        let before = service.metric(FILES);
        match number % 3 {
            0 => {
                let alarm = Frame::ipv4(CLIENT_V4, NOBODY_V4).udp(9, 9).build();
                let sender = FrameSender::open(&self.pair.client, CLIENT_LINK).unwrap();
                sender.send(&vec![alarm; ALARMS as usize]).unwrap();
                add(&made.by_condition, 1);
            }
            1 => {
                service.running.signal(libc::SIGUSR2).unwrap();
                add(&made.by_signal, 1);
            }
            _ => {
                let answer = service.request("POST", "/api/v1/record?rule=mix", "");
                assert_eq!((answer.status, answer.body.as_str()), (200, "recording mix\n"));
                add(&made.by_request, 1);
            }
        }
        wait_for(service, FILES, before + 1.0);
        self.read_newest();
        // The condition can be met again once an interval was without alarms.
        self.wait_for_intervals(3);
    }

    /// The newest file has frames of the rounds, one behind the other, and nobody else's; and there are
    /// no more files, and no larger ones, than may be.
    fn read_newest(&self) {
        let files = files(self.folder.path());
        assert!(files.len() <= MOST_FILES, "{files:?}");
        for file in &files {
            assert!(file.metadata().unwrap().len() <= MOST_BYTES, "{file:?}");
        }
        let file = files.last().unwrap();
        let found = frames(&self.pair.server, file.to_str().unwrap());
        assert!(found.is_sorted_by_key(|(time, ..)| *time), "{file:?}: time goes back");
        let numbers: Vec<u64> = found.iter().map(|(_, bytes, _)| number(bytes)).collect();
        let follows = |pair: &[u64]| (pair[0] + 1) % ROUND == pair[1];
        if !numbers.windows(2).all(follows) {
            let text = String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned();
            assert!(text.contains("were overwritten before they were read"), "{file:?}: a gap");
            add(&self.made.with_gaps, 1);
        }
        assert_eq!(packets(self, file), numbers.len() as u64, "{file:?}");
    }

    fn wait_for_intervals(&self, count: usize) {
        let start = Instant::now();
        let (mut last, mut ended) = (self.document()["elapsed"].clone(), 0);
        while ended < count {
            assert!(start.elapsed() < LIMIT, "{}", self.service.running.stderr());
            thread::sleep(Duration::from_millis(50));
            let now = self.document()["elapsed"].clone();
            ended += usize::from(now != last);
            last = now;
        }
    }
}

/// Packets of a file, as capinfos counts them.
fn packets(soak: &Soak, file: &Path) -> u64 {
    let mut capinfos = soak.pair.server.command("capinfos");
    capinfos.args(["-T", "-m", "-Q", "-c", "-M", "-r"]).arg(file);
    let text = run(capinfos, LIMIT).unwrap().text();
    let count =
        text.trim().rsplit(',').next().and_then(|count| count.trim_matches('"').parse().ok());
    count.unwrap_or_else(|| panic!("{text}"))
}

/// The first frame of a round whose source is seen once, and then every eighth.
const SPOOFED: u64 = 6;

/// A frame of a round: UDP to ports from 1000 on of 500 sources, a SYN from a source that nobody has seen,
/// and one by IPv6 from one source. Nobody is there to answer. Its last bytes say which one of the round it is.
fn frame(number: u64, round: u64) -> Vec<u8> {
    let payload = (number as u32).to_be_bytes();
    let source = |network: u32, host: u64| Ipv4Addr::from(network + host as u32);
    let syn = Tcp { source: 1024, destination: 81, flags: tcp_flags::SYN, ..Tcp::default() };
    let frame = match number % 8 {
        SPOOFED => {
            // 10.0.0.0/8
            let host = (round * ROUND + number) / 8 % (1 << 24);
            Frame::ipv4(source(0x0a00_0000, host), NOBODY_V4).tcp(syn)
        }
        7 => Frame::ipv6(CLIENT_V6, NOBODY_V6).tcp(syn),
        // 198.18.0.0/15
        kind => {
            Frame::ipv4(source(0xc612_0000, number / 8), NOBODY_V4).udp(1024, 1000 + kind as u16)
        }
    };
    frame.payload(&payload).build()
}

/// Which one of a round a frame is.
fn number(frame: &[u8]) -> u64 {
    u32::from_be_bytes(*frame.last_chunk().unwrap()).into()
}
