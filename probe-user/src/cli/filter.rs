//! `probe filter`.

use clap::{ArgAction, Args};
use probe_filter::{LinkType, VlanView};

use super::{Expression, values};
use crate::{
    filter::{Code, Plan, Shown},
    kernel::{Direction, Hook},
    source::Choice,
};

/// Flags of `probe filter`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    probe filter --explain 'tcp dst port 80 and not src net 10.0.0.0/8'\n  \
    probe filter -d @syn\n  \
    iptables -A INPUT -m bpf --bytecode \\\n      \"$(probe filter --raw -ddd 'tcp port 80' | tr '\\n' ,)\"")]
pub struct FilterArgs {
    /// Print the eBPF code (-dd: classic BPF in C, -ddd: classic BPF in decimal, for iptables
    /// -m bpf and SO_ATTACH_FILTER)
    #[arg(short = 'd', action = ArgAction::Count)]
    pub dump: u8,

    /// Say in words what the filter asks of a frame, what it costs, and show a frame that matches
    #[arg(long, conflicts_with = "dump")]
    pub explain: bool,

    /// The hook that -d and --explain generate code for, as in `probe count`
    #[arg(long, value_name = "HOOK", default_value = "auto", value_parser = values::hook)]
    pub hook: Choice<Hook>,

    /// Compile for raw IP (tunnels, iptables) instead of Ethernet
    #[arg(long)]
    pub raw: bool,

    /// Compile for the frames of a file of this link type, by its name in pcap-linktype(7): EN10MB,
    /// RAW, LINUX_SLL, LINUX_SLL2, NULL, LOOP, PPP and so on
    #[arg(
        short = 'y',
        long,
        value_name = "TYPE",
        value_parser = values::link_type,
        conflicts_with = "raw"
    )]
    pub link_type: Option<LinkType>,

    /// Where the outermost VLAN tag is: as-frame (in the frame) or live (beside it, in the
    /// kernel's metadata)
    #[arg(long, value_name = "VIEW", default_value = "as-frame", value_parser = values::vlan)]
    pub vlan: VlanView,

    #[command(flatten)]
    pub expression: Expression,
}

impl FilterArgs {
    /// What the flags ask for. Code is that for frames received.
    pub fn plan(self) -> Plan {
        let shown = match (code(self.dump), self.explain) {
            (_, true) => Shown::Words(self.hook),
            (None, false) => Shown::Size,
            (Some(code), false) => Shown::Code(code, self.hook, Direction::In),
        };
        let raw = self.raw.then_some(LinkType::Raw);
        let link = self.link_type.or(raw).unwrap_or_default();
        Plan { filter: self.expression.text(), shown, link, vlan: self.vlan }
    }
}

/// The code that so many -d ask for.
pub(super) fn code(times: u8) -> Option<Code> {
    match times {
        0 => None,
        1 => Some(Code::Ebpf),
        2 => Some(Code::ClassicC),
        _ => Some(Code::ClassicNumbers),
    }
}
