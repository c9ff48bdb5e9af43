//! Errors of the kernel side in the words of the command line: what happened, and which
//! flag to change.

use anyhow::{Error, anyhow};
use caps::Capability;

use crate::{
    failure::{Hinted, Usage, limit},
    interfaces, kernel, privileges,
};

/// The oldest kernel that probe is made for.
const FLOOR: (u32, u32) = (5, 15);

/// Adds what the user can do about it.
pub fn kernel(error: kernel::Error) -> Error {
    use kernel::Error as K;
    match too_old(&error, kernel::release()) {
        // First of all, and with one line of what failed: it can be anything, and a listing of
        // the verifier's would hide the cause.
        Some(refusal) if kernel::release() < FLOOR => {
            let failure = format!("{:#}", Error::new(error));
            let line = failure.lines().next().unwrap_or_default();
            return Hinted::new(anyhow!(refusal), line).into();
        }
        Some(hint) => return Hinted::new(error, hint).into(),
        None => {}
    }
    if let Some(hint) = error.errno().and_then(limit) {
        return Hinted::new(error, hint).into();
    }
    let lacking = || lacking(&privileges::missing(), privileges::in_user_namespace());
    let hint = match &error {
        K::UnknownInterface { name } => return interfaces::unknown(name).into(),
        K::Egress { .. } => return Usage::new(format!("{error}: use --hook tcx with -Q")).into(),
        K::TooManyRules(_) | K::TooManySampled(_) => return Usage::new(error.to_string()).into(),
        K::Permission { .. } => return Hinted::new(error, lacking()).into(),
        // Without CAP_PERFMON the verifier forbids what it else allows, in words of its own.
        K::Verify { program, .. } if !privileges::missing().is_empty() => {
            let failure = anyhow!("loading {program}: permission denied");
            return Hinted::new(failure, lacking()).into();
        }
        K::Promiscuous { .. } if error.errno() == Some(libc::EPERM) => {
            "it needs CAP_NET_RAW: run probe as root, or grant it to its file with setcap"
        }
        K::NoModule { module, .. } => {
            let hint = format!(
                "load it with `modprobe {module}`; a kernel built without {} has no such module. \
                 --hook xdp-generic does without",
                module.option()
            );
            return Hinted::new(error, hint).into();
        }
        K::Cpus { .. } => {
            "probe needs /sys: mount it (`mount -t sysfs sysfs /sys`), or pass it on to the container \
             or chroot; read-only will do"
        }
        K::Rings { .. } => "try a smaller --buffer-size",
        K::Lists { .. } | K::TooManyLists(_) => "count by fewer keys",
        K::ListMemory { .. } => {
            "count by fewer keys, or allow more by --top-memory (top.memory in a rules file)"
        }
        K::Occupied { .. } => "use --hook tcx, which runs beside it, or detach it first",
        // bpf_mprog_attach in kernel/bpf/mprog.c.
        K::Attach { hook: kernel::Hook::Tcx, .. } if error.errno() == Some(libc::ERANGE) => {
            "64 programs are attached there, the kernel's limit for one hook; detach one, or use \
             --hook xdp"
        }
        K::Unsupported { hook: kernel::Hook::XdpNative, .. } => {
            "use --hook xdp-generic or --hook tcx"
        }
        K::Unsupported { .. } => "use --hook tcx",
        K::TooComplex { .. } | K::Generate(_) => "use fewer or shorter rules",
        K::Verify { .. } => {
            "this is a bug in probe; please report it with the filter. A simpler filter may load"
        }
        _ => return error.into(),
    };
    Hinted::new(error, hint).into()
}

/// Where the kernel, of this release, may be the cause: what it lacks, and what is needed.
fn too_old(error: &kernel::Error, release: (u32, u32)) -> Option<String> {
    use kernel::Error as K;
    let (major, minor) = release;
    let (floor_major, floor_minor) = FLOOR;
    let needs = format!("probe needs Linux {floor_major}.{floor_minor} or newer");
    let of_kernel = matches!(
        error,
        K::Load(_)
            | K::Verify { .. }
            | K::Attach { .. }
            | K::NoModule { .. }
            | K::Map { .. }
            | K::Rings { .. }
            | K::Lists { .. }
            | K::TestRun(_)
    );
    match (error, error.errno()) {
        _ if !of_kernel => None,
        (_, Some(libc::ENOSYS)) => Some(format!(
            "this kernel (Linux {major}.{minor}) has no bpf(2), or a sandbox blocks it: {needs}, \
             built with CONFIG_BPF_SYSCALL"
        )),
        _ if release < FLOOR => Some(format!("this kernel is Linux {major}.{minor}; {needs}")),
        (K::Attach { hook: kernel::Hook::Tcx, .. }, Some(libc::EINVAL | libc::EOPNOTSUPP)) => {
            Some(format!(
                "this kernel (Linux {major}.{minor}) has no tcx, which needs Linux 6.6 or newer, \
                 built with CONFIG_NET_XGRESS; use --hook xdp"
            ))
        }
        _ => None,
    }
}

/// Which rights are missing; where none is, why those that are there may not count.
fn lacking(missing: &[Capability], in_user_namespace: bool) -> String {
    if missing.is_empty() {
        return if in_user_namespace {
            "root of a user namespace cannot load BPF programs: run probe outside of it".into()
        } else {
            "probe has the capabilities that it needs, but a seccomp profile (of a \
                      container) or a security module blocks bpf(2)"
                .into()
        };
    }
    let names: Vec<String> = missing.iter().map(ToString::to_string).collect();
    let plural = if names.len() == 1 { "is" } else { "are" };
    format!(
        "{} {plural} missing: run probe as root, or grant the capabilities to its file: setcap \
         cap_bpf,cap_net_admin,cap_net_raw,cap_perfmon+ep PROBE",
        names.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_old_kernel_lacks() {
        let ring =
            |errno| kernel::Error::Rings { source: std::io::Error::from_raw_os_error(errno) };
        for (error, release, expected) in [
            (ring(libc::ENOSYS), (6, 18), Some("this kernel (Linux 6.18) has no bpf(2)")),
            (ring(libc::EINVAL), (5, 10), Some("Linux 5.10; probe needs Linux 5.15 or newer")),
            (ring(libc::EINVAL), (5, 15), None),
            (kernel::Error::EmptyObject, (4, 19), None),
            (kernel::Error::Permission { operation: String::new() }, (4, 19), None),
        ] {
            match (too_old(&error, release), expected) {
                (Some(said), Some(expected)) => assert!(said.contains(expected), "{said}"),
                (said, expected) => assert_eq!(said.as_deref(), expected, "{error}"),
            }
        }
    }

    #[test]
    fn missing_rights_are_named() {
        let one = lacking(&[Capability::CAP_PERFMON], false);
        assert!(one.starts_with("CAP_PERFMON is missing"), "{one}");
        let two = lacking(&[Capability::CAP_BPF, Capability::CAP_NET_ADMIN], true);
        assert!(two.starts_with("CAP_BPF, CAP_NET_ADMIN are missing"), "{two}");
        assert!(lacking(&[], true).contains("user namespace"));
        assert!(lacking(&[], false).contains("security module"));
    }

    #[test]
    fn an_unknown_interface_is_a_usage_error() {
        let error = kernel(kernel::Error::UnknownInterface { name: "nosuch0\x1b".into() });
        assert_eq!(crate::failure::code(&error), 2);
        assert!(!error.to_string().contains('\x1b'));
    }
}
