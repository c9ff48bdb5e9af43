//! Routing: how routers learn routes, find that a path is gone, and stand in for each other.

pub(super) mod aodv;
pub(super) mod babel;
pub(super) mod bfd;
pub(super) mod bgp;
pub(super) mod dvmrp;
pub(super) mod eigrp;
pub(super) mod hsrp;
pub(super) mod igrp;
pub(super) mod ldp;
pub(super) mod lisp;
pub(super) mod lmp;
pub(super) mod olsr;
pub(super) mod ospf;
pub(super) mod pim;
pub(super) mod rip;
pub(super) mod ripng;
pub(super) mod rpki_rtr;
pub(super) mod rsvp;
pub(super) mod traffic;
pub(super) mod vrrp;
