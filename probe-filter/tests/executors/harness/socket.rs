//! Classic BPF in the kernel: a filter on one end of a pair of datagram sockets.

use std::io;
use std::mem::size_of_val;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;

use probe_filter::cbpf::{Instruction, Program};

/// A socket that takes the datagrams a filter lets through.
pub struct Filtered {
    sender: UnixDatagram,
    receiver: UnixDatagram,
}

impl Filtered {
    pub fn new() -> io::Result<Self> {
        let (sender, receiver) = UnixDatagram::pair()?;
        receiver.set_nonblocking(true)?;
        Ok(Self { sender, receiver })
    }

    /// Puts a filter in the place of the one before.
    pub fn attach(&self, program: &Program) -> io::Result<()> {
        let mut filter: Vec<libc::sock_filter> = program
            .instructions
            .iter()
            .map(|&Instruction { code, jt, jf, k }| libc::sock_filter { code, jt, jf, k })
            .collect();
        let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
        // SAFETY: the option's value is a sock_fprog that points to `len` instructions,
        // and the kernel copies both before the call returns.
        let result = unsafe {
            libc::setsockopt(
                self.receiver.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_ATTACH_FILTER,
                (&raw const program).cast(),
                size_of_val(&program) as libc::socklen_t,
            )
        };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Whether the filter lets a frame through.
    pub fn passes(&self, frame: &[u8]) -> bool {
        self.sender.send(frame).expect("sending a datagram");
        match self.receiver.recv(&mut [0; 16]) {
            Ok(_) => true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            Err(error) => panic!("receiving a datagram: {error}"),
        }
    }
}
