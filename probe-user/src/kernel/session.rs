//! Programs attached to interfaces, from the first attachment to the last reading.

use aya::{
    Ebpf,
    programs::{
        LinkOrder, ProgramError, SchedClassifier, TcAttachType, Xdp, XdpMode,
        links::FdLink,
        tc::{NlOptions, SchedClassifierLinkId, TcAttachOptions, qdisc_add_clsact},
    },
    util::online_cpus,
};
use probe_common::{MAX_SNAPLEN, RingLayout, names};
use probe_filter::{
    ebpf::Flavour,
    ir::{LinkType, VlanView},
};
use tokio::io::{Interest, unix::AsyncFd};

use super::{
    Attached, Counts, Direction, Error, Hook, Rings, RuleSpec,
    counts::CountMaps,
    error::{errno, is_permission},
    load::{Setting, blame, load, verify_error},
    neighbour::xdp_occupant,
    offloads::{Offloads, TurnedOff},
    timing::Timing,
};

/// What to attach, and where.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// Names of the interfaces. Their frames are counted together.
    pub interfaces: &'a [String],
    /// The hook asked for.
    pub hook: Hook,
    /// Which frames are looked at.
    pub direction: Direction,
    /// Those of the interfaces that are loopbacks: what is sent there is received there, and
    /// whoever wants both sees it once, as received, as in tcpdump.
    pub loopbacks: &'a [String],
    /// The rules, in the order of their counters.
    pub rules: &'a [RuleSpec<'a>],
    /// What the frames of these interfaces begin with.
    pub link: LinkType,
    /// Where filters look for the outermost VLAN tag.
    pub vlan: VlanView,
    /// Bytes of a frame that a record carries at most; cut to [`MAX_SNAPLEN`].
    pub snaplen: u32,
    /// Bytes of each CPU's ring, see [`RingLayout`]; 0 makes none.
    pub ring_bytes: usize,
    /// Matches of the sampled rules after which the race of `probe rate` ends; 0: no race.
    pub goal: u64,
    /// Whether the kernel side writes diagnostics through aya-log.
    pub diagnostics: bool,
}

impl Plan<'_> {
    /// Which frames of one interface are looked at.
    fn direction_on(&self, interface: &String) -> Direction {
        match self.direction {
            Direction::InOut if self.loopbacks.contains(interface) => Direction::In,
            direction => direction,
        }
    }
}

/// A program on an interface, or one for each direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Name of the interface.
    pub interface: String,
    /// Its index.
    pub index: u32,
    /// The hook.
    pub hook: Attached,
    /// Which of its frames are looked at.
    pub direction: Direction,
}

/// Loaded and attached programs. Dropping it detaches them; so does the end of the
/// process, however it comes, because links belong to it (clsact is the exception).
pub struct Session {
    ebpf: Ebpf,
    counts: CountMaps,
    rings: Option<Rings>,
    attachments: Vec<Attachment>,
    links: Vec<FdLink>,
    /// Behind the links: dropped when they are gone.
    turned_off: Vec<TurnedOff>,
    filters: Vec<(&'static str, SchedClassifierLinkId)>,
    timing: Timing,
}

impl Session {
    /// Loads the programs and attaches them to all interfaces of the plan, or to none.
    ///
    /// # Errors
    /// See [`Error`]: what failed, and on what.
    pub fn attach(plan: &Plan<'_>) -> Result<Self, Error> {
        if plan.hook.is_xdp() && plan.direction.has_egress() {
            return Err(Error::Egress { hook: plan.hook });
        }
        let indices = plan.interfaces.iter().map(|name| Ok((name, index(name)?)));
        let indices: Vec<_> = indices.collect::<Result<_, Error>>()?;
        let mut timing = Timing::start();
        let snaplen = plan.snaplen.min(MAX_SNAPLEN);
        let ring = RingLayout::new(plan.ring_bytes, snaplen);
        let rings = if plan.ring_bytes == 0 { 1 } else { cpus()? };
        let setting = Setting {
            rules: plan.rules,
            flavour: if plan.hook.is_xdp() { Flavour::Xdp } else { Flavour::Skb },
            link: plan.link,
            vlan: plan.vlan,
            snaplen,
            ring,
            rings,
            goal: plan.goal,
            diagnostics: plan.diagnostics,
            offline: false,
        };
        let mut ebpf = load(&setting, &mut timing)?;
        if plan.diagnostics {
            log_diagnostics(&mut ebpf);
        }
        let rings = match plan.ring_bytes {
            0 => None,
            _ => {
                let map = ebpf.take_map(names::RINGS).ok_or(Error::Missing(names::RINGS))?;
                Some(Rings::open(map, rings, ring)?)
            }
        };
        timing.step("rings");
        let counts = CountMaps::take(&mut ebpf, plan.rules.len())?;
        let mut session = Self {
            ebpf,
            counts,
            rings,
            attachments: Vec::new(),
            links: Vec::new(),
            turned_off: Vec::new(),
            filters: Vec::new(),
            timing,
        };
        session.verify(plan).map_err(|error| blame(error, &setting))?;
        session.timing.step("verify");
        for (name, index) in indices {
            let direction = plan.direction_on(name);
            let hook = match plan.hook {
                Hook::Xdp | Hook::XdpNative | Hook::XdpGeneric => {
                    let before = Offloads::of(name);
                    let attached = session.attach_xdp(name, index, plan.hook)?;
                    session.turned_off.extend(before.turned_off());
                    attached
                }
                Hook::Tcx | Hook::Clsact => session.attach_tc(name, plan.hook, direction)?,
            };
            let interface = name.clone();
            session.attachments.push(Attachment { interface, index, hook, direction });
        }
        session.timing.step("attach");
        Ok(session)
    }

