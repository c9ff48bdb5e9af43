//! Names in place of numbers, which whoever prints provides: looking them up takes files,
//! name servers and time, of which nothing here knows.

use std::{fmt, net::IpAddr, sync::Arc};

/// What hosts and ports are called.
pub trait Names {
    /// Whether names are wanted at all. Where they are not (`-n`), nobody is asked for one,
    /// and the few that are known here, such as makers of network cards, are not shown.
    fn shown(&self) -> bool;
    /// The name of a host. It is printed as it is: what would command a terminal has no
    /// place in it.
    fn host(&self, address: IpAddr) -> Option<Arc<str>>;
    /// The name of a port, printed as it is.
    fn port(&self, transport: Transport, port: u16) -> Option<&str>;
}

/// Whose port it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// TCP (RFC 9293).
    Tcp,
    /// UDP (RFC 768).
    Udp,
}

/// No names: numbers (`-n`).
#[derive(Clone, Copy, Debug, Default)]
pub struct Numbers;

impl Names for Numbers {
    fn shown(&self) -> bool {
        false
    }

    fn host(&self, _: IpAddr) -> Option<Arc<str>> {
        None
    }

    fn port(&self, _: Transport, _: u16) -> Option<&str> {
        None
    }
}

/// A port's name or number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Port<'a> {
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
