//! The part of `probe serve` that has rights: it loads, attaches, reads, and follows interfaces and
//! the configuration. No byte of a frame or of a request comes here.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use probe_common::Counter;
use probe_frame::visible;
use sd_notify::NotifyState;
use signal_hook::consts::{SIGHUP, SIGUSR2};

use super::{
    Plan,
    devices::Device,
    follower::{Followed, Follower},
    generation::Generation,
    health::Keeper,
    listen::Listeners,
    otlp,
    part::{Hub, Word},
    present::Present,
    reading::{Counted, Reader, Reading, State, Tick},
    recorders::{self, Moment, Recorders, Refusal},
    supported,
    web::{self, Watched, Web},
    worker::{Asked, Told, Worker},
};
use crate::{
    condition::Readings,
    config::Config,
    explain,
    failure::Usage,
    health::{self, Verdict},
    interfaces,
    kernel::{Attachment, Counts, Hook, Programs as _, Session},
    output::Output,
    privileges::{self, Needs},
    reporter,
    signal_pipe::SignalPipe,
    source::{Choice, DirectionChoice, Live},
    stop::{self, Stop},
    watch::{Event, Events},
};

/// How often lists are taken at least, however long the interval is: the counts of a table have 32 bits,
/// and the last minute is put together from what is taken.
const TAKE: Duration = Duration::from_secs(10);

/// Everything that goes on.
pub struct Service<'a> {
    plan: &'a Plan,
    config: Config,
    hook: Hook,
    generation: Generation,
    session: Session,
    follower: Follower,
    state: State,
    reader: Reader,
    /// Asks for the configuration to be read again.
    hangup: SignalPipe,
    /// Asks for recordings.
    request: SignalPipe,
    /// Where the words of parts come in.
    hub: Hub,
    recorders: Recorders,
    health: Keeper,
    worker: Option<Worker>,
    otlp: Option<otlp::Setup>,
    web: Option<Watched>,
    listeners: Listeners,
    output: Option<Output>,
}

impl<'a> Service<'a> {
    /// Loads and attaches, and gives up the rights that are not needed any more. Needs the runtime,
    /// and that no other thread runs yet (see [`privileges::drop`]).
    ///
    /// # Errors
    /// What the kernel refuses, of interfaces that are there.
    pub async fn start(
        plan: &'a Plan,
        config: Config,
        listeners: Listeners,
    ) -> Result<(Self, Stop)> {
        let hook = config.hook.on(config.direction, true);
        let present = Present::ask(&config.interfaces)?;
        say_missing(&present);
        let generation = Generation::first(&config, &present)?;
        let session = generation.load(&config, hook)?;
        let follower = Follower::new(config.interfaces.clone(), config.direction, !plan.no_reload);
        // Both before anybody is told that this is ready.
        let stop = Stop::on_signals().context("watching signals")?;
        let hangup = SignalPipe::watch(&[SIGHUP]).context("watching signals")?;
        let request = SignalPipe::watch(&[SIGUSR2]).context("watching signals")?;
        let mut service = Self {
            plan,
            config,
            hook,
            generation,
            session,
            follower,
            state: State::default(),
            reader: Reader::new(),
            hangup,
            request,
            hub: Hub::new(),
            recorders: Recorders::default(),
            health: Keeper::default(),
            worker: None,
            otlp: None,
            web: None,
            listeners,
            output: None,
        };
        service.state.interfaces_attached =
            service.follower.attach(&mut service.session, &present)?;
        // With all rights that there are, before this process gives up its own.
        let prepared = service.health.prepare(&mut service.hub, &service.config).await?;
        service.health.commit(prepared);
        let prepared = service.recorders.prepare(&service.config, &mut service.hub).await?;
        let nothing = Readings::default();
        service.recorders.take_over(prepared, &service.config.records, &nothing).await;
        let needs = Needs { reload: !plan.no_reload, ..Needs::of(&service.session) };
        privileges::drop(service.config.user.as_deref(), needs)?;
        service.loaded(true);
        service.note_attached();
        if plan.json {
            service.output = Some(Output::start()?);
        }
        if let Some(path) = &service.config.web_config {
            // As it will be read later: by this user, without other rights.
            web::check(path)?;
            service.web = Some(Watched::new(path.clone()));
        }
        service.otlp = service.pushes(&service.config)?;
        service.start_worker()?;
        Ok((service, stop))
    }

