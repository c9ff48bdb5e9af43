//! UDP (RFC 768).

use super::ports::{self, Ports, Ports::*};
use crate::{
    bytes::{Bytes, Stop},
    checksum,
    color::Tint,
    link::bcm_li,
    network::outer::Outer,
    routing::{aodv, babel, bfd, hsrp, ldp, lisp, lmp, olsr, pim, rip, ripng},
    services::{
        afs, ahcp, dhcp, dns, hncp, isakmp, kerberos, line_protocols, ntp, ptp, radius, sflow,
        snmp, someip, syslog, tftp, timed, vqp,
    },
    text::{Text, put},
    tunnel::{geneve, l2tp, lsp_ping, mpls, vxlan},
};

pub(crate) const PROTOCOL: u8 = 17;
const HEADER: usize = 8;

/// Where the fields of the header are (RFC 768).
mod field {
    pub const SOURCE: usize = 0;
    pub const DESTINATION: usize = 2;
    /// Of header and payload.
    pub const LENGTH: usize = 4;
    pub const CHECKSUM: usize = 6;
}

pub(crate) fn print(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    length: usize,
    outer: Outer<'_>,
    fragmented: bool,
) -> Result<(), Stop> {
    t.protocol = "udp";
    t.tint = Tint::Datagram;
    let (Ok(from), Ok(to)) = (p.u16(field::SOURCE), p.u16(field::DESTINATION)) else {
        if outer.protocol()? == PROTOCOL {
            outer.print_ends(t, None)?;
            put!(t, ": ");
        }
        return Err(Stop::Short);
    };
    t.summary.ports = Some((from, to));
    let ports = (t.udp(from), t.udp(to));
    outer.print_flow(t, PROTOCOL, ports)?;
    if length < HEADER {
        put!(t, "truncated-udp {length}");
        return Ok(());
    }
    let Ok(stated) = p.u16(field::LENGTH) else {
        return Err(Stop::Short);
    };
    let mut stated = usize::from(stated);
    if stated == 0 && length > 65_535 {
        // A jumbogram (RFC 2675).
        stated = length;
    }
    if stated < HEADER {
        put!(t, "truncated-udplength {stated}");
        return Ok(());
    }
    let stated = stated - HEADER;
    let length = stated.min(length - HEADER);
    if p.len() < HEADER {
        return Err(Stop::Short);
    }
    t.note_payload(p.from(HEADER).limit(length));
    if t.style.verbose > 0 && !t.style.no_checksums && !fragmented {
        verify(t, p, length, outer)?;
    }
    if !t.style.quiet
        && let Some(service) = ports::find(SERVICES, from, to)
    {
        return service(t, Datagram { p: p.from(HEADER), length, ports: (from, to), outer });
    }
    if stated > length && !fragmented {
        put!(t, "UDP, bad length {stated} > {length}")
    } else {
        put!(t, "UDP, length {stated}")
    }
    Ok(())
}

/// A datagram's payload, and what is around it.
#[derive(Clone, Copy)]
struct Datagram<'a> {
    p: Bytes<'a>,
    length: usize,
    /// Source and destination port.
    ports: (u16, u16),
    outer: Outer<'a>,
}

type Service = fn(&mut Text<'_>, Datagram<'_>) -> Result<(), Stop>;

