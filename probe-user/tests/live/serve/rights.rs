//! What the two processes may do, and that nothing is left of them.

use std::{fs, path::Path, time::Instant};

use testbed::{
    Running, SERVER_LINK,
    requirements::{Requirement, met},
    run,
};

use super::{Service, children, rule};
use crate::{
    ending::attachments,
    rig::{LIMIT, NEEDS, beside_others, quiet_pair},
};

/// A line of /proc/PID/status.
pub(super) fn status(process: u32, name: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).trim().to_owned()
}

/// The same of each thread of the process that serves HTTP.
pub fn status_of_all(service: &Service, name: &str) -> Vec<String> {
    let serving = worker(service.running.id());
    let threads = fs::read_dir(format!("/proc/{serving}/task")).unwrap();
    let id = |thread: std::io::Result<fs::DirEntry>| thread.unwrap().file_name();
    let ids = threads.map(|thread| id(thread).to_str().unwrap().parse().unwrap());
    ids.map(|id| status(id, name)).collect()
}

/// The process that serves HTTP for another one.
fn worker(of: u32) -> u32 {
    let children = children(of);
    let [worker] = children[..] else { panic!("{children:?}") };
    worker
}

/// CAP_NET_ADMIN, CAP_PERFMON and CAP_BPF (include/uapi/linux/capability.h).
const TO_RELOAD: u64 = 1 << 12 | 1 << 38 | 1 << 39;

#[test]
fn each_process_has_what_it_needs() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let head = format!("interfaces = \"{SERVER_LINK}\"\n");
    for (flags, user, kept) in [
        (&[][..], "", TO_RELOAD),
        (&["--no-reload"], "", 0),
        (&[], "user = \"nobody\"\n", TO_RELOAD),
    ] {
        let head = format!("{head}{user}");
        let service = Service::start(&pair.server, &head, &rule("all", ""), flags);
        // It has confined itself before it answers.
        assert_eq!(service.request("GET", "/healthz", "").status, 200);
        let counting = service.running.id();
        let serving = worker(counting);
        for (process, kept) in [(counting, kept), (serving, 0)] {
            for set in ["CapPrm", "CapEff"] {
                let has = u64::from_str_radix(&status(process, set), 16).unwrap();
                assert_eq!(has, kept, "{set} {flags:?} {user}");
            }
            // What is lent to parts at their start is inheritable, and given to none by itself.
            for (set, kept) in [("CapInh", kept), ("CapBnd", 0), ("CapAmb", 0)] {
                let has = u64::from_str_radix(&status(process, set), 16).unwrap();
                assert_eq!(has, kept, "{set} {flags:?} {user}");
            }
            assert_eq!(status(process, "NoNewPrivs"), "1");
            let is_root = status(process, "Uid").starts_with("0\t");
            assert_eq!(is_root, user.is_empty(), "{user}");
        }
        // A filter of system calls, for the thread that holds passwords against hashes, too.
        assert_eq!(status_of_all(&service, "Seccomp"), ["2", "2"]);
        assert_eq!(status_of_all(&service, "CapPrm"), ["0000000000000000"; 2]);
        service.end();
    }
}

#[test]
fn nothing_is_left_whatever_ends_it() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    for (hook, signal) in [("tcx", libc::SIGKILL), ("xdp", libc::SIGKILL), ("tcx", libc::SIGTERM)] {
        let pair = quiet_pair();
        let head = format!("interfaces = \"{SERVER_LINK}\"\nhook = \"{hook}\"\n");
        let service = Service::start(&pair.server, &head, &rule("all", ""), &[]);
        assert!(!attachments(&pair.server).is_empty(), "{hook}");
        let serving = worker(service.running.id());
        service.running.signal(signal).unwrap();
        let Service { running, folder: _folder } = service;
        running.wait(LIMIT).unwrap();
        let start = Instant::now();
        let exists = || Path::new(&format!("/proc/{serving}")).exists();
        while !attachments(&pair.server).is_empty() || exists() {
            assert!(start.elapsed() < LIMIT, "{hook}, signal {signal}");
        }
    }
}

/// The rights of a pod, as deploy/kubernetes asks for them, are enough to start and to reload: root with
/// three capabilities, and no way to others.
#[test]
fn in_a_pod() {
    if !met(NEEDS) || !met(&[Requirement::Tool("setpriv")]) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let head = format!("interfaces = \"{SERVER_LINK}\"\nhook = \"tcx\"\n");
    let (service, file) = Service::prepare(&head, &rule("all", ""));
    let mut command = pair.server.command("setpriv");
    command.args(["--bounding-set=-all,+bpf,+net_admin,+perfmon", "--inh-caps=-all"]);
    command.args(["--no-new-privs", env!("CARGO_BIN_EXE_probe"), "serve"]).arg(file);
    let service = service(Running::spawn(command).unwrap());
    service.running.wait_for_line("attached to", LIMIT).unwrap();
    assert_eq!(service.request("GET", "/readyz", "").status, 200);
    service.write(&head, &(rule("all", "") + &rule("syn", "@syn")));
    assert_eq!(service.reload().0, 200);
    assert_eq!(service.metric("probe_rules"), 2.0);
    service.end();
}

/// The process that serves HTTP may be ended; another one takes its place, and the counters go on.
#[test]
fn the_server_of_http_is_started_again() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let head = format!("interfaces = \"{SERVER_LINK}\"\ninterval = \"100ms\"\n");
    let service = Service::start(&pair.server, &head, &rule("all", ""), &[]);
    let first = worker(service.running.id());
    let mut kill = pair.server.command("kill");
    kill.args(["-KILL", &first.to_string()]);
    run(kill, LIMIT).unwrap();
    service.running.wait_for_line("the process that serves HTTP ended", LIMIT).unwrap();
    assert_eq!(service.metric("probe_http_restarts_total"), 1.0);
    assert_ne!(worker(service.running.id()), first);
    service.end();
}
