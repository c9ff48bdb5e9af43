//! Services above the transport: names, addresses, time, files, keys, management, text.

pub(super) mod afs;
pub(super) mod ahcp;
mod ber;
pub(super) mod dhcp;
pub(super) mod dns;
pub(super) mod hncp;
pub(super) mod isakmp;
pub(super) mod kerberos;
pub(super) mod line_protocols;
pub(super) mod ntp;
pub(super) mod openflow;
pub(super) mod ptp;
pub(super) mod radius;
pub(super) mod resp;
pub(super) mod sflow;
pub(super) mod snmp;
pub(super) mod someip;
pub(super) mod syslog;
pub(super) mod telnet;
pub(super) mod tftp;
pub(super) mod timed;
pub(super) mod vqp;
