//! Links inside namespaces: veth pairs, offloads, counters.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::Namespace;
use crate::process::{SHORT, run};

/// The kernel's own counters of one link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounters {
    /// Frames received.
    pub rx_packets: u64,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Frames sent.
    pub tx_packets: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Received frames dropped.
    pub rx_dropped: u64,
    /// Frames dropped instead of sent.
    pub tx_dropped: u64,
}

impl LinkCounters {
    /// What was counted since `earlier`.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            rx_packets: self.rx_packets - earlier.rx_packets,
            rx_bytes: self.rx_bytes - earlier.rx_bytes,
            tx_packets: self.tx_packets - earlier.tx_packets,
            tx_bytes: self.tx_bytes - earlier.tx_bytes,
            rx_dropped: self.rx_dropped - earlier.rx_dropped,
            tx_dropped: self.tx_dropped - earlier.tx_dropped,
        }
    }
}

impl Namespace {
    /// Makes a veth pair between this namespace and `other`, with fixed addresses, and
    /// brings both ends up.
    ///
    /// Both ends are `arp off`: the kernel then sends neither ARP nor neighbour
    /// solicitations, and joins no solicited-node groups (addrconf_join_solict in
    /// net/ipv6/addrconf.c), so that no multicast listener report disturbs a count.
    /// Neighbours must be given by hand.
    pub fn veth(
        &self,
        (name, mac): (&str, [u8; 6]),
        other: &Self,
        (other_name, other_mac): (&str, [u8; 6]),
    ) -> Result<()> {
        let (mac, other_mac) = (mac_text(mac), mac_text(other_mac));
        let place = other.path();
        self.ip(&[format!(
            "link add {name} address {mac} type veth peer name {other_name} address {other_mac} \
             netns {}",
            place.display()
        )])?;
        self.ip(&[format!("link set {name} arp off up")])?;
        other.ip(&[format!("link set {other_name} arp off up")])?;
        // A veth end is running only once both are up.
        self.wait_until_running(name)?;
        other.wait_until_running(other_name)
    }

    /// Turns off everything that merges, splits or leaves frames unfinished on a link, so
    /// that what is seen is what is on the wire: segmentation, receive merging, scatter and
    /// gather, checksums.
    pub fn offloads_off(&self, link: &str) -> Result<()> {
        let mut ethtool = self.command("ethtool");
        ethtool.args(["-K", link]);
        ethtool.args(["tso", "off", "gso", "off", "gro", "off", "sg", "off"]);
        ethtool.args(["tx", "off", "rx", "off"]);
        run(ethtool, SHORT).map(drop)
    }

    /// Reads a link's counters.
    pub fn counters(&self, link: &str) -> Result<LinkCounters> {
        let read = |name: &str| -> Result<u64> {
            let path = format!("/sys/class/net/{link}/statistics/{name}");
            let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
            text.trim().parse().with_context(|| format!("reading {path}"))
        };
        self.enter(|| {
            Ok(LinkCounters {
                rx_packets: read("rx_packets")?,
                rx_bytes: read("rx_bytes")?,
                tx_packets: read("tx_packets")?,
                tx_bytes: read("tx_bytes")?,
                rx_dropped: read("rx_dropped")?,
                tx_dropped: read("tx_dropped")?,
            })
        })
    }

    /// Waits until a link has received `packets` more than at `start`; fails if they do not
    /// come, and if more come.
    pub fn wait_for_received(
        &self,
        link: &str,
        start: LinkCounters,
        packets: u64,
        limit: Duration,
    ) -> Result<()> {
        let deadline = Instant::now() + limit;
        loop {
            let received = self.counters(link)?.since(start).rx_packets;
            ensure!(received <= packets, "{link} received {received} frames, sent: {packets}");
            if received == packets {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("{link} received {received} of {packets} frames within {limit:?}");
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn wait_until_running(&self, link: &str) -> Result<()> {
        let deadline = Instant::now() + SHORT;
        let path = format!("/sys/class/net/{link}/operstate");
        self.enter(|| {
            while fs::read_to_string(&path).with_context(|| path.clone())?.trim() != "up" {
                ensure!(Instant::now() < deadline, "{link} does not come up");
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(())
        })
    }
}

/// A MAC address in its usual form.
pub(crate) fn mac_text(mac: [u8; 6]) -> String {
    let [a, b, c, d, e, f] = mac;
    format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
}
