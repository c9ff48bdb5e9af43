//! What can fail in the kernel: the operation, and the interface, program or map.

use std::{error::Error as StdError, fmt, io};

use aya::{
    EbpfError,
    maps::MapError,
    programs::{ProgramError, tc::TcError},
    sys::SyscallError,
};

use super::{Hook, occupants::Occupant};

/// A failed operation on the kernel. Its text says the operation, and [`source`](StdError::source)
/// the cause; where aya's text has the cause in it, so has this one, and there is no source.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the variants and fields are")]
pub enum Error {
    #[error("no interface is named `{name}`")]
    UnknownInterface { name: String },

    #[error("reading the state of {interface}")]
    Interface { interface: String, source: io::Error },

    #[error("promiscuous mode")]
    Promiscuous { source: io::Error },

    #[error("{operation}: permission denied")]
    Permission { operation: String },

    #[error("attaching xdp to {interface}: {occupant} is attached there already")]
    Occupied { interface: String, occupant: Occupant },

    #[error("attaching {hook} to {interface}: the driver does not support it")]
    Unsupported { interface: String, hook: Hook },

    #[error("{hook} sees received frames only")]
    Egress { hook: Hook },

    #[error("attaching {hook} to {interface}")]
    Attach { interface: String, hook: Hook, source: Box<ProgramError> },

    #[error("attaching {hook} to {interface}: the kernel has no {module}, which clsact needs")]
    NoModule { interface: String, hook: Hook, module: Module },

    #[error("detaching {hook} from {interface}")]
    Detach { interface: String, hook: Hook, source: Box<ProgramError> },

    #[error(
        "somebody else took the clsact filter off {interface}, or the qdisc that it was at: no \
             frame was seen there after that"
    )]
    FilterGone { interface: String },

    #[error("restoring {features} on {interface}")]
    Restore { interface: String, features: String, source: io::Error },

    #[error("this probe was built without its kernel programs (PROBE_EMPTY_OBJECT=1)")]
    EmptyObject,

    #[error("linking the filter into the kernel programs")]
    Link(#[from] probe_link::Error),

    #[error("generating code")]
    Generate(#[from] probe_filter::ebpf::Error),

    #[error("{0} rules; one program holds at most {max}", max = probe_common::MAX_RULES)]
    TooManyRules(usize),

    #[error("{0} sampled rules; one program holds at most {max}", max = probe_common::MAX_SAMPLED)]
    TooManySampled(usize),

    #[error("{0} rules with lists of keys; one program holds at most {max}", max = probe_common::MAX_KEYED)]
    TooManyLists(usize),

    #[error("loading the kernel programs: {}", loading(.0))]
    Load(Box<EbpfError>),

    #[error("the kernel's verifier rejected the program {program}: {}", verifying(refusal))]
    Verify { program: &'static str, refusal: Box<ProgramError> },

    #[error("the kernel's verifier gave up on {program}, which is too complex: {reason}{}", most(*rule))]
    TooComplex { program: &'static str, reason: String, rule: Option<usize> },

    #[error(
        "this kernel is built for real time (PREEMPT_RT), and its /boot/config has no \
             CONFIG_PREEMPT_RT_NEEDS_BH_LOCK=y: BPF programs on one CPU may preempt each other, and \
             counts would be wrong"
    )]
    Realtime,

    #[error(
        "this kernel is Linux {}.{}; on arm64 capture and rate -c need Linux 5.18 or newer, for \
             atomics that return a value",
        release.0, release.1
    )]
    Atomics { release: (u32, u32) },

    #[error("the kernel programs have no `{0}`")]
    Missing(&'static str),

    #[error("map {map}")]
    Map { map: &'static str, source: MapError },

    #[error("reading {file}, which says how many CPUs the maps are for")]
    Cpus { file: &'static str, source: io::Error },

    #[error("creating the rings")]
    Rings { source: io::Error },

    #[error(
        "the lists of keys take at least {} KiB on this machine, and {} KiB are allowed",
        needed.div_ceil(1024), allowed / 1024
    )]
    ListMemory { needed: u64, allowed: u64 },

    #[error("creating the lists of keys")]
    Lists { source: io::Error },

    #[error("reading the kernel's clock by a program")]
    Clock { source: io::Error },

    #[error("duplicating the descriptor of {map}")]
    Share { map: &'static str, source: io::Error },

    #[error("the programs cannot be exchanged while they count: {what} would have to change, too")]
    Replace { what: &'static str },

    #[error("running the program on a frame")]
    TestRun(#[source] Box<ProgramError>),
}

/// A part of the kernel that is a module on most distributions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Module {
    /// The clsact qdisc (CONFIG_NET_SCH_INGRESS).
    SchIngress,
    /// Filters that are programs (CONFIG_NET_CLS_BPF).
    ClsBpf,
}

impl Module {
    /// What modprobe(8) calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SchIngress => "sch_ingress",
            Self::ClsBpf => "cls_bpf",
        }
    }

    /// The kernel's option for it.
    pub const fn option(self) -> &'static str {
        match self {
            Self::SchIngress => "CONFIG_NET_SCH_INGRESS",
            Self::ClsBpf => "CONFIG_NET_CLS_BPF",
        }
    }
}