    /// Where the time of [`attach`](Self::attach) went.
    pub fn timing(&self) -> &Timing {
        &self.timing
    }

    /// What is attached where.
    pub fn attachments(&self) -> &[Attachment] {
        &self.attachments
    }

    /// What attaching turned off on the interfaces, and on those below them. Detaching turns
    /// it on again, for which it needs `CAP_NET_ADMIN`.
    pub fn turned_off(&self) -> &[TurnedOff] {
        &self.turned_off
    }

    /// Reads the maps, once.
    ///
    /// # Errors
    /// What the map reads say.
    pub fn counts(&self) -> Result<Counts, Error> {
        self.counts.read()
    }

    /// The rings, if the plan asked for them.
    pub fn rings(&mut self) -> Option<&mut Rings> {
        self.rings.as_mut()
    }

    /// Takes the programs off, and turns on again what attaching turned off. Counts and rings
    /// stay readable, and are final.
    ///
    /// # Errors
    /// What removing a clsact filter or turning features on says; links come off without fail.
    /// All are tried.
    pub fn detach(&mut self) -> Result<(), Error> {
        self.links.clear();
        let mut result = Ok(());
        for (name, id) in std::mem::take(&mut self.filters) {
            let program: &mut SchedClassifier = program(&mut self.ebpf, name)?;
            let detached = program.detach(id);
            result = result.and(detached.map_err(|source| Error::Detach {
                program: name,
                hook: Hook::Clsact,
                source: Box::new(source),
            }));
        }
        for mut off in std::mem::take(&mut self.turned_off) {
            let interface = off.interface().unwrap_or_default();
            let features = off.features().collect::<Vec<_>>().join(" and ");
            let restored = off.restore();
            result = result.and(restored.map_err(|source| Error::Restore {
                interface,
                features,
                source,
            }));
        }
        result
    }

    /// Puts the programs that the plan needs into the kernel.
    fn verify(&mut self, plan: &Plan<'_>) -> Result<(), Error> {
        if plan.hook.is_xdp() {
            return xdp_program(&mut self.ebpf).map(drop);
        }
        for (name, _, wanted) in classifiers(plan.direction) {
            if wanted {
                let program: &mut SchedClassifier = program(&mut self.ebpf, name)?;
                program.load().map_err(|source| verify_error(name, source))?;
            }
        }
        Ok(())
    }

    fn attach_xdp(&mut self, name: &str, index: u32, hook: Hook) -> Result<Attached, Error> {
        if super::release() < (5, 9) {
            // aya would attach by netlink then, over a program that is there, and for good.
            return Err(Error::NoLink { interface: name.into(), hook });
        }
        let program = xdp_program(&mut self.ebpf)?;
        let modes: &[_] = match hook {
            Hook::XdpNative => &[(XdpMode::Driver, Attached::XdpNative)],
            Hook::XdpGeneric => &[(XdpMode::Skb, Attached::XdpGeneric)],
            _ => &[(XdpMode::Driver, Attached::XdpNative), (XdpMode::Skb, Attached::XdpGeneric)],
        };
        for &(mode, attached) in modes {
            match program.attach_to_if_index(index, mode) {
                Ok(id) => {
                    let link = program.take_link(id);
                    let link = link.map_err(|source| attach_error(name, hook, source))?;
                    // Netlink instead of a link: it would outlive us, and goes when dropped.
                    let link: FdLink = link
                        .try_into()
                        .map_err(|_| Error::NoLink { interface: name.into(), hook })?;
                    self.links.push(link);
                    return Ok(attached);
                }
                Err(error) if errno(&error) == Some(libc::EOPNOTSUPP) => {}
                // EEXIST: the other mode, native or generic, is in use.
                Err(error) if matches!(errno(&error), Some(libc::EBUSY | libc::EEXIST)) => {
                    let of_interface = |source| Error::Interface { interface: name.into(), source };
                    let occupant = xdp_occupant(index).map_err(of_interface)?;
                    let occupant = occupant.unwrap_or(super::Occupant { id: None, name: None });
                    return Err(Error::Occupied { interface: name.into(), occupant });
                }
                Err(error) => return Err(attach_error(name, hook, error)),
            }
        }
        Err(Error::Unsupported { interface: name.into(), hook })
    }

