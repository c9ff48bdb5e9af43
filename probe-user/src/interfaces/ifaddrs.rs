//! What getifaddrs(3) tells: the interfaces with their flags, and their IP addresses.

use std::{
    collections::HashMap,
    ffi::CStr,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ptr,
};

/// The addresses of each interface, by name, with their prefix lengths.
pub(super) fn addresses() -> HashMap<String, Vec<String>> {
    let mut addresses: HashMap<String, Vec<String>> = HashMap::new();
    each(|name, node| {
        if let Some(address) = ip(node.ifa_addr) {
            let prefix = ip(node.ifa_netmask).map_or(0, ones);
            addresses.entry(name).or_default().push(format!("{address}/{prefix}"));
        }
    });
    addresses
}

/// The interfaces with their flags (IFF_*), in the kernel's order, which is that of their
/// indices.
pub(super) fn flags() -> Vec<(String, i32)> {
    let mut flags: Vec<(String, i32)> = Vec::new();
    each(|name, node| {
        // The entries of the links come first; one without a link layer has no address there.
        if !flags.iter().any(|(known, _)| *known == name) {
            flags.push((name, node.ifa_flags as i32));
        }
    });
    flags
}

/// Calls `look` with each entry of the list; with none where there is no list.
fn each(mut look: impl FnMut(String, &libc::ifaddrs)) {
    let mut head: *mut libc::ifaddrs = ptr::null_mut();
    // SAFETY: `head` is a place for the list; it is freed below.
    if unsafe { libc::getifaddrs(&raw mut head) } != 0 {
        return;
    }
    let mut next = head;
    // SAFETY: the list's nodes live until freeifaddrs, and the last one's `ifa_next` is null.
    while let Some(node) = unsafe { next.as_ref() } {
        next = node.ifa_next;
        // SAFETY: `ifa_name` is a string that lives as long as the list.
        let name = unsafe { CStr::from_ptr(node.ifa_name) };
        look(name.to_string_lossy().into_owned(), node);
    }
    // SAFETY: the list came from getifaddrs and is not used after this.
    unsafe { libc::freeifaddrs(head) };
}

fn family(address: *const libc::sockaddr) -> Option<i32> {
    // SAFETY: null, or a socket address whose family field is there.
    Some(unsafe { address.as_ref() }?.sa_family.into())
}

/// The IP address in a socket address that getifaddrs returned.
fn ip(address: *const libc::sockaddr) -> Option<IpAddr> {
    match family(address)? {
        libc::AF_INET => {
            // SAFETY: the family says that this is a sockaddr_in.
            let v4 = unsafe { address.cast::<libc::sockaddr_in>().read_unaligned() };
            Some(Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: the family says that this is a sockaddr_in6.
            let v6 = unsafe { address.cast::<libc::sockaddr_in6>().read_unaligned() };
            Some(Ipv6Addr::from(v6.sin6_addr.s6_addr).into())
        }
        _ => None,
    }
}

fn ones(mask: IpAddr) -> u32 {
    match mask {
        IpAddr::V4(mask) => mask.to_bits().count_ones(),
        IpAddr::V6(mask) => mask.to_bits().count_ones(),
    }
}
