//! What it costs to be there: instructions loaded, memory resident.

use std::fs;

use testbed::{
    CLIENT_LINK, CLIENT_V4, Frame, FrameSender, Namespace, Running, SERVER_LINK, SERVER_V4, Tcp,
    requirements::met, run, tcp_flags,
};

use crate::rig::{LIMIT, NEEDS, Totals, alone, attached, quiet_pair};

/// Bytes of translated instructions of the one program that a process holds.
fn loaded_bytes(namespace: &Namespace, running: &Running) -> u64 {
    let descriptors = fs::read_dir(format!("/proc/{}/fdinfo", running.id())).unwrap();
    let id = descriptors
        .filter_map(|entry| fs::read_to_string(entry.unwrap().path()).ok())
        .filter(|info| info.contains("prog_type:"))
        .find_map(|info| {
            info.lines()
                .find_map(|line| line.strip_prefix("prog_id:"))
                .map(str::trim)
                .map(str::to_owned)
        })
        .expect("a program");
    let mut bpftool = namespace.command("bpftool");
    bpftool.args(["--json", "prog", "show", "id", &id]);
    let program: serde_json::Value =
        serde_json::from_str(&run(bpftool, LIMIT).unwrap().text()).unwrap();
    program["bytes_xlated"].as_u64().unwrap()
}

#[test]
fn what_is_off_is_not_loaded() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    let load = |arguments: &[&str]| {
        let mut all = vec![arguments[0], "-i", SERVER_LINK, "--hook", "tcx"];
        all.extend(&arguments[1..]);
        let running = attached(&pair.server, &all);
        loaded_bytes(&pair.server, &running)
    };
    let count = load(&["count", "@syn"]);
    let capture = load(&["capture", "-w", "/dev/null", "@syn"]);
    let diagnosed = load(&["capture", "-w", "/dev/null", "--diagnostics", "@syn"]);
    let sampled = load(&["capture", "-w", "/dev/null", "--sample", "10", "@syn"]);
    let by_flow =
        load(&["capture", "-w", "/dev/null", "--sample", "10", "--sample-flows", "10", "@syn"]);
    assert!(sampled < by_flow, "connections are hashed unasked: {sampled} {by_flow}");
    assert!(count < capture, "sampling is loaded for a count: {count} {capture}");
    // Each kind of list is loaded where it is asked for. What a rule's key takes is in both.
    let top = load(&["count", "--by", "src", "@syn"]);
    let distinct = load(&["count", "--distinct", "src", "@syn"]);
    let both = load(&["count", "--by", "src", "--distinct", "src", "@syn"]);
    println!("bytes loaded: count {count}, top {top}, distinct {distinct}, both {both}");
    assert!(count < top && top < both, "{count} {top} {both}");
    assert!(count < distinct && distinct < both, "{count} {distinct} {both}");
    assert!(capture < diagnosed, "diagnostics are loaded unasked: {capture} {diagnosed}");
}

#[test]
fn counting_stays_small() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    let arguments =
        ["count", "-i", SERVER_LINK, "--hook", "tcx", "--format", "json", "--interval", "100ms"];
    let running = attached(&pair.server, &arguments);
    let tcp = Tcp { source: 1, destination: 80, flags: tcp_flags::SYN, ..Tcp::default() };
    let frame = Frame::ipv4(CLIENT_V4, SERVER_V4).tcp(tcp).build();
    let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
    let sent = sender.send_paced(&[frame], 200_000, None).unwrap();
    let resident = running.memory("VmRSS:").unwrap() / 1024;
    // Of which a build for tests has some 20 MiB of code; see counting_cost.rs.
    assert!(resident < 32 * 1024, "{resident} KiB resident");
    assert_eq!(Totals::of(running).seen.0, sent.frames);
}
