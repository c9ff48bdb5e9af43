//! What attaching does to the link: nothing where nobody asked for XDP; where somebody did, what
//! the notes say, and all of it is put back. The witness is ethtool.

use testbed::{CLIENT_LINK, Namespace, Pair, Running, SERVER_LINK, requirements::met, run};

use crate::rig::{LIMIT, NEEDS, alone, attached, probe};

/// A macvlan on the server's link, and a bridge with another as its port: interfaces of this
/// kernel for which LRO can be asked, if only asked for.
pub const UPPER: &str = "mac0";
pub const PORT: &str = "mac1";
pub const BRIDGE: &str = "br0";

/// All features of a link, as `ethtool -k` lists them.
fn features(namespace: &Namespace, link: &str) -> String {
    let mut command = namespace.command("ethtool");
    command.args(["-k", link]);
    run(command, LIMIT).unwrap().text()
}

fn feature(namespace: &Namespace, link: &str, name: &str) -> String {
    let all = features(namespace, link);
    let line = all.lines().find_map(|line| line.trim().strip_prefix(&format!("{name}: ")));
    line.unwrap_or_else(|| panic!("no {name} in {all}")).to_owned()
}

pub fn lro(namespace: &Namespace, link: &str) -> String {
    feature(namespace, link, "large-receive-offload")
}

/// What `lro` says where LRO is asked for, and not.
pub const ASKED: &str = "off [requested on]";
pub const NOT_ASKED: &str = "off";

/// Asks for LRO. ethtool says that it did not get it, and exits with 1: it is only asked for.
fn ask_for_lro(namespace: &Namespace, link: &str, name: &str) {
    let mut command = namespace.command("ethtool");
    command.args(["-K", link, name, "on"]);
    Running::spawn(command).unwrap().wait(LIMIT).unwrap();
    assert_eq!(lro(namespace, link), ASKED, "{link}");
}

/// Those three on the server's side, with LRO asked for below.
pub fn with_lro() -> Pair {
    let pair = Pair::new().unwrap();
    let server = &pair.server;
    let link = format!("link {SERVER_LINK} type macvlan mode bridge");
    let lines = [
        format!("link add {UPPER} {link}"),
        format!("link add {PORT} {link}"),
        format!("link add {BRIDGE} type bridge"),
        format!("link set {PORT} master {BRIDGE}"),
    ];
    let up = [UPPER, PORT, BRIDGE].map(|link| format!("link set {link} up"));
    server.ip(&lines).unwrap();
    server.ip(&up).unwrap();
    ask_for_lro(server, UPPER, "lro");
    ask_for_lro(server, PORT, "lro");
    pair
}

/// The commands as most people type them.
#[test]
fn by_default_nothing_is_changed() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let pair = with_lro();
    let all = || {
        let server = [SERVER_LINK, UPPER, PORT, BRIDGE].map(|link| features(&pair.server, link));
        (features(&pair.client, CLIENT_LINK), server)
    };
    let before = all();
    let interfaces = ["-i", SERVER_LINK, "-i", UPPER, "-i", BRIDGE];
    for command in [&["count"][..], &["rate", "-t", "1h"], &["capture", "-w", "/dev/shm/f"]] {
        for direction in ["in", "out", "inout"] {
            let arguments = [command, &interfaces, &["-Q", direction]].concat();
            let running = attached(&pair.server, &arguments);
            assert_eq!(all(), before, "{arguments:?}");
            let said = running.stderr();
            assert!(!said.contains("note:"), "{said}");
            for part in ["srv0 (tcx)", "mac0 (tcx)", "br0 (tcx)"] {
                assert!(said.contains(part), "{said}");
            }
            running.interrupt(LIMIT).unwrap();
            assert_eq!(all(), before, "{arguments:?}");
        }
    }
}