impl fmt::Display for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Error {
    /// What the kernel said, where it was asked.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Load(error) => errno(error.as_ref()),
            Self::Verify { refusal, .. } => errno(refusal.as_ref()),
            error => errno(error),
        }
    }
}

/// What aya says where programs are not loaded, with the cause: of its errors some have it in their
/// text, and some leave it to be asked for.
fn loading(error: &EbpfError) -> String {
    match error {
        EbpfError::MapError(error) => format!("map error: {}", with_causes(error)),
        EbpfError::ProgramError(error) => format!("program error: {}", verifying(error)),
        EbpfError::ParseError(_) | EbpfError::BtfError(_) => error.to_string(),
        error => with_causes(error),
    }
}

/// As [`loading`], of one program.
fn verifying(error: &ProgramError) -> String {
    match error {
        ProgramError::LoadError { .. } => error.to_string(),
        error => with_causes(error),
    }
}

fn with_causes(error: &dyn StdError) -> String {
    let causes = std::iter::successors(error.source(), |&error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn most(rule: Option<usize>) -> String {
    rule.map(|rule| format!("; rule {} has the most code", rule + 1)).unwrap_or_default()
}

/// The errno at the bottom of an aya error.
pub(super) fn errno(error: &(dyn StdError + 'static)) -> Option<i32> {
    let mut next = Some(error);
    while let Some(error) = next {
        let boxed = || error.downcast_ref::<Box<ProgramError>>().map(AsRef::as_ref);
        if let Some(number) = error.downcast_ref().or_else(boxed).and_then(hidden) {
            return Some(number);
        }
        if let Some(error) = error.downcast_ref::<SyscallError>() {
            return error.io_error.raw_os_error();
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return error.raw_os_error();
        }
        next = error.source();
    }
    None
}

/// The errno of an error that aya passes on as its own: who goes through the causes does not meet it.
fn hidden(error: &ProgramError) -> Option<i32> {
    match error {
        ProgramError::IOError(error) | ProgramError::TcError(TcError::IoError(error)) => {
            error.raw_os_error()
        }
        ProgramError::NetlinkError(error) | ProgramError::TcError(TcError::NetlinkError(error)) => {
            error.raw_os_error()
        }
        _ => None,
    }
}

/// Whether an aya error means that the caller lacks a capability.
pub(super) fn is_permission(error: &(dyn StdError + 'static)) -> bool {
    matches!(errno(error), Some(libc::EPERM | libc::EACCES))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn io(errno: i32) -> io::Error {
        io::Error::from_raw_os_error(errno)
    }

    /// However deep it lies, the cause is said once, and its number is found.
    #[test]
    fn causes_are_said_once() {
        let call = || SyscallError { call: "bpf_link_create", io_error: io(libc::EINVAL) };
        let map = MapError::CreateError { name: "STATE".into(), io_error: io(libc::EINVAL) };
        let load = ProgramError::LoadError {
            io_error: io(libc::EINVAL),
            verifier_log: aya_obj::VerifierLog::new("R1 is wrong".into()),
        };
        let attach = |source| Error::Attach {
            interface: "lo".into(),
            hook: Hook::Tcx,
            source: Box::new(source),
        };
        let cause = io(libc::EINVAL).to_string();
        for (error, text) in [
            (attach(call().into()), "attaching tcx to lo: `bpf_link_create` failed: CAUSE"),
            (attach(io(libc::EINVAL).into()), "attaching tcx to lo: CAUSE"),
            (attach(TcError::from(io(libc::EINVAL)).into()), "attaching tcx to lo: CAUSE"),
            (
                Error::Load(Box::new(map.into())),
                "loading the kernel programs: map error: failed to create map `STATE`: CAUSE",
            ),
            (
                Error::Verify { program: "probe_xdp", refusal: Box::new(load) },
                "the kernel's verifier rejected the program probe_xdp: the BPF_PROG_LOAD syscall \
                 returned CAUSE. Verifier output: R1 is wrong",
            ),
            (Error::Rings { source: io(libc::EINVAL) }, "creating the rings: CAUSE"),
        ] {
            assert_eq!(error.errno(), Some(libc::EINVAL), "{error}");
            assert_eq!(with_causes(&error), text.replace("CAUSE", &cause));
        }
    }
}
