//! The part itself: it loads programs of its own and attaches them, gives up every right, and says once
//! an interval how the ports do. It reads bytes of frames; whoever takes it over by them has nothing but
//! its descriptors, and can say untruths about ports.

use std::{
    future,
    time::{Duration, Instant},
};

use anyhow::Result;
use probe_frame::visible;

use super::{Report, Setup, Told};
use crate::{
    health::{self, Engine},
    kernel::{Direction, Fill, Session},
    privileges::{self, Needs},
    reporter, runtime,
    serve::{
        confine::{Work, confine},
        follower::{Followed, Follower},
        part::Control,
        present::Present,
        process,
        reading::cpu_seconds,
    },
    watch::Changes,
};

/// How often is looked for what may happen beside frames: each time takes system calls.
const EVENTS: Duration = Duration::from_millis(100);

/// Follows connections until nobody wants to know any more.
///
/// # Errors
/// Where it was not started by `probe serve`, and those of reading counters.
pub fn run() -> Result<()> {
    process::leave_signals_to_the_first()?;
    runtime::block_on(async {
        let (setup, mut control) = Control::open::<Setup>().await?;
        let started = Part::start(&setup);
        match control.ready(started).await {
            Some(part) => part.run(control).await,
            None => Ok(()),
        }
    })
}

struct Part {
    engine: Engine,
    follower: Follower,
    changes: Changes,
    interval: Duration,
}

/// What there is to do.
enum Woken {
    /// `None`: nobody listens any more.
    Told(Option<Told>),
    /// Interfaces came or went.
    Changed,
    Nothing,
}

impl Part {
    fn start(setup: &Setup) -> Result<Self> {
        let Setup { settings, user, place } = setup;
        let present = Present::ask(&place.interfaces)?;
        let follower = Follower::new(place.interfaces.clone(), Direction::InOut, false);
        let links = present.interfaces.iter().map(|(_, it)| it.link);
        let attach = |session: &mut Session| follower.attach(session, &present);
        let mut engine = Engine::load(settings, links, attach)?;
        // All files are read here that are read but once, such as that of the number of CPUs.
        engine.begin()?;
        engine.sleep_longer();
        let changes = Changes::watch(engine.attachments(), true)?;
        privileges::drop(user.as_deref(), Needs { maps: true, ..Needs::default() })?;
        for missing in confine(Work { follows_interfaces: true, ..Work::default() }) {
            reporter::note(format_args!("the process of [health] goes without {missing}"));
        }
        Ok(Self { engine, follower, changes, interval: place.interval })
    }

    async fn run(mut self, mut control: Control) -> Result<()> {
        loop {
            match control.told().await {
                Some(Told::Begin) => break,
                Some(Told::Place(place)) => self.go_to(place)?,
                Some(Told::End) | None => return Ok(()),
            }
        }
        self.engine.begin()?;
        let mut next = Instant::now();
        let mut looked = next;
        loop {
            if looked.elapsed() >= EVENTS {
                looked = Instant::now();
                match self.woken(&mut control).await {
                    Woken::Told(Some(Told::Place(place))) => {
                        self.go_to(place)?;
                        next = next.min(Instant::now() + self.interval);
                    }
                    Woken::Told(Some(Told::End)) => {
                        let closed = self.engine.close()?;
                        control.say(&Report::of(closed.report, Fill::default())).await;
                        return closed.detached;
                    }
                    Woken::Told(Some(Told::Begin)) | Woken::Nothing => {}
                    Woken::Told(None) => return Ok(()),
                    Woken::Changed => self.follow()?,
                }
            }
            let now = Instant::now();
            if now >= next {
                let (report, ring) = (self.engine.report()?, self.engine.fill());
                control.say(&Report::of(report, ring)).await;
                // A tick that came late does not make the later ones come in a burst.
                while next <= now {
                    next += self.interval;
                }
            }
            self.engine.look(next)?;
        }
    }

    /// What has happened by now.
    async fn woken(&mut self, control: &mut Control) -> Woken {
        // What came on sockets is noticed by the runtime.
        tokio::task::yield_now().await;
        // No timer: one that is due now wakes a millisecond later.
        tokio::select! {
            biased;
            told = control.told() => Woken::Told(told),
            changes = self.changes.wait() => {
                if changes.is_empty() { Woken::Nothing } else { Woken::Changed }
            }
            () = future::ready(()) => Woken::Nothing,
        }
    }

    fn go_to(&mut self, place: super::Place) -> Result<()> {
        self.interval = place.interval;
        self.follower.set_patterns(place.interfaces);
        self.follow()
    }

    /// Attaches to interfaces that came, and lets go of those that went. The process that counts says
    /// so; here is said what is not as there.
    fn follow(&mut self) -> Result<()> {
        for followed in self.follower.follow(self.engine.session())? {
            if let Followed::Refused(name, error) = followed {
                let name = visible(&name);
                reporter::note(format_args!("[health] leaves {name} out: {error:#}"));
            }
        }
        Ok(())
    }
}

impl Report {
    fn of(report: health::Report, ring: Fill) -> Self {
        let health::Report { ports, followed, .. } = report;
        Self { ports, followed, cpu_seconds: cpu_seconds(), ring }
    }
}