    /// Says that everything is attached; scripts and systemd wait for it.
    pub fn announce(&self) {
        let live = Live {
            hook: Choice::Given(self.hook),
            direction: DirectionChoice::Given(self.config.direction),
            ..Live::default()
        };
        if self.session.attachments().is_empty() {
            reporter::say("attached to nothing: none of the interfaces is there yet");
        } else {
            interfaces::announce(&self.session, self.generation.rules.len(), &live);
        }
        notify(&[NotifyState::Ready]);
    }

    /// Goes on until a signal asks for the end.
    ///
    /// # Errors
    /// Those of reading the counters, of the worker's start, and of standard output.
    pub async fn run(&mut self, stop: Stop) -> Result<()> {
        let mut events = Events::watch(stop, self.session.attachments(), true)?;
        let watchdog = sd_notify::watchdog_enabled().map(|period| period / 2);
        self.publish(Tick::Interval)?;
        let mut next = Instant::now() + self.config.interval;
        let mut take = Instant::now() + TAKE;
        let mut alive = Instant::now();
        loop {
            let alive_until = watchdog.map(|period| alive + period);
            let wake = alive_until.map_or(next, |until| until.min(next)).min(take);
            match self.wait(&mut events, wake).await {
                Woken::Event(Event::Stop) => return Ok(()),
                woken => self.handle(woken).await?,
            }
            if alive_until.is_some_and(|until| Instant::now() >= until) {
                notify(&[NotifyState::Watchdog]);
                alive = Instant::now();
            }
            if Instant::now() >= next {
                self.tick().await?;
                // A tick that came late does not make the later ones come in a burst.
                while next <= Instant::now() {
                    next += self.config.interval;
                }
                take = Instant::now() + TAKE;
            } else if Instant::now() >= take {
                self.generation.take_lists(&mut self.session, self.reader.elapsed());
                take = Instant::now() + TAKE;
            }
        }
    }

    /// Does what there is to do.
    async fn handle(&mut self, woken: Woken) -> Result<()> {
        match woken {
            Woken::Event(Event::Changed(_)) => {
                self.follow()?;
                self.publish(Tick::Between)?;
            }
            Woken::Event(Event::Deadline | Event::Stop) => {}
            Woken::Hangup => {
                // What became of it was said, and is counted.
                let _ = self.reload().await;
                self.publish(Tick::Reloaded)?;
            }
            Woken::Request => {
                if let Err(refusal) = self.record(recorders::By::Signal, None)? {
                    reporter::note(format_args!("SIGUSR2: {refusal}"));
                }
            }
            Woken::Asked(Some(Asked::Read)) => self.publish(Tick::Between)?,
            Woken::Asked(Some(Asked::Reload)) => {
                let refused = self.reload().await.err().map(|error| format!("{error:#}"));
                self.publish(Tick::Reloaded)?;
                self.answer(Told::Reloaded(refused));
            }
            Woken::Asked(Some(Asked::Record(rule))) => {
                let asked = self.record(recorders::By::Request, rule.as_deref())?;
                self.answer(Told::Recording(asked));
            }
            Woken::Asked(Some(Asked::Web)) => self.look_at_web(true),
            Woken::Asked(None) => self.worker_ended(),
            Woken::Said(word) => {
                if !self.recorders.hear(&word) {
                    self.health.take(&word).await;
                }
            }
        }
        Ok(())
    }

