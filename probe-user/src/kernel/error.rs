//! What can fail in the kernel: the operation, and the interface, program or map.

use std::{fmt, io};

use aya::{EbpfError, maps::MapError, programs::ProgramError, sys::SyscallError};

use super::{Hook, occupants::Occupant};

/// A failed operation on the kernel.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the variants and fields are")]
pub enum Error {
    #[error("no interface is named `{name}`")]
    UnknownInterface { name: String },

    #[error("reading the state of {interface}: {source}")]
    Interface { interface: String, source: io::Error },

    #[error("{operation}: permission denied")]
    Permission { operation: String },

    #[error("attaching xdp to {interface}: {occupant} is attached there already")]
    Occupied { interface: String, occupant: Occupant },

    #[error("attaching {hook} to {interface}: the driver does not support it")]
    Unsupported { interface: String, hook: Hook },

    #[error("{hook} sees received frames only")]
    Egress { hook: Hook },

    #[error("attaching {hook} to {interface}: {source}")]
    Attach { interface: String, hook: Hook, source: Box<ProgramError> },

    #[error("attaching {hook} to {interface}: the kernel has no {module}, which clsact needs")]
    NoModule { interface: String, hook: Hook, module: Module },

    #[error("detaching {hook} from {interface}: {source}")]
    Detach { interface: String, hook: Hook, source: Box<ProgramError> },

    #[error(
        "somebody else took the clsact filter off {interface}, or the qdisc that it was at: no \
             frame was seen there after that"
    )]
    FilterGone { interface: String },

    #[error("restoring {features} on {interface}: {source}")]
    Restore { interface: String, features: String, source: io::Error },

    #[error(
        "attaching {hook} to {interface}: this kernel has no BPF links for it, so that the \
             program would stay attached after probe is killed"
    )]
    NoLink { interface: String, hook: Hook },

    #[error("this probe was built without its kernel programs (PROBE_EMPTY_OBJECT=1)")]
    EmptyObject,

    #[error("linking the filter into the kernel programs: {0}")]
    Link(#[from] probe_link::Error),

    #[error("generating code: {0}")]
    Generate(#[from] probe_filter::ebpf::Error),

    #[error("{0} rules; one program holds at most {max}", max = probe_common::MAX_RULES)]
    TooManyRules(usize),

    #[error("{0} sampled rules; one program holds at most {max}", max = probe_common::MAX_SAMPLED)]
    TooManySampled(usize),

    #[error("loading the kernel programs: {0}")]
    Load(#[source] Box<EbpfError>),

    #[error("the kernel's verifier rejected the program {program}: {source}")]
    Verify { program: &'static str, source: Box<ProgramError> },

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

    #[error("map {map}: {source}")]
    Map { map: &'static str, source: MapError },

    #[error("creating the rings: {source}")]
    Rings { source: io::Error },

    #[error("reading the kernel's clock by a program: {source}")]
    Clock { source: io::Error },

    #[error("running the program on a frame: {0}")]
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
        errno(self)
    }
}

fn most(rule: Option<usize>) -> String {
    rule.map(|rule| format!("; rule {} has the most code", rule + 1)).unwrap_or_default()
}

/// The errno at the bottom of an aya error.
pub(super) fn errno(error: &(dyn std::error::Error + 'static)) -> Option<i32> {
    let mut next = Some(error);
    while let Some(error) = next {
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

/// Whether an aya error means that the caller lacks a capability.
pub(super) fn is_permission(error: &(dyn std::error::Error + 'static)) -> bool {
    matches!(errno(error), Some(libc::EPERM | libc::EACCES))
}
