//! clsact filters are no links: anybody may take them off, and put others in their place. What was
//! counted until then stands, the user hears of it, and the others' filters stay.

use testbed::{
    CLIENT_LINK, CLIENT_V4, Frame, FrameSender, Namespace, Pair, SERVER_LINK,
    requirements::{Requirement, met},
    run,
};

use crate::{
    rig::{CHOSEN, DELIVERED, LIMIT, NEEDS, Totals, attached, beside_others, ledger, quiet_pair},
    scattered::NOBODY_V4,
};

/// One that passes all frames, where aya puts the first one.
const FOREIGN: &str = "pref 49152 protocol all handle 1 bpf bytecode 1,6 0 0 0,";

fn tc(namespace: &Namespace, words: &str) -> String {
    let mut tc = namespace.command("tc");
    // The program of bpf bytecode is one word.
    let (words, program) = words.split_once(" bytecode ").unwrap_or((words, ""));
    tc.args(words.split(' '));
    if !program.is_empty() {
        tc.args(["bytecode", program]);
    }
    run(tc, LIMIT).unwrap().text()
}

fn filters(pair: &Pair) -> String {
    tc(&pair.server, &format!("filter show dev {SERVER_LINK} ingress"))
}

fn send(pair: &Pair, count: usize) {
    let before = pair.server.counters(SERVER_LINK).unwrap();
    let frame = Frame::ipv4(CLIENT_V4, NOBODY_V4).udp(1, 7).payload(b"a").build();
    FrameSender::open(&pair.client, CLIENT_LINK).unwrap().send(&vec![frame; count]).unwrap();
    pair.server.wait_for_received(SERVER_LINK, before, count as u64, LIMIT).unwrap();
}

/// What others do to the filter of a probe at work.
const DONE: [&[&str]; 3] = [
    &["qdisc del dev srv0 clsact"],
    &["filter del dev srv0 ingress"],
    &["qdisc del dev srv0 clsact", "qdisc add dev srv0 clsact", "filter add dev srv0 ingress"],
];

#[test]
fn a_filter_that_others_take_off_is_missed() {
    if !met(&[NEEDS, &[Requirement::Tool("tc")]].concat()) {
        return;
    }
    let _turn = beside_others();
    for done in DONE {
        for command in ["count --format json", "capture -w /dev/shm/f.pcap", "rate -t 1h"] {
            let context = format!("{command}, {done:?}");
            let pair = quiet_pair();
            let (command, options) = command.split_once(' ').unwrap();
            let arguments = [command, "-i", SERVER_LINK, "--hook", "clsact"];
            let options: Vec<&str> = options.split(' ').collect();
            let running = attached(&pair.server, &[&arguments[..], &options].concat());
            send(&pair, 5);
            for words in done {
                let adds = words.starts_with("filter add");
                let foreign = if adds { format!("{words} {FOREIGN}") } else { (*words).into() };
                tc(&pair.server, &foreign);
            }
            let others = filters(&pair);
            send(&pair, 3);
            let finished = running.interrupt(LIMIT).unwrap();
            let said = &finished.stderr;
            assert_eq!(finished.status.code(), Some(1), "{context}: {said}");
            assert!(said.contains("took the clsact filter off srv0"), "{context}: {said}");
            let counted = match command {
                "count" => Totals::read(&finished).seen.0,
                "capture" => {
                    let ledger = ledger(said);
                    assert_eq!(ledger[CHOSEN], ledger[DELIVERED], "{context}: {said}");
                    ledger[DELIVERED]
                }
                _ => {
                    assert!(finished.text().contains("\n5 packets, "), "{}", finished.text());
                    5
                }
            };
            assert_eq!(counted, 5, "{context}");
            assert_eq!(filters(&pair), others, "{context}");
            assert_eq!(others.is_empty(), done.len() < 3, "{context}: {others}");
        }
    }
}

/// The other filters of the hook are not ours to take off.
#[test]
fn only_our_filter_is_taken_off() {
    if !met(&[NEEDS, &[Requirement::Tool("tc")]].concat()) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    tc(&pair.server, "qdisc add dev srv0 clsact");
    tc(&pair.server, &format!("filter add dev srv0 ingress {FOREIGN}"));
    let others = filters(&pair);
    for direction in ["in", "inout"] {
        let arguments = ["count", "-i", SERVER_LINK, "-Q", direction, "--hook", "clsact"];
        let count = attached(&pair.server, &[&arguments[..], &["--format", "json"]].concat());
        send(&pair, 5);
        assert_ne!(filters(&pair), others);
        assert_eq!(Totals::of(count).seen.0, 5);
        assert_eq!(filters(&pair), others);
    }
}
