//! Transport: TCP, UDP, SCTP, DCCP, PGM and TIPC; which service is behind a port.

pub(super) mod dccp;
mod mptcp;
pub(super) mod pgm;
pub(super) mod sctp;
pub(super) mod tcp;
pub(super) mod tipc;
pub(super) mod udp;
