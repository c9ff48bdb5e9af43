//! Watches interfaces: rtnetlink(7) reports when one goes down, comes up, is renamed or is
//! deleted. The programs stay attached to an interface that is down; they go with one that is
//! deleted. For `any` it also reports each one that comes, so that the programs go there, too;
//! whether those are up is nobody's concern then.

use std::{
    fmt, io,
    os::fd::{AsRawFd, RawFd},
};

use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    link::{LinkFlags, LinkMessage},
};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use probe_filter::LinkType;

use crate::{
    explain,
    kernel::{Attachment, Interface, Programs, rtnetlink},
    reporter,
};

/// The multicast group of links, as a mask (include/uapi/linux/rtnetlink.h).
const RTMGRP_LINK: u32 = 1;

/// Something that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was taken down: nothing comes until it is up again.
    Down(String),
    /// It came up again.
    Up(String),
    /// It was called the first and is now called the second; frames come as before.
    Renamed(String, String),
    /// It was deleted, or moved to another network namespace: its index, and its last name.
    Gone(u32, String),
    /// It came: it was made, or moved here.
    Came(Newcomer),
}

/// An interface that came after the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newcomer {
    /// Its index.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// What its frames begin with; `None` where that is neither Ethernet nor IP.
    pub link: Option<LinkType>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down(name) => write!(f, "{name} is down: no frames until it is up again"),
            Self::Up(name) => write!(f, "{name} is up again"),
            Self::Renamed(old, new) => write!(f, "{old} was renamed to {new}"),
            Self::Gone(_, name) => write!(f, "{name} is gone"),
            Self::Came(Newcomer { name, .. }) => write!(f, "{name} appeared"),
        }
    }
}

/// Says on stderr what changed, and lets the programs follow: to interfaces that came, and away from
/// those that are gone. Returns where they are attached now.
pub fn follow(changes: &[Change], programs: &mut impl Programs) -> Vec<Attachment> {
    let mut attached = Vec::new();
    for change in changes {
        let Change::Came(newcomer) = change else {
            reporter::say(change);
            if let Change::Gone(index, _) = change {
                programs.forget(*index);
            }
            continue;
        };
        match follow_to(newcomer, programs) {
            Ok(attachment) => {
                reporter::say(format_args!("{change}: attached ({})", attachment.hook));
                attached.push(attachment);
            }
            Err(reason) => reporter::note(format_args!("{change}, and is left out: {reason}")),
        }
    }
    attached
}

fn follow_to(newcomer: &Newcomer, programs: &mut impl Programs) -> Result<Attachment, String> {
    let Newcomer { name, link, .. } = newcomer;
    let link = link.ok_or("its frames begin with neither Ethernet nor IP")?;
    let interface = Interface { name: name.clone(), link };
    match programs.follow(&interface) {
        Ok(Some(attachment)) => Ok(attachment),
        Ok(None) => Err("start again to look at it".into()),
        Err(error) => Err(format!("{:#}", explain::kernel(error))),
    }
}

/// All interfaces are gone; these there were.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} {} gone: no interface left to watch", .0.join(", "), if .0.len() == 1 { "is" } else { "are" })]
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
    /// Whether all that come belong to it (`any`).
    any: bool,
    socket: Socket,
}

