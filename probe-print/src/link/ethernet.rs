//! Ethernet and its VLAN tags.

use super::{
    aoe, arista, cfm, eapol, llc, lldp, loopback,
    macsec::{self, Protected},
    mpcp, msnlb, ppp, pppoe, slow, vehicles,
};
use crate::{
    address::Link,
    assigned_numbers::{ETHERTYPES, ethertype},
    bytes::{Bytes, Stop},
    dump::{self, Dump},
    network::{arp, decnet, ip, ip6, ipx, osi},
    services::ptp,
    text::{Text, name_of, put},
    transport::tipc,
    tunnel::{mpls, nsh},
};

const ADDRESSES: usize = 12;
const HEADER: usize = 14;
/// Up to here the type field is a length (IEEE 802.3).
pub(super) const MAX_LENGTH: u16 = 1500;
const JUMBO: u16 = 0x8870;
const ARISTA: u16 = 0xd28b;
const MACSEC: u16 = 0x88e5;
const TYPE: usize = 2;
/// Tag and the type behind it.
const TAG: usize = 4;

/// EtherTypes of VLAN tags.
fn is_tag(ethertype: u16) -> bool {
    matches!(ethertype, 0x8100 | 0x88a8 | 0x9100 | 0x9200)
}

/// Prints a frame and says how long its link-layer header is.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<usize, Stop> {
    t.protocol = "ether";
    if length < p.len() {
        put!(t, "[length {length} < caplen {}]", p.len());
        t.invalid();
        return Ok(length);
    }
    if p.len() < HEADER {
        t.truncated();
        return Ok(p.len());
    }
    let verbose = t.style.link_header;
    let (destination, source) = (t.link(p.slice(0, 6)?), t.link(p.slice(6, 6)?));
    t.note_link(Some(source.address), Some(destination.address));
    if verbose {
        put!(t, "{source} > {destination}, ");
    }
    let mut at = ADDRESSES;
    loop {
        match body(t, p, length, at, (source, destination))? {
            Body::Printed(header) => return Ok(header),
            Body::Inside(inner) => at = inner,
        }
    }
}

/// What [`body`] found.
enum Body {
    /// The whole frame, its header being so long.
    Printed(usize),
    /// A header that has the frame's own type behind it, at this place.
    Inside(usize),
}

/// Prints the frame from its type on.
fn body(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    length: usize,
    mut at: usize,
    (source, destination): llc::Ends<'_>,
) -> Result<Body, Stop> {
    let verbose = t.style.link_header;
    let mut ethertype = p.u16(at)?;
    at += TYPE;
    let mut length_shown = false;
    let (mut unlimited, mut p, whole, mut length) = (p, p, length, length);
    if ethertype == MACSEC {
        if verbose {
            put_ethertype(t, ethertype);
            put!(t, ", length {whole}: ");
            length_shown = true;
        }
        match macsec::print(t, p.from(at), length - at, (source, destination))? {
            Protected::Cut => return Ok(Body::Printed(p.len())),
            Protected::Secret(tag) => {
                default(t, p.from(at + tag));
                return Ok(Body::Printed(at + tag));
            }
            Protected::Readable(tag, rest) => {
                at += tag;
                // Without the check value, of which the captured bytes have all or none. What the
                // tag says of the length holds for what is shown here, not for what is inside.
                unlimited = p.limit(p.len() - macsec::CHECK);
                p = unlimited.limit(at + rest);
                length = at + rest;
            }
        }
        ethertype = unlimited.u16(at)?;
        let captured = p.len() - at;
        if captured < TYPE {
            put!(t, " [caplen {captured} < {TYPE}]");
            return Ok(Body::Printed(at));
        }
        at += TYPE;
    }
    // Each tag takes four bytes, so the loop ends with the bytes.
    while is_tag(ethertype) {
        if !p.has(at, TAG) || length < at + TAG {
            t.protocol = "vlan";
            t.truncated();
            return Ok(Body::Printed(p.len().min(length)));
        }
        if verbose {
            put_ethertype(t, ethertype);
            if length_shown {
                put!(t, ", ");
            } else {
                put!(t, ", length {whole}: ");
                length_shown = true;
            }
            put_tci(t, p.u16(at)?);
        }
        t.note_tag(p.u16(at)?);
        ethertype = p.u16(at + 2)?;
        at += TAG;
    }
    let (payload, rest) = (p.from(at), length - at);
    // Behind the type of jumbo frames an LLC header follows, too.
    if ethertype <= MAX_LENGTH || ethertype == JUMBO {
        let rest = if ethertype == JUMBO { rest } else { rest.min(usize::from(ethertype)) };
        if verbose && ethertype != JUMBO {
            put!(t, "802.3");
            if !length_shown {
                put!(t, ", length {rest}: ");
            }
        }
        let header = llc::print(t, payload.limit(rest), rest, Some((source, destination)))?;
        return Ok(Body::Printed(at + header.length));
    }
    if ethertype == ARISTA {
        if rest < TYPE || payload.len() < TYPE {
            put!(t, "[|arista]");
            return Ok(Body::Printed(length.min(p.len())));
        }
        put_ethertype(t, ethertype);
        put!(t, ", length {length}: ");
        if let Some(header) = arista::print(t, payload)? {
            return Ok(Body::Inside(at + header));
        }
    } else {
        if verbose {
            put_ethertype(t, ethertype);
            if length_shown { put!(t, ", ") } else { put!(t, ", length {whole}: ") }
        }
        if by_type(t, ethertype, unlimited.from(at), rest, Some(source))? {
            return Ok(Body::Printed(at));
        }
    }
    if !verbose {
        put!(t, "{source} > {destination}, ");
        put_ethertype(t, ethertype);
        put!(t, ", length {whole}: ");
    }
    default(t, payload);
    Ok(Body::Printed(at))
}

