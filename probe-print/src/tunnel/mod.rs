//! Tunnels: packets or frames inside of packets, by GRE, L2TP, MPLS, VXLAN, Geneve and NSH.

pub(super) mod geneve;
pub(super) mod gre;
pub(super) mod l2tp;
pub(super) mod lsp_ping;
pub(super) mod mpls;
pub(super) mod nsh;
pub(super) mod pptp;
pub(super) mod vxlan;
