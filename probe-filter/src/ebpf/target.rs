//! What code is generated for: the hook, the frame's presentation, the kernel,
//! and where the state lies.

use crate::ir::{LinkType, VlanView};

use super::insn::Helper;

/// The hook's kind of context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flavour {
    /// `struct xdp_md`: frames as the driver hands them up.
    Xdp,
    /// `struct __sk_buff`: tc and tcx.
    Skb,
}

/// What the kernel can do beyond the floor, which is Linux 5.15.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Kernel {
    /// `bpf_xdp_load_bytes` (5.18). Without it XDP frames are linear.
    pub xdp_load_bytes: bool,
    /// `gotol`, the jump with a 32-bit distance (6.6).
    pub long_jumps: bool,
    /// `may_goto` (6.9): loops that the verifier need not unroll.
    pub may_goto: bool,
}

impl Kernel {
    /// What a release of Linux can do, by its number.
    pub const fn release(major: u32, minor: u32) -> Self {
        let version = (major as u64) << 32 | minor as u64;
        Self {
            xdp_load_bytes: version >= 5 << 32 | 18,
            long_jumps: version >= 6 << 32 | 6,
            may_goto: version >= 6 << 32 | 9,
        }
    }
}

/// Where the state's fields lie, in bytes from the fourth argument. Passed in, so
/// that this crate knows no map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateLayout {
    /// The first rule's counter: 64-bit packets, then 64-bit bytes.
    pub rules: u32,
    /// From one counter to the next.
    pub rule_size: u32,
    /// Counters there are.
    pub rules_len: u32,
    /// The 64-bit mask of sampled rules that match.
    pub pending: u32,
    /// The 64-bit mask of keys that rules which match have left.
    pub keyed: u32,
    /// The first key, of [`KEY_WORDS`](crate::KEY_WORDS) 32-bit words in the machine's byte order.
    pub keys: u32,
    /// Keys there is room for.
    pub keys_len: u32,
    /// The 32-bit hash of the frame's connection for each bit of `pending`, in the machine's byte order: written
    /// where a rule with a [flow part](crate::ir::Graph::flow) matches.
    pub flows: u32,
    /// Working memory of the generated code.
    pub scratch: u32,
    /// 64-bit words of it.
    pub scratch_len: u32,
}

/// What code is generated for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The hook's kind of context.
    pub flavour: Flavour,
    /// Where filters look for the outermost VLAN tag.
    pub vlan: VlanView,
    /// What the first bytes are.
    pub link: LinkType,
    /// What the kernel can do.
    pub kernel: Kernel,
    /// Where the state's fields lie.
    pub layout: StateLayout,
}

impl Target {
    /// The helper that reads bytes wherever they lie, if the kernel has it.
    pub(crate) const fn load_bytes(&self) -> Option<Helper> {
        match self.flavour {
            Flavour::Skb => Some(Helper::SkbLoadBytes),
            Flavour::Xdp if self.kernel.xdp_load_bytes => Some(Helper::XdpLoadBytes),
            Flavour::Xdp => None,
        }
    }
}

/// Offsets in the contexts (include/uapi/linux/bpf.h).
pub(crate) mod context {
    use super::Flavour;
    use crate::ir::Meta;

    pub(crate) const SKB_VLAN_PRESENT: i16 = 20;
    const SKB_VLAN_TCI: i16 = 24;
    /// In network order.
    const SKB_VLAN_PROTO: i16 = 28;

    /// The field with what is known of the tag. Only skbs have them, and the pass
    /// `present` leaves them to skbs.
    pub(crate) const fn vlan(meta: Meta) -> i16 {
        match meta {
            Meta::VlanTci => SKB_VLAN_TCI,
            Meta::VlanTpid => SKB_VLAN_PROTO,
            Meta::VlanPresent | Meta::WireLength | Meta::Outbound => SKB_VLAN_PRESENT,
        }
    }

    /// The field with the start of the linear bytes.
    pub(crate) const fn data(flavour: Flavour) -> i16 {
        match flavour {
            Flavour::Xdp => 0,
            Flavour::Skb => 76,
        }
    }
}
