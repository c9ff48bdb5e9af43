//! Link layer: Ethernet, LLC, PPP, Linux's cooked headers, BSD's loopback, and what has an EtherType
//! or a SNAP protocol of its own and stays on the link: discovery (LLDP, CDP), spanning trees,
//! authentication, link aggregation.

mod aoe;
mod arista;
pub(super) mod bcm_li;
pub(super) mod bsd;
mod cdp;
mod cfm;
mod cisco_hdlc;
pub(super) mod cooked;
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
pub(super) mod pppoe;
mod slow;
mod stp;
mod udld;
mod vehicles;
mod vtp;
