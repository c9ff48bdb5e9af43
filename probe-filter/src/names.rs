//! Names of hosts, ports, protocols and networks.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::net::{IpAddr, ToSocketAddrs};

/// The port that a name stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Port {
    /// With TCP.
    pub tcp: Option<u16>,
    /// With UDP.
    pub udp: Option<u16>,
}

/// Looks names up. What is not known is `None` or empty, or an error of the kind
/// [`NotFound`](io::ErrorKind::NotFound) in words that say who was asked.
///
/// # Errors
/// Those who may know a name cannot be asked, or do not answer. The filter is then refused in
/// the words of the error, and [`Error::is_resolvers`](crate::Error::is_resolvers) says so.
pub trait Resolver {
    /// The addresses of a host, in the order in which they are to be tried.
    fn host(&self, name: &str) -> io::Result<Vec<IpAddr>>;
    /// The port of a service. Numbers are not asked for.
    fn port(&self, name: &str) -> io::Result<Port>;
    /// The number of a protocol over IP.
    fn protocol(&self, name: &str) -> io::Result<Option<u32>>;
    /// The number of a network, as in `/etc/networks`.
    fn network(&self, name: &str) -> io::Result<Option<u32>>;
    /// The link-layer address of a host, as in `/etc/ethers`.
    fn ether(&self, name: &str) -> io::Result<Option<[u8; 6]>>;
}

impl fmt::Debug for dyn Resolver + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}

/// No names at all, and nobody asked: the default of [`Options`](crate::Options).
#[derive(Clone, Copy, Debug, Default)]
pub struct NoNames;

impl Resolver for NoNames {
    fn host(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Ok(Vec::new())
    }

    fn port(&self, _: &str) -> io::Result<Port> {
        Ok(Port::default())
    }

    fn protocol(&self, _: &str) -> io::Result<Option<u32>> {
        Ok(None)
    }

    fn network(&self, _: &str) -> io::Result<Option<u32>> {
        Ok(None)
    }

    fn ether(&self, _: &str) -> io::Result<Option<[u8; 6]>> {
        Ok(None)
    }
}

/// The names of this machine: the C library's for hosts, which may wait for name servers as long
/// as resolv.conf(5) says, and the files in `/etc` for the rest.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl SystemResolver {
    /// The text of `/etc/services`, for [`services`]; empty where there is no such file.
    ///
    /// # Errors
    /// Those of reading it. It has to be a plain file of 16 MiB at most.
    pub fn services(&self) -> io::Result<String> {
        database("services")
    }
}

impl Resolver for SystemResolver {
    fn host(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        // A port has to be given; it plays no part.
        Ok((name, 0_u16).to_socket_addrs()?.map(|one| one.ip()).collect())
    }

    fn port(&self, name: &str) -> io::Result<Port> {
        Ok(port_in(&self.services()?, name))
    }

    fn protocol(&self, name: &str) -> io::Result<Option<u32>> {
        Ok(protocol_in(&database("protocols")?, name))
    }

    fn network(&self, name: &str) -> io::Result<Option<u32>> {
        Ok(network_in(&database("networks")?, name))
    }

    fn ether(&self, name: &str) -> io::Result<Option<[u8; 6]>> {
        Ok(ether_in(&database("ethers")?, name))
    }
}

/// Bytes of a file of names at most. All services that IANA knows take less than 1 MiB.
const LIMIT: u64 = 16 << 20;

/// The text of a file of names in `/etc`; empty where there is none.
fn database(name: &str) -> io::Result<String> {
    let path = format!("/etc/{name}");
    match read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(io::Error::new(error.kind(), format!("{path}: {error}"))),
        text => text,
    }
}

/// Reads a plain file, and nothing that has no end or that somebody has to write first.
fn read(path: &str) -> io::Result<String> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LIMIT {
        let message = format!("larger than {} MiB, the limit", LIMIT >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The words of each line, comments left out.
fn lines(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines()
        .map(|line| line.split('#').next().unwrap_or("").split_ascii_whitespace().collect())
        .filter(|words: &Vec<&str>| words.len() >= 2)
}

/// A service of `/etc/services`, services(5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service<'t> {
    /// What it is called: its name, then its aliases.
    pub names: Vec<&'t str>,
    /// Its port.
    pub port: u16,
    /// The transport's name, such as `tcp`.
    pub transport: &'t str,
}

/// The services in a text of the form of `/etc/services`; lines of any other form are
/// passed over.
pub fn services(text: &str) -> impl Iterator<Item = Service<'_>> {
    lines(text).filter_map(|mut names| {
        let (port, transport) = names.remove(1).split_once('/')?;
        Some(Service { names, port: port.parse().ok()?, transport })
    })
}

/// A name is the first word or one of the aliases from the third on.
fn is_named(words: &[&str], is: impl Fn(&str) -> bool) -> bool {
    words.iter().enumerate().any(|(at, word)| at != 1 && is(word))
}

/// A number in place of a service's name. The C library keeps its last 16 bits.
pub(crate) fn port_number(name: &str) -> Option<u16> {
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(name.parse::<u64>().map_or(u16::MAX, |number| number as u16))
}

