//! A kernel that has what `probe` needs in modules, and these are not loaded.

use testbed::{Namespace, Running, requirements::met};

use super::{NEEDS, before};
use crate::rig::{LIMIT, alone, probe};

/// The kernel says `Parent Qdisc doesn't exists` (net/sched/cls_api.c) where the qdisc was
/// never made, because its module was not there.
#[test]
#[ignore = "needs a kernel without sch_ingress: cargo xtask test --kernel 6.1"]
fn the_module_that_clsact_needs_is_named() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let namespace = Namespace::new().unwrap();
    let mut hooks = vec!["clsact"];
    if before(6, 6) {
        hooks.push("tcx");
    }
    for hook in hooks {
        let count = probe(&namespace, &["count", "-i", "lo", "--hook", hook]);
        let finished = Running::spawn(count).unwrap().wait(LIMIT).unwrap();
        assert_eq!(finished.status.code(), Some(1), "{hook}: {}", finished.stderr);
        for part in ["to lo", "clsact", "modprobe sch_ingress", "CONFIG_NET_SCH_INGRESS"] {
            assert!(finished.stderr.contains(part), "{hook}, {part}: {}", finished.stderr);
        }
    }
}
