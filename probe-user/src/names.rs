//! Names in place of numbers, where `-n` is not given: hosts by the system's resolver
//! (which reads /etc/hosts, too), ports by /etc/services.
//!
//! A capture must not wait for a name server. A live one shows the number until the name
//! is known, which those in /etc/hosts are from the first line on; threads of its own ask for others. A file can wait: there the first line has the name. Where the
//! name servers do not answer, it waits once, and goes on as a live capture does.

use std::{
    collections::HashMap,
    net::IpAddr,
    path::Path,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, SyncSender},
    },
    thread,
    time::{Duration, Instant},
};

use nix::net::if_::if_indextoname;
use probe_filter::SystemResolver;
use probe_frame::visible;
use probe_print::{Names, Numbers, Transport};

use crate::{
    bounded, reporter,
    resolver::{LOOK, PATIENCE},
    stop,
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

/// This system's own names of hosts (hosts(5)).
const HOSTS: &str = "/etc/hosts";

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

/// The hosts that are known, which threads and whoever prints share.
#[derive(Default)]
struct Cache {
    hosts: Mutex<HashMap<IpAddr, Known>>,
    /// Hosts were added.
    more: Condvar,
}

impl Cache {
    /// The lock is held for a look only, never while a name server is asked.
    fn hosts(&self) -> MutexGuard<'_, HashMap<IpAddr, Known>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn store(&self, address: IpAddr, known: Known) {
        self.hosts().insert(address, known);
        self.more.notify_all();
    }
}

/// Who is asked for the name of a host, and takes as long as that takes.
type LookUp = fn(IpAddr) -> Option<String>;

/// Names, as the user wants them. Nothing is asked for yet.
pub fn names(style: NameStyle, short: bool) -> Box<dyn Names + Send> {
    let wait = match style {
        NameStyle::Numbers => return Box::new(Numbers),
        NameStyle::Background => false,
        NameStyle::Wait => true,
    };
    let services = SystemResolver.services().unwrap_or_else(|error| {
        reporter::note(format_args!("{error}; ports are shown as numbers"));
        String::new()
    });
    // Who waits asks the system for all names, in the order that it is set up for.
    let hosts =
        if wait { String::new() } else { bounded::read(Path::new(HOSTS)).unwrap_or_default() };
    Box::new(SystemNames::new(wait.then_some(PATIENCE), short, &services, &hosts, look_up))
}

/// Names of interfaces by their numbers, as this system has them now.
pub fn interfaces() -> Box<dyn FnMut(u32) -> Option<String> + Send> {
    /// Numbers in a crafted file have no bound.
    const MAX_KNOWN: usize = 1024;
    let mut known = HashMap::new();
    Box::new(move |index| {
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        let ask = || {
            // nix 0.31 takes null for success, and then the name is empty.
            let name = if_indextoname(index).ok().filter(|name| !name.is_empty())?;
            Some(visible(&name.to_string_lossy()))
        };
        known.entry(index).or_insert_with(ask).clone()
    })
}

/// Names of hosts and ports as this system knows them.
struct SystemNames {
    /// How long a name is waited for.
    patience: Option<Duration>,
    /// Whether a name was waited for in vain: no other one is.
    impatient: AtomicBool,
    /// `-N`: without the domain.
    short: bool,
    look_up: LookUp,
    /// Of /etc/hosts, which need not be asked for.
    own: HashMap<IpAddr, Arc<str>>,
    cache: Arc<Cache>,
    /// To the threads, once there are any.
    questions: Mutex<Option<SyncSender<IpAddr>>>,
    tcp: HashMap<u16, Box<str>>,
    udp: HashMap<u16, Box<str>>,
}

impl SystemNames {
    fn new(
        patience: Option<Duration>,
        short: bool,
        services: &str,
        hosts: &str,
        look_up: LookUp,
    ) -> Self {
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
        Self {
            patience,
            impatient: AtomicBool::new(false),
            short,
            look_up,
            own: own_names(hosts, short),
            cache: Arc::default(),
            questions: Mutex::default(),
            tcp,
            udp,
        }
    }

