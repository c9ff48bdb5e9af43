//! `probe count` at every hook: packets and bytes of each rule, to the last one.

use testbed::{CLIENT_LINK, Namespace, SERVER_LINK, requirements::met, run};

use super::{HOOKS, KINDS, NEEDS, kinds, send, transfer, watching};
use crate::rig::{LIMIT, Totals, alone, attached, quiet_pair};

const ROUNDS: u64 = 50;

/// Packets and bytes of the frames with these numbers, sent so many times.
fn expected(frames: &[Vec<u8>], numbers: &[usize], rounds: u64) -> (u64, u64) {
    let bytes: usize = numbers.iter().map(|&number| frames[number].len()).sum();
    (numbers.len() as u64 * rounds, bytes as u64 * rounds)
}

#[test]
fn every_hook_counts_what_was_sent() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let frames = kinds();
    let rules: Vec<String> = KINDS.map(|(name, filter, _)| format!("{name}={filter}")).to_vec();
    let pair = quiet_pair();
    for hook in HOOKS.into_iter().chain(["auto"]) {
        let mut arguments = vec!["count", "--format", "json"];
        arguments.extend(rules.iter().flat_map(|rule| ["--rule", rule]));
        let count = watching(&pair, hook, &arguments);
        for _ in 0..ROUNDS {
            send(&pair, &frames);
        }
        let totals = Totals::of(count);
        let all: Vec<usize> = (0..frames.len()).collect();
        assert_eq!(totals.seen, expected(&frames, &all, ROUNDS), "{hook}");
        for (name, filter, numbers) in KINDS {
            let right = expected(&frames, numbers, ROUNDS);
            assert_eq!(totals.rules[name], right, "{hook}: {filter}");
        }
    }
}

/// Frames received and sent: each direction has a program, or a filter, of its own.
#[test]
fn directions_are_told_apart() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let frames = kinds();
    for hook in ["tcx", "clsact"] {
        for (direction, right) in [("in", 24), ("out", 8), ("inout", 32)] {
            let pair = quiet_pair();
            let count = watching(&pair, hook, &["count", "-Q", direction, "--format", "json"]);
            for _ in 0..3 {
                send(&pair, &frames);
            }
            transfer((&pair.server, SERVER_LINK), (&pair.client, CLIENT_LINK), &frames);
            assert_eq!(Totals::of(count).seen.0, right, "{hook} {direction}");
        }
    }
}

/// Two interfaces are counted together.
#[test]
fn two_interfaces_are_counted_together() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let frames = kinds();
    let pair = quiet_pair();
    for hook in ["xdp-generic", "tcx", "clsact"] {
        let arguments =
            ["count", "-i", "lo", "-i", SERVER_LINK, "--hook", hook, "--format", "json", "@get"];
        let count = attached(&pair.server, &arguments);
        send(&pair, &frames);
        transfer((&pair.server, "lo"), (&pair.server, "lo"), &frames);
        let totals = Totals::of(count);
        assert_eq!((totals.seen.0, totals.packets("match")), (16, 4), "{hook}");
    }
}

/// Whether `ip` shows an XDP program on the server's link.
fn has_xdp(server: &Namespace) -> bool {
    let mut ip = server.command("ip");
    ip.args(["link", "show", "dev", SERVER_LINK]);
    run(ip, LIMIT).unwrap().text().contains("xdp")
}

/// A killed probe leaves no XDP program: it was a link, which the kernel took off.
#[test]
fn nothing_stays_of_a_killed_probe() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    for hook in ["xdp-native", "xdp-generic"] {
        let count = watching(&pair, hook, &["count"]);
        assert!(has_xdp(&pair.server), "{hook}: ip does not show it");
        count.signal(libc::SIGKILL).unwrap();
        count.wait(LIMIT).unwrap();
        assert!(!has_xdp(&pair.server), "{hook}: it stayed");
    }
}
