//! What sysfs has about an interface.

use std::{fs, io, path::PathBuf};

use probe_filter::ir::LinkType;

use super::drivers;
use crate::kernel::{ethtool, rtnetlink};

/// Names of all interfaces, sorted.
pub fn names() -> io::Result<Vec<String>> {
    let mut names: Vec<String> = fs::read_dir("/sys/class/net")?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        // bonding_masters is a file among the interfaces.
        .filter(|name| path(name, "ifindex").exists())
        .collect();
    names.sort();
    Ok(names)
}

fn path(name: &str, attribute: &str) -> PathBuf {
    PathBuf::from("/sys/class/net").join(name).join(attribute)
}

/// An attribute, if the interface has it.
pub(super) fn attribute(name: &str, attribute: &str) -> Option<String> {
    // A name from the command line must not lead elsewhere.
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        return None;
    }
    Some(fs::read_to_string(path(name, attribute)).ok()?.trim().to_string())
}

/// A numeric attribute.
pub(super) fn number(name: &str, key: &str) -> Option<u64> {
    attribute(name, key)?.parse().ok()
}

/// The driver: as it calls itself, or as sysfs has it where that is the name by which more is known.
pub(super) fn driver(name: &str) -> Option<String> {
    let module = fs::read_link(path(name, "device/driver")).ok();
    let module =
        module.as_ref().and_then(|path| path.file_name()).map(|it| it.to_string_lossy().into());
    let own = ethtool::driver(name).ok().filter(|driver| !driver.is_empty());
    let kind = || {
        let uevent = attribute(name, "uevent")?;
        uevent.lines().find_map(|line| line.strip_prefix("DEVTYPE=")).map(str::to_owned)
    };
    let names: Vec<String> = [own, module].into_iter().flatten().collect();
    let known = names.iter().find(|name| drivers::native(name).is_some());
    known.or(names.first()).cloned().or_else(kind)
}

/// Whether it is of the 802.11 kind.
pub(super) fn is_wireless(name: &str) -> bool {
    attribute(name, "uevent").is_some_and(|uevent| uevent.lines().any(|l| l == "DEVTYPE=wlan"))
}

/// Whether what is sent there is received there (ARPHRD_LOOPBACK, include/uapi/linux/if_arp.h).
pub(super) fn is_loopback(name: &str) -> bool {
    number(name, "type") == Some(772)
}

/// ARPHRD_* of the interface (include/uapi/linux/if_arp.h).
pub fn hardware_type(name: &str) -> Option<u16> {
    u16::try_from(number(name, "type")?).ok()
}

/// The link-layer address, where it is one of Ethernet.
pub fn hardware_address(name: &str) -> Option<[u8; 6]> {
    let text = attribute(name, "address")?;
    let mut bytes = text.split(':').map(|byte| u8::from_str_radix(byte, 16));
    let mut address = [0; 6];
    for place in &mut address {
        *place = bytes.next()?.ok()?;
    }
    bytes.next().is_none().then_some(address)
}

/// What frames begin with; Ethernet where that is not known.
pub(super) fn link_type(name: &str) -> Option<LinkType> {
    Some(rtnetlink::link_type_of(hardware_type(name)?).unwrap_or_default())
}
