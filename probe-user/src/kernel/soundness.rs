//! Kernels on which the programs would load and then count wrongly or slowly: refused, with the
//! reason, before anything is attached.

use std::path::Path;

use super::Error;
use crate::bounded;

/// Says no where programs of one CPU may interrupt each other.
///
/// Everything that a CPU writes (`CpuState`, the filter's scratch memory, its rings) belongs to
/// one program at a time, because the hooks run with softirqs off. With PREEMPT_RT that alone
/// turns no preemption off; a lock of each CPU's softirqs keeps the programs apart, and since
/// Linux 6.18 a kernel may be built without it (`__local_bh_disable_ip`, kernel/softirq.c).
///
/// # Errors
/// [`Error::Realtime`].
pub(super) fn one_program_at_a_time() -> Result<(), Error> {
    let read = |path: &Path| bounded::read(path).unwrap_or_default();
    let [file, version] =
        ["/sys/kernel/realtime", "/proc/sys/kernel/version"].map(|path| read(path.as_ref()));
    if !is_realtime(&file, &version) {
        return Ok(());
    }
    let release = read("/proc/sys/kernel/osrelease".as_ref());
    let config = read(&Path::new("/boot").join(format!("config-{}", release.trim())));
    if keeps_programs_apart(super::release(), &config) { Ok(()) } else { Err(Error::Realtime) }
}

/// From /sys/kernel/realtime, which not every such kernel has, and `version` of uname(2).
fn is_realtime(file: &str, version: &str) -> bool {
    file.trim() == "1" || version.split_whitespace().any(|word| word == "PREEMPT_RT")
}

/// Whether a PREEMPT_RT kernel of this release and build configuration has the lock.
fn keeps_programs_apart(release: (u32, u32), config: &str) -> bool {
    release < (6, 18) || config.lines().any(|line| line == "CONFIG_PREEMPT_RT_NEEDS_BH_LOCK=y")
}

/// Says no to programs with atomics that return a value, where the compiler to machine code
/// does not know them: that of arm64 does since Linux 5.18 (arch/arm64/net/bpf_jit_comp.c).
///
/// # Errors
/// [`Error::Atomics`].
pub(super) fn atomics(wanted: bool) -> Result<(), Error> {
    let release = super::release();
    if !wanted || has_atomics(std::env::consts::ARCH, release) {
        Ok(())
    } else {
        Err(Error::Atomics { release })
    }
}

fn has_atomics(architecture: &str, release: (u32, u32)) -> bool {
    architecture != "aarch64" || release >= (5, 18)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn realtime_kernels_are_known() {
        const DEBIAN: &str = "#1 SMP PREEMPT_RT Debian 6.12.117-1 (2026-09-01)";
        assert!(is_realtime("1\n", "") && is_realtime("", DEBIAN));
        assert!(!is_realtime("0\n", "#1 SMP PREEMPT_DYNAMIC Debian") && !is_realtime("", ""));
    }

    #[test]
    fn the_lock_is_looked_for_where_it_may_be_missing() {
        let with = "CONFIG_PREEMPT_RT=y\nCONFIG_PREEMPT_RT_NEEDS_BH_LOCK=y\n";
        let without = "# CONFIG_PREEMPT_RT_NEEDS_BH_LOCK is not set\n";
        assert!(keeps_programs_apart((6, 12), "") && keeps_programs_apart((6, 18), with));
        assert!(!keeps_programs_apart((6, 18), without) && !keeps_programs_apart((7, 0), ""));
    }

    #[test]
    fn arm64_had_no_such_atomics() {
        assert!(!has_atomics("aarch64", (5, 15)));
        assert!(has_atomics("aarch64", (5, 18)) && has_atomics("x86_64", (5, 15)));
    }
}
