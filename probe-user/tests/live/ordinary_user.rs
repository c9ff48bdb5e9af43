//! probe without root: the rights that its file gives it are enough, and where one is
//! missing it is named.

use std::{path::Path, process::Command};

use testbed::{
    CLIENT_LINK, CLIENT_V4, Frame, FrameSender, Namespace, Running, SCRATCH_DIR, SERVER_LINK,
    SERVER_V4, Tcp,
    requirements::{Requirement, met},
    run, tcp_flags,
};

use crate::rig::{CHOSEN, DELIVERED, LIMIT, NEEDS, Totals, beside_others, ledger, quiet_pair};

/// Somebody who has no name and no groups on any machine.
const USER: &str = "3999999";

const ALL: [&str; 3] = ["cap_bpf", "cap_net_admin", "cap_perfmon"];

fn ready() -> bool {
    met(NEEDS) && met(&[Requirement::Tool("setpriv"), Requirement::Tool("setcap")])
}

/// A copy of probe that the user can reach, whose file gives these rights.
fn with_rights(namespace: &Namespace, rights: &[&str]) -> String {
    let copy = format!("{SCRATCH_DIR}/probe.{}", rights.len());
    let copied = namespace.enter(|| {
        let _ = std::fs::remove_file(&copy);
        std::fs::copy(Path::new(env!("CARGO_BIN_EXE_probe")), &copy)?;
        Ok(())
    });
    copied.unwrap();
    let mut setcap = namespace.command("setcap");
    setcap.arg(format!("{}+ep", rights.join(","))).arg(&copy);
    if !rights.is_empty() {
        run(setcap, LIMIT).unwrap();
    }
    copy
}

/// That copy, called by the user.
fn as_user(namespace: &Namespace, program: &str, arguments: &[&str]) -> Command {
    let mut command = namespace.command("setpriv");
    command.args(["--reuid", USER, "--regid", USER, "--clear-groups", "--inh-caps", "-all"]);
    command.arg(program).args(arguments);
    command
}

fn syns() -> Vec<Vec<u8>> {
    let tcp = Tcp { source: 1, destination: 80, flags: tcp_flags::SYN, ..Tcp::default() };
    vec![Frame::ipv4(CLIENT_V4, SERVER_V4).tcp(tcp).build(); 500]
}

#[test]
fn three_capabilities_are_enough() {
    if !ready() {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let program = with_rights(&pair.server, &ALL);
    let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
    for hook in ["xdp-native", "xdp-generic", "tcx"] {
        let start = |arguments: &[&str]| {
            let running = Running::spawn(as_user(&pair.server, &program, arguments)).unwrap();
            running.wait_for_line("probe: attached to", LIMIT).unwrap();
            running
        };
        let count =
            start(&["count", "-i", SERVER_LINK, "--hook", hook, "--format", "json", "@syn"]);
        sender.send(&syns()).unwrap();
        let totals = Totals::of(count);
        assert_eq!(totals.packets("match"), 500, "{hook}");

        let capture = ["capture", "-i", SERVER_LINK, "--hook", hook, "-c", "500", "@syn"];
        let capture = start(&capture);
        // Nothing is left of the rights once the programs are attached.
        let status = std::fs::read_to_string(format!("/proc/{}/status", capture.id())).unwrap();
        for set in ["CapInh:", "CapPrm:", "CapEff:"] {
            let line = status.lines().find(|line| line.starts_with(set)).unwrap();
            assert_eq!(line.split_whitespace().nth(1), Some("0000000000000000"), "{line}");
        }
        sender.send(&syns()).unwrap();
        let finished = capture.wait(LIMIT).unwrap();
        assert_eq!(finished.status.code(), Some(0), "{hook}: {}", finished.stderr);
        assert_eq!(finished.text().lines().count(), 500, "{hook}");
        let ledger = ledger(&finished.stderr);
        assert_eq!((ledger[CHOSEN], ledger[DELIVERED]), (500, 500), "{}", finished.stderr);

        let rate = start(&["rate", "-i", SERVER_LINK, "--hook", hook, "-c", "500", "@syn"]);
        sender.send(&syns()).unwrap();
        let finished = rate.wait(LIMIT).unwrap();
        assert!(finished.text().contains("\n500 packets, "), "{hook}: {}", finished.stderr);
    }
}

#[test]
fn the_missing_one_is_named() {
    if !ready() {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    for missing in ALL {
        let rights: Vec<&str> = ALL.into_iter().filter(|&right| right != missing).collect();
        let program = with_rights(&pair.server, &rights);
        for arguments in [
            &["count", "-i", SERVER_LINK, "@syn"][..],
            &["count", "-i", SERVER_LINK, "--hook", "tcx", "@get"],
            &["rate", "-i", SERVER_LINK, "-t", "1s", "payload[2:2] = 1"],
        ] {
            let command = as_user(&pair.server, &program, arguments);
            let running = Running::spawn(command).unwrap();
            // Where a right is not needed after all, it attaches: that would be news.
            let finished = running.wait(LIMIT).unwrap();
            let said = format!("{missing} {arguments:?}: {}", finished.stderr);
            assert_eq!(finished.status.code(), Some(1), "{said}");
            let named = format!("{} is missing", missing.to_uppercase());
            assert!(finished.stderr.contains(&named), "{said}");
        }
    }
    let program = with_rights(&pair.server, &[]);
    let command = as_user(&pair.server, &program, &["count", "-i", SERVER_LINK]);
    let finished = Running::spawn(command).unwrap().wait(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(1), "{}", finished.stderr);
    let named = "CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON are missing";
    assert!(finished.stderr.contains(named), "{}", finished.stderr);
}
