//! Names instead of numbers, where `-n` is not given: hosts by the system's resolver
//! (which reads /etc/hosts, too), ports by /etc/services.
//!
//! A capture must not wait for a name server. A live one shows the number until the name
//! is known; threads of its own ask. A file can wait: there the first line has the name.

use std::{
    collections::HashMap,
    fmt, fs,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, SyncSender},
    },
    thread,
};

/// Whether names are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NameStyle {
    /// `-n`: numbers.
    #[default]
    Numbers,
    /// Names of hosts as soon as they are known.
    Background,
    /// Names of hosts, waited for.
    Wait,
}

/// Hosts that are remembered, found or not. A flood from invented addresses must not fill
/// the memory; where there are more, all are forgotten.
const MAX_HOSTS: usize = 1 << 16;
/// Questions that wait for a thread. Where there are more, a host is asked for when it
/// shows up again.
const MAX_QUESTIONS: usize = 256;
/// Threads that ask: a name server that does not answer holds one up for seconds.
const THREADS: usize = 4;

/// What is known of a host.
#[derive(Clone)]
enum Known {
    /// A thread is to ask for it.
    Asked,
    /// It has no name, or none fit to print.
    Nameless,
    Name(Arc<str>),
}

type Cache = Arc<Mutex<HashMap<IpAddr, Known>>>;

/// Names of hosts and ports.
pub struct Names {
    style: NameStyle,
    /// `-N`: without the domain.
    short: bool,
    cache: Cache,
    /// To the threads, once there are any.
    questions: Mutex<Option<SyncSender<IpAddr>>>,
    tcp: HashMap<u16, Box<str>>,
    udp: HashMap<u16, Box<str>>,
}

impl Names {
    /// No names at all.
    pub fn numbers() -> Self {
        Self::with_services(NameStyle::Numbers, false, "")
    }

    /// Names, as the user wants them. Nothing is asked for yet.
    pub fn new(style: NameStyle, short: bool) -> Self {
        let services = match style {
            NameStyle::Numbers => String::new(),
            // A system without the file has numbers.
            _ => fs::read_to_string("/etc/services").unwrap_or_default(),
        };
        Self::with_services(style, short, &services)
    }

    fn with_services(style: NameStyle, short: bool, services: &str) -> Self {
        let (mut tcp, mut udp) = (HashMap::new(), HashMap::new());
        for line in services.lines() {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            let (Some(name), Some((port, protocol))) =
                (words.next(), words.next().and_then(|word| word.split_once('/')))
            else {
                continue;
            };
            let (Ok(port), true) = (port.parse(), fit_to_print(name)) else { continue };
            let table = match protocol {
                "tcp" => &mut tcp,
                "udp" => &mut udp,
                _ => continue,
            };
            // The first name of a port counts.
            table.entry(port).or_insert_with(|| name.into());
        }
        let (cache, questions) = (Cache::default(), Mutex::default());
        Self { style, short, cache, questions, tcp, udp }
    }

    /// Whether anything but numbers is shown.
    pub fn shown(&self) -> bool {
        self.style != NameStyle::Numbers
    }

    /// The name of a host, if there is one and it is known.
    pub fn host(&self, address: IpAddr) -> Option<Arc<str>> {
        if !self.shown() {
            return None;
        }
        // The lock is held for a look only, never while a name server is asked.
        let known = {
            let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            if cache.len() >= MAX_HOSTS {
                cache.clear();
            }
            cache.get(&address).cloned()
        };
        match known {
            Some(Known::Name(name)) => Some(name),
            Some(Known::Nameless | Known::Asked) => None,
            None if self.style == NameStyle::Wait => {
                let found = look_up(address, self.short);
                store(&self.cache, address, found.clone());
                match found {
                    Known::Name(name) => Some(name),
                    Known::Nameless | Known::Asked => None,
                }
            }
            None => {
                self.ask(address);
                None
            }
        }
    }

