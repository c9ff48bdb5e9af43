//! The numbered list of `-D`: order, numbers and words are libpcap's, so that a number
//! means the same here and there. libpcap also lists what is no network interface
//! (Bluetooth, D-Bus): behind all that are up and connected, and behind the loopback.

use std::fmt::Write as _;

use nix::net::if_::InterfaceFlags;
use probe_frame::visible;

use super::{ifaddrs, sysfs};
use crate::kernel::ethtool;

/// The name that stands for all interfaces.
pub const ANY: &str = "any";

/// An entry of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Name of the interface, or [`ANY`].
    pub name: String,
    up: bool,
    running: bool,
    loopback: bool,
    wireless: bool,
    /// Whether there is a link; `None` where the question makes no sense.
    connected: Option<bool>,
}

impl Device {
    fn new(name: String, flags: InterfaceFlags) -> Self {
        let loopback = flags.contains(InterfaceFlags::IFF_LOOPBACK);
        Self {
            up: flags.contains(InterfaceFlags::IFF_UP),
            running: flags.contains(InterfaceFlags::IFF_RUNNING),
            loopback,
            wireless: !loopback && sysfs::is_wireless(&name),
            connected: if loopback { None } else { ethtool::has_link(&name).ok() },
            name,
        }
    }

    fn any() -> Self {
        Self {
            name: ANY.into(),
            up: true,
            running: true,
            loopback: false,
            wireless: false,
            connected: None,
        }
    }

    /// Whether it is up.
    pub fn is_up(&self) -> bool {
        self.up
    }

    /// Whether what is sent there is received there.
    pub fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// What comes first, and so has the smaller number (libpcap's figure of merit).
    fn merit(&self) -> (bool, bool, bool, bool, bool) {
        let disconnected = !self.wireless && self.connected == Some(false);
        (!self.running, !self.up, disconnected, self.loopback, self.name == ANY)
    }

    /// What stands in brackets.
    fn state(&self) -> String {
        let words = [
            (self.up, "Up"),
            (self.running, "Running"),
            (self.loopback, "Loopback"),
            (self.wireless, "Wireless"),
        ];
        let words = words.into_iter().filter_map(|(holds, word)| holds.then_some(word));
        let mut state = words.collect::<Vec<_>>().join(", ");
        if state.is_empty() {
            state.push_str("none");
        }
        state.push_str(match (self.connected, self.wireless) {
            (None, _) => "",
            (Some(true), false) => ", Connected",
            (Some(false), false) => ", Disconnected",
            (Some(true), true) => ", Associated",
            (Some(false), true) => ", Not associated",
        });
        state
    }
}

/// All interfaces, and [`ANY`] among them, the most promising first.
pub fn devices() -> Vec<Device> {
    let interfaces = ifaddrs::flags().into_iter().map(|(name, flags)| Device::new(name, flags));
    sorted(interfaces.chain([Device::any()]).collect())
}

fn sorted(mut devices: Vec<Device>) -> Vec<Device> {
    // Stable: equals stay in the kernel's order.
    devices.sort_by_key(Device::merit);
    devices
}

/// The list, as `-D` prints it.
pub fn list(devices: &[Device]) -> String {
    let mut out = String::new();
    for (number, device) in (1..).zip(devices) {
        let what = if device.name == ANY {
            " (Pseudo-device that captures on all interfaces)"
        } else {
            ""
        };
        let _ = writeln!(out, "{number}.{}{what} [{}]", visible(&device.name), device.state());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(name: &str, up: bool, connected: Option<bool>) -> Device {
        let loopback = name == "lo";
        let name = name.into();
        Device { name, up, running: up, loopback, wireless: false, connected }
    }

    #[test]
    fn the_most_promising_comes_first() {
        let wireless = Device { wireless: true, ..device("wlan0", true, Some(false)) };
        let devices = sorted(vec![
            device("lo", true, None),
            device("eth0", true, Some(false)),
            device("eth1", true, Some(true)),
            device("dummy0", false, None),
            wireless,
            Device::any(),
        ]);
        let expected = "\
1.eth1 [Up, Running, Connected]
2.wlan0 [Up, Running, Wireless, Not associated]
3.any (Pseudo-device that captures on all interfaces) [Up, Running]
4.lo [Up, Running, Loopback]
5.eth0 [Up, Running, Disconnected]
6.dummy0 [none]
";
        assert_eq!(list(&devices), expected);
    }

    #[test]
    fn the_loopback_and_any_are_there() {
        let devices = devices();
        assert_eq!(devices.iter().filter(|device| device.name == ANY).count(), 1);
        assert!(devices.iter().any(|device| device.name == "lo" && device.loopback));
    }
}