impl Links {
    /// Starts to watch. What is not up right now is told by the first [`look`](Self::look).
    ///
    /// # Errors
    /// Those of netlink sockets.
    pub fn watch(attachments: &[Attachment], any: bool) -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind(&SocketAddr::new(0, RTMGRP_LINK))?;
        socket.set_non_blocking(true)?;
        let link = |attachment: &Attachment| Link {
            index: attachment.index,
            name: attachment.interface.clone(),
            state: State::Up,
        };
        Ok(Self { links: attachments.iter().map(link).collect(), any, socket })
    }

    /// Asks the kernel for the state of all interfaces: at the start, and where messages were lost.
    pub fn refresh(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        for link in &mut self.links {
            match rtnetlink::link(link.index) {
                Ok(Some(now)) => link.follow(&now, &mut changes),
                Ok(None) => changes.extend(link.becomes(State::Gone)),
                // It could not be asked, which says nothing about the interface.
                Err(_) => {}
            }
        }
        if self.any {
            for link in rtnetlink::links().unwrap_or_default() {
                self.meet(&link, &mut changes);
            }
        }
        self.told(changes)
    }

    /// Notes an interface that is not known yet.
    fn meet(&mut self, link: &LinkMessage, changes: &mut Vec<Change>) {
        let index = link.header.index;
        if self.links.iter().any(|known| known.index == index) {
            return;
        }
        let Some(name) = rtnetlink::name(link).map(str::to_owned) else { return };
        self.links.push(Link { index, name: name.clone(), state: State::Up });
        changes.push(Change::Came(Newcomer { index, name, link: rtnetlink::link_type(link) }));
    }

    /// What is worth telling. Of `any` those that are gone are forgotten: containers come and go.
    fn told(&mut self, mut changes: Vec<Change>) -> Vec<Change> {
        if self.any {
            self.links.retain(|link| link.state != State::Gone);
            changes.retain(|change| !matches!(change, Change::Up(_) | Change::Down(_)));
        }
        changes
    }

    /// What changed since the last look. Costs one system call where nothing did.
    pub fn look(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut overrun = false;
        loop {
            match self.socket.recv_from_full() {
                // Older than what was lost: `refresh` below knows better.
                Ok(_) if overrun => {}
                Ok((datagram, _)) => self.read(&datagram, &mut changes),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => overrun = true,
                Err(_) => {
                    overrun = true;
                    break;
                }
            }
        }
        if overrun {
            changes.extend(self.refresh());
        }
        self.told(changes)
    }

    /// That none is left, in words.
    pub fn none_left(&self) -> Option<NoneLeft> {
        // Of `any` there may be more.
        let gone = !self.any && self.links.iter().all(|link| link.state == State::Gone);
        gone.then(|| NoneLeft(self.links.iter().map(|link| link.name.clone()).collect()))
    }

    fn read(&mut self, datagram: &[u8], changes: &mut Vec<Change>) {
        let mut rest = datagram;
        while let Ok(message) = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest) {
            let (about, deleted) = match message.payload {
                NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(link)) => (link, false),
                NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelLink(link)) => (link, true),
                _ => return,
            };
            // Other families tell of a role: a port that leaves its bridge is a link deleted
            // from AF_BRIDGE (br_ifinfo_notify in net/bridge/br_netlink.c).
            let itself = about.header.interface_family == AddressFamily::Unspec;
            let index = about.header.index;
            if self.any && itself && !deleted {
                self.meet(&about, changes);
            }
            for link in self.links.iter_mut().filter(|link| itself && link.index == index) {
                if !deleted {
                    link.follow(&about, changes);
                } else if matches!(rtnetlink::link(index), Ok(None)) {
                    // Else it is back already, from another namespace, with its programs.
                    changes.extend(link.becomes(State::Gone));
                }
            }
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
    /// Notes what the kernel says of it.
    fn follow(&mut self, now: &LinkMessage, changes: &mut Vec<Change>) {
        if self.state == State::Gone {
            return;
        }
        if let Some(name) = rtnetlink::name(now).filter(|&name| *name != self.name) {
            let old = std::mem::replace(&mut self.name, name.to_owned());
            changes.push(Change::Renamed(old, name.to_owned()));
        }
        let up = now.header.flags.contains(LinkFlags::Up);
        changes.extend(self.becomes(if up { State::Up } else { State::Down }));
    }

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
            State::Gone => Change::Gone(self.index, name),
        })
    }
}

#[cfg(test)]
mod tests {
    use netlink_packet_route::link::{LinkAttribute, LinkLayerType};

    use super::*;
    use crate::kernel::{Attached, Direction};

    fn links(indices: &[u32]) -> Links {
        let attachment = |&index: &u32| Attachment {
            interface: format!("if{index}"),
            index,
            link: LinkType::Ethernet,
            hook: Attached::Tcx,
            direction: Direction::In,
        };
        Links::watch(&indices.iter().map(attachment).collect::<Vec<_>>(), false).unwrap()
    }

    /// Not the number of any interface.
    const NONE: u32 = i32::MAX as u32;

    fn bytes(inner: RouteNetlinkMessage) -> Vec<u8> {
        let mut message = NetlinkMessage::from(inner);
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        bytes
    }

    fn of(index: u32, family: AddressFamily) -> LinkMessage {
        let mut link = LinkMessage::default();
        (link.header.index, link.header.interface_family) = (index, family);
        link
    }

    fn is(index: u32, up: bool) -> Vec<u8> {
        let mut link = of(index, AddressFamily::Unspec);
        link.header.flags = if up { LinkFlags::Up } else { LinkFlags::empty() };
        bytes(RouteNetlinkMessage::NewLink(link))
    }

