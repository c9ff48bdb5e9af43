//! What getifaddrs(3) reports: the interfaces with their flags, and their IP addresses.

use std::{collections::HashMap, net::IpAddr};

use nix::{
    ifaddrs::{InterfaceAddress, getifaddrs},
    net::if_::InterfaceFlags,
    sys::socket::SockaddrStorage,
};

/// The addresses of each interface, by name, with their prefix lengths.
pub(super) fn addresses() -> HashMap<String, Vec<String>> {
    let mut addresses: HashMap<String, Vec<String>> = HashMap::new();
    for entry in entries() {
        if let Some(address) = entry.address.as_ref().and_then(ip) {
            let prefix = entry.netmask.as_ref().and_then(ip).map_or(0, ones);
            addresses.entry(entry.interface_name).or_default().push(format!("{address}/{prefix}"));
        }
    }
    addresses
}

/// The addresses of all interfaces: what is addressed to them is for this host.
pub fn own_addresses() -> Vec<IpAddr> {
    entries().filter_map(|entry| entry.address.as_ref().and_then(ip)).collect()
}

/// The interfaces with their flags, in the kernel's order, which is that of their indices.
pub(super) fn flags() -> Vec<(String, InterfaceFlags)> {
    let mut flags: Vec<(String, InterfaceFlags)> = Vec::new();
    for entry in entries() {
        // The entries of the links come first; one without a link layer has no address there.
        if !flags.iter().any(|(known, _)| *known == entry.interface_name) {
            flags.push((entry.interface_name, entry.flags));
        }
    }
    flags
}

/// The interface that has this address.
pub fn holder(address: IpAddr) -> Option<String> {
    let has = |entry: &InterfaceAddress| entry.address.as_ref().and_then(ip) == Some(address);
    entries().find(has).map(|entry| entry.interface_name)
}

/// The entries of the list; none where the system has no list.
fn entries() -> impl Iterator<Item = InterfaceAddress> {
    getifaddrs().into_iter().flatten()
}

/// The IP address in a socket address, if it is one.
fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| v4.ip().into());
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| v6.ip().into()))
}

fn ones(mask: IpAddr) -> u32 {
    match mask {
        IpAddr::V4(mask) => mask.to_bits().count_ones(),
        IpAddr::V6(mask) => mask.to_bits().count_ones(),
    }
}