/// Generic XDP turns LRO off, on what is below a bridge, too. Its end turns it on again, with
/// rights and with those that are left.
#[test]
fn generic_xdp_gives_lro_back() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let pair = with_lro();
    let server = &pair.server;
    for (link, loser) in [(UPPER, UPPER), (BRIDGE, PORT)] {
        for hook in ["xdp-generic", "xdp"] {
            for (user, signal) in
                [("root", libc::SIGINT), ("root", libc::SIGTERM), ("nobody", libc::SIGINT)]
            {
                let arguments = ["count", "-i", link, "--hook", hook, "-Z", user];
                let running = attached(server, &arguments);
                assert_eq!(lro(server, loser), NOT_ASKED, "{arguments:?}");
                let said = running.stderr();
                let note =
                    format!("probe: note: attaching turned rx-lro off on {loser}; probe restores");
                assert!(said.contains(&note), "{said}");
                running.signal(signal).unwrap();
                let finished = running.wait(LIMIT).unwrap();
                assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
                assert_eq!(lro(server, loser), ASKED, "{arguments:?}");
            }
        }
    }
    // Of two interfaces the second fails: what was done to the first is put back.
    let _occupant = attached(server, &["count", "-i", SERVER_LINK, "--hook", "xdp-generic"]);
    let arguments = ["count", "-i", UPPER, "-i", SERVER_LINK, "--hook", "xdp-generic"];
    let refused = Running::spawn(probe(server, &arguments)).unwrap().wait(LIMIT).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{}", refused.stderr);
    assert_eq!(lro(server, UPPER), ASKED);
}

/// SIGKILL leaves it off, and the note names the command that helps.
#[test]
fn what_sigkill_leaves_is_as_the_note_says() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let pair = with_lro();
    let server = &pair.server;
    let running = attached(server, &["capture", "-i", UPPER, "--hook", "xdp"]);
    let said = running.stderr();
    running.signal(libc::SIGKILL).unwrap();
    running.wait(LIMIT).unwrap();
    assert_eq!(lro(server, UPPER), NOT_ASKED);
    assert!(said.contains("If probe is killed, `ethtool -K mac0 rx-lro on` does"), "{said}");
    ask_for_lro(server, UPPER, "rx-lro");
    // Others may turn it off meanwhile, or take the interface away: no failure.
    let running = attached(server, &["count", "-i", UPPER, "--hook", "xdp"]);
    server.ip(&[format!("link delete {UPPER}")]).unwrap();
    let finished = running.wait(LIMIT).unwrap();
    assert!(!finished.stderr.contains("restoring"), "{}", finished.stderr);
}

/// Native XDP on veth: the other end's TSO and GSO, for as long as the program is there.
#[test]
fn native_xdp_on_veth_is_told_and_undone() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let pair = Pair::new().unwrap();
    let before = features(&pair.client, CLIENT_LINK);
    let tso = || feature(&pair.client, CLIENT_LINK, "tcp-segmentation-offload");
    assert_eq!(tso(), "on");
    for signal in [libc::SIGINT, libc::SIGKILL] {
        let running = attached(&pair.server, &["count", "-i", SERVER_LINK, "--hook", "xdp"]);
        assert_ne!(tso(), "on");
        let said = running.stderr();
        let note = "probe: note: xdp-native on srv0 (veth): while attached, the other end's TSO";
        assert_eq!(said.matches(note).count(), 1, "{said}");
        running.signal(signal).unwrap();
        running.wait(LIMIT).unwrap();
        assert_eq!(features(&pair.client, CLIENT_LINK), before);
    }
    // What is asked for by name is told, too: clsact outlives a killed process.
    let running = attached(&pair.server, &["count", "-i", SERVER_LINK, "--hook", "clsact"]);
    let said = running.stderr();
    assert!(said.contains("note: clsact on srv0 (veth): the filter stays attached if"), "{said}");
}

#[test]
fn interfaces_are_listed_with_the_choice_and_its_reason() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let pair = with_lro();
    let list = |arguments: &[&str]| {
        let command =
            probe(&pair.server, &[&["interfaces", SERVER_LINK, UPPER], arguments].concat());
        run(command, LIMIT).unwrap().text()
    };
    let text = list(&[]);
    for part in [
        "hooks tcx, xdp-native, xdp-generic\n    --hook auto is tcx: attaching changes nothing",
        "--hook xdp is xdp-native: while attached, the other end's TSO and GSO",
        "--hook xdp is xdp-generic: the kernel copies most frames",
        "; it turns rx-lro off\n",
    ] {
        assert!(text.contains(part), "no {part:?}: {text}");
    }
    let json: serde_json::Value = serde_json::from_str(&list(&["--json"])).unwrap();
    let choices = &json[0]["choices"];
    assert_eq!((&choices[0]["asked"], &choices[0]["hook"]), (&"auto".into(), &"tcx".into()));
    assert_eq!((&choices[1]["asked"], &choices[1]["hook"]), (&"xdp".into(), &"xdp-native".into()));
    assert!(choices[1]["reason"].as_str().unwrap().contains("veth_xdp_set"), "{json}");
}