    /// Hands a question to the threads; where they have too many, it is dropped.
    fn ask(&self, address: IpAddr) {
        let mut questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        let start = || start_threads(&self.cache, self.look_up, self.short);
        let sender = questions.get_or_insert_with(start);
        // Known as asked for before it is: the answer must not be overwritten.
        self.cache.store(address, Known::Asked);
        if sender.try_send(address).is_err() {
            self.cache.hosts().remove(&address);
        }
    }

    /// Waits for the answer about a host that was asked for.
    fn wait(&self, address: IpAddr, patience: Duration) -> Option<Arc<str>> {
        let start = Instant::now();
        let mut hosts = self.cache.hosts();
        loop {
            match hosts.get(&address) {
                Some(Known::Asked) if stop::requested() => return None,
                Some(Known::Asked) if start.elapsed() >= patience => break,
                Some(Known::Asked) => {}
                Some(Known::Name(name)) => return Some(Arc::clone(name)),
                Some(Known::Nameless) | None => return None,
            }
            let woken = self.cache.more.wait_timeout(hosts, LOOK);
            hosts = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(hosts);
        self.impatient.store(true, Ordering::Relaxed);
        reporter::note(format_args!(
            "no name server answered about {address} within {} seconds; hosts are shown as \
             numbers until their names are known (-n asks for none)",
            patience.as_secs()
        ));
        None
    }
}

impl Names for SystemNames {
    fn shown(&self) -> bool {
        true
    }

