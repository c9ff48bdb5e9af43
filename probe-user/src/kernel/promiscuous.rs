//! Promiscuous mode: the interface takes frames that are addressed to other hosts, too.
//!
//! It is asked for as libpcap does, by a packet socket's membership (packet(7)): the kernel counts
//! who asks, and takes the membership back when the socket is closed, however the process ends. The
//! flag that `ip link set promisc on` sets would stay after SIGKILL.

use std::{
    io,
    os::fd::{AsFd as _, AsRawFd as _, FromRawFd as _, OwnedFd},
};

use nix::errno::Errno;

/// Interfaces in promiscuous mode, until this is dropped.
#[derive(Debug)]
pub(super) struct Promiscuous {
    socket: OwnedFd,
}

impl Promiscuous {
    /// Opens the socket. It is bound to no protocol, so that it receives nothing.
    ///
    /// # Errors
    /// EPERM without `CAP_NET_RAW`, EAFNOSUPPORT where the kernel has no packet sockets.
    pub(super) fn new() -> io::Result<Self> {
        const NO_PROTOCOL: libc::c_int = 0;
        let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
        // nix makes packet sockets only for protocols that it names.
        // SAFETY: the call takes numbers.
        let socket = unsafe { libc::socket(libc::AF_PACKET, kind, NO_PROTOCOL) };
        let socket = Errno::result(socket)?;
        // SAFETY: the descriptor is new, and nobody else's.
        let socket = unsafe { OwnedFd::from_raw_fd(socket) };
        Ok(Self { socket })
    }

    /// Asks for an interface.
    ///
    /// # Errors
    /// ENODEV where the index is no interface's.
    pub(super) fn add(&self, index: u32) -> io::Result<()> {
        let request = libc::packet_mreq {
            mr_ifindex: index as libc::c_int,
            mr_type: libc::PACKET_MR_PROMISC as libc::c_ushort,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        let length = size_of_val(&request) as libc::socklen_t;
        let socket = self.socket.as_fd().as_raw_fd();
        let (level, option) = (libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP);
        let request = (&raw const request).cast();
        // nix has no such socket option.
        // SAFETY: the request lives through the call, and its true length is given.
        let result = unsafe { libc::setsockopt(socket, level, option, request, length) };
        Errno::result(result)?;
        Ok(())
    }
}
