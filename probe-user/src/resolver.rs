//! Names in filters, as this system resolves them. The C library waits for name servers that do
//! not answer as long as resolv.conf(5) says, half a minute and more for a name, and then reports
//! the name as temporarily unknown. Here the wait is reported to the user, and ended by Ctrl-C or
//! after [`PATIENCE`].

use std::{
    collections::BTreeMap,
    io,
    net::IpAddr,
    path::Path,
    sync::{
        Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use dns_lookup::{LookupError, LookupErrorKind};
use probe_filter::{Port, Resolver, SystemResolver};
use probe_frame::visible;

use crate::{bounded, reporter, stop};

/// How long name servers may take for one name: two tries of the C library's usual 5 seconds.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// After so long the user hears what is waited for.
const LONG: Duration = Duration::from_secs(2);
/// How often the wait looks whether the user wants its end.
pub const LOOK: Duration = Duration::from_millis(50);

/// The names of this system, hosts within [`PATIENCE`].
#[derive(Clone, Copy, Debug)]
pub struct InTime;

impl Resolver for InTime {
    /// The same answer each time: a filter may be compiled several times, for link types and for
    /// lists, and name servers may answer in turns.
    fn host(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        static ANSWERS: Mutex<BTreeMap<String, Vec<IpAddr>>> = Mutex::new(BTreeMap::new());
        let answers = || ANSWERS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = answers().get(name) {
            return Ok(known.clone());
        }
        let asked = name.to_owned();
        let start = Instant::now();
        let found = in_time(name, PATIENCE, move || addresses(dns_lookup::lookup_host(&asked)))?;
        if found.is_empty() {
            let message = format!("{} in {:.3} s", who_was_asked(), start.elapsed().as_secs_f64());
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        }
        answers().insert(name.to_owned(), found.clone());
        Ok(found)
    }

    fn port(&self, name: &str) -> io::Result<Port> {
        SystemResolver.port(name)
    }

    fn protocol(&self, name: &str) -> io::Result<Option<u32>> {
        SystemResolver.protocol(name)
    }

    fn network(&self, name: &str) -> io::Result<Option<u32>> {
        SystemResolver.network(name)
    }

    fn ether(&self, name: &str) -> io::Result<Option<[u8; 6]>> {
        SystemResolver.ether(name)
    }
}

/// Who may have answered about a host's name: nsswitch.conf(5) says whether name servers do, and
/// resolv.conf(5) which. Without a file the C library asks this machine itself.
fn who_was_asked() -> String {
    let read = |path: &str| bounded::read(Path::new(path)).unwrap_or_default();
    let words = |text: String, first: &str| -> Vec<String> {
        let rest = text.lines().filter_map(|line| line.trim().strip_prefix(first));
        rest.flat_map(str::split_whitespace).map(visible).collect()
    };
    let sources = words(read("/etc/nsswitch.conf"), "hosts:");
    if !sources.is_empty() && !sources.iter().any(|name| name == "dns" || name == "resolve") {
        return format!("asked {} of nsswitch.conf", sources.join(", "));
    }
    let mut servers = words(read("/etc/resolv.conf"), "nameserver");
    if servers.is_empty() {
        servers.push("127.0.0.1".into());
    }
    let s = if servers.len() == 1 { "" } else { "s" };
    format!("asked /etc/hosts and the name server{s} {}", servers.join(", "))
}

/// What getaddrinfo(3) said: that there is no such host is an answer, that nobody answers is none.
fn addresses(answer: Result<impl Iterator<Item = IpAddr>, LookupError>) -> io::Result<Vec<IpAddr>> {
    match answer {
        Ok(found) => Ok(found.collect()),
        Err(error) => match error.kind() {
            LookupErrorKind::NoName | LookupErrorKind::NoData => Ok(Vec::new()),
            LookupErrorKind::Again => Err(io::Error::other(
                "no name server answered, or none could resolve it; use an address instead",
            )),
            _ => Err(error.into()),
        },
    }
}

/// Waits for an answer about `name`, which a thread asks for.
fn in_time<T: Send + 'static>(
    name: &str,
    patience: Duration,
    ask: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (answer, wait) = mpsc::channel();
    let asking = move || {
        // It fails where the filter has stopped waiting for the answer.
        let _ = answer.send(ask());
    };
    let asking = thread::Builder::new().name("resolver".into()).spawn(asking)?;
    let start = Instant::now();
    let mut told = false;
    loop {
        match wait.recv_timeout(LOOK) {
            Ok(answer) => {
                // Privileges are dropped by a process of one thread.
                let _ = asking.join();
                return answer;
            }
            Err(RecvTimeoutError::Disconnected) => return Err(io::ErrorKind::Other.into()),
            Err(RecvTimeoutError::Timeout) => {}
        }
        let waited = start.elapsed();
        if stop::requested() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if waited >= patience {
            let message = format!(
                "no name server answered within {} seconds; use an address instead",
                patience.as_secs()
            );
            return Err(io::Error::new(io::ErrorKind::TimedOut, message));
        }
        if waited >= LONG && !told {
            told = true;
            let name = visible(name);
            reporter::say(format_args!(
                "waiting for the name servers to resolve {name}; press Ctrl-C to stop"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_told_from_none() {
        let lookup = |code| Err::<std::vec::IntoIter<IpAddr>, _>(LookupError::new(code));
        for unknown in [libc::EAI_NONAME, libc::EAI_NODATA] {
            assert!(addresses(lookup(unknown)).unwrap().is_empty());
        }
        let error = addresses(lookup(libc::EAI_AGAIN)).unwrap_err().to_string();
        assert!(error.contains("no name server answered"), "{error}");
        assert!(addresses(lookup(libc::EAI_FAIL)).is_err());
    }

    #[test]
    fn the_wait_has_an_end() {
        let (_never, wait) = mpsc::channel::<()>();
        let ask = move || wait.recv().map_err(io::Error::other);
        let error = in_time("a.example", Duration::ZERO, ask).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(in_time("a.example", Duration::ZERO, || Ok(7)).unwrap(), 7);
    }
}
