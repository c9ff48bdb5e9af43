//! `probe connections -r` and `probe http -r` beside tshark, and beside the truth of captures that the test
//! makes: the same connections, outcomes, retransmissions, requests and responses, and times within a
//! microsecond. Where the two differ on a capture of tcpdump's, the reason stands in `DIFFERENT`.

mod made;
mod ours;
mod theirs;

use std::{collections::BTreeSet, env, fs, path::Path, process::Command};

use testbed::requirements::{Requirement, met};

use made::Made;
use ours::{Connection, Request};
use theirs::Fields;

/// Longest difference between two times, in microseconds: tshark prints them with so many digits.
const EXACT: f64 = 1.0;

/// Why the two differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// The file is damaged: its times have more than a second's microseconds, or go back by years. tshark
    /// makes other times of them.
    Times,
    /// Long silence between two frames of the same ports: here another connection begins behind it, see
    /// `Limits`; tshark has no limit.
    Silence,
    /// Frames behind the end, such as a FIN that came again: here they belong to what was told already.
    Late,
    /// A segment that repeats some bytes and brings others: here it is new, there it is late.
    Overlap,
}

/// Captures of which the two say different things, and why.
const DIFFERENT: &[(&str, Why)] = &[
    ("babel_update_oobr.pcap", Why::Times),
    ("beep-oobr.pcap", Why::Times),
    ("bgp-as-path-oobr.pcap", Why::Overlap),
    ("bgp-bgp_capabilities_print-oobr-1.pcap", Why::Times),
    ("bgp-bgp_capabilities_print-oobr-2.pcap", Why::Times),
    ("bgp_mp_reach_nlri-oobr.pcap", Why::Times),
    ("bgp_mvpn_6_and_7_oobr.pcap", Why::Times),
    ("bgp_pmsi_tunnel-oobr.pcap", Why::Times),
    ("heapoverflow-tcp_print.pcap", Why::Times),
    ("hoobr_nfs_printfh.pcap", Why::Times),
    ("kday3.pcap", Why::Silence),
    ("kday4.pcap", Why::Silence),
    ("kday7.pcap", Why::Silence),
    ("of13_ericsson.pcapng", Why::Silence),
    ("pptp.pcap", Why::Late),
    ("rpki-rtr-oobr.pcap", Why::Times),
    ("smb_data_print-segv.pcapng", Why::Times),
    ("ssh.pcap", Why::Late),
    ("tcp-auth-heapoverflow.pcap", Why::Times),
    ("tfo-5c1fa7f9ae91.pcap", Why::Silence),
];

fn ready() -> bool {
    met(&[Requirement::Tool("tshark"), Requirement::Tool("tcpdump")])
}

/// Whether tcpdump finds TCP in a capture; it is many times as fast as tshark.
fn has_tcp(path: &Path) -> bool {
    let mut tcpdump = Command::new("tcpdump");
    let output = tcpdump.args(["-n", "-c", "1", "-r"]).arg(path).arg("tcp").output().unwrap();
    !output.stdout.is_empty()
}

fn near(one: Option<f64>, other: Option<f64>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => (one - other).abs() <= EXACT,
        (None, None) => true,
        _ => false,
    }
}

/// Compares a capture: what is different, with the connection that it is about.
fn compare(path: &Path, frames: &[Fields]) -> (usize, Vec<String>) {
    let theirs = theirs::connections(frames);
    let mut ours = ours::connections(path);
    let mut different = Vec::new();
    let count = theirs.len();
    for theirs in theirs {
        let found = ours.iter().position(|ours| {
            ours.ends() == theirs.ends() && near(Some(ours.started), Some(theirs.started))
        });
        let Some(found) = found else {
            different.push(format!("theirs alone: {theirs:?}"));
            continue;
        };
        let ours = ours.remove(found);
        let equal = ours.by_end() == theirs.by_end()
            && ours.outcome == theirs.outcome
            && near(Some(ours.duration), Some(theirs.duration))
            && (theirs.handshake.is_none() || near(ours.handshake, theirs.handshake));
        if !equal {
            different.push(format!("ours {ours:?}\n    theirs {theirs:?}"));
        }
    }
    different.extend(ours.into_iter().map(|ours| format!("ours alone: {ours:?}")));
    (count, different)
}

