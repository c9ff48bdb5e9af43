//! `probe rate -c`: exactly so many matches, of more that come.

use serde_json::Value;
use testbed::requirements::met;

use super::{HOOKS, NEEDS, kinds, send, watching};
use crate::rig::{LIMIT, alone, quiet_pair};

#[test]
fn every_hook_ends_at_the_last_match_asked_for() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let frames = vec![kinds(); 40].concat();
    let pair = quiet_pair();
    for hook in HOOKS {
        let rate = watching(&pair, hook, &["rate", "-c", "100", "--format", "json", "@syn"]);
        send(&pair, &frames);
        let finished = rate.wait(LIMIT).unwrap();
        assert_eq!(finished.status.code(), Some(0), "{hook}: {}", finished.stderr);
        let report: Value = serde_json::from_str(&finished.text()).unwrap();
        let found = (&report["packets"], &report["ended_by"]);
        assert_eq!(found, (&100.into(), &"count".into()), "{hook}: {report}");
    }
}
