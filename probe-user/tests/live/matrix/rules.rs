//! Many rules in one program, and the number at which an old kernel says no.

use probe::kernel::Features;
use testbed::{CLIENT_V4, CLIENT_V6, Frame, Running, SERVER_LINK, requirements::met};

use super::{HOOKS, NEEDS, send, watching};
use crate::{
    rig::{LIMIT, Totals, alone, probe, quiet_pair},
    scattered::{NOBODY_V4, NOBODY_V6},
};

/// A rule for each of so many ports.
fn rules(count: usize) -> Vec<String> {
    (0..count).map(|port| format!("r{port}=udp dst port {port}")).collect()
}

/// A datagram to each of so many ports, and a second one to every third.
fn datagrams(count: usize) -> Vec<Vec<u8>> {
    let to = |port: usize| match port % 2 {
        0 => Frame::ipv4(CLIENT_V4, NOBODY_V4).udp(1, port as u16).build(),
        _ => Frame::ipv6(CLIENT_V6, NOBODY_V6).udp(1, port as u16).build(),
    };
    (0..count).chain((0..count).step_by(3)).map(to).collect()
}

fn check(hook: &str, count: usize) {
    let pair = quiet_pair();
    let rules = rules(count);
    let mut arguments = vec!["count", "--format", "json"];
    arguments.extend(rules.iter().flat_map(|rule| ["--rule", rule]));
    let counter = watching(&pair, hook, &arguments);
    let frames = datagrams(count);
    send(&pair, &frames);
    let totals = Totals::of(counter);
    assert_eq!(totals.seen.0, frames.len() as u64, "{hook}");
    for port in 0..count {
        let right = if port % 3 == 0 { 2 } else { 1 };
        assert_eq!(totals.packets(&format!("r{port}")), right, "{hook}: port {port}");
    }
}

#[test]
fn sixty_four_rules() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    for hook in HOOKS {
        check(hook, 64);
    }
}

/// Every rule that one program holds.
#[test]
fn all_rules_or_a_refusal_in_words() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    // Linux 6.6, and whoever has it under an older number.
    if Features::of_this_kernel().long_jumps {
        return check("tcx", 1_024);
    }
    let pair = quiet_pair();
    let rules = rules(1_024);
    let mut arguments = vec!["count", "-i", SERVER_LINK, "--hook", "tcx"];
    arguments.extend(rules.iter().flat_map(|rule| ["--rule", rule]));
    let finished = Running::spawn(probe(&pair.server, &arguments)).unwrap().wait(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(1), "{}", finished.stderr);
    for part in ["jumps are too far for a kernel before 6.6", "fewer rules"] {
        assert!(finished.stderr.contains(part), "{}", finished.stderr);
    }
}
