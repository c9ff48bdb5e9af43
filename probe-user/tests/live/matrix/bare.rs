//! A kernel that has what clsact is made of in modules, and these are not loaded. The kernel
//! itself speaks of what is missing as an effect: `Parent Qdisc doesn't exists`.

use testbed::{Namespace, Running, requirements::met};

use super::{NEEDS, before};
use crate::rig::{LIMIT, alone, probe};

fn names(module: &str, option: &str) {
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
        let said = &finished.stderr;
        assert_eq!(finished.status.code(), Some(1), "{hook}: {said}");
        let advice = format!("modprobe {module}");
        for part in ["to lo", "clsact", &advice, option, "--hook xdp-generic"] {
            assert!(said.contains(part), "{hook}, {part}: {said}");
        }
    }
}

#[test]
#[ignore = "needs a kernel without sch_ingress: cargo xtask test --kernel 6.1"]
fn without_sch_ingress() {
    names("sch_ingress", "CONFIG_NET_SCH_INGRESS");
}

#[test]
#[ignore = "needs a kernel without cls_bpf: cargo xtask test --kernel 6.1"]
fn without_cls_bpf() {
    names("cls_bpf", "CONFIG_NET_CLS_BPF");
}
