//! `probe filter`.

use clap::{ArgAction, Args};

use probe_filter::VlanView;

use super::{
    Expression,
    values::{self, Choice},
};
use crate::kernel::{Direction, Hook};

/// Flags of `probe filter`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    probe filter -d @syn\n  \
    iptables -A INPUT -m bpf --bytecode \"$(probe filter --raw -ddd 'tcp port 80' | tr '\\n' ,)\"")]
pub struct FilterArgs {
    /// List the eBPF that is loaded (-dd: classic BPF as C, -ddd: classic BPF as numbers, for
    /// iptables -m bpf and SO_ATTACH_FILTER)
    #[arg(short = 'd', action = ArgAction::Count)]
    pub dump: u8,

    /// Say in words what is asked of a frame, in which order
    #[arg(long, conflicts_with = "dump")]
    pub explain: bool,

    /// The hook that -d generates code for, as in `probe count`
    #[arg(long, value_name = "HOOK", default_value = "auto", value_parser = values::hook)]
    pub hook: Choice<Hook>,

    /// Compile for raw IP (tunnels, iptables) instead of Ethernet
    #[arg(long)]
    pub raw: bool,

    /// Where the outermost VLAN tag is: as-frame (in the frame) or live (beside it, in the
    /// kernel's metadata)
    #[arg(long, value_name = "VIEW", default_value = "as-frame", value_parser = values::vlan)]
    pub vlan: VlanView,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a flattened group")]
    pub expression: Expression,
}

impl FilterArgs {
    /// The hook that code is generated for: that of frames received.
    pub fn hook(&self) -> Hook {
        self.hook.hook(Direction::In, false)
    }
}