    fn attach_tc(
        &mut self,
        interface: &str,
        hook: Hook,
        direction: Direction,
    ) -> Result<Attached, Error> {
        let tcx = hook == Hook::Tcx && super::release() >= Hook::TCX_SINCE;
        let failed = |source| attach_error(interface, hook, source);
        if !tcx && let Err(error) = qdisc_add_clsact(interface) {
            // It may be there already; whether it serves shows in a moment.
            log::debug!("adding clsact to {interface}: {error}");
        }
        for (name, attach_type, wanted) in classifiers(direction) {
            if !wanted {
                continue;
            }
            let program: &mut SchedClassifier = program(&mut self.ebpf, name)?;
            let options = match tcx {
                // First in line: a program after us may end the chain with a verdict.
                true => TcAttachOptions::TcxOrder(LinkOrder::first()),
                false => TcAttachOptions::Netlink(NlOptions::default()),
            };
            let id =
                program.attach_with_options(interface, attach_type, options).map_err(failed)?;
            if tcx {
                let link = program.take_link(id).map_err(failed)?;
                let link = FdLink::try_from(link)
                    .map_err(|_| Error::NoLink { interface: interface.into(), hook })?;
                self.links.push(link);
            } else {
                self.filters.push((name, id));
            }
        }
        Ok(if tcx { Attached::Tcx } else { Attached::Clsact })
    }
}

/// The classifiers, their hooks, and whether a direction wants them.
fn classifiers(direction: Direction) -> [(&'static str, TcAttachType, bool); 2] {
    [
        (names::INGRESS, TcAttachType::Ingress, direction.has_ingress()),
        (names::EGRESS, TcAttachType::Egress, direction.has_egress()),
    ]
}

/// The XDP program, in the kernel: with fragments where the kernel knows them.
pub(super) fn xdp_program(ebpf: &mut Ebpf) -> Result<&mut Xdp, Error> {
    let name = match super::release() >= (5, 18) {
        true => names::XDP,
        false => names::XDP_LINEAR,
    };
    let program: &mut Xdp = program(ebpf, name)?;
    if program.fd().is_err() {
        program.load().map_err(|source| verify_error(name, source))?;
    }
    Ok(program)
}

pub(super) fn program<'a, P>(ebpf: &'a mut Ebpf, name: &'static str) -> Result<&'a mut P, Error>
where
    &'a mut P: TryFrom<&'a mut aya::programs::Program>,
{
    ebpf.program_mut(name).and_then(|program| program.try_into().ok()).ok_or(Error::Missing(name))
}

/// How many CPUs there are, counted to the last one that is online. One that comes online
/// later has no ring: its frames are counted as refused.
pub fn cpus() -> Result<u32, Error> {
    let online = online_cpus().map_err(|(_, source)| Error::Rings { source })?;
    Ok(online.into_iter().max().map_or(1, |last| last + 1))
}

pub(super) fn index(name: &str) -> Result<u32, Error> {
    let unknown = || Error::UnknownInterface { name: name.into() };
    let c_name = std::ffi::CString::new(name).map_err(|_| unknown())?;
    // SAFETY: the string ends in a zero byte and lives through the call.
    match unsafe { libc::if_nametoindex(c_name.as_ptr()) } {
        0 => Err(unknown()),
        index => Ok(index),
    }
}

fn attach_error(interface: &str, hook: Hook, error: ProgramError) -> Error {
    if is_permission(&error) {
        return Error::Permission { operation: format!("attaching {hook} to {interface}") };
    }
    Error::Attach { interface: interface.into(), hook, source: Box::new(error) }
}

/// Writes what the kernel side logs to the `log` facade, from a task of its own.
fn log_diagnostics(ebpf: &mut Ebpf) {
    let logger = match aya_log::EbpfLogger::init(ebpf) {
        Ok(logger) => logger,
        Err(error) => return log::warn!("kernel-side diagnostics: {error}"),
    };
    // SAFETY: the logger owns its descriptor and keeps it until it is dropped, which the
    // AsyncFd that owns the logger does last.
    match unsafe { AsyncFd::register_with_interest(logger, Interest::READABLE) } {
        Ok(mut logger) => {
            tokio::spawn(async move {
                while let Ok(mut ready) = logger.readable_mut().await {
                    ready.get_inner_mut().flush();
                    ready.clear_ready();
                }
            });
        }
        Err(error) => log::warn!("kernel-side diagnostics: {error}"),
    }
}
