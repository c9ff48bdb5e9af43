//! The sockets that HTTP is served at, opened while the rights to open them are there.

use std::{
    fs,
    io::{self, ErrorKind},
    net::TcpListener,
    os::{
        fd::{AsFd as _, AsRawFd as _, FromRawFd as _, OwnedFd, RawFd},
        unix::{
            fs::{FileTypeExt as _, PermissionsExt as _},
            net::{UnixListener, UnixStream},
        },
    },
    path::Path,
};

use anyhow::{Context as _, Result};
use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    sys::socket::{AddressFamily, SockaddrLike as _, SockaddrStorage, getsockname},
};

use crate::{config::Listen, failure::Usage};

/// Who may connect to a socket in the file system: its owner and its group.
const MODE: u32 = 0o660;

/// Sockets that are listening.
pub struct Listeners(Vec<OwnedFd>);

impl Listeners {
    /// Opens all of them.
    ///
    /// # Errors
    /// An address that is in use, a path that cannot be made, and sockets of systemd that are not
    /// there.
    pub fn open(places: &[Listen]) -> Result<Self> {
        let mut sockets = Vec::new();
        for place in places {
            let opened = match place {
                Listen::Tcp(address) => TcpListener::bind(address).map(|it| vec![it.into()]),
                Listen::Unix(path) => unix(path).map(|it| vec![it]),
                Listen::Systemd => inherited(),
            };
            let opened = opened.with_context(|| format!("listen: opening {place}"))?;
            if opened.is_empty() {
                return Err(Usage::new(
                    "listen: systemd handed over no socket (a .socket unit does)",
                )
                .into());
            }
            sockets.extend(opened);
        }
        Ok(Self(sockets))
    }

    /// Whether HTTP is served nowhere.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Runs `start` with their numbers: a program that it starts finds the sockets there, and one that is
    /// started later does not.
    ///
    /// # Errors
    /// Those of fcntl(2), and of `start`.
    pub fn hand_on<T>(&self, start: impl FnOnce(Vec<RawFd>) -> Result<T>) -> Result<T> {
        self.set_flags(FdFlag::empty())?;
        let started = start(self.0.iter().map(|socket| socket.as_raw_fd()).collect());
        self.set_flags(FdFlag::FD_CLOEXEC)?;
        started
    }

    fn set_flags(&self, flags: FdFlag) -> Result<()> {
        for socket in &self.0 {
            fcntl(socket, FcntlArg::F_SETFD(flags)).context("handing sockets on")?;
        }
        Ok(())
    }
}

fn unix(path: &Path) -> io::Result<OwnedFd> {
    let listener = match UnixListener::bind(path) {
        // One that nobody listens at any more is in the way.
        Err(error) if error.kind() == ErrorKind::AddrInUse && is_abandoned(path) => {
            fs::remove_file(path)?;
            UnixListener::bind(path)
        }
        bound => bound,
    }?;
    fs::set_permissions(path, fs::Permissions::from_mode(MODE))?;
    Ok(listener.into())
}

fn is_abandoned(path: &Path) -> bool {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|it| it.file_type().is_socket());
    is_socket
        && UnixStream::connect(path)
            .is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

/// The sockets of systemd's .socket unit.
fn inherited() -> io::Result<Vec<OwnedFd>> {
    let numbers = sd_notify::listen_fds()?;
    // SAFETY: systemd has opened them for this process alone (sd_listen_fds(3)), and they are taken
    // here only, once.
    Ok(numbers.map(|number| unsafe { OwnedFd::from_raw_fd(number) }).collect())
}

/// A listening socket of either kind.
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// In the file system: only who may write to it connects.
    Unix(UnixListener),
}

impl Listener {
    /// The kind of a socket.
    ///
    /// # Errors
    /// One that is neither.
    pub fn of(socket: OwnedFd) -> io::Result<Self> {
        let address: SockaddrStorage = getsockname(socket.as_fd().as_raw_fd())?;
        match address.family() {
            Some(AddressFamily::Unix) => Ok(Self::Unix(socket.into())),
            Some(AddressFamily::Inet | AddressFamily::Inet6) => Ok(Self::Tcp(socket.into())),
            _ => Err(ErrorKind::Unsupported.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_was_left_behind_is_replaced_and_one_in_use_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("probe.sock");
        let place = [Listen::Unix(path.clone())];
        let first = Listeners::open(&place).unwrap();
        assert!(Listeners::open(&place).is_err());
        drop(first);
        let again = Listeners::open(&place).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!((again.0.len(), mode & 0o777), (1, MODE));
        fs::remove_file(&path).unwrap();
        fs::write(&path, "no socket").unwrap();
        assert!(Listeners::open(&place).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"no socket");
    }
}
