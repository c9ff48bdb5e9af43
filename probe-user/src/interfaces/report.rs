//! One interface, for people and for programs.

use std::{collections::HashMap, fmt::Write as _};

use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage, Prop};
use probe_frame::visible;
use serde::Serialize;

use super::{cost::cost, drivers, ifaddrs, sysfs};
use crate::kernel::{self, Attached, Direction, Hook, rtnetlink};

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

/// What the interface itself counts, as /proc/net/dev and so `netstat -i` have it
/// (`dev_seq_printf_stats` in net/core/net-procfs.c): errors are all kinds of them, overruns are
/// frames for which a queue of the device had no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    pub rx_packets: u64,
    pub rx_bytes: u64,
    pub rx_errors: u64,
    pub rx_dropped: u64,
    pub rx_overruns: u64,
    pub tx_packets: u64,
    pub tx_bytes: u64,
    pub tx_errors: u64,
    pub tx_dropped: u64,
    pub tx_overruns: u64,
}

impl Counters {
    /// Those that the kernel tells with the interface.
    fn of(link: &LinkMessage) -> Self {
        let stats = link.attributes.iter().find_map(|attribute| match attribute {
            LinkAttribute::Stats64(stats) => Some(*stats),
            _ => None,
        });
        let stats = stats.unwrap_or_default();
        Self {
            rx_packets: stats.rx_packets,
            rx_bytes: stats.rx_bytes,
            rx_errors: stats.rx_errors,
            rx_dropped: stats.rx_dropped + stats.rx_missed_errors,
            rx_overruns: stats.rx_fifo_errors,
            tx_packets: stats.tx_packets,
            tx_bytes: stats.tx_bytes,
            tx_errors: stats.tx_errors,
            tx_dropped: stats.tx_dropped,
            tx_overruns: stats.tx_fifo_errors,
        }
    }
}

/// What is known of an interface without asking its driver.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Basics {
    /// Name.
    pub name: String,
    /// Index in the kernel.
    pub index: u32,
    /// up, down, unknown: the operational state.
    pub state: String,
    /// Longest packet, in bytes.
    pub mtu: u32,
    /// `netstat -i`'s letters: B broadcast, M multicast, L loopback, O no ARP, P promiscuous or
    /// point to point, R running, U up, and so on.
    pub flags: String,
    /// Its counters.
    #[serde(flatten)]
    pub counters: Counters,
}

impl Basics {
    /// What the kernel tells of a link.
    pub(super) fn of(link: &LinkMessage) -> Self {
        let mut basics = Self {
            name: rtnetlink::name(link).unwrap_or_default().into(),
            index: link.header.index,
            state: "unknown".into(),
            counters: Counters::of(link),
            ..Self::default()
        };
        let mut promiscuous = false;
        for attribute in &link.attributes {
            match attribute {
                LinkAttribute::Mtu(mtu) => basics.mtu = *mtu,
                LinkAttribute::OperState(state) => basics.state = state.to_string().to_lowercase(),
                LinkAttribute::Promiscuity(count) => promiscuous = *count > 0,
                _ => {}
            }
        }
        basics.flags = flags(link.header.flags, promiscuous);
        basics
    }
}

/// The letters of `netstat -i`, in its order. Who asks for promiscuous mode by a packet socket shows
/// too, as it does not there.
fn flags(flags: LinkFlags, promiscuous: bool) -> String {
    let letters = [
        (flags.contains(LinkFlags::Allmulti), 'A'),
        (flags.contains(LinkFlags::Broadcast), 'B'),
        (flags.contains(LinkFlags::Debug), 'D'),
        (flags.contains(LinkFlags::Loopback), 'L'),
        (flags.contains(LinkFlags::Multicast), 'M'),
        (flags.contains(LinkFlags::Notrailers), 'N'),
        (flags.contains(LinkFlags::Noarp), 'O'),
        (promiscuous || flags.contains(LinkFlags::Pointopoint), 'P'),
        (flags.contains(LinkFlags::Port), 's'),
        (flags.contains(LinkFlags::Controller), 'm'),
        (flags.contains(LinkFlags::Running), 'R'),
        (flags.contains(LinkFlags::Up), 'U'),
    ];
    letters.into_iter().filter_map(|(holds, letter)| holds.then_some(letter)).collect()
}

