//! Interfaces that come and go, by themselves and with the configuration.

use testbed::{
    CLIENT_LINK, CLIENT_V4, Frame, FrameSender, Pair, SERVER_LINK, SERVER_V4,
    requirements::{Requirement, met},
    run,
};

use super::{Service, rule};
use crate::{
    rig::{LIMIT, NEEDS, beside_others, quiet_pair},
    unaltered::{ASKED, BRIDGE, NOT_ASKED, PORT, UPPER, lro, with_lro},
};

/// Frames sent to the server's end of the rig, all of which arrived.
fn send(pair: &Pair, frames: usize) {
    let frame = Frame::ipv4(CLIENT_V4, SERVER_V4).udp(1, 2).build();
    let before = pair.server.counters(SERVER_LINK).unwrap();
    let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
    sender.send(&vec![frame; frames]).unwrap();
    pair.server.wait_for_received(SERVER_LINK, before, frames as u64, LIMIT).unwrap();
}

#[test]
fn interfaces_come_and_go() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    for hook in ["tcx", "xdp-generic"] {
        let pair = quiet_pair();
        // Names alone, as no interface has them now, and a glob that has none either.
        let head =
            format!("interfaces = [\"later0\", \"glob*\"]\nnot = \"glob9*\"\nhook = \"{hook}\"\n");
        let all = rule("all", "");
        let service = Service::start(&pair.server, &head, &all, &[]);
        assert!(service.running.stderr().contains("later0: not there now"));
        assert_eq!(service.request("GET", "/readyz", "").status, 503);
        let of_later0 = format!(
            "probe_interface_attached{{device=\"later0\",hook=\"{hook}\",direction=\"in\"}}"
        );
        assert_eq!(service.metric(&of_later0), 0.0);
        let add = |name: &str| format!("link add {name} type veth peer name {name}p");
        let attached = format!("appeared: attached ({hook})");
        for name in ["glob9", "later0", "glob1"] {
            pair.server.ip(&[add(name)]).unwrap();
        }
        for name in ["later0", "glob1"] {
            service.running.wait_for_line(&format!("{name} {attached}"), LIMIT).unwrap();
        }
        assert_eq!(service.request("GET", "/readyz", "").status, 200);
        let on_hook = format!("probe_attached_interfaces{{hook=\"{hook}\"}}");
        // glob1p and later0p: the first is one of the glob.
        service.running.wait_for_line(&format!("glob1p {attached}"), LIMIT).unwrap();
        assert_eq!(service.metric(&on_hook), 3.0);
        assert_eq!(service.metric(&of_later0), 1.0);
        // What a glob has leaves no series behind.
        let text = service.request("GET", "/metrics", "").body;
        assert_eq!(text.matches("device=").count(), 1, "{text}");
        pair.server.ip(&["link del glob1"]).unwrap();
        service.running.wait_for_line("glob1p is gone", LIMIT).unwrap();
        service.running.wait_for_line("glob1 is gone", LIMIT).unwrap();
        assert_eq!(service.metric("probe_interface_events_total{event=\"attached\"}"), 3.0);
        assert_eq!(service.metric("probe_interface_events_total{event=\"gone\"}"), 2.0);
        // Renamed to what is watched, and away from it.
        pair.server.ip(&[format!("link set {SERVER_LINK} down")]).unwrap();
        pair.server.ip(&[format!("link set {SERVER_LINK} name glob7")]).unwrap();
        service.running.wait_for_line(&format!("glob7 {attached}"), LIMIT).unwrap();
        pair.server.ip(&[format!("link set glob7 name {SERVER_LINK}")]).unwrap();
        service.running.wait_for_line("glob7 is gone", LIMIT).unwrap();
        pair.server.ip(&["link del later0"]).unwrap();
        service.running.wait_for_line("later0 is gone", LIMIT).unwrap();
        assert_eq!(service.metric(&of_later0), 0.0);
        service.end();
    }
}

