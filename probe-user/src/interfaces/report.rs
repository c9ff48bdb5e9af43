//! One interface, for people and for programs.

use std::{collections::HashMap, fmt::Write as _};

use probe_frame::visible;
use serde::Serialize;

use super::sysfs;
use crate::kernel;

/// Drivers that run XDP before the kernel makes an skb of a frame, as of Linux 6.12
/// (Documentation/networking and the drivers' own `ndo_bpf`). One that is missing here
/// still gets its chance: `--hook xdp` tries.
const NATIVE_XDP: &[&str] = &[
    "amazon",
    "bnxt_en",
    "bond",
    "cpsw",
    "dpaa",
    "dpaa2-eth",
    "ena",
    "fsl_dpa",
    "fsl_dpaa2_eth",
    "fsl_enetc",
    "gve",
    "hv_netvsc",
    "i40e",
    "ice",
    "idpf",
    "igb",
    "igc",
    "ixgbe",
    "ixgbevf",
    "mana",
    "mlx4_en",
    "mlx5_core",
    "mtk_soc_eth",
    "mvneta",
    "mvpp2",
    "netdevsim",
    "nfp",
    "nicvf",
    "octeontx2-nicpf",
    "qede",
    "sfc",
    "sfc_ef100",
    "stmmac",
    "tap",
    "thunder-nicvf",
    "tsnep",
    "tun",
    "veth",
    "virtio_net",
    "vmxnet3",
    "xen-netfront",
];

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
    /// The XDP program that is attached already.
    pub xdp: Option<String>,
}

/// Asks the system about one interface. What it does not tell is left out.
pub(super) fn describe(name: &str, addresses: &HashMap<String, Vec<String>>) -> Interface {
    let counter = |key: &str| sysfs::number(name, &format!("statistics/{key}")).unwrap_or(0);
    let index = sysfs::number(name, "ifindex").and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    let driver = sysfs::driver(name);
    let native = driver.as_deref().is_some_and(|driver| NATIVE_XDP.contains(&driver));
    let mut hooks = vec!["xdp-generic", "tcx"];
    if native {
        hooks.insert(0, "xdp-native");
    }
    // Listing must work without privileges, and on kernels that do not tell.
    let occupant = kernel::xdp_occupant(index).ok().flatten();
    Interface {
        name: name.into(),
        index,
        state: sysfs::attribute(name, "operstate").unwrap_or_else(|| "unknown".into()),
        mtu: sysfs::number(name, "mtu").unwrap_or(0),
        driver,
        mac: sysfs::attribute(name, "address").filter(|mac| !mac.is_empty()),
        addresses: addresses.get(name).cloned().unwrap_or_default(),
        rx_packets: counter("rx_packets"),
        rx_bytes: counter("rx_bytes"),
        rx_dropped: counter("rx_dropped"),
        tx_packets: counter("tx_packets"),
        tx_bytes: counter("tx_bytes"),
        hooks,
        xdp: occupant.map(|occupant| occupant.to_string()),
    }
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
        if let Some(xdp) = &interface.xdp {
            let _ = writeln!(out, "    XDP is taken by {xdp}: use --hook tcx");
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
            hooks: vec!["xdp-native", "xdp-generic", "tcx"],
            xdp: Some("program 7".into()),
        };
        let expected = "\
2: eth0  up  mtu 1500  driver virtio_net
    address 52:54:00:12:34:56 192.0.2.1/24 2001:db8::1/64
    received 10 packets, 1000 bytes, 1 dropped; sent 20 packets, 2000 bytes
    hooks xdp-native, xdp-generic, tcx
    XDP is taken by program 7: use --hook tcx
";
        assert_eq!(String::from_utf8(text(&[interface])).unwrap(), expected);
    }

    #[test]
    fn the_loopback_is_there() {
        let lo = describe("lo", &super::super::ifaddrs::addresses());
        assert_eq!((lo.index, lo.name.as_str()), (1, "lo"));
        assert!(lo.mtu > 0);
    }
}
