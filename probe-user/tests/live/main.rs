//! The whole program on real traffic: programs loaded, attached in namespaces of the
//! test's own, and counts held against generators, tcpdump and capinfos.
//!
//! One binary, one test at a time ([`rig::alone`]): a machine of two cores that floods
//! and handshakes at once would retransmit, and then nothing is exact.

mod any;
mod as_typed;
mod behind;
mod beside;
mod clocks;
mod clsact;
mod connections;
mod counting_cost;
mod defaults;
mod descriptors;
mod diagnose;
mod ending;
mod engines;
mod exactness;
mod extcap;
mod fidelity;
mod flood;
mod flows;
mod gone;
mod health;
mod huge;
mod interfaces;
mod interrupts;
mod iptables;
mod jumbo;
mod kills;
mod latency;
mod let_in;
mod link_facts;
mod lists;
mod loopback;
mod matrix;
mod names;
mod old_kernel;
mod ordinary_user;
mod own_copies;
mod promiscuous;
mod raw_ip;
mod real_text;
mod record;
mod refusals;
mod rig;
mod rows;
mod scattered;
mod serve;
mod snapshots;
mod split;
mod stalls;
mod standing_by;
mod superframes;
mod terminal;
mod timing;
mod top;
mod tshark;
mod unaltered;
mod vlan;
