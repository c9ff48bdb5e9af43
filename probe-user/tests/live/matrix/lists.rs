//! `probe count --by` and `--distinct` at every hook: the largest keys, exactly while there are few,
//! and how many there are.

use serde_json::{Value, json};
use testbed::{CLIENT_V4, CLIENT_V6, requirements::met};

use super::{HOOKS, NEEDS, kinds, send, watching};
use crate::rig::{LIMIT, alone, quiet_pair};

const ROUNDS: u64 = 20;

#[test]
fn every_hook_counts_by_keys() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let frames = kinds();
    let pair = quiet_pair();
    // With their numbers in `kinds`: IPv6 1, 2, 4, 7; IPv4 0, 3, 6. A second tag hides the packet of 5,
    // and no port stands right behind the IP header of 2 and 7.
    let source = [(CLIENT_V6.to_string(), 4), (CLIENT_V4.to_string(), 3)];
    let port = [("80".to_owned(), 4), ("53".to_owned(), 1)];
    for hook in HOOKS {
        let arguments =
            ["count", "--format", "json", "--by", "src", "--by", "dport", "--distinct", "src"];
        let count = watching(&pair, hook, &[&arguments[..], &["--rule", "all="]].concat());
        for _ in 0..ROUNDS {
            send(&pair, &frames);
        }
        let finished = count.interrupt(LIMIT).unwrap();
        let text = finished.text();
        let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        let rule = &last["rules"][0];
        assert_eq!(rule["packets"], ROUNDS * frames.len() as u64, "{hook}");
        for (list, right, without) in [(0, &source, 1), (1, &port, 3)] {
            let list = &rule["top"][list];
            let found: Vec<_> = list["keys"].as_array().unwrap().iter().collect();
            assert_eq!(found.len(), right.len(), "{hook}: {list}");
            for (row, (key, times)) in found.iter().zip(right) {
                let packets = times * ROUNDS;
                // Without an interval: nothing was refused.
                let counted = [&row["key"], &row["packets"], &row["low"], &row["high"]];
                let right = [json!(key), json!(packets), json!(packets), json!(packets)];
                assert_eq!(counted, right.each_ref(), "{hook}: {list}");
            }
            assert_eq!(list["other"]["packets"], 0, "{hook}: {list}");
            assert_eq!(list["without"], without * ROUNDS, "{hook}: {list}");
        }
        let distinct = &rule["distinct"][0];
        assert_eq!([&distinct["estimate"], &distinct["low"]], [&json!(2), &json!(2)], "{hook}");
    }
}