/// Captures of tcpdump's tests that have TCP in them.
#[test]
fn public_captures() {
    if !ready() {
        return;
    }
    let Some(folder) = env::var_os("PROBE_CAPTURES") else {
        assert!(!met(&[Requirement::File("PROBE_CAPTURES (a folder of captures)")]));
        return;
    };
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (mut captures, mut all, mut wrong) = (0, 0, Vec::new());
    let (mut equal, mut visited) = (0, 0);
    for path in files.iter().filter(|path| has_tcp(path)) {
        let frames = theirs::frames(path);
        let (connections, mut different) = compare(path, &frames);
        compare_requests(path, &frames, &mut different);
        captures += usize::from(connections > 0);
        all += connections;
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let known = DIFFERENT.iter().find(|(file, _)| *file == name);
        match (known, different.is_empty()) {
            (None, true) => equal += 1,
            (None, false) => {
                wrong.extend(different.into_iter().map(|text| format!("{name}: {text}")))
            }
            (Some(_), false) => visited += 1,
            (Some((_, why)), true) => wrong.push(format!("{name}: equal, in spite of {why:?}")),
        }
    }
    println!("{captures} captures, {equal} of them equal, {all} connections");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(visited, DIFFERENT.len(), "captures that are there and different");
    assert!(captures >= 10, "{captures} captures");
}

/// The same requests and responses, in the order of time.
fn compare_requests(path: &Path, frames: &[Fields], different: &mut Vec<String>) {
    let (ours, theirs) = (ours::requests(path), theirs::requests(frames));
    let same = ours.iter().zip(&theirs).all(|(ours, theirs)| same_request(ours, theirs));
    if ours.len() != theirs.len() || !same {
        different.push(format!("requests: ours {ours:?}\n    theirs {theirs:?}"));
    }
}

fn same_request(one: &Request, other: &Request) -> bool {
    let key = |request: &Request| {
        let Request { client, method, path, status, .. } = request.clone();
        (client, method, path, status)
    };
    key(one) == key(other) && near(one.first_byte, other.first_byte)
}

/// Five captures with loss on either side of the place of capture, with reordering and retransmissions.
#[test]
fn captures_with_loss_and_reordering() {
    if !ready() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    let (mut all, mut requests, mut again) = (0, 0, 0);
    for seed in 1..=5 {
        let path = folder.path().join(format!("{seed}.pcap"));
        let Made { connections, requests: made, clean } = made::write(&path, seed);
        let ours = ours::connections(&path);
        compare_with_truth(seed, &ours, &connections, &mut wrong);
        let found = ours::requests(&path);
        for (truth, ours) in made.iter().zip(&found) {
            if !same_request(truth, ours) {
                wrong.push(format!("seed {seed}:\n    truth {truth:?}\n    ours  {ours:?}"));
            }
        }
        if made.len() != found.len() {
            wrong.push(format!("seed {seed}: {} requests, ours {}", made.len(), found.len()));
        }
        let frames = theirs::frames(&path);
        let (count, different) = compare(&path, &frames);
        wrong.extend(different.into_iter().map(|text| format!("seed {seed}: {text}")));
        let theirs = theirs::requests(&frames);
        wrong.extend(missing_theirs(&theirs, &made, &clean, seed));
        all += count;
        requests += made.len();
        again += connections
            .iter()
            .map(|connection| connection.again[0] + connection.again[1])
            .sum::<u64>();
    }
    println!("{all} connections, {requests} requests, {again} segments late or again");
    assert!(
        wrong.is_empty(),
        "{} differences\n{}",
        wrong.len(),
        wrong[..wrong.len().min(8)].join("\n")
    );
    assert!(again > 100, "{again}");
}

/// What tshark paired is paired so here. It looks at segments one by one, for its times to be those of first
/// bytes: so it pairs fewer, and has no more of a request line than its first segment. Where a first segment came
/// twice it counts two requests, and all pairs behind that are wrong: such connections are left out.
fn missing_theirs(
    theirs: &[Request],
    truth: &[Request],
    clean: &BTreeSet<String>,
    seed: u64,
) -> Vec<String> {
    let is_true = |theirs: &Request| {
        truth.iter().any(|truth| {
            let begins = truth.path.starts_with(&theirs.path);
            begins && same_request(&Request { path: theirs.path.clone(), ..truth.clone() }, theirs)
        })
    };
    theirs
        .iter()
        .filter(|theirs| theirs.status.is_some() && clean.contains(&theirs.client))
        .filter(|theirs| !is_true(theirs))
        .map(|theirs| format!("seed {seed}: theirs alone: {theirs:?}"))
        .collect()
}

fn compare_with_truth(
    seed: u64,
    ours: &[Connection],
    truth: &[Connection],
    wrong: &mut Vec<String>,
) {
    if ours.len() != truth.len() {
        wrong.push(format!("seed {seed}: {} connections, ours {}", truth.len(), ours.len()));
    }
    for truth in truth {
        let Some(ours) = ours.iter().find(|ours| ours.ends() == truth.ends()) else {
            wrong.push(format!("seed {seed}: not ours: {truth:?}"));
            continue;
        };
        let same = ours.outcome == truth.outcome
            && ours.packets == truth.packets
            && ours.again == truth.again
            && near(ours.handshake, truth.handshake)
            && near(Some(ours.duration), Some(truth.duration))
            && near(Some(ours.started), Some(truth.started));
        if !same {
            wrong.push(format!("seed {seed}:\n    truth {truth:?}\n    ours  {ours:?}"));
        }
    }
}