fn port_in(database: &str, name: &str) -> Port {
    let with = |transport: &str| {
        services(database)
            .find(|service| service.transport == transport && service.names.contains(&name))
            .map(|service| service.port)
    };
    Port { tcp: with("tcp"), udp: with("udp") }
}

fn protocol_in(protocols: &str, name: &str) -> Option<u32> {
    lines(protocols).find(|words| is_named(words, |word| word == name))?[1].parse().ok()
}

/// A network of fewer than four numbers is filled up with zeros.
fn network_in(networks: &str, name: &str) -> Option<u32> {
    let words =
        lines(networks).find(|words| is_named(words, |word| word.eq_ignore_ascii_case(name)))?;
    let mut network = 0_u32;
    let mut parts = 0;
    for part in words[1].split('.') {
        let part: u8 = part.parse().ok()?;
        network = network << 8 | u32::from(part);
        parts += 1;
    }
    (1..=4).contains(&parts).then(|| network << (8 * (4 - parts)))
}

fn ether_in(ethers: &str, name: &str) -> Option<[u8; 6]> {
    lines(ethers).find_map(|words| {
        let mut address = [0; 6];
        let mut groups = words[0].split(':');
        for byte in &mut address {
            *byte = u8::from_str_radix(groups.next()?, 16).ok()?;
        }
        (words[1].eq_ignore_ascii_case(name) && groups.next().is_none()).then_some(address)
    })
}

/// The number at the start of a text and what follows it, as C's `%d` reads it.
pub(crate) fn parse_int(text: &str) -> Option<(i32, &str)> {
    let text = text.trim_start_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']);
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let end = digits.bytes().take_while(u8::is_ascii_digit).count();
    if end == 0 {
        return None;
    }
    let value = digits[..end].parse::<i64>().unwrap_or(i64::MAX);
    let value = if negative { value.wrapping_neg() } else { value };
    Some((value as i32, &digits[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICES: &str = "\
# a comment
http\t\t80/tcp\t\twww\t\t# WorldWideWeb HTTP
domain\t\t53/tcp
domain\t\t53/udp
broken
tftp\t\t69/udp
huge 99999/tcp
";

    #[test]
    fn services_by_name_and_alias() {
        assert_eq!(port_in(SERVICES, "www"), Port { tcp: Some(80), udp: None });
        assert_eq!(port_in(SERVICES, "domain"), Port { tcp: Some(53), udp: Some(53) });
        assert_eq!(port_in(SERVICES, "tftp"), Port { tcp: None, udp: Some(69) });
        for none in ["HTTP", "80/tcp", "WorldWideWeb", "broken", "huge", ""] {
            assert_eq!(port_in(SERVICES, none), Port::default(), "{none}");
        }
    }

    #[test]
    fn numbers_in_place_of_services() {
        assert_eq!(port_number("80"), Some(80));
        assert_eq!(port_number("65537"), Some(1));
        assert_eq!(port_number("8o"), None);
        assert_eq!(port_number(""), None);
    }

    #[test]
    fn protocols_networks_and_ethers() {
        let protocols = "ip 0 IP # pseudo\ntcp 6 TCP\nodd x\n";
        assert_eq!(protocol_in(protocols, "TCP"), Some(6));
        assert_eq!(protocol_in(protocols, "Tcp"), None);
        assert_eq!(protocol_in(protocols, "odd"), None);
        let networks = "loopback 127.0.0.0 lo\nshort 10\nbad 10.x\nlong 1.2.3.4.5\n";
        assert_eq!(network_in(networks, "LOOPBACK"), Some(0x7f00_0000));
        assert_eq!(network_in(networks, "lo"), Some(0x7f00_0000));
        assert_eq!(network_in(networks, "short"), Some(0x0a00_0000));
        assert_eq!(network_in(networks, "bad"), None);
        assert_eq!(network_in(networks, "long"), None);
        let ethers = "0:11:22:33:44:55 a\n00:11:22:33:44 b\n0:1:2:3:4:5:6 c\n";
        assert_eq!(ether_in(ethers, "a"), Some([0, 0x11, 0x22, 0x33, 0x44, 0x55]));
        assert_eq!(ether_in(ethers, "b"), None);
        assert_eq!(ether_in(ethers, "c"), None);
    }

    #[test]
    fn what_has_no_end_is_not_read() {
        let error = read("/dev/zero").unwrap_err().to_string();
        assert_eq!(error, "not a regular file");
        let path = std::env::temp_dir().join(format!("names.{}", std::process::id()));
        let file = File::create(&path).unwrap();
        let length = |bytes| {
            file.set_len(bytes).unwrap();
            read(path.to_str().unwrap()).map(|text| text.len() as u64)
        };
        let (most, more) = (length(LIMIT), length(LIMIT + 1));
        fs::remove_file(&path).unwrap();
        assert_eq!(most.unwrap(), LIMIT);
        let error = more.unwrap_err().to_string();
        assert_eq!(error, "larger than 16 MiB, the limit");
        assert_eq!(database("no-such-database").unwrap(), "");
    }

    #[test]
    fn numbers_as_c_reads_them() {
        assert_eq!(parse_int(" -12x"), Some((-12, "x")));
        assert_eq!(parse_int("+7"), Some((7, "")));
        assert_eq!(parse_int("-"), None);
        assert_eq!(parse_int("99999999999999999999"), Some((-1, "")));
    }
}
