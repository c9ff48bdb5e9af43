//! A reading as one JSON object on one line: what `/api/v1/snapshot`, `/api/v1/stream` and `--json` have,
//! and what the page and `probe top` show. docs/serve.md describes it for other programs: see the
//! CHANGELOG before changing a field.

use serde::Serialize;

use crate::{
    count::{Snapshot, json},
    health::{self, Port},
};

/// The version of the object. Fields may be added to one; where a field goes, or means something else,
/// this is another number.
const VERSION: u32 = 1;

/// What the object is made of.
pub struct Document<'a> {
    /// The object of `probe count --format json`.
    pub counts: &'a Snapshot,
    /// Chosen frames that were lost, by cause; each cause there is, 0 frames included.
    pub lost: &'a [Loss],
    /// How the ports of `[health]` do.
    pub ports: &'a [Port],
}

/// Frames that were lost by one cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// As in the account of `probe capture`: `lost_in_ring`, `refused`.
    pub cause: &'static str,
    /// How many since the start.
    pub frames: u64,
}

impl Document<'_> {
    /// The line, newline included.
    pub fn line(&self) -> String {
        #[derive(Serialize)]
        struct Object<'a, Counts> {
            version: u32,
            #[serde(flatten)]
            counts: Counts,
            lost: &'a [Loss],
            ports: Vec<health::OfPort<'a>>,
        }
        let Self { counts, lost, ports } = *self;
        let (counts, ports) = (json::object(counts), health::ports(ports));
        let object = Object { version: VERSION, counts, lost, ports };
        String::from_utf8_lossy(&crate::json::line(&object)).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use probe_common::Counter;
    use probe_frame::WallTime;

    use super::*;

    #[test]
    fn golden() {
        let counts = Snapshot {
            time: WallTime::new(1_795_244_401, 0),
            elapsed: std::time::Duration::from_secs(1),
            last: false,
            hook: "tcx".into(),
            interfaces: vec!["eth0".into()],
            seen: Counter { packets: 2, bytes: 120 },
            parts: Vec::new(),
            rules: Vec::new(),
        };
        let lost =
            [Loss { cause: "lost_in_ring", frames: 3 }, Loss { cause: "refused", frames: 0 }];
        let expected = concat!(
            r#"{"version":1,"time":"2026-11-21T07:00:01.000Z","elapsed":1.0,"final":false,"#,
            r#""hook":"tcx","interfaces":["eth0"],"seen":{"packets":2,"bytes":120},"rules":[],"#,
            r#""lost":[{"cause":"lost_in_ring","frames":3},{"cause":"refused","frames":0}],"ports":[]}"#,
            "\n"
        );
        assert_eq!(Document { counts: &counts, lost: &lost, ports: &[] }.line(), expected);
    }
}