    fn host(&self, address: IpAddr) -> Option<Arc<str>> {
        if let Some(name) = self.own.get(&address) {
            return Some(Arc::clone(name));
        }
        let known = {
            let mut hosts = self.cache.hosts();
            if hosts.len() >= MAX_HOSTS {
                hosts.clear();
            }
            hosts.get(&address).cloned()
        };
        match known {
            Some(Known::Name(name)) => Some(name),
            Some(Known::Nameless | Known::Asked) => None,
            None => {
                self.ask(address);
                let patience = self.patience.filter(|_| !self.impatient.load(Ordering::Relaxed));
                self.wait(address, patience?)
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

/// The names in a file of hosts(5): an address has that of the first line that names it, and of this
/// the first.
fn own_names(hosts: &str, short: bool) -> HashMap<IpAddr, Arc<str>> {
    let mut names = HashMap::new();
    for line in hosts.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let address = words.next().and_then(|word| word.parse::<IpAddr>().ok());
        if let (Some(address), Some(name)) = (address, words.next())
            && fit_to_print(name)
        {
            names.entry(address).or_insert_with(|| shown(name, short));
        }
    }
    names
}

/// The name as it is shown: with -N without its domain.
fn shown(name: &str, short: bool) -> Arc<str> {
    let host = name.split('.').next().unwrap_or_default();
    if short { host } else { name }.into()
}

/// Threads that answer questions until the sender is gone.
fn start_threads(cache: &Arc<Cache>, look_up: LookUp, short: bool) -> SyncSender<IpAddr> {
    let (sender, receiver) = mpsc::sync_channel(MAX_QUESTIONS);
    let receiver = Arc::new(Mutex::new(receiver));
    for _ in 0..THREADS {
        let (receiver, cache) = (Arc::clone(&receiver), Arc::clone(cache));
        // Where no thread can be had, numbers stay numbers.
        let _ = thread::Builder::new()
            .name("names".into())
            .spawn(move || answer(&receiver, &cache, look_up, short));
    }
    sender
}

fn answer(receiver: &Mutex<Receiver<IpAddr>>, cache: &Cache, look_up: LookUp, short: bool) {
    loop {
        let question = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(address) = question else { return };
        let known = match look_up(address) {
            // The resolver hands the number back where there is no name.
            Some(name) if name.parse::<IpAddr>().is_err() && fit_to_print(&name) => {
                Known::Name(shown(&name, short))
            }
            _ => Known::Nameless,
        };
        cache.store(address, known);
    }
}

/// Asks the system's resolver.
fn look_up(address: IpAddr) -> Option<String> {
    dns_lookup::lookup_addr(&address).ok()
}

/// A name server may answer with anything, escapes for the terminal included.
fn fit_to_print(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn the_first_name_of_a_port_counts() {
        let services = "http 80/tcp www # web\nworld 80/tcp\ndomain\t53/udp\n\x1b[2J 9/tcp\nx 1\n";
        let names = SystemNames::new(None, false, services, "", look_up);
        assert_eq!(names.port(Transport::Tcp, 80), Some("http"));
        assert_eq!(names.port(Transport::Udp, 80), None);
        assert_eq!(names.port(Transport::Udp, 53), Some("domain"));
        assert_eq!(names.port(Transport::Tcp, 9), None);
    }

    #[test]
    fn a_name_comes_in_the_background() {
        let host = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
        let names = SystemNames::new(None, false, "", "", |_| Some("a.example".into()));
        assert_eq!(names.host(host), None);
        for _ in 0..500 {
            if names.host(host).as_deref() == Some("a.example") {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("no name after five seconds");
    }

    /// What stands in /etc/hosts shows from the first line on, and no name server is asked for it.
    #[test]
    fn names_of_hosts_are_known_at_once() {
        let hosts = "# own\n192.0.2.7\tweb.example www # the server\n192.0.2.7 other\n\
                     2001:db8::7 web6\n192.0.2.8\n192.0.2.9 \x1b[2J\nnonsense x\n";
        let nobody: LookUp = |address| panic!("asked for {address}");
        for (short, expected) in [(false, "web.example"), (true, "web")] {
            let names = SystemNames::new(None, short, "", hosts, nobody);
            let name = |address: &str| names.host(address.parse().unwrap());
            assert_eq!(name("192.0.2.7").as_deref(), Some(expected));
            assert_eq!(name("2001:db8::7").as_deref(), Some("web6"));
            assert_eq!(names.own.len(), 2);
        }
        // The system's own file has the loopback.
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let waited = names(NameStyle::Wait, false).host(loopback);
        assert_eq!(names(NameStyle::Background, false).host(loopback), waited);
    }

    /// Whoever reads a file waits once for name servers that do not answer.
    #[test]
    fn a_wait_in_vain_is_the_last_one() {
        let silent: LookUp = |_| loop {
            thread::park();
        };
        let names = SystemNames::new(Some(Duration::ZERO), false, "", "", silent);
        for host in 1..=3 {
            assert!(!names.impatient.load(Ordering::Relaxed) || host > 1);
            assert_eq!(names.host(Ipv4Addr::new(192, 0, 2, host).into()), None);
            assert!(names.impatient.load(Ordering::Relaxed));
        }
        // Longer than any test: the answer is what ends the wait.
        let patience = Some(Duration::from_secs(3600));
        let names = SystemNames::new(patience, true, "", "", |_| Some("a.example".into()));
        let name = names.host(Ipv4Addr::new(192, 0, 2, 1).into());
        assert_eq!(name.as_deref(), Some("a"));
        assert!(!names.impatient.load(Ordering::Relaxed));
    }

    #[test]
    fn questions_are_bounded() {
        let names = SystemNames::new(None, false, "", "", look_up);
        // Documentation addresses: whoever is asked, nobody knows them.
        for host in 0..2_000u16 {
            let [high, low] = host.to_be_bytes();
            names.host(IpAddr::V4(Ipv4Addr::new(198, 18 + (high & 1), high, low)));
        }
        let hosts = names.cache.hosts();
        let asked = hosts.values().filter(|known| matches!(known, Known::Asked)).count();
        assert!(asked <= MAX_QUESTIONS + THREADS, "{asked}");
    }
}
