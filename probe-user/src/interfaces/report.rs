//! One interface, for people and for programs.

use std::{collections::HashMap, fmt::Write as _};

use probe_frame::visible;
use serde::Serialize;

use super::{cost::cost, drivers, sysfs};
use crate::kernel::{self, Attached, Direction, Hook};

/// A value of `--hook`, and what it comes to on an interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// What is asked for.
    pub asked: &'static str,
    /// What is attached.
    pub hook: &'static str,
    /// Why this one, and what attaching it does.
    pub reason: String,
}

/// What is known of an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// Name.
    pub name: String,
    /// Index in the kernel.
    pub index: u32,
    /// up, down, unknown: the operational state.
    pub state: String,
    /// Longest packet, in bytes.
    pub mtu: u64,
    /// Driver, or kind of virtual interface.
    pub driver: Option<String>,
    /// Link-layer address.
    pub mac: Option<String>,
    /// IP addresses with prefix lengths.
    pub addresses: Vec<String>,
    /// Packets received, by the interface's own counters.
    pub rx_packets: u64,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Packets received and dropped.
    pub rx_dropped: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Hooks that fit, the best first.
    pub hooks: Vec<&'static str>,
    /// What `--hook auto` and `--hook xdp` come to, for frames received.
    pub choices: Vec<Choice>,
    /// The XDP program that is attached already.
    pub xdp: Option<String>,
}

/// Asks the system about one interface. What it does not tell is left out.
pub(super) fn describe(name: &str, addresses: &HashMap<String, Vec<String>>) -> Interface {
    let counter = |key: &str| sysfs::number(name, &format!("statistics/{key}")).unwrap_or(0);
    let index = sysfs::number(name, "ifindex").and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    let driver = sysfs::driver(name);
    let native = driver.as_deref().and_then(drivers::native).is_some();
    let tcx = kernel::Features::of_this_kernel().tcx;
    let hooks = [(tcx, "tcx"), (native, "xdp-native"), (true, "xdp-generic"), (!tcx, "clsact")];
    let merging = kernel::ethtool::merging(name).unwrap_or_default();
    let merging: Vec<&str> = merging.iter().map(|feature| feature.name).collect();
    // Listing must work without privileges, and on kernels that do not tell.
    let occupant = kernel::xdp_occupant(index).ok().flatten();
    Interface {
        name: name.into(),
        index,
        state: sysfs::attribute(name, "operstate").unwrap_or_else(|| "unknown".into()),
        mtu: sysfs::number(name, "mtu").unwrap_or(0),
        driver: driver.clone(),
        mac: sysfs::attribute(name, "address").filter(|mac| !mac.is_empty()),
        addresses: addresses.get(name).cloned().unwrap_or_default(),
        rx_packets: counter("rx_packets"),
        rx_bytes: counter("rx_bytes"),
        rx_dropped: counter("rx_dropped"),
        tx_packets: counter("tx_packets"),
        tx_bytes: counter("tx_bytes"),
        hooks: hooks.into_iter().filter_map(|(fits, hook)| fits.then_some(hook)).collect(),
        choices: choices(driver.as_deref(), tcx, &merging),
        xdp: occupant.map(|occupant| occupant.to_string()),
    }
}

/// What the hooks that stand for others come to on an interface of this driver, on a kernel that
/// has tcx, or has not. `merging` are the features that generic XDP would turn off there.
fn choices(driver: Option<&str>, has_tcx: bool, merging: &[&str]) -> Vec<Choice> {
    let cost_of = |hook| cost(hook, driver).unwrap_or("attaching changes nothing on the link");
    let generic = || match merging {
        [] => cost_of(Attached::XdpGeneric).to_owned(),
        _ => format!("{}; it turns {} off", cost_of(Attached::XdpGeneric), merging.join(" and ")),
    };
    let auto = match Hook::auto(has_tcx, Direction::In, false) {
        Hook::Tcx => (Attached::Tcx, cost_of(Attached::Tcx).to_owned()),
        _ => {
            let reason = format!("this kernel has no tcx; {}", generic());
            (Attached::XdpGeneric, reason)
        }
    };
    let xdp = match driver.and_then(drivers::native) {
        Some(known) => {
            let reason = format!("{} ({})", cost_of(Attached::XdpNative), known.function);
            (Attached::XdpNative, reason)
        }
        None => (Attached::XdpGeneric, generic()),
    };
    let choice =
        |asked, (hook, reason): (Attached, String)| Choice { asked, hook: hook.name(), reason };
    vec![choice("auto", auto), choice("xdp", xdp)]
}