/// A reload that names another interface: it is attached to, the other one let go, and what was
/// counted stays.
#[test]
fn a_reload_names_other_interfaces() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let watched = format!("interfaces = [\"{SERVER_LINK}\"]\n");
    let other = "interfaces = [\"lo\"]\n";
    let service = Service::start(&pair.server, &watched, &rule("all", ""), &[]);
    let counted = || service.metric("probe_rule_packets_total{rule=\"all\"}");
    send(&pair, 7);
    assert_eq!(counted(), 7.0);
    service.write(other, &rule("all", ""));
    assert_eq!(service.reload().0, 200);
    send(&pair, 5);
    assert_eq!(counted(), 7.0);
    service.write(&watched, &rule("all", ""));
    assert_eq!(service.reload().0, 200);
    send(&pair, 3);
    assert_eq!(counted(), 10.0);
    service.end();
}

/// Generic XDP turns LRO off. An interface that a reload lets go has it back at once, and so has what is
/// below it, unless another one that is still attached to is above that, too.
#[test]
fn an_interface_that_a_reload_lets_go_gets_its_offloads_back() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let pair = with_lro();
    let server = &pair.server;
    let head = |names: &[&str]| format!("interfaces = {names:?}\nhook = \"xdp-generic\"\n");
    let all = rule("all", "");
    let service = Service::start(server, &head(&[UPPER, BRIDGE, PORT]), &all, &[]);
    // The bridge's port, to which programs are attached, too.
    let links = || [UPPER, PORT].map(|link| lro(server, link));
    assert_eq!(links(), [NOT_ASKED, NOT_ASKED]);
    for (names, expected) in [
        (&[BRIDGE, PORT][..], [ASKED, NOT_ASKED]),
        (&[BRIDGE][..], [ASKED, NOT_ASKED]),
        (&["lo"][..], [ASKED, ASKED]),
        (&[BRIDGE][..], [ASKED, NOT_ASKED]),
    ] {
        service.write(&head(names), &all);
        assert_eq!(service.reload().0, 200);
        assert_eq!(links(), expected, "{names:?}");
    }
    service.end();
    assert_eq!(links(), [ASKED, ASKED]);
}

/// A link that somebody else takes off is noticed by the next reload, which attaches anew.
#[test]
fn a_link_taken_off_by_others_is_attached_anew() {
    if !met(NEEDS) || !met(&[Requirement::Tool("bpftool")]) {
        return;
    }
    let _turn = beside_others();
    for hook in ["tcx", "xdp-native"] {
        let pair = quiet_pair();
        let head = format!("interfaces = [\"{SERVER_LINK}\", \"lo\"]\nhook = \"{hook}\"\n");
        let head = if hook == "tcx" { head } else { head.replace(", \"lo\"", "") };
        let all = rule("all", "");
        let service = Service::start(&pair.server, &head, &all, &[]);
        let counted = || service.metric("probe_rule_packets_total{rule=\"all\"}");
        send(&pair, 7);
        for link in links(service.running.id()) {
            let mut detach = std::process::Command::new("bpftool");
            detach.args(["link", "detach", "id", &link]);
            let done = run(detach, LIMIT).unwrap();
            assert_eq!(done.status.code(), Some(0), "{}", done.stderr);
        }
        send(&pair, 5);
        assert_eq!(counted(), 7.0, "{hook}");
        assert_eq!(service.reload(), (200, "reloaded\n".into()));
        service.running.wait_for_line(&format!("{SERVER_LINK} appeared: attached"), LIMIT).unwrap();
        send(&pair, 3);
        assert_eq!(counted(), 10.0, "{hook}");
        service.end();
    }
}

/// The numbers of the links that a process has, as the kernel tells them.
fn links(process: u32) -> Vec<String> {
    let entries = std::fs::read_dir(format!("/proc/{process}/fdinfo")).unwrap();
    let info = entries.filter_map(|entry| std::fs::read_to_string(entry.unwrap().path()).ok());
    let number = |info: String| {
        let is_link = info.lines().any(|line| line.starts_with("link_type:"));
        let id = info.lines().find_map(|line| line.strip_prefix("link_id:"))?;
        is_link.then(|| id.trim().to_owned())
    };
    let links: Vec<String> = info.filter_map(number).collect();
    assert!(!links.is_empty());
    links
}
