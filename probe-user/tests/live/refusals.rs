//! What it says when it cannot, and the exit code that goes with it.

use testbed::{Namespace, Running, SERVER_LINK, requirements::met};

use crate::rig::{LIMIT, NEEDS, attached, beside_others, probe, quiet_pair};

/// Runs to the end; gives exit code and standard error.
fn said(namespace: &Namespace, arguments: &[&str]) -> (Option<i32>, String) {
    let running = Running::spawn(probe(namespace, arguments)).unwrap();
    let finished = running.wait(LIMIT).unwrap();
    (finished.status.code(), finished.stderr)
}

#[test]
fn refusals_name_the_thing_and_the_way_out() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let server = &pair.server;
    let table: &[(&[&str], i32, &[&str])] = &[
        (&["count", "-i", "srv1", "@syn"], 2, &["srv1", SERVER_LINK]),
        (&["count", "-i", SERVER_LINK, "tcp port"], 2, &["tcp port", "^"]),
        (&["count", "-i", SERVER_LINK, "@nothing"], 2, &["@nothing", "^"]),
        (&["count", "-i", SERVER_LINK, "--hook", "xpd"], 2, &["--hook", "xpd"]),
        (&["count", "-i", SERVER_LINK, "-Q", "out", "--hook", "xdp"], 2, &["--hook tcx"]),
        (&["count", "-i", SERVER_LINK, "--interval", "soon"], 2, &["--interval"]),
        (&["count", "-r", "/dev/shm/absent.pcap"], 1, &["/dev/shm/absent.pcap", "No such file"]),
        (&["count", "-r", "/proc/self/environ"], 1, &["neither a pcap nor a pcapng"]),
        (
            &["count", "-i", SERVER_LINK, "--rules", "/dev/shm/absent.toml"],
            1,
            &["/dev/shm/absent.toml"],
        ),
        (&["capture", "-i", SERVER_LINK, "-w", "/absent/a.pcap"], 1, &["/absent/a.pcap"]),
        (&["count", "-i", SERVER_LINK, "--rule", "a=tcp", "--rule", "a=udp"], 2, &["a"]),
        // The loopback driver has no native XDP.
        (&["count", "-i", "lo", "--hook", "xdp-native"], 1, &["lo", "xdp-generic"]),
    ];
    for (arguments, code, parts) in table {
        let (got, stderr) = said(server, arguments);
        assert_eq!(got, Some(*code), "{arguments:?}: {stderr}");
        for part in *parts {
            assert!(stderr.contains(part), "{arguments:?} does not say {part:?}: {stderr}");
        }
    }
}

/// Two branches to go for each alternative, of which the verifier remembers 8,192.
#[test]
fn what_the_verifier_does_not_follow_to_the_end_is_too_complex() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let alternative = |n| format!("host 10.0.{}.{} and tcp[{}:2]={n}", n % 200, n % 250, n % 40);
    let alternatives: Vec<String> = (0..1630).map(|n| format!("({})", alternative(n))).collect();
    let text = alternatives.join(" or ");
    let arguments = ["count", "-i", SERVER_LINK, "--hook", "tcx", "--duration", "1ms", &text];
    let (code, stderr) = said(&pair.server, &arguments);
    assert_eq!(code, Some(1), "{stderr}");
    for part in ["which is too complex", "fewer or shorter rules"] {
        assert!(stderr.contains(part), "{part}: {stderr}");
    }
}

#[test]
fn an_occupied_hook_is_named() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let _first = attached(&pair.server, &["count", "-i", SERVER_LINK, "--hook", "xdp"]);
    let (code, stderr) = said(&pair.server, &["count", "-i", SERVER_LINK, "--hook", "xdp"]);
    assert_eq!(code, Some(1), "{stderr}");
    for part in [SERVER_LINK, "probe_xdp", "--hook tcx"] {
        assert!(stderr.contains(part), "{part}: {stderr}");
    }
    // tcx stands beside it, and beside itself.
    let _second = attached(&pair.server, &["count", "-i", SERVER_LINK, "--hook", "tcx"]);
    let third = attached(&pair.server, &["count", "-i", SERVER_LINK]);
    assert!(third.stderr().contains("probe: attached to srv0 (tcx), 1 rule"), "{}", third.stderr());
}

#[test]
fn missing_capabilities_are_named() {
    if !met(NEEDS) || !met(&[testbed::requirements::Requirement::Tool("setpriv")]) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let mut command = pair.server.command("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
    command.args(["--bounding-set", "-all", "--inh-caps", "-all"]);
    command.arg(env!("CARGO_BIN_EXE_probe")).args(["count", "-i", SERVER_LINK]);
    let finished = Running::spawn(command).unwrap().wait(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(1), "{}", finished.stderr);
    for part in ["CAP_BPF", "CAP_NET_ADMIN"] {
        assert!(finished.stderr.contains(part), "{}", finished.stderr);
    }
}

/// In a chroot or a container there may be no /sys.
#[test]
fn without_sys_it_is_said_what_is_missing() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    for command in ["count", "capture"] {
        let mut hidden = pair.server.command("unshare");
        let script = "mount -t tmpfs none /sys && exec \"$@\"";
        hidden.args(["--mount", "sh", "-c", script, "sh", env!("CARGO_BIN_EXE_probe"), command]);
        hidden.args(["-i", SERVER_LINK, "--duration", "10ms"]);
        let finished = Running::spawn(hidden).unwrap().wait(LIMIT).unwrap();
        assert_eq!(finished.status.code(), Some(1), "{}", finished.stderr);
        for part in ["/sys/devices/system/cpu/", "No such file", "probe needs /sys: mount it"] {
            assert!(finished.stderr.contains(part), "{command}: {}", finished.stderr);
        }
        assert!(!finished.stderr.contains("--buffer-size"), "{}", finished.stderr);
    }
    // What needs no program needs no /sys.
    let mut hidden = pair.server.command("unshare");
    let script = "mount -t tmpfs none /sys && exec \"$@\"";
    hidden.args(["--mount", "sh", "-c", script, "sh", env!("CARGO_BIN_EXE_probe"), "interfaces"]);
    let finished = Running::spawn(hidden).unwrap().wait(LIMIT).unwrap();
    assert!(finished.text().contains("\nsrv0 "), "{}", finished.text());
}
