//! UDP (RFC 768).

use crate::{
    bytes::{Bytes, Cut},
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
/// Ports of the services of AFS.
const AFS: std::ops::RangeInclusive<u16> = 7000..=7009;

/// Prints a datagram.
pub(crate) fn print(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    length: usize,
    outer: Outer<'_>,
    fragmented: bool,
) -> Result<(), Cut> {
    t.protocol = "udp";
    t.tint = Tint::Datagram;
    let (Ok(from), Ok(to)) = (p.u16(0), p.u16(2)) else {
        if outer.protocol()? == PROTOCOL {
            outer.print_ends(t, None)?;
            put!(t, ": ");
        }
        t.truncated();
        return Ok(());
    };
    let ports = (t.udp(from), t.udp(to));
    outer.print_flow(t, PROTOCOL, ports)?;
    if length < HEADER {
        put!(t, "truncated-udp {length}");
        return Ok(());
    }
    let Ok(stated) = p.u16(4) else {
        t.truncated();
        return Ok(());
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
        t.truncated();
        return Ok(());
    }
    if t.style.verbose > 0 && !t.style.no_checksums && !fragmented {
        verify(t, p, length, outer)?;
    }
    if !t.style.quiet && content(t, p.from(HEADER), length, (from, to), outer)? {
        return Ok(());
    }
    match stated > length && !fragmented {
        true => put!(t, "UDP, bad length {stated} > {length}"),
        false => put!(t, "UDP, length {stated}"),
    }
    Ok(())
}

/// Prints what the datagram carries, where the port says what that is; in tcpdump's
/// order, for where the two ports say different things.
fn content(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    length: usize,
    (from, to): (u16, u16),
    outer: Outer<'_>,
) -> Result<bool, Cut> {
    let port = |numbers: &[u16]| numbers.contains(&from) || numbers.contains(&to);
    if port(&[53]) {
        dns::print(t, p, length, dns::Carrier::Udp)?;
    } else if port(&[5353]) {
        dns::print(t, p, length, dns::Carrier::Multicast)?;
    } else if port(&[525]) {
        timed::print(t, p)?;
    } else if port(&[69]) {
        tftp::print(t, p, length)?;
    } else if port(&[67, 68]) {
        dhcp::print(t, p, length)?;
    } else if port(&[520]) {
        rip::print(t, p, length)?;
    } else if port(&[654]) {
        aodv::print(t, p, length, matches!(outer, Outer::V6(_)))?;
    } else if port(&[500]) {
        isakmp::print(t, p, length, outer)?;
    } else if port(&[4500]) {
        isakmp::through_nat(t, p, length, outer)?;
    } else if port(&[7500, 8500]) {
        isakmp::print(t, p, length, outer)?;
    } else if port(&[161, 162]) {
        snmp::print(t, p, length)?;
    } else if port(&[123]) {
        ntp::print(t, p, length)?;
    } else if port(&[88, 750]) {
        kerberos::print(t, p)?;
    } else if port(&[1701]) {
        l2tp::print(t, p, length)?;
    } else if AFS.contains(&from) || AFS.contains(&to) {
        afs::print(t, p, length, (from, to), outer)?;
    } else if port(&[521]) {
        ripng::print(t, p, length)?;
    } else if port(&[546, 547]) {
        dhcp::v6::print(t, p, length)?;
    } else if port(&[5359]) {
        ahcp::print(t, p, length)?;
    } else if port(&[6696, 6697]) {
        babel::print(t, p, length)?;
    } else if port(&[8231]) {
        hncp::print(t, p, length)?;
    } else if port(&[496]) {
        pim::auto_rp(t, p, length)?;
    } else if port(&[1645, 1646, 1700, 1812, 1813, 3799]) {
        radius::print(t, p, length)?;
    } else if to == 1985 {
        hsrp::print(t, p, length)?;
    } else if port(&[646]) {
        ldp::print(t, p, length)?;
    } else if port(&[698]) {
        olsr::print(t, p, length, matches!(outer, Outer::V6(_)))?;
    } else if port(&[3503]) {
        lsp_ping::print(t, p, length)?;
    } else if from == 49_152 {
        bcm_li::print(t, p, length)?;
    } else if matches!(to, bfd::CONTROL | bfd::ECHO | bfd::MULTIHOP | bfd::LAG) {
        bfd::print(t, p, length, to)?;
    } else if port(&[701]) {
        lmp::print(t, p, length)?;
    } else if port(&[1589]) {
        vqp::print(t, p, length)?;
    } else if port(&[6343]) {
        sflow::print(t, p, length)?;
    } else if port(&[5060]) {
        line_protocols::sip(t, p, length)?;
    } else if port(&[514]) {
        syslog::print(t, p, length)?;
    } else if port(&[8472]) {
        vxlan::overlay(t, p, length)?;
    } else if port(&[4789]) {
        vxlan::print(t, p, length)?;
    } else if port(&[6081]) {
        geneve::print(t, p, length)?;
    } else if port(&[4342]) {
        lisp::print(t, p, length)?;
    } else if port(&[4790]) {
        vxlan::generic(t, p, length)?;
    } else if port(&[6635]) {
        mpls::print(t, p, length)?;
    } else if port(&[319, 320]) {
        ptp::print(t, p, length)?;
    } else if port(&[30_490]) {
        someip::print(t, p, length)?;
    } else {
        return Ok(false);
    }
    Ok(true)
}

fn verify(t: &mut Text<'_>, p: Bytes<'_>, length: usize, outer: Outer<'_>) -> Result<(), Cut> {
    let four = matches!(outer, Outer::V4(_));
    // tcpdump spares the IPv4 checksum, which is optional, for -vv.
    if four && t.style.verbose < 2 {
        return Ok(());
    }
    let found = p.u16(6)?;
    if four && found == 0 {
        put!(t, "[no cksum] ");
    } else if let Ok(bytes) = p.slice(0, HEADER + length) {
        checksum::print_named(t, "udp", found, outer.checksum(PROTOCOL, bytes)?);
    }
    Ok(())
}
