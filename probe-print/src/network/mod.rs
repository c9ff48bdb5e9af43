//! Network layer: IPv4, IPv6 and what belongs to them (ARP, ICMP, IGMP, IPsec), and the network
//! layers of others: OSI, DECnet, IPX.

pub(super) mod arp;
pub(super) mod decnet;
mod icmp;
mod icmp6;
mod igmp;
pub(super) mod ip;
pub(super) mod ip6;
pub(super) mod ipsec;
pub(super) mod ipx;
mod listeners;
mod mobility;
pub(super) mod osi;
pub(super) mod outer;
