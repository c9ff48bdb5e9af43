//! Our filters at clsact, before Linux 6.6 and where they are asked for. They are no links, so
//! anybody may take one off, or its qdisc with it, and put another filter in its place: what is
//! taken off at the end is looked at first.

use std::io;

use aya::programs::{
    ProgramError, SchedClassifier, TcAttachType,
    links::Link as _,
    tc::{SchedClassifierLink, SchedClassifierLinkId},
};
use netlink_packet_route::{
    RouteNetlinkMessage,
    tc::{TcAttribute, TcFilterBpfOption, TcHandle, TcMessage, TcOption},
};

use super::{Error, Hook, rtnetlink};

/// One filter.
#[derive(Debug)]
pub(super) struct Filter {
    interface: String,
    index: u32,
    /// The kernel's id of the program that it runs.
    program: u32,
    link: SchedClassifierLink,
}

impl Filter {
    /// Of a program that was attached just now.
    ///
    /// # Errors
    /// What aya says: it is no such filter.
    pub fn new(
        interface: &str,
        index: u32,
        program: &mut SchedClassifier,
        id: SchedClassifierLinkId,
    ) -> Result<Self, ProgramError> {
        let link = program.take_link(id)?;
        Ok(Self { interface: interface.into(), index, program: program.info()?.id(), link })
    }

    /// Takes the filter off, and nobody else's.
    ///
    /// # Errors
    /// [`Error::FilterGone`], and what the kernel says. With its interface it went for good.
    pub fn take_off(self) -> Result<(), Error> {
        let Self { interface, index, program, link } = self;
        let failed = |source| Error::Detach {
            interface: interface.clone(),
            hook: Hook::Clsact,
            source: Box::new(source),
        };
        match program_at(index, &link).map_err(failed)? {
            At::Program(id) if id == program => link.detach().map_err(failed),
            found => {
                // Dropped, it would take off what is in its place.
                std::mem::forget(link);
                if found == At::NoInterface { Ok(()) } else { Err(Error::FilterGone { interface }) }
            }
        }
    }
}

/// What is in the place of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// A filter that runs this program.
    Program(u32),
    /// Another one, or none.
    Other,
    /// Not even the interface is there.
    NoInterface,
}

/// Asks for the filter (RTM_GETTFILTER; `tc_get_tfilter`, net/sched/cls_api.c).
fn program_at(index: u32, link: &SchedClassifierLink) -> Result<At, ProgramError> {
    /// What aya attaches for: frames of all protocols (include/uapi/linux/if_ether.h).
    const ETH_P_ALL: u16 = 0x0003;

    let mut question = TcMessage::default();
    question.header.index = index as i32;
    question.header.handle = u32::from(link.handle()?).into();
    let minor = match link.attach_type()? {
        TcAttachType::Egress => TcHandle::MIN_EGRESS,
        _ => TcHandle::MIN_INGRESS,
    };
    question.header.parent = TcHandle { major: TcHandle::CLSACT.major, minor };
    question.header.info = u32::from(link.priority()?) << 16 | u32::from(ETH_P_ALL.to_be());
    match rtnetlink::ask(RouteNetlinkMessage::GetTrafficFilter(question)) {
        Ok(RouteNetlinkMessage::NewTrafficFilter(filter)) => {
            Ok(program_of(&filter).map_or(At::Other, At::Program))
        }
        Ok(_) => Err(io::Error::from(io::ErrorKind::InvalidData).into()),
        Err(error) => match error.raw_os_error() {
            // EINVAL: there is no qdisc, or no chain in it.
            Some(libc::ENOENT | libc::EINVAL) => Ok(At::Other),
            Some(libc::ENODEV) => Ok(At::NoInterface),
            _ => Err(error.into()),
        },
    }
}

/// TCA_BPF_ID.
fn program_of(filter: &TcMessage) -> Option<u32> {
    filter.attributes.iter().find_map(|attribute| match attribute {
        TcAttribute::Options(options) => options.iter().find_map(|option| match option {
            TcOption::Bpf(TcFilterBpfOption::ProgId(id)) => Some(*id),
            _ => None,
        }),
        _ => None,
    })
}
