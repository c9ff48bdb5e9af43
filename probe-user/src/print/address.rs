//! Addresses as tcpdump writes them.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

use super::bytes::{Bytes, Cut};

/// An IPv4 address.
pub(super) fn v4(p: Bytes<'_>, at: usize) -> Result<Ipv4Addr, Cut> {
    p.array::<4>(at).map(Ipv4Addr::from)
}

/// An IPv6 address.
pub(super) fn v6(p: Bytes<'_>, at: usize) -> Result<V6, Cut> {
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

/// A link-layer address: bytes with colons between them.
pub(super) struct Link<'a>(pub(super) &'a [u8]);

impl fmt::Display for Link<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("<empty>");
        }
        for (index, byte) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(":")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}
