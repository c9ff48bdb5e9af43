//! Link layer: Ethernet, LLC, PPP, and what has an EtherType or a SNAP protocol of its own and
//! stays on the link: discovery (LLDP, CDP), spanning trees, authentication, link aggregation.

mod aoe;
mod arista;
pub(super) mod bcm_li;
mod cdp;
mod cfm;
mod dtp;
pub(super) mod eapol;
pub(super) mod ethernet;
mod llc;
mod lldp;
mod loopback;
mod macsec;
mod mpcp;
mod msnlb;
mod oam;
pub(super) mod ppp;
mod ppp_options;
mod pppoe;
mod slow;
mod stp;
mod udld;
mod vehicles;
mod vtp;