    fn deleted(index: u32, family: AddressFamily) -> Vec<u8> {
        bytes(RouteNetlinkMessage::DelLink(of(index, family)))
    }

    #[test]
    fn each_change_is_told_once() {
        let (seven, eight) = (NONE - 8, NONE - 7);
        let mut links = links(&[seven, eight]);
        let [name, other] = [seven, eight].map(|index| format!("if{index}"));
        let mut told = |bytes: &[u8]| {
            let mut changes = Vec::new();
            links.read(bytes, &mut changes);
            (changes, links.none_left().is_some())
        };
        let gone = |index| deleted(index, AddressFamily::Unspec);
        assert_eq!(told(&is(seven, true)), (vec![], false));
        assert_eq!(told(&is(seven, false)), (vec![Change::Down(name.clone())], false));
        assert_eq!(told(&is(seven, false)), (vec![], false));
        assert_eq!(told(&is(NONE, false)), (vec![], false));
        assert_eq!(told(&is(seven, true)), (vec![Change::Up(name.clone())], false));
        assert_eq!(told(&gone(seven)), (vec![Change::Gone(seven, name.clone())], false));
        assert_eq!(told(&is(seven, true)), (vec![], false));
        // Two messages in one datagram.
        let both = [is(eight, false), gone(eight)].concat();
        let expected = vec![Change::Down(other.clone()), Change::Gone(eight, other.clone())];
        assert_eq!(told(&both), (expected, true));
        assert_eq!(told(&[1, 2, 3]), (vec![], true));
        let none = links.none_left().unwrap().to_string();
        assert_eq!(none, format!("{name}, {other} are gone: no interface left to watch"));
    }

    /// A port that leaves its bridge; and an interface of which the message is old, for it is
    /// there. (The loopback has index 1 in every network namespace.)
    #[test]
    fn what_is_deleted_is_asked_for() {
        let mut links = links(&[NONE, 1]);
        let mut changes = Vec::new();
        links.read(&deleted(NONE, AddressFamily::Bridge), &mut changes);
        links.read(&deleted(1, AddressFamily::Unspec), &mut changes);
        assert_eq!(changes, []);
        links.read(&deleted(NONE, AddressFamily::Unspec), &mut changes);
        assert_eq!(changes, [Change::Gone(NONE, format!("if{NONE}"))]);
    }

    #[test]
    fn a_new_name_is_told_and_used() {
        let mut links = links(&[NONE]);
        let mut link = of(NONE, AddressFamily::Unspec);
        link.attributes.push(LinkAttribute::IfName("lan0".into()));
        let mut changes = Vec::new();
        links.read(&bytes(RouteNetlinkMessage::NewLink(link)), &mut changes);
        let (old, new) = (format!("if{NONE}"), "lan0".to_owned());
        assert_eq!(changes, [Change::Renamed(old, new.clone()), Change::Down(new)]);
    }

    /// `any` has each interface that comes, once, and forgets those that go; it does not end.
    #[test]
    fn any_has_those_that_come() {
        let mut links = links(&[1]);
        links.any = true;
        let mut link = of(NONE, AddressFamily::Unspec);
        link.header.link_layer_type = LinkLayerType::Ether;
        link.attributes.push(LinkAttribute::IfName("new0".into()));
        let came = bytes(RouteNetlinkMessage::NewLink(link));
        let mut told = |datagram: &[u8]| {
            let mut changes = Vec::new();
            links.read(datagram, &mut changes);
            links.told(changes)
        };
        let name = "new0".to_owned();
        let newcomer = Newcomer { index: NONE, name: name.clone(), link: Some(LinkType::Ethernet) };
        assert_eq!(told(&came), [Change::Came(newcomer.clone())]);
        // It comes up: the same message again, with another flag.
        assert_eq!(told(&came), []);
        assert_eq!(told(&deleted(NONE, AddressFamily::Unspec)), [Change::Gone(NONE, name)]);
        assert_eq!(told(&came), [Change::Came(newcomer)]);
        assert_eq!(links.none_left(), None);
    }

    #[test]
    fn a_refresh_finds_what_is_missing() {
        let mut links = links(&[1, NONE]);
        let (gone, name) =
            (Change::Gone(NONE, format!("if{NONE}")), Change::Renamed("if1".into(), "lo".into()));
        assert_eq!(links.refresh(), [name, gone]);
        assert_eq!(links.refresh(), []);
        assert_eq!(links.none_left(), None);
    }
}
