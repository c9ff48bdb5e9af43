//! Questions to the kernel about interfaces, what is attached to them, and routes (rtnetlink(7)).

use std::{io, net::IpAddr};

use netlink_packet_core::DefaultNla;
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    link::{LinkAttribute, LinkMessage},
    route::{RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteType, RouteVia},
};
use netlink_sys::protocols::NETLINK_ROUTE;
use probe_filter::LinkType;

use super::netlink;

/// An alternative name as a question (include/uapi/linux/if_link.h).
const IFLA_ALT_IFNAME: u16 = 53;
/// Bytes of an alternative name, its closing zero included (`ALTIFNAMSIZ`).
const ALT_NAME_SIZE: usize = 128;

/// Asks for an interface of this network namespace (RTM_GETLINK); `None` where none has the
/// index.
///
/// # Errors
/// Those of [`ask`].
pub fn link(index: u32) -> io::Result<Option<LinkMessage>> {
    let mut question = LinkMessage::default();
    question.header.index = index;
    ask_for_link(question)
}

/// Asks for an interface by its name or by one of its alternative names, which `ip link property
/// add` gives; `None` where none has it.
///
/// # Errors
/// Those of [`ask`].
pub fn link_named(name: &str) -> io::Result<Option<LinkMessage>> {
    if name.is_empty() || name.len() >= ALT_NAME_SIZE || name.contains('\0') {
        return Ok(None);
    }
    let mut question = LinkMessage::default();
    // This attribute stands for both kinds of names (`rtnl_dev_get` in net/core/rtnetlink.c).
    let name = DefaultNla::new(IFLA_ALT_IFNAME, [name.as_bytes(), b"\0"].concat());
    question.attributes.push(LinkAttribute::Other(name));
    ask_for_link(question)
}

/// The name of an interface that the kernel has told about.
pub fn name(link: &LinkMessage) -> Option<&str> {
    link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name.as_str()),
        _ => None,
    })
}

/// What the frames of an interface begin with; `None` where they begin with neither Ethernet nor IP.
pub fn link_type(link: &LinkMessage) -> Option<LinkType> {
    link_type_of(link.header.link_layer_type.into())
}

/// As [`link_type`], of a number ARPHRD_* (include/uapi/linux/if_arp.h).
pub fn link_type_of(kind: u16) -> Option<LinkType> {
    match kind {
        // Ethernet, and the loopback.
        1 | 772 => Some(LinkType::Ethernet),
        // PPP, IPv4 and IPv6 in IP, SIT, GRE, and devices without a link layer (tun, wireguard).
        512 | 768 | 769 | 776 | 778 | 823 | 65_534 => Some(LinkType::Raw),
        _ => None,
    }
}

fn ask_for_link(question: LinkMessage) -> io::Result<Option<LinkMessage>> {
    match ask(RouteNetlinkMessage::GetLink(question)) {
        Ok(RouteNetlinkMessage::NewLink(link)) => Ok(Some(link)),
        Ok(_) => Err(io::ErrorKind::InvalidData.into()),
        Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(None),
        Err(error) => Err(error),
    }
}

/// All interfaces of this network namespace, in the order of their indices.
///
/// # Errors
/// What the netlink socket says, and answers that are none.
pub fn links() -> io::Result<Vec<LinkMessage>> {
    let mut links = Vec::new();
    netlink::dump(NETLINK_ROUTE, RouteNetlinkMessage::GetLink(LinkMessage::default()), |answer| {
        if let RouteNetlinkMessage::NewLink(link) = answer {
            links.push(link);
        }
    })?;
    links.sort_by_key(|link| link.header.index);
    Ok(links)
}

