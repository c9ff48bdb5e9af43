//! A kernel that is too old: said before anything else, whatever fails first in it.

use testbed::{
    Namespace, Running,
    requirements::{kernel_version, met},
};

use super::{HOOKS, NEEDS};
use crate::rig::{LIMIT, alone, probe};

#[test]
#[ignore = "needs a kernel before 5.15: cargo xtask test --kernel 5.10"]
fn an_old_kernel_is_refused_in_words() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let (major, minor) = kernel_version().unwrap();
    let right =
        format!("probe: this kernel is Linux {major}.{minor}; probe needs Linux 5.15 or newer");
    let namespace = Namespace::new().unwrap();
    for command in [&["count"][..], &["capture"], &["rate", "-t", "1s"]] {
        for hook in HOOKS {
            let arguments = [command, &["-i", "lo", "--hook", hook]].concat();
            let started = Running::spawn(probe(&namespace, &arguments)).unwrap();
            let finished = started.wait(LIMIT).unwrap();
            let said = &finished.stderr;
            assert_eq!(finished.status.code(), Some(1), "{arguments:?}: {said}");
            assert_eq!(said.lines().next(), Some(right.as_str()), "{arguments:?}: {said}");
            // No listing of the verifier's, which would hide the sentence.
            assert!(said.lines().count() <= 3, "{arguments:?}: {said}");
        }
    }
}
