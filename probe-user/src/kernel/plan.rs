//! What to attach and where, and what the programs are loaded for.

use aya::util::online_cpus;
use probe_common::{CpuState, MAX_PLACES, MAX_SNAPLEN, RingLayout, Split, slot};
use probe_filter::{
    ebpf::Flavour,
    ir::{LinkType, VlanView},
};

use super::{
    Direction, Error, Hook, Memory, RuleSpec, features::Features, lists::Order, load::Setting,
};

/// An interface to attach to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// What its frames begin with.
    pub link: LinkType,
}

/// The rules as they are for interfaces of one link type.
#[derive(Clone, Debug)]
pub struct RulesOf<'a> {
    /// The link type.
    pub link: LinkType,
    /// The rules, in the order of their counters.
    pub rules: Vec<RuleSpec<'a>>,
}

/// Memory that counters which are kept apart may take, over all CPUs: 32 MiB.
const MOST_STATE: u32 = 32 << 20;

/// What to attach, and where.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// The interfaces. Their frames are counted together.
    pub interfaces: &'a [Interface],
    /// The hook asked for.
    pub hook: Hook,
    /// Which frames are looked at.
    pub direction: Direction,
    /// Those of the interfaces that are loopbacks: what is sent there is received there, and
    /// whoever wants both sees it once, as received, as in tcpdump.
    pub loopbacks: &'a [String],
    /// The rules for each link type that the interfaces have, and that others may have which come
    /// later: a program set each. The race is that of the first.
    pub rules: &'a [RulesOf<'a>],
    /// Where filters look for the outermost VLAN tag.
    pub vlan: VlanView,
    /// Bytes of a frame that a record carries at most; cut to [`MAX_SNAPLEN`].
    pub snaplen: u32,
    /// Bytes of each CPU's ring, see [`RingLayout`]; 0 makes none. Before Linux 6.0 it may get
    /// less, [`RingLayout::OLD_VALUE_LIMIT`].
    pub ring_bytes: usize,
    /// Whether a CPU's ring overwrites its oldest records, for a flight recorder.
    pub overwrites: bool,
    /// Matches of the sampled rules after which the race of `probe rate` ends; 0: no race.
    pub goal: u64,
    /// How many interfaces are counted apart at most, and frames received apart from frames sent;
    /// 0 keeps one count of all.
    pub places: u32,
    /// Bytes that the lists of all rules may take; `None`: as [`Memory::of`] has it. With less the tables of the largest keys hold fewer keys, down to 64 a CPU.
    pub list_memory: Option<u64>,
    /// Whether the kernel side writes diagnostics through aya-log.
    pub diagnostics: bool,
}

impl Plan<'_> {
    /// Which frames of one interface are looked at.
    pub(super) fn direction_on(&self, interface: &String) -> Direction {
        match self.direction {
            Direction::InOut if self.loopbacks.contains(interface) => Direction::In,
            direction => direction,
        }
    }

    /// Which counters are kept apart, and how many values of the map that takes.
    fn split(&self) -> Result<(Split, u32), Error> {
        let both = |it: &Interface| self.direction_on(&it.name) == Direction::InOut;
        Ok(match self.places {
            1 if self.interfaces.iter().any(both) => (Split::ByDirection, slot(1, false)),
            0 | 1 => (Split::None, 1),
            places => {
                let each = size_of::<CpuState>() as u32 * slot(1, false) * cpus()?;
                // Place 0 is that of the interfaces that have none of their own.
                let places =
                    places.min(MAX_PLACES).min(MOST_STATE / each / self.rules.len() as u32);
                (Split::ByInterface, slot(places + 1, false))
            }
        })
    }

    /// What the programs of a set are loaded for.
    pub(super) fn setting<'s>(&'s self, set: &'s RulesOf<'_>) -> Result<Setting<'s>, Error> {
        let snaplen = self.snaplen.min(MAX_SNAPLEN);
        let (split, slots) = self.split()?;
        let order = Order::of(&set.rules)?;
        let [tops, distinct] = [order.tops(), order.distinct()].map(<[usize]>::len);
        let memory = Memory::of([tops, distinct], self.rules.len(), self.list_memory)?;
        let limit = if super::release() < (6, 0) { RingLayout::OLD_VALUE_LIMIT } else { u32::MAX };
        Ok(Setting {
            rules: &set.rules,
            flavour: if self.hook.is_xdp() { Flavour::Xdp } else { Flavour::Skb },
            link: set.link,
            vlan: self.vlan,
            snaplen,
            ring: if self.overwrites {
                RingLayout::overwriting(limit, self.ring_bytes, snaplen)
            } else {
                RingLayout::within(limit, self.ring_bytes, snaplen)
            },
            rings: if self.ring_bytes == 0 { 1 } else { cpus()? },
            order,
            memory,
            goal: self.goal,
            split,
            slots,
            xdp_load_bytes: Features::of_this_kernel().xdp_fragments,
            diagnostics: self.diagnostics,
            offline: false,
        })
    }
}

/// How many CPUs there are, counted to the last one that is online. One that comes online
/// later has no ring: its frames are counted as refused.
pub fn cpus() -> Result<u32, Error> {
    const FILE: &str = "/sys/devices/system/cpu/online";
    let online = online_cpus().map_err(|(_, source)| Error::Cpus { file: FILE, source })?;
    Ok(online.into_iter().max().map_or(1, |last| last + 1))
}