/// What is known of an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// What there is without its driver.
    #[serde(flatten)]
    pub basics: Basics,
    /// Its other names, which -i takes as well.
    pub alternative_names: Vec<String>,
    /// Driver, or kind of virtual interface.
    pub driver: Option<String>,
    /// Link-layer address.
    pub mac: Option<String>,
    /// IP addresses with prefix lengths.
    pub addresses: Vec<String>,
    /// Hooks that fit, the best first.
    pub hooks: Vec<&'static str>,
    /// What `--hook auto` and `--hook xdp` come to, for frames received.
    pub choices: Vec<Choice>,
    /// The XDP program that is attached already.
    pub xdp: Option<String>,
}

/// What is asked once for all interfaces.
pub(super) struct System {
    addresses: HashMap<String, Vec<String>>,
    /// Whether the driver of each has native XDP, by index, where the kernel says so (6.3).
    native: HashMap<u32, bool>,
}

impl System {
    pub(super) fn ask() -> Self {
        // Listing must work without rights, and on kernels that do not tell.
        let native = kernel::netdev::native_xdp().unwrap_or_default();
        Self { addresses: ifaddrs::addresses(), native }
    }

    /// Describes one interface. What the system does not tell is left out.
    pub(super) fn describe(&self, link: &LinkMessage) -> Interface {
        let basics = Basics::of(link);
        let (name, index) = (&basics.name, basics.index);
        let driver = sysfs::driver(name);
        let known = driver.as_deref().and_then(drivers::native);
        let native = self.native.get(&index).copied().unwrap_or(known.is_some());
        let tcx = kernel::Features::of_this_kernel().tcx;
        let hooks = [(tcx, "tcx"), (native, "xdp-native"), (true, "xdp-generic"), (!tcx, "clsact")];
        let merging = kernel::ethtool::merging(name).unwrap_or_default();
        let merging: Vec<&str> = merging.iter().map(|feature| feature.name).collect();
        let occupant = kernel::xdp_occupant(index).ok().flatten();
        let (mut mac, mut alternative_names) = (None, Vec::new());
        for attribute in &link.attributes {
            match attribute {
                LinkAttribute::Address(bytes) if !bytes.is_empty() => {
                    let digits: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                    mac = Some(digits.join(":"));
                }
                LinkAttribute::PropList(properties) => {
                    alternative_names.extend(properties.iter().filter_map(|it| match it {
                        Prop::AltIfName(name) => Some(name.clone()),
                        _ => None,
                    }));
                }
                _ => {}
            }
        }
        Interface {
            alternative_names,
            mac,
            addresses: self.addresses.get(name).cloned().unwrap_or_default(),
            hooks: hooks.into_iter().filter_map(|(fits, hook)| fits.then_some(hook)).collect(),
            choices: choices(driver.as_deref(), native, tcx, &merging),
            xdp: occupant.map(|occupant| occupant.to_string()),
            driver,
            basics,
        }
    }
}

/// What the hooks that stand for others come to on an interface of this driver, which has native XDP
/// or has not, on a kernel that has tcx, or has not. `merging` are the features that generic XDP
/// would turn off there.
fn choices(driver: Option<&str>, has_native: bool, has_tcx: bool, merging: &[&str]) -> Vec<Choice> {
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
    let xdp = match driver.and_then(drivers::native).filter(|_| has_native) {
        Some(known) => {
            let reason = format!("{} ({})", cost_of(Attached::XdpNative), known.function);
            (Attached::XdpNative, reason)
        }
        None if has_native => (Attached::XdpNative, cost_of(Attached::XdpNative).to_owned()),
        None => (Attached::XdpGeneric, generic()),
    };
    let choice =
        |asked, (hook, reason): (Attached, String)| Choice { asked, hook: hook.name(), reason };
    vec![choice("auto", auto), choice("xdp", xdp)]
}

