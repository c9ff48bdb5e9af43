//! A client and a server in different networks and the router between them, as they are
//! in life: neighbours are asked for, IPv6 announces itself, the far link carries less.

use anyhow::{Result, ensure};
use testbed::{Namespace, run};

use super::wait_until;
use crate::rig::LIMIT;

pub const CLIENT_LINK: &str = "cli0";
pub const SERVER_LINK: &str = "srv0";
const NEAR: &str = "near0";
const FAR: &str = "far0";

pub const SERVER_V4: &str = "198.51.100.2";
pub const SERVER_V6: &str = "2001:db8:2::2";
pub const ROUTER_V4: &str = "192.0.2.1";
pub const ROUTER_V6: &str = "2001:db8:1::1";
pub const CLIENT_V4: &str = "192.0.2.2";
pub const CLIENT_V6: &str = "2001:db8:1::2";

/// What the server does with TCP to these ports.
pub const DROPPED: u16 = 7001;
pub const REJECTED: u16 = 7002;
pub const PROHIBITED: u16 = 7003;
pub const RESET: u16 = 7004;
/// Where one packet in five is lost on its way in, so that the rest is sent again.
pub const LOSSY: u16 = 80;

/// Of the server's side, bytes: shorter than the client's, so that the router says so.
const FAR_MTU: u32 = 1400;

pub struct Network {
    pub client: Namespace,
    pub router: Namespace,
    pub server: Namespace,
}

impl Network {
    /// Makes the namespaces and the links between them, which are down but for the ends
    /// that are watched.
    pub fn new() -> Result<Self> {
        let [client, router, server] = [Namespace::new()?, Namespace::new()?, Namespace::new()?];
        let near = router.path();
        for (end, link, other) in [(&client, CLIENT_LINK, NEAR), (&server, SERVER_LINK, FAR)] {
            let near = near.display();
            end.ip(&[format!("link add {link} type veth peer name {other} netns {near}")])?;
        }
        // What a Namespace keeps silent for tests that count frames.
        for (namespace, link) in
            [(&client, CLIENT_LINK), (&server, SERVER_LINK), (&router, NEAR), (&router, FAR)]
        {
            let own = format!("ipv6/conf/{link}");
            set(namespace, &format!("{own}/addr_gen_mode"), "0")?;
            set(namespace, &format!("{own}/dad_transmits"), "1")?;
            set(namespace, &format!("{own}/accept_dad"), "1")?;
        }
        set(&client, "ipv6/conf/cli0/accept_ra", "1")?;
        set(&client, "ipv6/conf/cli0/router_solicitations", "1")?;
        set(&client, "ipv6/conf/cli0/router_solicitation_delay", "0")?;
        set(&router, "ipv4/ip_forward", "1")?;
        set(&router, "ipv6/conf/all/forwarding", "1")?;
        // Errors are not rationed, so that each is there to be printed.
        for namespace in [&router, &server] {
            set(namespace, "ipv4/icmp_ratelimit", "0")?;
            set(namespace, "ipv6/icmp/ratelimit", "0")?;
        }
        client.ip(&[format!("link set {CLIENT_LINK} up")])?;
        // As its peer: a veth drops what is longer than its peer's MTU, but not what is to be
        // segmented, so that a page would come and its retransmission never.
        server.ip(&[format!("link set {SERVER_LINK} mtu {FAR_MTU} up")])?;
        Ok(Self { client, router, server })
    }

    /// Brings the links up, and waits until every address may be used.
    pub fn up(&self) -> Result<()> {
        self.router.ip(&[
            &format!("link set {NEAR} up"),
            &format!("link set {FAR} mtu {FAR_MTU} up"),
            &format!("address add {ROUTER_V4}/24 dev {NEAR}"),
            &format!("address add {ROUTER_V6}/64 dev {NEAR}"),
            &format!("address add 198.51.100.1/24 dev {FAR}"),
            &format!("address add 2001:db8:2::1/64 dev {FAR}"),
        ])?;
        self.client.ip(&[
            &format!("address add {CLIENT_V4}/24 dev {CLIENT_LINK}"),
            &format!("address add {CLIENT_V6}/64 dev {CLIENT_LINK}"),
            &format!("route add default via {ROUTER_V4}"),
            &format!("route add default via {ROUTER_V6}"),
        ])?;
        self.server.ip(&[
            &format!("address add {SERVER_V4}/24 dev {SERVER_LINK}"),
            &format!("address add {SERVER_V6}/64 dev {SERVER_LINK}"),
            "route add default via 198.51.100.1",
            "route add default via 2001:db8:2::1",
        ])?;
        self.rules()?;
        for namespace in [&self.client, &self.router, &self.server] {
            wait_until("addresses of IPv6", || {
                let mut ip = namespace.command("ip");
                ip.args(["-6", "address", "show", "tentative"]);
                run(ip, LIMIT).is_ok_and(|shown| shown.stdout.is_empty())
            })?;
        }
        Ok(())
    }

    /// What the server drops, rejects and resets.
    fn rules(&self) -> Result<()> {
        let rules = format!(
            "add table inet t; \
             add chain inet t in {{ type filter hook input priority 0; }}; \
             add rule inet t in tcp dport {DROPPED} drop; \
             add rule inet t in tcp dport {REJECTED} reject with icmpx type port-unreachable; \
             add rule inet t in tcp dport {PROHIBITED} reject with icmpx type admin-prohibited; \
             add rule inet t in tcp dport {RESET} reject with tcp reset; \
             add rule inet t in tcp dport {LOSSY} numgen inc mod 5 == 4 drop"
        );
        let mut nft = self.server.command("nft");
        nft.arg(rules);
        let done = run(nft, LIMIT)?;
        ensure!(done.stderr.is_empty(), "nft: {}", done.stderr);
        Ok(())
    }
}

/// Writes a setting of a namespace's network.
pub fn set(namespace: &Namespace, name: &str, value: &str) -> Result<()> {
    namespace.enter(|| Ok(std::fs::write(format!("/proc/sys/net/{name}"), value)?))
}
