//! The whole program on real traffic: programs loaded, attached in namespaces of the
//! test's own, and counts held against generators, tcpdump and capinfos.
//!
//! One binary, one test at a time ([`rig::alone`]): a machine of two cores that floods
//! and handshakes at once would retransmit, and then nothing is exact.

mod counting_cost;
mod ending;
mod engines;
mod exactness;
mod fidelity;
mod files;
mod flood;
mod interrupts;
mod old_kernel;
mod ordinary_user;
mod refusals;
mod rig;
mod standing_by;
mod timing;
mod vlan;