/// For people: a paragraph an interface.
pub(super) fn paragraphs(interfaces: &[Interface]) -> Vec<u8> {
    let mut out = String::new();
    for interface in interfaces {
        let Basics { name, index, state, mtu, flags, counters } = &interface.basics;
        let driver = interface.driver.as_deref().unwrap_or("none");
        let name = visible(name);
        let _ =
            writeln!(out, "{index}: {name}  {state}  mtu {mtu}  flags {flags}  driver {driver}");
        if !interface.alternative_names.is_empty() {
            let names: Vec<_> = interface.alternative_names.iter().map(|it| visible(it)).collect();
            let _ = writeln!(out, "    also named {}", names.join(" "));
        }
        let mac = interface.mac.as_deref().unwrap_or("none");
        let addresses = interface.addresses.join(" ");
        let _ = writeln!(out, "    address {mac} {addresses}");
        for (way, packets, bytes, errors, dropped, overruns) in [
            (
                "received",
                counters.rx_packets,
                counters.rx_bytes,
                counters.rx_errors,
                counters.rx_dropped,
                counters.rx_overruns,
            ),
            (
                "sent",
                counters.tx_packets,
                counters.tx_bytes,
                counters.tx_errors,
                counters.tx_dropped,
                counters.tx_overruns,
            ),
        ] {
            let _ = writeln!(
                out,
                "    {way} {packets} packets, {bytes} bytes; {errors} errors, {dropped} dropped, \
                 {overruns} overruns"
            );
        }
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
            basics: Basics {
                name: "eth0".into(),
                index: 2,
                state: "up".into(),
                mtu: 1500,
                flags: "BMRU".into(),
                counters: Counters {
                    rx_packets: 10,
                    rx_bytes: 1000,
                    rx_dropped: 1,
                    tx_packets: 20,
                    tx_bytes: 2000,
                    tx_overruns: 3,
                    ..Counters::default()
                },
            },
            alternative_names: vec!["enp1s0".into(), "uplink".into()],
            driver: Some("virtio_net".into()),
            mac: Some("52:54:00:12:34:56".into()),
            addresses: vec!["192.0.2.1/24".into(), "2001:db8::1/64".into()],
            hooks: vec!["tcx", "xdp-native", "xdp-generic"],
            choices: choices(Some("virtio_net"), true, true, &["rx-gro-hw"]),
            xdp: Some("program 7".into()),
        };
        let expected = "\
2: eth0  up  mtu 1500  flags BMRU  driver virtio_net
    also named enp1s0 uplink
    address 52:54:00:12:34:56 192.0.2.1/24 2001:db8::1/64
    received 10 packets, 1000 bytes; 0 errors, 1 dropped, 0 overruns
    sent 20 packets, 2000 bytes; 0 errors, 0 dropped, 3 overruns
    hooks tcx, xdp-native, xdp-generic
    --hook auto is tcx: attaching changes nothing on the link
    --hook xdp is xdp-native: attaching and detaching stop the queues for a moment; while \
attached, the host neither merges frames (GRO_HW) nor leaves their checksums to the guest \
(virtnet_xdp_set)
    XDP is in use by program 7: only tcx and clsact can attach
";
        assert_eq!(String::from_utf8(paragraphs(&[interface])).unwrap(), expected);
    }

    #[test]
    fn what_an_old_kernel_gets() {
        let texts = |driver, merging: &[&str]| -> Vec<String> {
            let choices = choices(driver, false, false, merging);
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

    /// The kernel knows better than a table of drivers: of veth it says no where the other end has
    /// too many queues, and of a new driver it says yes.
    #[test]
    fn the_kernel_says_what_a_driver_has() {
        let xdp = |driver, native| choices(driver, native, true, &[]).remove(1);
        assert_eq!(xdp(Some("veth"), false).hook, "xdp-generic");
        assert_eq!(xdp(Some("veth"), true).hook, "xdp-native");
        let new = xdp(Some("nosuch"), true);
        assert_eq!(new.hook, "xdp-native");
        assert!(new.reason.ends_with("what this one does is unknown to probe"), "{}", new.reason);
    }

    #[test]
    fn letters_are_those_of_netstat() {
        use LinkFlags as F;
        let ethernet = F::Up | F::Running | F::Broadcast | F::Multicast;
        for (bits, promiscuous, letters) in [
            (ethernet, false, "BMRU"),
            (ethernet, true, "BMPRU"),
            (F::Up | F::Running | F::Loopback, false, "LRU"),
            (F::Up | F::Pointopoint | F::Noarp | F::Multicast, false, "MOPU"),
            (F::empty(), false, ""),
        ] {
            assert_eq!(flags(bits, promiscuous), letters);
        }
    }

    #[test]
    fn the_loopback_is_there() {
        let lo = System::ask().describe(&rtnetlink::link(1).unwrap().unwrap());
        assert_eq!((lo.basics.index, lo.basics.name.as_str()), (1, "lo"));
        assert!(lo.basics.mtu > 0 && lo.basics.flags.contains('L'), "{:?}", lo.basics);
    }
}
