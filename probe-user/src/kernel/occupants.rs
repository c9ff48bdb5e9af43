//! Which programs are attached to an interface: the XDP program that rtnetlink names, and the
//! programs at its tcx hooks.

use std::{
    collections::BTreeSet,
    fmt, io,
    sync::{Mutex, PoisonError},
};

use aya::programs::{SchedClassifier, TcAttachType, loaded_programs};
use netlink_packet_route::link::{LinkAttribute, LinkMessage, LinkXdp};

use super::{Error, Hook, bpf, rtnetlink};

/// Ids of the programs that this process has attached, by whichever session.
static OURS: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// A program on an interface, ours or somebody else's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occupant {
    /// The kernel's id of the program.
    pub id: Option<u32>,
    /// Its name, at most 15 bytes, as its author chose it.
    pub name: Option<String>,
}

impl fmt::Display for Occupant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.name, self.id) {
            (Some(name), Some(id)) => write!(f, "the program `{}` (id {id})", name.escape_debug()),
            (_, Some(id)) => write!(f, "the program with id {id}"),
            (_, None) => f.write_str("another XDP program"),
        }
    }
}

/// The XDP program on an interface, if rtnetlink tells of one.
///
/// # Errors
/// What the netlink socket says.
pub fn xdp_occupant(ifindex: u32) -> io::Result<Option<Occupant>> {
    let Some(id) = rtnetlink::link(ifindex)?.as_ref().and_then(program_id) else {
        return Ok(None);
    };
    // Without CAP_SYS_ADMIN nobody may list programs: then there is an id and no name.
    let name = loaded_programs()
        .filter_map(Result::ok)
        .find(|program| program.id() == id)
        .and_then(|program| program.name_as_str().map(str::to_owned));
    Ok(Some(Occupant { id: Some(id), name }))
}

/// The ids and names of all programs that are loaded; none without `CAP_SYS_ADMIN`.
pub fn program_names() -> impl Iterator<Item = (u32, String)> {
    let loaded = loaded_programs().filter_map(Result::ok);
    loaded.filter_map(|program| Some((program.id(), program.name_as_str()?.to_owned())))
}

/// The programs at an interface's tcx hooks, received first, in the order they run.
///
/// # Errors
/// What the kernel says: before 6.6 that it knows no such thing.
pub fn tcx_occupants(interface: &str) -> Result<Vec<Occupant>, Error> {
    let mut occupants = Vec::new();
    for hook in [TcAttachType::Ingress, TcAttachType::Egress] {
        let (_, programs) = SchedClassifier::query_tcx(interface, hook).map_err(|source| {
            Error::Attach { interface: interface.into(), hook: Hook::Tcx, source: Box::new(source) }
        })?;
        occupants.extend(programs.iter().map(|program| Occupant {
            id: Some(program.id()),
            name: program.name_as_str().map(str::to_owned),
        }));
    }
    Ok(occupants)
}

/// The ids of the programs at an interface's tcx hooks, received first, each in the order they run.
/// Needs `CAP_NET_ADMIN` alone.
///
/// # Errors
/// What the kernel says: before 6.6 that it knows no such thing.
pub fn tcx_order(ifindex: u32) -> io::Result<[Vec<u32>; 2]> {
    Ok([bpf::query_tcx(ifindex, false)?, bpf::query_tcx(ifindex, true)?])
}

/// Whether this process has attached the program.
pub fn is_ours(id: u32) -> bool {
    OURS.lock().unwrap_or_else(PoisonError::into_inner).contains(&id)
}

/// These programs are ours.
pub(super) fn remember(ids: impl Iterator<Item = u32>) {
    OURS.lock().unwrap_or_else(PoisonError::into_inner).extend(ids);
}

/// IFLA_XDP_PROG_ID.
fn program_id(link: &LinkMessage) -> Option<u32> {
    let of_xdp = |attribute: &LinkXdp| match *attribute {
        LinkXdp::ProgId(id) if id != 0 => Some(id),
        _ => None,
    };
    link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::Xdp(xdp) => xdp.iter().find_map(of_xdp),
        _ => None,
    })
}