/// The index of the interface that packets to the Internet leave by: that of the default route
/// with the smallest metric in the main table, IPv4's or else IPv6's.
///
/// # Errors
/// What the netlink socket says, and answers that are none.
pub fn default_route() -> io::Result<Option<u32>> {
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let mut question = RouteMessage::default();
        question.header.address_family = family;
        let mut best: Option<(u32, u32)> = None;
        netlink::dump(NETLINK_ROUTE, RouteNetlinkMessage::GetRoute(question), |answer| {
            let RouteNetlinkMessage::NewRoute(route) = answer else { return };
            // The first of several with one metric is the one in use.
            if let Some(found) = default_by(&route)
                && best.is_none_or(|(metric, _)| found.0 < metric)
            {
                best = Some(found);
            }
        })?;
        if let Some((_, index)) = best {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

/// How packets to an address leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The index of the interface.
    pub index: u32,
    /// The router that they go to first, if there is one.
    pub gateway: Option<IpAddr>,
    /// Whether the address is one of this host: they go by the loopback.
    pub is_local: bool,
}

/// Asks for the route to an address (RTM_GETROUTE), which for some must be by one interface.
///
/// # Errors
/// The kernel's: `ENETUNREACH` where there is none, `EHOSTUNREACH` and `EACCES` where the route says so
/// (unreachable and prohibit, ip-route(8)).
pub fn route_to(address: IpAddr, by: Option<u32>) -> io::Result<Route> {
    let mut question = RouteMessage::default();
    let (family, length, destination) = match address {
        IpAddr::V4(address) => (AddressFamily::Inet, 32, RouteAddress::Inet(address)),
        IpAddr::V6(address) => (AddressFamily::Inet6, 128, RouteAddress::Inet6(address)),
    };
    question.header.address_family = family;
    question.header.destination_prefix_length = length;
    question.attributes.push(RouteAttribute::Destination(destination));
    question.attributes.extend(by.map(RouteAttribute::Oif));
    let RouteNetlinkMessage::NewRoute(route) = ask(RouteNetlinkMessage::GetRoute(question))? else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let index = route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Oif(index) => Some(*index),
        _ => None,
    });
    let gateway = route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Gateway(RouteAddress::Inet(gateway)) => Some((*gateway).into()),
        RouteAttribute::Gateway(RouteAddress::Inet6(gateway)) => Some((*gateway).into()),
        RouteAttribute::Via(RouteVia::Inet(gateway)) => Some((*gateway).into()),
        RouteAttribute::Via(RouteVia::Inet6(gateway)) => Some((*gateway).into()),
        _ => None,
    });
    let is_local = route.header.kind == RouteType::Local;
    let index = index.ok_or(io::ErrorKind::InvalidData)?;
    Ok(Route { index, gateway, is_local })
}

/// Metric and interface of a default route; of several next hops the first.
fn default_by(route: &RouteMessage) -> Option<(u32, u32)> {
    let header = &route.header;
    let is_default = header.destination_prefix_length == 0
        && header.kind == RouteType::Unicast
        && header.table == RouteHeader::RT_TABLE_MAIN;
    let index = route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Oif(index) => Some(*index),
        RouteAttribute::MultiPath(hops) => hops.first().map(|hop| hop.interface_index),
        _ => None,
    });
    let metric = route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Priority(metric) => Some(*metric),
        _ => None,
    });
    index.filter(|_| is_default).map(|index| (metric.unwrap_or(0), index))
}

/// Asks the kernel for one thing, and returns its answer.
///
/// # Errors
/// The kernel's, what the netlink socket says, and answers that are none.
pub fn ask(question: RouteNetlinkMessage) -> io::Result<RouteNetlinkMessage> {
    netlink::ask(NETLINK_ROUTE, question)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_interfaces_that_exist_are_there() {
        // The loopback has index 1 in every network namespace.
        let lo = link(1).unwrap().unwrap();
        assert_eq!((lo.header.index, name(&lo)), (1, Some("lo")));
        assert_eq!(link(i32::MAX as u32).unwrap(), None);
        assert_eq!(link_named("lo").unwrap().unwrap().header.index, 1);
        assert_eq!(links().unwrap().first().and_then(name), Some("lo"));
        let names = ["", "nosuch0", "l\0", &"x".repeat(127), &"x".repeat(128), &"x".repeat(5000)];
        for name in names {
            assert_eq!(link_named(name).unwrap(), None, "{name:?}");
        }
    }

    #[test]
    fn default_routes() {
        let route = |length, kind, attributes| {
            let mut route = RouteMessage::default();
            route.header.destination_prefix_length = length;
            route.header.kind = kind;
            route.header.table = RouteHeader::RT_TABLE_MAIN;
            route.attributes = attributes;
            default_by(&route)
        };
        let (oif, metric) = (RouteAttribute::Oif(7), RouteAttribute::Priority(100));
        assert_eq!(route(0, RouteType::Unicast, vec![oif.clone()]), Some((0, 7)));
        assert_eq!(route(0, RouteType::Unicast, vec![metric, oif.clone()]), Some((100, 7)));
        assert_eq!(route(8, RouteType::Unicast, vec![oif.clone()]), None);
        assert_eq!(route(0, RouteType::BlackHole, vec![oif]), None);
        assert_eq!(route(0, RouteType::Unicast, vec![]), None);
    }
}
