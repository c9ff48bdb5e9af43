//! What becomes of interfaces while they are looked at: rtnetlink(7) tells when one goes
//! down, comes up again or is gone. The programs stay attached to one that is down; one
//! that is gone takes them along.

use std::{
    ffi::CStr,
    fmt, io,
    os::fd::{AsRawFd, RawFd},
};

use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_packet_route::{
    RouteNetlinkMessage,
    link::{LinkFlags, LinkMessage},
};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

use super::ifaddrs;
use crate::{kernel::Attachment, reporter};

/// The multicast group of links, as a mask (include/uapi/linux/rtnetlink.h).
const RTMGRP_LINK: u32 = 1;

/// Something that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was taken down: nothing comes until it is up again.
    Down(String),
    /// It came up again.
    Up(String),
    /// It was deleted, or moved to another network namespace.
    Gone(String),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down(name) => write!(f, "{name} is down: nothing comes until it is up again"),
            Self::Up(name) => write!(f, "{name} is up again"),
            Self::Gone(name) => write!(f, "{name} is gone"),
        }
    }
}

/// Says on stderr what changed.
pub fn tell(changes: &[Change]) {
    for change in changes {
        reporter::say(change);
    }
}

/// All interfaces are gone; these there were.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} {} gone, and nothing can come", .0.join(", "), if .0.len() == 1 { "is" } else { "are" })]
pub struct NoneLeft(pub Vec<String>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Up,
    Down,
    Gone,
}

struct Link {
    index: u32,
    name: String,
    state: State,
}

/// The interfaces of a capture.
pub struct Links {
    links: Vec<Link>,
    socket: Socket,
}

impl Links {
    /// Starts to watch. What is not up right now is told by the first [`look`](Self::look).
    ///
    /// # Errors
    /// Those of netlink sockets.
    pub fn watch(attachments: &[Attachment]) -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind(&SocketAddr::new(0, RTMGRP_LINK))?;
        socket.set_non_blocking(true)?;
        let link = |attachment: &Attachment| Link {
            index: attachment.index,
            name: attachment.interface.clone(),
            state: State::Up,
        };
        Ok(Self { links: attachments.iter().map(link).collect(), socket })
    }

    /// Looks at all interfaces, once: for the start, and where messages were lost.
    pub fn survey(&mut self) -> Vec<Change> {
        let flags = ifaddrs::flags();
        let state = |index| {
            let Some(name) = name_of(index) else { return State::Gone };
            match flags.iter().find(|(known, _)| *known == name) {
                Some((_, flags)) if flags & libc::IFF_UP == 0 => State::Down,
                _ => State::Up,
            }
        };
        self.links.iter_mut().filter_map(|link| link.becomes(state(link.index))).collect()
    }

    /// What changed since the last look. Costs one system call where nothing did.
    pub fn look(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        loop {
            match self.socket.recv_from_full() {
                Ok((datagram, _)) => self.read(&datagram, &mut changes),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return changes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // ENOBUFS: more came than there was room for.
                Err(_) => {
                    changes.extend(self.survey());
                    return changes;
                }
            }
        }
    }

    /// That none is left, in words.
    pub fn none_left(&self) -> Option<NoneLeft> {
        let gone = self.links.iter().all(|link| link.state == State::Gone);
        gone.then(|| NoneLeft(self.links.iter().map(|link| link.name.clone()).collect()))
    }

    fn read(&mut self, datagram: &[u8], changes: &mut Vec<Change>) {
        let mut rest = datagram;
        while let Ok(message) = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest) {
            let (about, state): (LinkMessage, _) = match message.payload {
                NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(link)) => {
                    let up = link.header.flags.contains(LinkFlags::Up);
                    (link, if up { State::Up } else { State::Down })
                }
                NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelLink(link)) => {
                    (link, State::Gone)
                }
                _ => return,
            };
            let index = about.header.index;
            let ours = self.links.iter_mut().filter(|link| link.index == index);
            changes.extend(ours.filter_map(|link| link.becomes(state)));
            // Messages stand at multiples of four bytes.
            let length = (message.header.length as usize).next_multiple_of(4);
            match rest.get(length..) {
                Some(next) if length > 0 => rest = next,
                _ => return,
            }
        }
    }
}

/// Readable when there is something to [`look`](Links::look) at.
impl AsRawFd for Links {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl Link {
    /// Notes the state, and says what changed. Who is gone stays so: a new interface of the
    /// same name is another one.
    fn becomes(&mut self, state: State) -> Option<Change> {
        if self.state == State::Gone || self.state == state {
            return None;
        }
        self.state = state;
        let name = self.name.clone();
        Some(match state {
            State::Up => Change::Up(name),
            State::Down => Change::Down(name),
            State::Gone => Change::Gone(name),
        })
    }
}

fn name_of(index: u32) -> Option<String> {
    let mut name = [0 as libc::c_char; libc::IF_NAMESIZE];
    // SAFETY: the buffer has the length that if_indextoname(3) asks for.
    if unsafe { libc::if_indextoname(index, name.as_mut_ptr()) }.is_null() {
        return None;
    }
    // SAFETY: the call has put a string with its end into the buffer.
    let name = unsafe { CStr::from_ptr(name.as_ptr()) };
    Some(name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Attached, Direction};

    fn links(indices: &[u32]) -> Links {
        let attachment = |&index: &u32| Attachment {
            interface: format!("if{index}"),
            index,
            hook: Attached::Tcx,
            direction: Direction::In,
        };
        Links::watch(&indices.iter().map(attachment).collect::<Vec<_>>()).unwrap()
    }

    fn message(index: u32, up: bool, gone: bool) -> Vec<u8> {
        let mut link = LinkMessage::default();
        link.header.index = index;
        link.header.flags = if up { LinkFlags::Up } else { LinkFlags::empty() };
        let inner = match gone {
            true => RouteNetlinkMessage::DelLink(link),
            false => RouteNetlinkMessage::NewLink(link),
        };
        let mut message = NetlinkMessage::from(inner);
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        bytes
    }

    #[test]
    fn each_change_is_told_once() {
        let mut links = links(&[7, 8]);
        let mut told = |bytes: &[u8]| {
            let mut changes = Vec::new();
            links.read(bytes, &mut changes);
            (changes, links.none_left().is_some())
        };
        assert_eq!(told(&message(7, true, false)), (vec![], false));
        assert_eq!(told(&message(7, false, false)), (vec![Change::Down("if7".into())], false));
        assert_eq!(told(&message(7, false, false)), (vec![], false));
        assert_eq!(told(&message(9, false, false)), (vec![], false));
        assert_eq!(told(&message(7, true, false)), (vec![Change::Up("if7".into())], false));
        assert_eq!(told(&message(7, false, true)), (vec![Change::Gone("if7".into())], false));
        assert_eq!(told(&message(7, true, false)), (vec![], false));
        // Two messages in one datagram.
        let both = [message(8, false, false), message(8, false, true)].concat();
        let expected = vec![Change::Down("if8".into()), Change::Gone("if8".into())];
        assert_eq!(told(&both), (expected, true));
        assert_eq!(told(&[1, 2, 3]), (vec![], true));
        let none = links.none_left().unwrap().to_string();
        assert_eq!(none, "if7, if8 are gone, and nothing can come");
    }

    #[test]
    fn a_survey_finds_who_is_missing() {
        let mut links = links(&[1, u32::MAX]);
        let gone = Change::Gone(format!("if{}", u32::MAX));
        assert_eq!(links.survey(), [gone]);
        assert_eq!(links.survey(), []);
        assert_eq!(links.none_left(), None);
    }
}
