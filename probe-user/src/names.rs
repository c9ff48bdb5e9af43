//! Names in place of numbers, where `-n` is not given: hosts by the system's resolver
//! (which reads /etc/hosts, too), ports by /etc/services.
//!
//! A capture must not wait for a name server. A live one shows the number until the name
//! is known; threads of its own ask. A file can wait: there the first line has the name.

use std::{
    collections::HashMap,
    fs,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, SyncSender},
    },
    thread,
};

use probe_print::{Names, Numbers, Transport};

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

/// Names, as the user wants them. Nothing is asked for yet.
pub fn names(style: NameStyle, short: bool) -> Box<dyn Names + Send> {
    let wait = match style {
        NameStyle::Numbers => return Box::new(Numbers),
        NameStyle::Background => false,
        NameStyle::Wait => true,
    };
    // A system without the file has numbers.
    let services = fs::read_to_string("/etc/services").unwrap_or_default();
    Box::new(SystemNames::new(wait, short, &services))
}

/// Names of hosts and ports as this system knows them.
struct SystemNames {
    /// Whether a name is waited for.
    wait: bool,
    /// `-N`: without the domain.
    short: bool,
    cache: Cache,
    /// To the threads, once there are any.
    questions: Mutex<Option<SyncSender<IpAddr>>>,
    tcp: HashMap<u16, Box<str>>,
    udp: HashMap<u16, Box<str>>,
}

impl SystemNames {
    fn new(wait: bool, short: bool, services: &str) -> Self {
        let (mut tcp, mut udp) = (HashMap::new(), HashMap::new());
        for service in probe_filter::services(services) {
            let table = match service.transport {
                "tcp" => &mut tcp,
                "udp" => &mut udp,
                _ => continue,
            };
            // The first name of a port counts.
            if let Some(name) = service.names.first().filter(|name| fit_to_print(name)) {
                table.entry(service.port).or_insert_with(|| (*name).into());
            }
        }
        let (cache, questions) = (Cache::default(), Mutex::default());
        Self { wait, short, cache, questions, tcp, udp }
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
}

impl Names for SystemNames {
    fn shown(&self) -> bool {
        true
    }

    fn host(&self, address: IpAddr) -> Option<Arc<str>> {
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
            None if self.wait => {
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

    fn port(&self, transport: Transport, port: u16) -> Option<&str> {
        let table = match transport {
            Transport::Tcp => &self.tcp,
            Transport::Udp => &self.udp,
        };
        table.get(&port).map(|name| &**name)
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
        let names = SystemNames::new(true, false, services);
        assert_eq!(names.port(Transport::Tcp, 80), Some("http"));
        assert_eq!(names.port(Transport::Udp, 80), None);
        assert_eq!(names.port(Transport::Udp, 53), Some("domain"));
        assert_eq!(names.port(Transport::Tcp, 9), None);
    }

    /// The system's own name for itself needs no name server.
    #[test]
    fn a_name_comes_in_the_background() {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let waited = names(NameStyle::Wait, false).host(loopback);
        assert!(waited.is_some(), "127.0.0.1 has no name on this system");
        let names = names(NameStyle::Background, false);
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
        let names = SystemNames::new(false, false, "");
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
