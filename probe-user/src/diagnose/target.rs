//! What is asked for: `HOST:PORT`, `[2001:db8::1]:PORT`, and `/udp` behind either.

use std::{
    fmt,
    net::{IpAddr, SocketAddr, SocketAddrV6},
    str::FromStr,
};

use anyhow::{Context as _, Result};
use nix::net::if_::if_nametoindex;
use probe_filter::Resolver as _;
use probe_flow::Protocol;
use probe_frame::visible;

use crate::{failure::Usage, reporter, resolver::InTime};

/// A port of a host, as given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// A name or an address.
    pub host: String,
    /// A number or a name.
    pub port: String,
    /// TCP unless it says otherwise.
    pub protocol: Protocol,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, protocol } = self;
        let (host, port) = (visible(host), visible(port));
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }?;
        write!(f, "/{}", protocol.word())
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const WANTED: &str = "expected HOST:PORT or HOST:PORT/udp, as in www.example.com:443 or [2001:db8::1]:53/udp";
        if text.contains("://") {
            return Err(format!("this is a URL: {WANTED}"));
        }
        let (ends, protocol) = match text.rsplit_once('/') {
            None => (text, Protocol::Tcp),
            Some((ends, "tcp")) => (ends, Protocol::Tcp),
            Some((ends, "udp")) => (ends, Protocol::Udp),
            Some((_, other)) => return Err(format!("no protocol {other:?}: expected tcp or udp")),
        };
        let (host, port) = ends.rsplit_once(':').ok_or(WANTED)?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(address) => address,
            // Which of the colons is the one in front of the port?
            None if host.contains(':') => {
                return Err(format!("an IPv6 address needs brackets: [{host}]:{port}"));
            }
            None => host,
        };
        if host.is_empty() || port.is_empty() {
            return Err(WANTED.to_owned());
        }
        Ok(Self { host: host.to_owned(), port: port.to_owned(), protocol })
    }
}

impl Target {
    /// The address and port that are asked: of a name the first address that the system gives; a note names
    /// the others.
    ///
    /// # Errors
    /// A name that is not known, a port that is none.
    pub fn resolve(&self) -> Result<SocketAddr> {
        let port = self.port()?;
        let (host, zone) = match self.host.split_once('%') {
            Some((host, zone)) => (host, Some(zone)),
            None => (self.host.as_str(), None),
        };
        if let Ok(address) = host.parse::<IpAddr>() {
            return of_zone(address, port, zone);
        }
        let shown = visible(host);
        if zone.is_some() {
            return Err(Usage::new(format!("{shown}: only an IPv6 address has a zone")).into());
        }
        let found = InTime.host(host).with_context(|| format!("the host {shown}"))?;
        let [first, others @ ..] = &found[..] else { anyhow::bail!("{shown} has no address") };
        if !others.is_empty() {
            let others: Vec<String> = others.iter().map(IpAddr::to_string).collect();
            reporter::note(format_args!("{shown} is {first} here, and also {}", others.join(", ")));
        }
        Ok(SocketAddr::new(*first, port))
    }

    fn port(&self) -> Result<u16> {
        if self.port.bytes().all(|byte| byte.is_ascii_digit()) {
            let port = self.port.parse().ok().filter(|&port| port != 0);
            return port.ok_or_else(|| {
                Usage::new(format!("{} is not a port: 1 to 65535", self.port)).into()
            });
        }
        let shown = visible(&self.port);
        let known = InTime.port(&self.port).with_context(|| format!("the port {shown}"))?;
        let port = match self.protocol {
            Protocol::Tcp => known.tcp,
            Protocol::Udp => known.udp,
        };
        let unknown = || format!("no port of {} is called {shown}", self.protocol.word());
        port.ok_or_else(|| Usage::new(unknown()).into())
    }
}

/// An address, and the interface on whose link it is (RFC 4007): a name or a number.
fn of_zone(address: IpAddr, port: u16, zone: Option<&str>) -> Result<SocketAddr> {
    match (address, zone) {
        (address, None) => Ok(SocketAddr::new(address, port)),
        (IpAddr::V6(address), Some(zone)) => {
            let number = || zone.parse().ok();
            let index = if_nametoindex(zone).ok().or_else(number);
            let unknown = || format!("{address}%{0}: no interface {0}", visible(zone));
            let index = index.ok_or_else(|| Usage::new(unknown()))?;
            Ok(SocketAddrV6::new(address, port, 0, index).into())
        }
        (IpAddr::V4(address), Some(_)) => {
            Err(Usage::new(format!("{address}: only an IPv6 address has a zone")).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        for (text, host, port, protocol, shown) in [
            ("192.0.2.1:80", "192.0.2.1", "80", Protocol::Tcp, "192.0.2.1:80/tcp"),
            (
                "www.example.com:https/tcp",
                "www.example.com",
                "https",
                Protocol::Tcp,
                "www.example.com:https/tcp",
            ),
            ("[2001:db8::1]:53/udp", "2001:db8::1", "53", Protocol::Udp, "[2001:db8::1]:53/udp"),
            ("[fe80::1%lo]:80", "fe80::1%lo", "80", Protocol::Tcp, "[fe80::1%lo]:80/tcp"),
        ] {
            let target: Target = text.parse().unwrap();
            let expected = Target { host: host.into(), port: port.into(), protocol };
            assert_eq!((&target, target.to_string().as_str()), (&expected, shown));
        }
        for (text, expected) in [
            ("192.0.2.1", "expected HOST:PORT"),
            (":80", "expected HOST:PORT"),
            ("a:", "expected HOST:PORT"),
            ("2001:db8::1:80", "an IPv6 address needs brackets: [2001:db8::1]:80"),
            ("a:80/sctp", "no protocol \"sctp\""),
        ] {
            let error = text.parse::<Target>().unwrap_err();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }

    #[test]
    fn ports_and_zones() {
        let resolve = |text: &str| text.parse::<Target>().unwrap().resolve();
        assert_eq!(resolve("192.0.2.1:80").unwrap(), "192.0.2.1:80".parse().unwrap());
        assert_eq!(resolve("[fe80::1%lo]:80").unwrap(), "[fe80::1%1]:80".parse().unwrap());
        for (text, expected) in [
            ("192.0.2.1:0", "0 is not a port: 1 to 65535"),
            ("192.0.2.1:65536", "65536 is not a port: 1 to 65535"),
            ("[fe80::1%nosuch0]:80", "fe80::1%nosuch0: no interface nosuch0"),
            ("192.0.2.1%lo:80", "192.0.2.1: only an IPv6 address has a zone"),
        ] {
            assert_eq!(resolve(text).unwrap_err().to_string(), expected);
        }
    }
}
