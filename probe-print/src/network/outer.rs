//! What a printer above IP needs of the IP header below it.

use crate::{
    address::{V6, v6},
    bytes::{Bytes, Stop},
    checksum,
    names::Port,
    text::{Text, put},
};

/// The IP header that a segment came in.
#[derive(Clone, Copy)]
pub(crate) enum Outer<'a> {
    /// IPv4, from its header on.
    V4(Bytes<'a>),
    /// IPv6, from its header on.
    V6(Bytes<'a>),
}

/// Where protocol numbers stand in the two headers.
const V4_PROTOCOL: usize = 9;
const V6_NEXT: usize = 6;

impl Outer<'_> {
    /// Whether it is IPv6.
    pub(crate) fn is_v6(self) -> bool {
        matches!(self, Self::V6(_))
    }

    /// The protocol that the IP header itself names. Behind extension headers that is
    /// not the one at hand, and then tcpdump leaves the addresses out.
    pub(crate) fn protocol(self) -> Result<u8, Stop> {
        match self {
            Self::V4(ip) => ip.u8(V4_PROTOCOL),
            Self::V6(ip) => ip.u8(V6_NEXT),
        }
    }

    /// `source > destination`, each with its port where `ports` are known.
    pub(crate) fn print_ends(
        self,
        t: &mut Text<'_>,
        ports: Option<(Port<'_>, Port<'_>)>,
    ) -> Result<(), Stop> {
        let (source, destination) = match self {
            Self::V4(ip) => (t.v4(ip, 12)?, t.v4(ip, 16)?),
            Self::V6(ip) => (t.v6(ip, 8)?, t.v6(ip, 24)?),
        };
        match ports {
            Some((from, to)) => put!(t, "{source}.{from} > {destination}.{to}"),
            None => put!(t, "{source} > {destination}"),
        }
        Ok(())
    }

    /// `source.port > destination.port: ` of a protocol with ports; where the IP header does not
    /// name that protocol, the ports alone.
    pub(crate) fn print_flow(
        self,
        t: &mut Text<'_>,
        protocol: u8,
        (from, to): (Port<'_>, Port<'_>),
    ) -> Result<(), Stop> {
        if self.protocol()? == protocol {
            self.print_ends(t, Some((from, to)))?
        } else {
            put!(t, "{from} > {to}")
        }
        put!(t, ": ");
        Ok(())
    }

    /// Time to live, or hop limit.
    pub(crate) fn hops(self) -> Result<u8, Stop> {
        match self {
            Self::V4(ip) => ip.u8(8),
            Self::V6(ip) => ip.u8(7),
        }
    }

    /// Source and destination as 16 bytes each, for keys.
    pub(crate) fn ends(self) -> Result<([u8; 16], [u8; 16]), Stop> {
        match self {
            Self::V4(ip) => {
                let wide = |address: [u8; 4]| {
                    let mut bytes = [0xff; 16];
                    bytes[..4].copy_from_slice(&address);
                    bytes
                };
                Ok((wide(ip.array(12)?), wide(ip.array(16)?)))
            }
            Self::V6(ip) => Ok((ip.array(8)?, ip.array(24)?)),
        }
    }

    /// The residue of the checksum of `data` under the pseudo-header; 0 where it is right.
    pub(crate) fn checksum(self, protocol: u8, data: &[u8]) -> Result<u16, Stop> {
        self.partial_checksum(protocol, data, data.len() as u32)
    }

    /// As [`checksum`](Self::checksum), where only the first part of a segment of so many
    /// bytes is covered.
    pub(crate) fn partial_checksum(
        self,
        protocol: u8,
        data: &[u8],
        length: u32,
    ) -> Result<u16, Stop> {
        Ok(match self {
            Self::V4(ip) => {
                let destination = v4_final(ip)?;
                let mut pseudo = [0; 12];
                pseudo[..4].copy_from_slice(&ip.array::<4>(12)?);
                pseudo[4..8].copy_from_slice(&destination);
                pseudo[9] = protocol;
                pseudo[10..].copy_from_slice(&(length as u16).to_be_bytes());
                checksum::residue(&[&pseudo, data])
            }
            Self::V6(ip) => {
                let V6(destination) = v6_final(ip)?;
                let mut pseudo = [0; 40];
                pseudo[..16].copy_from_slice(&ip.array::<16>(8)?);
                pseudo[16..32].copy_from_slice(&destination.octets());
                pseudo[32..36].copy_from_slice(&length.to_be_bytes());
                pseudo[39] = protocol;
                checksum::residue(&[&pseudo, data])
            }
        })
    }
}

/// The last hop of a source route, or the destination.
fn v4_final(ip: Bytes<'_>) -> Result<[u8; 4], Stop> {
    const LSRR: u8 = 131;
    const SSRR: u8 = 137;
    let header = 4 * usize::from(ip.u8(0)? & 0xf);
    let mut at = 20;
    while at < header {
        let Ok(kind) = ip.u8(at) else { break };
        let length = match kind {
            0 => break,
            1 => 1,
            _ => match ip.u8(at + 1) {
                Ok(length) if length >= 2 => usize::from(length),
                _ => break,
            },
        };
        if at + length > header || !ip.has(at, length) {
            break;
        }
        if matches!(kind, LSRR | SSRR) && length >= 7 {
            return ip.array(at + length - 4);
        }
        at += length;
    }
    ip.array(16)
}

/// The last hop of a routing header, or the destination. The walk ends: each header
/// moves on by at least eight bytes.
fn v6_final(ip: Bytes<'_>) -> Result<V6, Stop> {
    let destination = v6(ip, 24)?;
    let mut next = ip.u8(V6_NEXT)?;
    let mut at = 40;
    loop {
        let Ok(length) = ip.u8(at + 1) else { return Ok(destination) };
        let length = usize::from(length);
        match next {
            // Hop-by-hop, destination options, mobility.
            0 | 60 | 135 | 62 => {
                next = ip.u8(at)?;
                at += (length + 1) * 8;
            }
            44 => {
                next = ip.u8(at)?;
                at += 8;
            }
            43 => {
                let route = match ip.u8(at + 2) {
                    // Types 0 and 2: the last address; segment routing: the first.
                    Ok(0 | 2) if length >= 2 && length % 2 == 0 => at + 8 + 8 * (length - 2),
                    Ok(4) if length % 2 == 0 => at + 8,
                    _ => return Ok(destination),
                };
                return Ok(v6(ip, route).unwrap_or(destination));
            }
            _ => return Ok(destination),
        }
    }
}