/// What is behind a port, in tcpdump's order, for where the two ports say different things.
const SERVICES: &[(Ports, Service)] = &[
    (Either(&[53]), |t, d| dns::print(t, d.p, d.length, dns::Carrier::Udp)),
    (Either(&[5353]), |t, d| dns::print(t, d.p, d.length, dns::Carrier::Multicast)),
    (Either(&[525]), |t, d| timed::print(t, d.p)),
    (Either(&[69]), |t, d| tftp::print(t, d.p, d.length)),
    (Either(&[67, 68]), |t, d| dhcp::print(t, d.p, d.length)),
    (Either(&[520]), |t, d| rip::print(t, d.p, d.length)),
    (Either(&[654]), |t, d| aodv::print(t, d.p, d.length, d.outer.is_v6())),
    (Either(&[500]), |t, d| isakmp::print(t, d.p, d.length, d.outer)),
    (Either(&[4500]), |t, d| isakmp::through_nat(t, d.p, d.length, d.outer)),
    (Either(&[7500, 8500]), |t, d| isakmp::print(t, d.p, d.length, d.outer)),
    (Either(&[161, 162]), |t, d| snmp::print(t, d.p, d.length)),
    (Either(&[123]), |t, d| ntp::print(t, d.p, d.length)),
    (Either(&[88, 750]), |t, d| kerberos::print(t, d.p)),
    (Either(&[1701]), |t, d| l2tp::print(t, d.p, d.length)),
    (Either(&[7000, 7001, 7002, 7003, 7004, 7005, 7006, 7007, 7008, 7009]), |t, d| {
        afs::print(t, d.p, d.length, d.ports, d.outer)
    }),
    (Either(&[521]), |t, d| ripng::print(t, d.p, d.length)),
    (Either(&[546, 547]), |t, d| dhcp::v6::print(t, d.p, d.length)),
    (Either(&[5359]), |t, d| ahcp::print(t, d.p, d.length)),
    (Either(&[6696, 6697]), |t, d| babel::print(t, d.p, d.length)),
    (Either(&[8231]), |t, d| hncp::print(t, d.p, d.length)),
    (Either(&[496]), |t, d| pim::auto_rp(t, d.p, d.length)),
    (Either(&[1645, 1646, 1700, 1812, 1813, 3799]), |t, d| radius::print(t, d.p, d.length)),
    (To(&[1985]), |t, d| hsrp::print(t, d.p, d.length)),
    (Either(&[646]), |t, d| ldp::print(t, d.p, d.length)),
    (Either(&[698]), |t, d| olsr::print(t, d.p, d.length, d.outer.is_v6())),
    (Either(&[3503]), |t, d| lsp_ping::print(t, d.p, d.length)),
    (From(&[49_152]), |t, d| bcm_li::print(t, d.p, d.length)),
    (To(&[bfd::CONTROL, bfd::ECHO, bfd::MULTIHOP, bfd::LAG]), |t, d| {
        bfd::print(t, d.p, d.length, d.ports.1)
    }),
    (Either(&[701]), |t, d| lmp::print(t, d.p, d.length)),
    (Either(&[1589]), |t, d| vqp::print(t, d.p, d.length)),
    (Either(&[6343]), |t, d| sflow::print(t, d.p, d.length)),
    (Either(&[5060]), |t, d| line_protocols::sip(t, d.p, d.length)),
    (Either(&[514]), |t, d| syslog::print(t, d.p, d.length)),
    (Either(&[8472]), |t, d| vxlan::overlay(t, d.p, d.length)),
    (Either(&[4789]), |t, d| vxlan::print(t, d.p, d.length)),
    (Either(&[6081]), |t, d| geneve::print(t, d.p, d.length)),
    (Either(&[4342]), |t, d| lisp::print(t, d.p, d.length)),
    (Either(&[4790]), |t, d| vxlan::generic(t, d.p, d.length)),
    (Either(&[6635]), |t, d| mpls::print(t, d.p, d.length)),
    (Either(&[319, 320]), |t, d| ptp::print(t, d.p, d.length)),
    (Either(&[30_490]), |t, d| someip::print(t, d.p, d.length)),
];

fn verify(t: &mut Text<'_>, p: Bytes<'_>, length: usize, outer: Outer<'_>) -> Result<(), Stop> {
    let four = matches!(outer, Outer::V4(_));
    // tcpdump spares the IPv4 checksum, which is optional, for -vv.
    if four && t.style.verbose < 2 {
        return Ok(());
    }
    let found = p.u16(field::CHECKSUM)?;
    if four && found == 0 {
        put!(t, "[no cksum] ");
    } else if let Ok(bytes) = p.slice(0, HEADER + length) {
        checksum::print_named(t, "udp", found, outer.checksum(PROTOCOL, bytes)?);
    }
    Ok(())
}
