//! Addresses as tcpdump writes them.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use super::{
    bytes::{Bytes, Stop},
    ouis::OUIS,
    text::{Text, name_of},
};

/// What is before an IPv4 address in the IPv6 address that stands for it (RFC 4291, 2.5.5.2).
pub(super) const MAPPED: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

pub(super) fn v4(p: Bytes<'_>, at: usize) -> Result<Ipv4Addr, Stop> {
    p.array::<4>(at).map(Ipv4Addr::from)
}

pub(super) fn v6(p: Bytes<'_>, at: usize) -> Result<V6, Stop> {
    p.array::<16>(at).map(|bytes| V6(bytes.into()))
}

/// An IPv6 address whose IPv4-compatible form ends in dotted digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct V6(pub(super) Ipv6Addr);

impl fmt::Display for V6 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.segments() {
            [0, 0, 0, 0, 0, 0, high, low] if high != 0 => {
                let [a, b] = high.to_be_bytes();
                let [c, d] = low.to_be_bytes();
                write!(f, "::{a}.{b}.{c}.{d}")
            }
            _ => self.0.fmt(f),
        }
    }
}

/// A host: its name, where names are wanted and it is known, or its address.
pub(super) enum Host {
    Name(Arc<str>),
    V4(Ipv4Addr),
    V6(V6),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::V4(address) => address.fmt(f),
            Self::V6(address) => address.fmt(f),
        }
    }
}

impl Text<'_> {
    /// The host of an IPv4 address.
    pub(super) fn v4(&self, p: Bytes<'_>, at: usize) -> Result<Host, Stop> {
        let address = v4(p, at)?;
        Ok(self.names.host(IpAddr::V4(address)).map_or(Host::V4(address), Host::Name))
    }

    /// The host of an IPv6 address.
    pub(super) fn v6(&self, p: Bytes<'_>, at: usize) -> Result<Host, Stop> {
        let address = v6(p, at)?;
        Ok(self.names.host(IpAddr::V6(address.0)).map_or(Host::V6(address), Host::Name))
    }

    /// A link-layer address, and, where names are wanted, whose it is.
    pub(super) fn link<'a>(&self, address: &'a [u8]) -> Link<'a> {
        let mut oui = None;
        if self.names.shown()
            && let &[a, b, c, _, _, _] = address
        {
            let number = u32::from_be_bytes([0, a, b, c]);
            oui = Some(name_of(OUIS, number).unwrap_or("Unknown"));
        }
        Link { address, oui }
    }
}

/// A link-layer address: bytes with colons between them.
#[derive(Clone, Copy)]
pub(super) struct Link<'a> {
    pub(super) address: &'a [u8],
    oui: Option<&'static str>,
}

impl<'a> Link<'a> {
    /// Without the name of who made it.
    pub(super) fn plain(address: &'a [u8]) -> Self {
        Self { address, oui: None }
    }
}

impl fmt::Display for Link<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.address.is_empty() {
            return f.write_str("<empty>");
        }
        for (index, byte) in self.address.iter().enumerate() {
            if index > 0 {
                f.write_str(":")?;
            }
            write!(f, "{byte:02x}")?;
        }
        match self.oui {
            Some(oui) => write!(f, " (oui {oui})"),
            None => Ok(()),
        }
    }
}