    /// Hands a question to the threads; where they have too many, it is dropped.
    fn ask(&self, address: IpAddr) {
        let mut questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = questions.get_or_insert_with(|| start_threads(&self.cache, self.short));
        // Known as asked for before it is: the answer must not be overwritten.
        store(&self.cache, address, Known::Asked);
        if sender.try_send(address).is_err() {
            let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            cache.remove(&address);
        }
    }

    /// A TCP port.
    pub fn tcp(&self, port: u16) -> Port<'_> {
        self.tcp.get(&port).map_or(Port::Number(port), |name| Port::Name(name))
    }

    /// A UDP port.
    pub fn udp(&self, port: u16) -> Port<'_> {
        self.udp.get(&port).map_or(Port::Number(port), |name| Port::Name(name))
    }
}

/// A port's name or number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port<'a> {
    /// The number.
    Number(u16),
    /// The service.
    Name(&'a str),
}

impl fmt::Display for Port<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(port) => port.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

fn store(cache: &Cache, address: IpAddr, known: Known) {
    cache.lock().unwrap_or_else(PoisonError::into_inner).insert(address, known);
}

/// Threads that answer questions until the sender is gone.
fn start_threads(cache: &Cache, short: bool) -> SyncSender<IpAddr> {
    let (sender, receiver) = mpsc::sync_channel(MAX_QUESTIONS);
    let receiver = Arc::new(Mutex::new(receiver));
    for _ in 0..THREADS {
        let (receiver, cache) = (Arc::clone(&receiver), Arc::clone(cache));
        // Where no thread can be had, numbers stay numbers.
        let _ = thread::Builder::new()
            .name("names".into())
            .spawn(move || answer(&receiver, &cache, short));
    }
    sender
}

fn answer(receiver: &Mutex<Receiver<IpAddr>>, cache: &Cache, short: bool) {
    loop {
        let question = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(address) = question else { return };
        store(cache, address, look_up(address, short));
    }
}

/// Asks the system's resolver; takes as long as that takes.
fn look_up(address: IpAddr, short: bool) -> Known {
    match dns_lookup::lookup_addr(&address) {
        // The resolver hands the number back where there is no name.
        Ok(name) if name.parse::<IpAddr>().is_err() && fit_to_print(&name) => {
            let name = match short {
                true => name.split('.').next().unwrap_or_default(),
                false => &name,
            };
            Known::Name(name.into())
        }
        _ => Known::Nameless,
    }
}

/// A name server may answer with anything, escapes for the terminal included.
fn fit_to_print(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, time::Duration};

    use super::*;

    #[test]
    fn the_first_name_of_a_port_counts() {
        let services = "http 80/tcp www # web\nworld 80/tcp\ndomain\t53/udp\n\x1b[2J 9/tcp\nx 1\n";
        let names = Names::with_services(NameStyle::Wait, false, services);
        assert_eq!(names.tcp(80), Port::Name("http"));
        assert_eq!(names.udp(80), Port::Number(80));
        assert_eq!(names.udp(53), Port::Name("domain"));
        assert_eq!(names.tcp(9), Port::Number(9));
        assert_eq!(Names::numbers().tcp(80), Port::Number(80));
    }

    /// The system's own name for itself needs no name server.
    #[test]
    fn a_name_comes_in_the_background() {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let waited = Names::new(NameStyle::Wait, false).host(loopback);
        assert!(waited.is_some(), "127.0.0.1 has no name on this system");
        let names = Names::new(NameStyle::Background, false);
        assert_eq!(names.host(loopback), None);
        for _ in 0..500 {
            if names.host(loopback) == waited {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("no name after five seconds");
    }

    #[test]
    fn questions_are_bounded() {
        let names = Names::new(NameStyle::Background, false);
        // Documentation addresses: whoever is asked, nobody knows them.
        for host in 0..2_000u16 {
            let [high, low] = host.to_be_bytes();
            names.host(IpAddr::V4(Ipv4Addr::new(198, 18 + (high & 1), high, low)));
        }
        let cache = names.cache.lock().expect("nobody panicked");
        let asked = cache.values().filter(|known| matches!(known, Known::Asked)).count();
        assert!(asked <= MAX_QUESTIONS + THREADS, "{asked}");
    }
}
