//! What the running kernel can do.

use std::fs::File;
use std::io::BufReader;
use std::sync::OnceLock;

use probe_link::XdpBuff;

use super::bpf;

/// The types of the running kernel.
const TYPES: &str = "/sys/kernel/btf/vmlinux";

/// `struct xdp_buff` as the running kernel has it, if it takes a program that looks there. Looked
/// up once: the types are 5 MiB, which take some milliseconds.
pub(super) fn xdp_buff() -> Option<XdpBuff> {
    static KNOWN: OnceLock<Option<XdpBuff>> = OnceLock::new();
    let find = || {
        let mut types = BufReader::new(File::open(TYPES).ok()?);
        let found = XdpBuff::find(&mut types).ok().flatten()?;
        bpf::load_xdp(&found.trial_program(), bpf::WITH_FRAGMENTS).is_ok().then_some(found)
    };
    *KNOWN.get_or_init(find)
}

#[cfg(test)]
mod tests {
    use testbed::requirements::{Requirement, met};

    use super::*;

    #[test]
    fn the_running_kernels_types_are_read() {
        let Ok(types) = File::open(TYPES) else {
            eprintln!("SKIPPED: no {TYPES}");
            return;
        };
        let found = XdpBuff::find(&mut BufReader::new(types)).unwrap();
        assert!(found.is_some() || crate::kernel::release() < (6, 2));
    }

    /// Where it can be had it is had: nobody would notice otherwise but by a clock.
    #[test]
    fn this_kernel_takes_the_short_way_to_a_frames_length() {
        if met(&[Requirement::Root, Requirement::Kernel(6, 2)]) {
            assert!(xdp_buff().is_some());
        }
    }
}
