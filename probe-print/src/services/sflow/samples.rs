//! Samples of sFlow and the records in them: flows that were seen, counters of interfaces.

use crate::{
    bytes::{Fields, Stop},
    text::{Text, name_of, put},
};

const RECORD_HEADER: usize = 8;

const RAW_PACKET: u32 = 1;
const ETHERNET_FRAME: u32 = 2;
const SWITCH: u32 = 1001;
const FLOWS: &[(u32, &str)] = &[
    (RAW_PACKET, "Raw packet"),
    (ETHERNET_FRAME, "Ethernet frame"),
    (3, "IPv4 Data"),
    (4, "IPv6 Data"),
    (SWITCH, "Extended Switch data"),
    (1002, "Extended Router data"),
    (1003, "Extended Gateway data"),
    (1004, "Extended User data"),
    (1005, "Extended URL data"),
    (1006, "Extended MPLS data"),
    (1007, "Extended NAT data"),
    (1008, "Extended MPLS tunnel"),
    (1009, "Extended MPLS VC"),
    (1010, "Extended MPLS FEC"),
    (1011, "Extended MPLS LVP FEC"),
    (1012, "Extended VLAN Tunnel"),
];
const RAW_PROTOCOLS: &[(u32, &str)] = &[(1, "Ethernet"), (11, "IPv4"), (12, "IPv6")];

const GENERIC: u32 = 1;
const ETHERNET: u32 = 2;
const TOKEN_RING: u32 = 3;
const BASE_VG: u32 = 4;
const VLAN: u32 = 5;
const PROCESSOR: u32 = 1001;
const COUNTERS: &[(u32, &str)] = &[
    (GENERIC, "Generic counter"),
    (ETHERNET, "Ethernet counter"),
    (TOKEN_RING, "Token ring counter"),
    (BASE_VG, "100 BaseVG counter"),
    (VLAN, "Vlan counter"),
    (PROCESSOR, "Processor counter"),
];
const DIRECTIONS: &[(u32, &str)] =
    &[(0, "unknown"), (1, "full-duplex"), (2, "half-duplex"), (3, "in"), (4, "out")];

/// Records may be printed so often more: a datagram cannot hold more of them than it has room
/// for their headers. Samples that overlap would show the same ones again and again.
pub(super) struct Records {
    left: usize,
}

impl Records {
    /// The records of so many bytes.
    pub(super) fn of(length: usize) -> Self {
        Self { left: length / RECORD_HEADER }
    }

    /// Prints a sample of flows.
    pub(super) fn flow(&mut self, t: &mut Text<'_>, mut p: Fields<'_>) -> Result<(), Stop> {
        p.claimed(32)?;
        let count = p.rest().u32(28)?;
        t.template(&mut p, " seqnum #4, type #1, idx #3, rate #4, pool #4, drops #4, ")?;
        t.template(&mut p, "input #4 output #4 records #4")?;
        self.flows(t, p, count)
    }

    /// The same with room for larger numbers of interfaces.
    pub(super) fn expanded_flow(
        &mut self,
        t: &mut Text<'_>,
        mut p: Fields<'_>,
    ) -> Result<(), Stop> {
        p.claimed(44)?;
        let count = p.rest().u32(40)?;
        let form = " seqnum #4, type #4, idx #4, rate #4, pool #4, drops #4_4_4_4_4, records #4";
        t.template(&mut p, form)?;
        self.flows(t, p, count)
    }

    /// Prints a sample of counters.
    pub(super) fn counter(&mut self, t: &mut Text<'_>, mut p: Fields<'_>) -> Result<(), Stop> {
        p.claimed(12)?;
        let count = p.rest().u32(8)?;
        t.template(&mut p, " seqnum #4, type #1, idx #3, records #4")?;
        self.counters(t, p, count)
    }

    /// The same with room for larger numbers of interfaces.
    pub(super) fn expanded_counter(
        &mut self,
        t: &mut Text<'_>,
        mut p: Fields<'_>,
    ) -> Result<(), Stop> {
        p.claimed(16)?;
        let count = p.rest().u32(12)?;
        t.template(&mut p, " seqnum #4, type #4, idx #4, records #4")?;
        self.counters(t, p, count)
    }

    /// One more record, of those that may be printed.
    fn take(&mut self, p: &Fields<'_>) -> Result<(), Stop> {
        p.claimed(RECORD_HEADER)?;
        self.left = self.left.checked_sub(1).ok_or(Stop::Short)?;
        Ok(())
    }

    fn flows(&mut self, t: &mut Text<'_>, mut p: Fields<'_>, count: u32) -> Result<(), Stop> {
        for _ in 0..count {
            self.take(&p)?;
            let (format, size) = (p.u32()?, p.u32()?);
            let (enterprise, kind) = (format >> 12, format & 0xfff);
            let name = name_of(FLOWS, kind).filter(|_| enterprise == 0).unwrap_or("Unknown");
            put!(t, "\n\t    enterprise {enterprise} {name} ({kind}) length {size}");
            let size = size as usize;
            p.claimed(size)?;
            if enterprise == 0 {
                flow(t, p, kind, size)?;
            }
            p.skip(size);
        }
        Ok(())
    }

