//! What was not seen, and who else looks at the same frames.

use super::{App, Origin, Panel, Shown};

/// The programs at one hook of an interface, in the order they run.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Hook {
    /// Name of the interface.
    pub interface: String,
    /// Which hook: `xdp`, `tcx in`, `tcx out`.
    pub hook: String,
    /// The programs there.
    pub programs: Vec<Neighbour>,
}

/// A program at a hook.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Neighbour {
    /// The kernel's id of it.
    pub id: u32,
    /// Its name, where that may be asked for.
    pub name: Option<String>,
    /// Whether this process has put it there.
    pub ours: bool,
}

/// Frames that a session of ours should have had, and what became of them.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Share {
    /// What it is for.
    pub what: String,
    /// Frames that it had, where they are counted.
    pub had: Option<u64>,
    /// Those that were lost.
    pub lost: Lost,
}

/// What is known of frames that were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Lost {
    /// So many.
    Frames(u64),
    /// Some.
    Some,
    /// The end will tell.
    Later,
}

/// A capture of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// Whose it is.
    pub name: String,
    /// The file.
    pub file: String,
    /// Frames in it so far.
    pub frames: u64,
    /// Frames that were lost; known at the end.
    pub lost: Option<u64>,
    /// How it has ended, where it has: well, or with these words.
    pub ended: Option<Result<(), String>>,
}

impl App {
    pub(super) fn take_capture(&mut self, capture: Capture) {
        if let Some(ended) = &capture.ended {
            self.message = Some(match ended {
                Ok(()) => {
                    let s = if capture.frames == 1 { "" } else { "s" };
                    format!("{}: {} frame{s}", capture.file, capture.frames)
                }
                Err(error) => format!("w: {error}"),
            });
        }
        match self.captures.iter_mut().find(|it| it.file == capture.file) {
            Some(known) => *known = capture,
            None => self.captures.push(capture),
        }
    }

    /// The capture of a row that goes on.
    pub fn capturing(&self, name: &str) -> Option<&Capture> {
        self.captures.iter().find(|it| it.name == name && it.ended.is_none())
    }

    /// What each of our sessions had and lost.
    pub fn shares(&self) -> Vec<Share> {
        let mut shares = Vec::new();
        let Shown { ports, ports_lost, connections, .. } = self.shown();
        if matches!(ports, Panel::Open(_)) && self.origin == Origin::Live {
            let what = "ports: segments that tell of connections".to_owned();
            shares.push(Share { what, had: None, lost: Lost::Frames(*ports_lost) });
        }
        if let Panel::Open(connections) = connections {
            let what = "connections: frames that tell of them".to_owned();
            let lost = if connections.lost { Lost::Some } else { Lost::Frames(0) };
            shares.push(Share { what, had: Some(connections.frames), lost });
        }
        for capture in &self.captures {
            let what = format!("capture of {}: {}", capture.name, capture.file);
            let lost = match (capture.lost, &capture.ended) {
                (Some(lost), _) => Lost::Frames(lost),
                (None, None) => Lost::Later,
                (None, Some(_)) => Lost::Some,
            };
            shares.push(Share { what, had: Some(capture.frames), lost });
        }
        shares
    }
}