/// For people: a paragraph an interface.
pub(super) fn text(interfaces: &[Interface]) -> Vec<u8> {
    let mut out = String::new();
    for interface in interfaces {
        let Interface { name, index, state, mtu, .. } = interface;
        let driver = interface.driver.as_deref().unwrap_or("none");
        let name = visible(name);
        let _ = writeln!(out, "{index}: {name}  {state}  mtu {mtu}  driver {driver}");
        let mac = interface.mac.as_deref().unwrap_or("none");
        let addresses = interface.addresses.join(" ");
        let _ = writeln!(out, "    address {mac} {addresses}");
        let _ = writeln!(
            out,
            "    received {} packets, {} bytes, {} dropped; sent {} packets, {} bytes",
            interface.rx_packets,
            interface.rx_bytes,
            interface.rx_dropped,
            interface.tx_packets,
            interface.tx_bytes
        );
        let _ = writeln!(out, "    hooks {}", interface.hooks.join(", "));
        for Choice { asked, hook, reason } in &interface.choices {
            let _ = writeln!(out, "    --hook {asked} is {hook}: {reason}");
        }
        if let Some(xdp) = &interface.xdp {
            let _ = writeln!(out, "    XDP is in use by {xdp}: only tcx and clsact can attach");
        }
    }
    // Trailing blanks where there is no address.
    let lines: Vec<&str> = out.lines().map(str::trim_end).collect();
    (lines.join("\n") + "\n").into_bytes()
}

/// For programs: an array.
pub(super) fn json(interfaces: &[Interface]) -> Vec<u8> {
    crate::json::pretty(&interfaces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden() {
        let interface = Interface {
            name: "eth0".into(),
            index: 2,
            state: "up".into(),
            mtu: 1500,
            driver: Some("virtio_net".into()),
            mac: Some("52:54:00:12:34:56".into()),
            addresses: vec!["192.0.2.1/24".into(), "2001:db8::1/64".into()],
            rx_packets: 10,
            rx_bytes: 1000,
            rx_dropped: 1,
            tx_packets: 20,
            tx_bytes: 2000,
            hooks: vec!["tcx", "xdp-native", "xdp-generic"],
            choices: choices(Some("virtio_net"), true, &["rx-gro-hw"]),
            xdp: Some("program 7".into()),
        };
        let expected = "\
2: eth0  up  mtu 1500  driver virtio_net
    address 52:54:00:12:34:56 192.0.2.1/24 2001:db8::1/64
    received 10 packets, 1000 bytes, 1 dropped; sent 20 packets, 2000 bytes
    hooks tcx, xdp-native, xdp-generic
    --hook auto is tcx: attaching changes nothing on the link
    --hook xdp is xdp-native: attaching and detaching stop the queues for a moment; while \
attached, the host neither merges frames (GRO_HW) nor leaves their checksums to the guest \
(virtnet_xdp_set)
    XDP is in use by program 7: only tcx and clsact can attach
";
        assert_eq!(String::from_utf8(text(&[interface])).unwrap(), expected);
    }

    #[test]
    fn what_an_old_kernel_gets() {
        let texts = |driver, merging: &[&str]| -> Vec<String> {
            let choices = choices(driver, false, merging);
            choices.iter().map(|it| format!("{} {} {}", it.asked, it.hook, it.reason)).collect()
        };
        let lo = texts(None, &[]);
        assert!(lo[0].starts_with("auto xdp-generic this kernel has no tcx; the kernel copies"));
        assert!(lo[1].starts_with("xdp xdp-generic the kernel copies"), "{lo:?}");
        let merging = texts(Some("e1000"), &["rx-lro", "rx-gro-hw"]);
        for text in merging {
            assert!(text.ends_with("; it turns rx-lro and rx-gro-hw off"), "{text}");
        }
    }

    #[test]
    fn the_loopback_is_there() {
        let lo = describe("lo", &super::super::ifaddrs::addresses());
        assert_eq!((lo.index, lo.name.as_str()), (1, "lo"));
        assert!(lo.mtu > 0);
    }
}
