//! A tun device: IP packets without a link layer. The test is its wire.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;

use crate::Namespace;

/// A tun device, up and without addresses. It goes when this value is dropped.
#[derive(Debug)]
pub struct Tun {
    wire: File,
}

impl Tun {
    /// Makes a device in a namespace.
    pub fn new(namespace: &Namespace, name: &str) -> Result<Self> {
        let wire = namespace
            .enter(|| attach(name))
            .with_context(|| format!("making the tun device {name}"))?;
        namespace.ip(&[format!("link set {name} up")])?;
        Ok(Self { wire })
    }

    /// Puts packets on the wire, in order: the device receives them.
    pub fn send<P: AsRef<[u8]>>(&self, packets: &[P]) -> Result<()> {
        for packet in packets {
            let packet = packet.as_ref();
            let taken = (&self.wire).write(packet).context("writing to a tun device")?;
            ensure!(taken == packet.len(), "{taken} of {} bytes taken", packet.len());
        }
        Ok(())
    }

    /// A packet that the device has sent, if there is one.
    pub fn sent(&self) -> Result<Option<Vec<u8>>> {
        let mut packet = vec![0; 1 << 16];
        match (&self.wire).read(&mut packet) {
            Ok(length) => {
                packet.truncate(length);
                Ok(Some(packet))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error).context("reading from a tun device"),
        }
    }
}

impl AsFd for Tun {
    /// Readable where the device has sent a packet.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wire.as_fd()
    }
}

/// Opens the device that makes devices, and makes one (tun(4) of the kernel,
/// Documentation/networking/tuntap.rst).
fn attach(name: &str) -> Result<File> {
    let wire = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open("/dev/net/tun")
        .context("opening /dev/net/tun")?;
    ensure!(name.len() < libc::IFNAMSIZ, "{name} is too long a name");
    let mut ifr_name = [0; libc::IFNAMSIZ];
    for (place, byte) in ifr_name.iter_mut().zip(name.bytes()) {
        *place = byte as libc::c_char;
    }
    // No packet information: a packet is its IP header and what follows, nothing before it.
    let ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
    let ifr_ifru = libc::__c_anonymous_ifr_ifru { ifru_flags };
    let request = libc::ifreq { ifr_name, ifr_ifru };
    // nix has only the numbers of ioctl(2).
    // SAFETY: the descriptor is open, and the request is an ifreq with a name that ends in
    // a zero byte and outlives the call.
    let result = unsafe { libc::ioctl(wire.as_raw_fd(), libc::TUNSETIFF, &raw const request) };
    Errno::result(result).context("TUNSETIFF")?;
    Ok(wire)
}