    /// Ends an interval.
    async fn tick(&mut self) -> Result<()> {
        if self.worker.is_none() {
            self.start_worker()?;
        }
        // Without the rights there are none to lend.
        if !self.plan.no_reload {
            self.health.look_after(&mut self.hub).await;
            self.recorders.restart(&mut self.hub).await;
        }
        self.look_at_web(false);
        self.publish(Tick::Interval)
    }

    async fn wait(&mut self, events: &mut Events, until: Instant) -> Woken {
        let Self { hangup, request, hub, worker, .. } = self;
        let asked = async {
            match worker {
                Some(worker) => worker.asked().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            event = events.wait(until) => Woken::Event(event),
            Ok(()) = hangup.wait() => Woken::Hangup,
            Ok(()) = request.wait() => Woken::Request,
            word = hub.next() => Woken::Said(word),
            asked = asked => Woken::Asked(asked),
        }
    }

    /// Takes the programs off, and tells the last counts.
    ///
    /// # Errors
    /// What detaching says, and those of standard output.
    pub async fn end(mut self) -> Result<()> {
        notify(&[NotifyState::Stopping]);
        let detached = self.session.detach().map_err(explain::kernel);
        self.health.end(&mut self.hub).await;
        let reading = self.read(Tick::Last)?;
        if let Some(output) = self.output.take() {
            output.finish(reading.snapshot.into_bytes(), &stop::requested)?;
        }
        self.recorders.end().await;
        if let Some(worker) = self.worker.take() {
            worker.end().await;
        }
        detached
    }

    /// Reads the counters, and hands them to whoever wants them.
    fn publish(&mut self, tick: Tick) -> Result<()> {
        let reading = self.read(tick)?;
        if tick == Tick::Interval
            && let Some(output) = &mut self.output
        {
            output.offer(reading.snapshot.clone().into_bytes())?;
        }
        if let Some(worker) = &self.worker {
            worker.tell(reading);
        }
        Ok(())
    }

    fn read(&mut self, tick: Tick) -> Result<Reading> {
        if tick.has_lists() {
            self.generation.take_lists(&mut self.session, self.reader.elapsed());
        }
        let start = Instant::now();
        let counts = self.session.counts().map_err(explain::kernel)?;
        let runs = self.session.runs();
        self.state.program_runs = runs.runs;
        self.state.program_seconds = runs.time.as_secs_f64();
        self.state.readings += 1;
        self.state.reading_seconds += start.elapsed().as_secs_f64();
        if tick == Tick::Interval {
            let (of_rules, verdicts) = self.now(&counts);
            let readings = self.reader.readings(&counts, &of_rules, &verdicts);
            self.recorders.watch(Moment { rules: &self.generation.rules, readings });
        }
        let counted = Counted {
            generation: &self.generation,
            counts: &counts,
            attachments: self.session.attachments(),
            health: self.health.health(),
            interval: self.config.interval,
            recorders: self.recorders.views(),
        };
        let reading = self.reader.read(counted, &self.state, tick);
        if tick == Tick::Interval {
            self.generation.begin_interval();
        }
        Ok(reading)
    }

    /// Notes what became of a reload, of which the start is one.
    fn loaded(&mut self, succeeded: bool) {
        self.state.loaded(succeeded);
        self.state.list_memory = self.session.list_memory().map_or(0, |memory| memory.total());
    }

    /// Starts recordings that somebody asks for.
    fn record(
        &mut self,
        by: recorders::By,
        rule: Option<&str>,
    ) -> Result<Result<Vec<String>, Refusal>> {
        let counts = self.session.counts().map_err(explain::kernel)?;
        let (of_rules, verdicts) = self.now(&counts);
        let readings = self.reader.readings(&counts, &of_rules, &verdicts);
        let moment = Moment { rules: &self.generation.rules, readings };
        Ok(self.recorders.ask(by, rule, moment))
    }

    /// What conditions are about: the counts of the rules, in their order, and the verdicts on ports.
    fn now(&self, counts: &Counts) -> (Vec<Counter>, Vec<(health::Service, Verdict)>) {
        let mut counters = self.generation.counts(&counts.rules);
        counters.truncate(self.generation.rules.len());
        (counters, self.health.verdicts())
    }

    /// Answers what the worker asked.
    fn answer(&self, answer: Told) {
        if let Some(worker) = &self.worker {
            // Whoever does not read what it asked for goes without.
            let _ = worker.answer(answer);
        }
    }

    /// Reads the configuration again, and puts its rules to work. Nothing changes where anything is
    /// wrong with it.
    async fn reload(&mut self) -> Result<()> {
        let reloading = NotifyState::monotonic_usec_now();
        notify(
            &[&[NotifyState::Reloading][..], &reloading.into_iter().collect::<Vec<_>>()].concat(),
        );
        let start = Instant::now();
        let result = self.try_reload().await;
        self.loaded(result.is_ok());
        match &result {
            Ok(()) => {
                self.state.reloads += 1;
                let (rules, took) = (self.generation.rules.len(), start.elapsed().as_secs_f64());
                reporter::say(format_args!("reloaded: {rules} rules, in {took:.3} s"));
            }
            Err(error) => {
                self.state.reloads_refused += 1;
                reporter::say(format_args!("not reloaded, all goes on as before: {error:#}"));
            }
        }
        notify(&[NotifyState::Ready]);
        result
    }

    async fn try_reload(&mut self) -> Result<()> {
        if self.plan.no_reload {
            return Err(Usage::new("--no-reload gave up the rights that it takes").into());
        }
        if self.plan.file.as_os_str() == "-" {
            return Err(Usage::new("the configuration came from standard input").into());
        }
        let config = Config::read(&self.plan.file)?;
        supported(&config)?;
        self.same_frame(&config)?;
        let otlp = self.pushes(&config)?;
        let present = Present::ask(&config.interfaces)?;
        let counted = self.session.counts().map_err(explain::kernel)?.rules;
        let next = self.generation.next(&config, &present, &counted)?;
        let recorders = self.recorders.prepare(&config, &mut self.hub).await?;
        let health = match self.health.prepare(&mut self.hub, &config).await {
            Ok(health) => health,
            Err(error) => {
                recorders.end().await;
                return Err(error);
            }
        };
        let now = self.reader.elapsed();
        if let Err(error) =
            self.generation.exchange(next, &mut self.session, &config, self.hook, now)
        {
            recorders.end().await;
            health.end().await;
            // A link that did not take its old program back was let go.
            self.follow()?;
            return Err(error);
        }
        self.health.commit(health);
        self.config = config;
        self.otlp = otlp;
        self.answer(Told::Otlp(self.otlp.clone().map(Box::new)));
        let counts = self.session.counts().map_err(explain::kernel)?;
        let (of_rules, verdicts) = self.now(&counts);
        let readings = self.reader.readings(&counts, &of_rules, &verdicts);
        self.recorders.take_over(recorders, &self.config.records, &readings).await;
        self.follower.set_patterns(self.config.interfaces.clone());
        say_missing(&present);
        self.follow()
    }

    /// What cannot change while programs count.
    fn same_frame(&self, config: &Config) -> Result<(), Usage> {
        let now = &self.config;
        let endpoint = |config: &'_ Config| config.otlp.as_ref().map(|it| it.endpoint.clone());
        let keys = [
            ("hook", config.hook == now.hook),
            ("direction", config.direction == now.direction),
            ("listen", config.listen == now.listen),
            ("web_config", config.web_config == now.web_config),
            ("user", config.user == now.user),
            // Who pushes can connect to no other place.
            ("the endpoint of [otlp]", endpoint(config) == endpoint(now)),
        ];
        match keys.iter().find(|(_, same)| !same) {
            Some((key, _)) => {
                Err(Usage::new(format!("{key} is another one, which takes a restart")))
            }
            None => Ok(()),
        }
    }

    /// Attaches to the interfaces of the configuration that came, and lets go of those that went.
    /// What cannot be attached to is left out, with a note.
    fn follow(&mut self) -> Result<()> {
        for followed in self.follower.follow(&mut self.session)? {
            match followed {
                Followed::Attached(Attachment { interface, hook, .. }) => {
                    self.state.interfaces_attached += 1;
                    let name = visible(&interface);
                    reporter::say(format_args!("{name} appeared: attached ({hook})"));
                }
                Followed::Gone(_, name) => {
                    self.state.interfaces_gone += 1;
                    reporter::say(format_args!("{} is gone", visible(&name)));
                }
                Followed::Refused(name, error) => {
                    self.state.interfaces_refused += 1;
                    let name = visible(&name);
                    reporter::note(format_args!("{name} appeared, and is left out: {error:#}"));
                }
            }
        }
        self.note_attached();
        Ok(())
    }

    fn note_attached(&mut self) {
        let (config, attachments) = (&self.config, self.session.attachments());
        self.state.attached(attachments);
        self.state.devices =
            Device::all(&config.interfaces, self.hook, config.direction, attachments);
    }

    /// Where metrics are pushed to by a configuration, and with what.
    fn pushes(&self, config: &Config) -> Result<Option<otlp::Setup>> {
        let setup = |otlp| otlp::Setup::of(otlp, self.reader.began());
        config.otlp.as_ref().map(setup).transpose()
    }

    fn start_worker(&mut self) -> Result<()> {
        if self.listeners.is_empty() && self.otlp.is_none() {
            return Ok(());
        }
        let worker = Worker::start(&self.listeners)?;
        worker.answer(Told::Otlp(self.otlp.clone().map(Box::new)));
        match &mut self.web {
            // Where it is not right now, the worker waits until it is, and so does who connects.
            Some(web) => web.forget(),
            None => _ = worker.answer(Told::Web(Some(Box::default()))),
        }
        self.worker = Some(worker);
        self.look_at_web(false);
        Ok(())
    }

    /// Tells the worker what the web config file says, if that is new; where it `asked`, that nothing is
    /// new, too. Where the file has become wrong, all goes on as before.
    fn look_at_web(&mut self, asked: bool) {
        let (Some(web), Some(worker)) = (&mut self.web, &self.worker) else { return };
        let changed = web.changed().transpose().unwrap_or_else(|error| {
            reporter::note(format_args!("HTTP goes on as before: {error:#}"));
            None
        });
        let is_new = changed.is_some();
        let is_told = (is_new || asked) && worker.answer(Told::Web(changed.map(Box::<Web>::new)));
        if is_new && !is_told {
            // It does not listen; it is to be told later.
            web.forget();
        }
    }

    /// Notes that the worker ended. It is started again at the next tick, so that one which ends at
    /// once does not take the CPU; counting goes on meanwhile.
    fn worker_ended(&mut self) {
        if let Some(mut worker) = self.worker.take() {
            worker.say_ended();
            self.state.http_restarts += 1;
        }
    }
}

/// What there is to do.
enum Woken {
    Event(Event),
    Hangup,
    /// Recordings are asked for.
    Request,
    /// The worker wants something; `None`: it has ended.
    Asked(Option<Asked>),
    /// A part said something, or has ended.
    Said(Word),
}

/// Names that no interface has now, and interfaces of other kinds.
fn say_missing(present: &Present) {
    let list =
        |names: &[String]| names.iter().map(|name| visible(name)).collect::<Vec<_>>().join(", ");
    if !present.missing.is_empty() {
        let names = list(&present.missing);
        reporter::note(format_args!("{names}: not there now, attached to when it comes"));
    }
    if !present.others.is_empty() {
        let names = list(&present.others);
        reporter::note(format_args!(
            "{names}: left out, frames begin with neither Ethernet nor IP"
        ));
    }
}

/// Tells systemd, where it asked to be told (sd_notify(3)).
fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        log::warn!("telling systemd: {error}");
    }
}