/// Prints the payload of a type, from a sender that may be known; `false` if the type is
/// not known, and the caller shows the bytes in its own way.
pub(crate) fn by_type(
    t: &mut Text<'_>,
    kind: u16,
    p: Bytes<'_>,
    length: usize,
    source: Option<Link<'_>>,
) -> Result<bool, Stop> {
    let mut known = true;
    t.part(|t| {
        match kind {
            ethertype::IPV4 => ip::print(t, p, length)?,
            ethertype::IPV6 => ip6::print(t, p, length)?,
            ethertype::ARP | ethertype::RARP => arp::print(t, p, length)?,
            ethertype::MPLS | ethertype::MPLS_MULTICAST => mpls::print(t, p, length)?,
            ethertype::OSI if length == 0 || p.is_empty() => {
                t.protocol = "isoclns";
                t.truncated();
            }
            ethertype::OSI => osi::print(t, p.from(1), length - 1)?,
            ethertype::DECNET => decnet::print(t, p, length)?,
            ethertype::GEONET_OLD | ethertype::GEONET => vehicles::geonet(t, p, length, source)?,
            ethertype::CALM_FAST => vehicles::calm_fast(t, p, length, source)?,
            ethertype::TIPC => tipc::print(t, p)?,
            ethertype::IPX => {
                put!(t, "(NOV-ETHII) ");
                ipx::print(t, p)?;
            }
            ethertype::PPPOE_DISCOVERY
            | ethertype::PPPOE_SESSION
            | ethertype::PPPOE_DISCOVERY_OLD
            | ethertype::PPPOE_SESSION_OLD => drop(pppoe::print(t, p, length)?),
            ethertype::PPP if length > 0 => {
                put!(t, ": ");
                ppp::print(t, p, length)?;
            }
            ethertype::PPP => {}
            ethertype::CFM | ethertype::CFM_OLD => cfm::print(t, p, length)?,
            ethertype::LLDP => lldp::print(t, p, length)?,
            ethertype::SLOW => slow::print(t, p, length)?,
            ethertype::EAPOL => eapol::print(t, p)?,
            ethertype::MPCP => mpcp::print(t, p, length)?,
            ethertype::MS_NLB => msnlb::print(t, p)?,
            ethertype::AOE => aoe::print(t, p, length)?,
            ethertype::PTP => ptp::print(t, p, length)?,
            ethertype::NSH => t.nested(|t| nsh::print(t, p, length))?,
            ethertype::LOOPBACK => loopback::print(t, p, length)?,
            _ => known = false,
        }
        Ok(())
    })?;
    Ok(known)
}

/// What is not understood is shown as it is, unless less is wanted or a dump shows it
/// anyway.
pub(crate) fn default(t: &mut Text<'_>, p: Bytes<'_>) {
    if shows_default(t) {
        dump::hex_and_text(p.all(), "\n\t", t.out);
    }
}

/// Whether it is.
pub(crate) fn shows_default(t: &Text<'_>) -> bool {
    let dumped = matches!(t.style.dump, Dump::Hex { .. } | Dump::HexAndText { .. });
    !t.style.quiet && !dumped
}

pub(super) fn put_ethertype(t: &mut Text<'_>, ethertype: u16) {
    let name = name_of(ETHERTYPES, ethertype);
    match (t.style.quiet, name) {
        (false, name) => put!(t, "ethertype {} (0x{ethertype:04x})", name.unwrap_or("Unknown")),
        (true, Some(name)) => put!(t, "{name}"),
        (true, None) => put!(t, "Unknown Ethertype (0x{ethertype:04x})"),
    }
}

/// VLAN, priority, and whether the frame may be dropped (IEEE 802.1Q).
pub(super) fn put_tci(t: &mut Text<'_>, tci: u16) {
    let drop = if tci & 0x1000 == 0 { "" } else { ", DEI" };
    put!(t, "vlan {}, p {}{drop}, ", tci & 0xfff, tci >> 13);
}
