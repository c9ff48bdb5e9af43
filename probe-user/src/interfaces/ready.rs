//! The line on stderr that scripts wait for: everything is attached.

use super::{cost, sysfs};
use crate::{
    kernel::{Attachment, Direction, Features, Hook, Session},
    reporter,
    source::{Choice, DirectionChoice, Live},
};

/// Says that everything is attached, and which frames are looked at. Lines before it say what that
/// did to the links, where it did anything, and with `diagnostics` where the time went.
pub fn announce(session: &Session, rules: usize, live: &Live) {
    let attachments = session.attachments();
    for note in cost::notes(attachments, session.turned_off()) {
        reporter::note(note);
    }
    // On a loopback what is received is all that there is.
    let loopback = |it: &Attachment| sysfs::is_loopback(&it.interface);
    let both =
        Attachment::frames(attachments) != Some(Direction::In) || attachments.iter().all(loopback);
    if live.direction == DirectionChoice::Both && !both {
        reporter::note(only_received(live.hook, Features::of_this_kernel().tcx));
    }
    if live.diagnostics {
        reporter::say(format_args!("started in {}", session.timing()));
        if let Some(memory) = session.list_memory() {
            reporter::say(format_args!("lists take {memory}"));
        }
    }
    let places: Vec<String> =
        attachments.iter().map(|a| format!("{} ({})", a.interface, a.hook)).collect();
    let s = if rules == 1 { "" } else { "s" };
    let frames = frames(attachments, live, both);
    reporter::say(format_args!("attached to {}, {rules} rule{s}, {frames}", places.join(", ")));
}

/// Which frames are looked at, and what shows the others where nobody was asked.
fn frames(attachments: &[Attachment], live: &Live, both: bool) -> &'static str {
    match Attachment::frames(attachments) {
        Some(Direction::InOut) => "frames received and sent",
        Some(Direction::Out) => "frames sent",
        _ if both || live.direction != DirectionChoice::Received => "frames received",
        _ => match live.hook {
            Choice::Given(hook) if hook.is_xdp() => "frames received only (XDP sees no others)",
            _ => "frames received only (-Q inout: those sent, too)",
        },
    }
}

/// Why a command that shows both directions where it can does not, and what does.
fn only_received(hook: Choice<Hook>, has_tcx: bool) -> &'static str {
    match (hook, has_tcx) {
        (Choice::Given(_), true) => "received frames only: XDP sees no others; --hook tcx does",
        (Choice::Given(_), false) => "received frames only: XDP sees no others; --hook clsact does",
        (Choice::Auto, _) => {
            "received frames only: this kernel has no tcx (Linux 6.6); --hook clsact, a filter that \
             stays attached if probe is killed, shows those sent, too"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Attached;

    fn said(hook: Choice<Hook>, choice: DirectionChoice, directions: &[Direction]) -> &'static str {
        let attachment = |&direction: &Direction| Attachment {
            interface: "eth0".into(),
            index: 2,
            link: Default::default(),
            hook: Attached::Tcx,
            direction,
        };
        let attachments: Vec<_> = directions.iter().map(attachment).collect();
        let live = Live { hook, direction: choice, ..Live::default() };
        frames(&attachments, &live, false)
    }

    #[test]
    fn which_frames() {
        use Direction::{In, InOut, Out};
        use DirectionChoice::{Both, Given, Received};
        let (auto, xdp) = (Choice::Auto, Choice::Given(Hook::Xdp));
        assert_eq!(said(auto, Both, &[InOut]), "frames received and sent");
        assert_eq!(said(auto, Both, &[In, InOut]), "frames received and sent");
        assert_eq!(said(auto, Given(Out), &[Out]), "frames sent");
        assert_eq!(said(auto, Given(In), &[In]), "frames received");
        let more = "frames received only (-Q inout: those sent, too)";
        assert_eq!(said(auto, Received, &[In]), more);
        assert_eq!(said(xdp, Received, &[In]), "frames received only (XDP sees no others)");
    }

    #[test]
    fn what_shows_the_others() {
        for (hook, has_tcx, flag) in [
            (Choice::Given(Hook::Xdp), true, "--hook tcx"),
            (Choice::Given(Hook::Xdp), false, "--hook clsact"),
            (Choice::Auto, false, "--hook clsact"),
        ] {
            let note = only_received(hook, has_tcx);
            assert!(note.starts_with("received frames only: ") && note.contains(flag), "{note}");
        }
    }
}