    fn counters(&mut self, t: &mut Text<'_>, mut p: Fields<'_>, count: u32) -> Result<(), Stop> {
        for _ in 0..count {
            self.take(&p)?;
            let (format, size) = (p.u32()?, p.u32()?);
            let (enterprise, kind) = (format >> 20, format & 0xfff);
            let name = name_of(COUNTERS, kind).filter(|_| enterprise == 0).unwrap_or("Unknown");
            put!(t, "\n\t    enterprise {enterprise}, {name} ({kind}) length {size}");
            let size = size as usize;
            p.claimed(size)?;
            if enterprise == 0 {
                counter(t, p, kind, size)?;
            }
            p.skip(size);
        }
        Ok(())
    }
}

fn flow(t: &mut Text<'_>, mut p: Fields<'_>, kind: u32, size: usize) -> Result<(), Stop> {
    match kind {
        RAW_PACKET if p.left() >= 16 => {
            let protocol = p.rest().u32(0)?;
            let name = name_of(RAW_PROTOCOLS, protocol).unwrap_or("Unknown");
            p.rest().slice(0, 16)?;
            put!(t, "\n\t      protocol {name}");
            t.template(&mut p, " (#4), length #4, stripped bytes #4, header_size #4")?;
        }
        ETHERNET_FRAME if p.left() >= 24 => {
            t.template(&mut p, "\n\t      frame len #4_8_8, type #4")?;
        }
        SWITCH if p.left() >= 16 => {
            t.template(&mut p, "\n\t      src vlan #4, src pri #4, dst vlan #4, dst pri #4")?;
        }
        RAW_PACKET | ETHERNET_FRAME | SWITCH => return Err(Stop::Short),
        3 | 4 | 1002..=1012 => {}
        _ if t.style.verbose <= 1 => t.unknown(p.rest(), size, "\n\t\t"),
        _ => {}
    }
    Ok(())
}

/// How long each kind of counters is, and the lines it is shown in.
const LINES: &[(u32, usize, &[&str])] = &[
    (
        ETHERNET,
        52,
        &[
            "align errors #4, fcs errors #4, single collision #4, multiple collision #4, \
             test error #4",
            "deferred #4, late collision #4, excessive collision #4, mac trans error #4",
            "carrier error #4, frames too long #4, mac receive errors #4, symbol errors #4",
        ],
    ),
    (TOKEN_RING, 0, &[]),
    (
        BASE_VG,
        80,
        &[
            "in high prio frames #4, in high prio octets #8",
            "in norm prio frames #4, in norm prio octets #8",
            "in ipm errors #4, oversized #4, in data errors #4, null addressed frames #4",
            "out high prio frames #4, out high prio octets #8, trans into frames #4",
            "in hc high prio octets #8, in hc norm prio octets #8, out hc high prio octets #8",
        ],
    ),
    (
        VLAN,
        28,
        &["vlan_id #4, octets #8, unicast_pkt #4, multicast_pkt #4, broadcast_pkt #4, \
           discards #4"],
    ),
    // Memory, all of it and what is free: tcpdump calls both the same.
    (PROCESSOR, 28, &["5sec #4, 1min #4, 5min #4, total_mem #8, total_mem #8"]),
];

fn counter(t: &mut Text<'_>, mut p: Fields<'_>, kind: u32, size: usize) -> Result<(), Stop> {
    if kind == GENERIC {
        return generic(t, p);
    }
    let Some((_, least, lines)) = LINES.iter().find(|(number, ..)| *number == kind) else {
        if t.style.verbose <= 1 {
            t.unknown(p.rest(), size, "\n\t\t");
        }
        return Ok(());
    };
    p.claimed(*least)?;
    for line in *lines {
        let start = t.out.len();
        put!(t, "\n\t      ");
        if t.template(&mut p, line).is_err() {
            t.out.truncate(start);
            return Err(Stop::Cut);
        }
    }
    Ok(())
}

/// The counters that every interface has (RFC 2863).
fn generic(t: &mut Text<'_>, mut p: Fields<'_>) -> Result<(), Stop> {
    const SIZE: usize = 88;
    const DIRECTION: usize = 16;
    p.claimed(SIZE)?;
    let direction = p.rest().u32(DIRECTION)?;
    t.template(&mut p, "\n\t      ifindex #4, iftype #4, ifspeed #8, ifdirection #4")?;
    put!(t, " ({})", name_of(DIRECTIONS, direction).unwrap_or("Unknown"));
    let status = p.u32()?;
    let word = |bit: u32| if status & bit == 0 { "down" } else { "up" };
    put!(t, "\n\t      ifstatus {status}, adminstatus: {}, operstatus: {}", word(1), word(2));
    t.template(
        &mut p,
        "\n\t      In octets #8, unicast pkts #4, multicast pkts #4, broadcast pkts #4, \
         discards #4",
    )?;
    t.template(&mut p, "\n\t      In errors #4, unknown protos #4")?;
    t.template(
        &mut p,
        "\n\t      Out octets #8, unicast pkts #4, multicast pkts #4, broadcast pkts #4, \
         discards #4",
    )?;
    t.template(&mut p, "\n\t      Out errors #4, promisc mode #4")?;
    Ok(())
}
