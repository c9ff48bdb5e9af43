//! Programs attached to interfaces, from the first attachment to the last reading.

use std::{
    os::fd::{AsFd as _, OwnedFd},
    thread,
    time::Duration,
};

use aya::{
    Ebpf,
    programs::{
        ProgramError, SchedClassifier, TcAttachType, Xdp, XdpMode,
        tc::{NlOptions, TcAttachOptions, qdisc_add_clsact},
    },
    sys::SyscallError,
};
use probe_common::names;
use probe_filter::ir::LinkType;
use tokio::io::{Interest, unix::AsyncFd};

use super::{
    Attached, Attachment, Counts, Direction, Error, FlightRings, Hook, Memory, Rings, Taken, bpf,
    clsact::Filter,
    counts::CountMaps,
    error::{Module, errno, is_permission},
    features::Features,
    lists::ListMaps,
    load::{Samplers, Setting, load, name_largest_rule, verify_error},
    occupants::{self, xdp_occupant},
    offloads::{Offloads, TurnedOff},
    plan::{Interface, Plan},
    programs::Programs,
    promiscuous::Promiscuous,
    replace::Shared,
    rtnetlink,
    runs::Runs,
    soundness,
    timing::Timing,
};

/// The programs for interfaces of one link type.
pub(super) struct ProgramSet {
    pub link: LinkType,
    pub ebpf: Ebpf,
    pub counts: CountMaps,
    /// Mapped when its programs are attached first.
    pub lists: ListMaps,
    pub samplers: Samplers,
    /// What programs that take the place of these count in, too.
    pub shared: Shared,
}

/// A program on a hook, for as long as the descriptor is open.
pub(super) struct Link {
    /// The index of the interface that it is on.
    pub index: u32,
    /// The set of the program.
    pub set: usize,
    /// The program's name there.
    pub program: &'static str,
    pub fd: OwnedFd,
}

/// Loaded and attached programs. Dropping it detaches them; so does the end of the
/// process, however it comes, because links belong to it (clsact is the exception).
pub struct Session {
    pub(super) sets: Vec<ProgramSet>,
    pub(super) hook: Hook,
    pub(super) direction: Direction,
    rings: Option<Rings>,
    flight: Option<FlightRings>,
    pub(super) memory: Option<Memory>,
    attachments: Vec<Attachment>,
    pub(super) links: Vec<Link>,
    /// Behind the links: dropped when they are gone.
    turned_off: Vec<TurnedOff>,
    pub(super) filters: Vec<Filter>,
    promiscuous: Option<Promiscuous>,
    pub(super) timing: Timing,
    /// Runs of programs that are gone.
    pub(super) replaced: Runs,
}

impl Session {
    /// Whether all interfaces of a plan are there: told before the programs are loaded.
    ///
    /// # Errors
    /// The first one that is not.
    pub fn find_interfaces(plan: &Plan<'_>) -> Result<(), Error> {
        plan.interfaces.iter().try_for_each(|interface| index(&interface.name).map(drop))
    }

    /// Loads the programs: the kernel's verifier has them, and may take long. Nothing is attached
    /// yet, so that a signal may end the process right here.
    ///
    /// # Errors
    /// See [`Error`]: what failed, and on what.
    pub fn load(plan: &Plan<'_>) -> Result<Self, Error> {
        if plan.hook.is_xdp() && plan.direction.has_egress() {
            return Err(Error::Egress { hook: plan.hook });
        }
        soundness::one_program_at_a_time()?;
        // Rings where stores are not seen in order, the race, and registers that all CPUs share.
        soundness::atomics(plan.ring_bytes != 0 || plan.goal != 0)?;
        let mut timing = Timing::start();
        let (mut sets, mut rings) = (Vec::new(), Vec::new());
        let (mut of_rings, mut memory) = (None, None);
        for of_link in plan.rules {
            let setting = plan.setting(of_link)?;
            let (mut ebpf, samplers) = load(&setting, &mut timing)?;
            let shared = Shared::of(&ebpf)?;
            if plan.diagnostics {
                log_diagnostics(&mut ebpf);
            }
            if plan.ring_bytes != 0 {
                rings.push(ebpf.take_map(names::RINGS).ok_or(Error::Missing(names::RINGS))?);
                of_rings = Some((setting.rings, setting.ring, setting.snaplen));
            }
            let lists = ListMaps::of(&mut ebpf, &setting)?;
            memory = (!setting.order.is_empty()).then_some(setting.memory);
            let (rules, Setting { split, slots, .. }) = (of_link.rules.len(), setting);
            let counts = CountMaps::take(&mut ebpf, rules, split, slots)?;
            let link = of_link.link;
            sets.push(ProgramSet { link, ebpf, counts, lists, samplers, shared });
        }
        let (mut lossless, mut flight) = (None, None);
        match of_rings {
            Some((cpus, layout, snaplen)) if layout.overwrites => {
                flight = Some(FlightRings::open(rings, cpus, layout, snaplen)?);
            }
            Some((cpus, layout, _)) => lossless = Some(Rings::open(rings, cpus, layout)?),
            None => {}
        }
        timing.step("rings");
        let mut session = Self {
            sets,
            hook: plan.hook,
            direction: plan.direction,
            rings: lossless,
            flight,
            memory,
            attachments: Vec::new(),
            links: Vec::new(),
            turned_off: Vec::new(),
            filters: Vec::new(),
            promiscuous: None,
            timing,
            replaced: Runs::default(),
        };
        for (set, of_link) in session.sets.iter_mut().zip(plan.rules) {
            let verified = verify(&mut set.ebpf, plan);
            if let Err(error) = verified {
                return Err(name_largest_rule(error, &plan.setting(of_link)?));
            }
        }
        session.timing.step("verify");
        Ok(session)
    }

    /// Attaches the programs to all interfaces of the plan that they were loaded for; of `any` there may be
    /// some that went while the programs were loaded. Where one fails, the end of the session takes off
    /// those that are attached.
    ///
    /// # Errors
    /// See [`Error`]: what failed, and on what.
    pub fn attach(&mut self, plan: &Plan<'_>, any: bool) -> Result<(), Error> {
        for interface in plan.interfaces {
            let direction = plan.direction_on(&interface.name);
            match self.attach_one(interface, direction) {
                Ok(_) => {}
                Err(_) if any && is_gone(&interface.name) => {}
                // Of a program that is loaded only where another one does not fit the driver.
                Err(error) => {
                    let of_link = plan.rules.iter().find(|of_link| of_link.link == interface.link);
                    let of_link = of_link.ok_or(Error::Missing(names::FILTER))?;
                    return Err(name_largest_rule(error, &plan.setting(of_link)?));
                }
            }
        }
        self.timing.step("attach");
        Ok(())
    }

    fn attach_to(
        &mut self,
        interface: &Interface,
        index: u32,
        direction: Direction,
    ) -> Result<(), Error> {
        let name = &interface.name;
        let set = self.sets.iter().position(|set| set.link == interface.link);
        let set = set.ok_or(Error::Missing(names::FILTER))?;
        self.sets[set].counts.add(name, index, direction)?;
        self.sets[set].lists.map()?;
        let hook = match self.hook {
            Hook::Xdp | Hook::XdpNative | Hook::XdpGeneric => {
                let before = Offloads::of(name);
                let attached = self.attach_xdp(set, name, index);
                self.turned_off.extend(before.turned_off());
                attached?
            }
            Hook::Tcx | Hook::Clsact => self.attach_tc(set, name, index, direction)?,
        };
        let (interface, link) = (name.clone(), interface.link);
        self.attachments.push(Attachment { interface, index, link, hook, direction });
        occupants::remember(self.program_ids());
        Ok(())
    }

    /// Attaches the programs to one interface, which need not be one of the plan; whether the right
    /// to do so is there is the caller's to know.
    ///
    /// # Errors
    /// See [`Error`]: what failed, and on what.
    pub fn attach_one(
        &mut self,
        interface: &Interface,
        direction: Direction,
    ) -> Result<Attachment, Error> {
        // Known before: the interface may be gone behind it.
        let index = index(&interface.name)?;
        if let Err(error) = self.attach_to(interface, index, direction) {
            // Of two directions one may be attached.
            self.forget(index);
            return Err(error);
        }
        self.attachments.last().cloned().ok_or(Error::Missing(names::FILTER))
    }

    /// Puts the interfaces into promiscuous mode until the programs are detached: all but loopbacks,
    /// which have no other hosts' frames, and those that are gone. Needs `CAP_NET_RAW`.
    ///
    /// # Errors
    /// [`Error::Promiscuous`].
    pub fn enter_promiscuous_mode(&mut self, loopbacks: &[String]) -> Result<(), Error> {
        let failed = |source| Error::Promiscuous { source };
        let promiscuous = Promiscuous::new().map_err(failed)?;
        for Attachment { interface, index, .. } in &self.attachments {
            if loopbacks.contains(interface) {
                continue;
            }
            match promiscuous.add(*index) {
                Err(error) if error.raw_os_error() != Some(libc::ENODEV) => {
                    return Err(failed(error));
                }
                _ => {}
            }
        }
        self.promiscuous = Some(promiscuous);
        Ok(())
    }

    /// The hook that the programs were loaded for.
    pub fn hook(&self) -> Hook {
        self.hook
    }

    /// What frames of each program set begin with, in the order of their rings.
    pub fn links(&self) -> Vec<LinkType> {
        self.sets.iter().map(|set| set.link).collect()
    }

    /// Where the time of loading and attaching went.
    pub fn timing(&self) -> &Timing {
        &self.timing
    }

    /// What is attached where.
    pub fn attachments(&self) -> &[Attachment] {
        &self.attachments
    }

    /// The kernel's ids of all programs that are loaded.
    fn program_ids(&self) -> impl Iterator<Item = u32> {
        let programs = self.sets.iter().flat_map(|set| set.ebpf.programs());
        // Of one that is not loaded there is nothing to ask.
        programs.filter_map(|(_, program)| Some(program.info().ok()?.id()))
    }

    /// What attaching turned off on the interfaces, and on those below them. Detaching turns
    /// it on again, for which it needs `CAP_NET_ADMIN`.
    pub fn turned_off(&self) -> &[TurnedOff] {
        &self.turned_off
    }

    /// The rings, once, if the plan asked for them.
    pub fn take_rings(&mut self) -> Option<Rings> {
        self.rings.take()
    }

    /// The rings that overwrite their oldest records, once, if the plan asked for them.
    pub fn take_flight(&mut self) -> Option<FlightRings> {
        self.flight.take()
    }

    /// What the lists of all rules take, if there are any.
    pub fn list_memory(&self) -> Option<Memory> {
        self.memory
    }

    fn attach_xdp(&mut self, set: usize, name: &str, index: u32) -> Result<Attached, Error> {
        let hook = self.hook;
        for &(mode, attached) in xdp_modes(hook) {
            let program = xdp_program(&mut self.sets[set].ebpf, mode)?;
            let fd = program.fd().map_err(|source| attach_error(name, hook, source))?;
            let error = match bpf::link_xdp(fd.as_fd(), index, mode) {
                Ok(fd) => {
                    let program = xdp_name(mode);
                    self.links.push(Link { index, set, program, fd });
                    return Ok(attached);
                }
                Err(error) => error,
            };
            match error.raw_os_error() {
                Some(libc::EOPNOTSUPP) => {}
                // EEXIST: the other mode, native or generic, is in use.
                Some(libc::EBUSY | libc::EEXIST) => {
                    let of_interface = |source| Error::Interface { interface: name.into(), source };
                    let occupant = xdp_occupant(index).map_err(of_interface)?;
                    let occupant = occupant.unwrap_or(super::Occupant { id: None, name: None });
                    return Err(Error::Occupied { interface: name.into(), occupant });
                }
                _ => {
                    let call = "bpf_link_create";
                    let error = SyscallError { call, io_error: error };
                    return Err(attach_error(name, hook, error.into()));
                }
            }
        }
        Err(Error::Unsupported { interface: name.into(), hook })
    }

    fn attach_tc(
        &mut self,
        set: usize,
        interface: &str,
        index: u32,
        direction: Direction,
    ) -> Result<Attached, Error> {
        let hook = self.hook;
        let tcx = hook == Hook::Tcx && Features::of_this_kernel().tcx;
        let failed = |source| attach_error(interface, hook, source);
        let lacks = |module| Error::NoModule { interface: interface.into(), hook, module };
        if !tcx && let Err(error) = qdisc_add_clsact(interface) {
            // ENOENT: no qdisc of this kind, and none to be loaded (qdisc_create in
            // net/sched/sch_api.c).
            if errno(&error) == Some(libc::ENOENT) {
                return Err(lacks(Module::SchIngress));
            }
            // It may be there already; whether it serves shows in a moment.
            log::debug!("adding clsact to {interface}: {error}");
        }
        for (name, attach_type, wanted) in classifiers(direction) {
            if !wanted {
                continue;
            }
            let program: &mut SchedClassifier = program(&mut self.sets[set].ebpf, name)?;
            if tcx {
                let loaded = program.fd().map_err(failed)?;
                let link =
                    bpf::link_tcx(loaded.as_fd(), index, attach_type == TcAttachType::Egress);
                let fd = link.map_err(|io_error| {
                    failed(SyscallError { call: "bpf_link_create", io_error }.into())
                })?;
                self.links.push(Link { index, set, program: name, fd });
                continue;
            }
            let options = TcAttachOptions::Netlink(NlOptions::default());
            let id = program.attach_with_options(interface, attach_type, options);
            let id = id.map_err(|error| match errno(&error) {
                // No filter of this kind (tcf_proto_lookup_ops in net/sched/cls_api.c).
                Some(libc::ENOENT) => lacks(Module::ClsBpf),
                _ => failed(error),
            })?;
            let filter = Filter::new(interface, index, program, id);
            self.filters.push(filter.map_err(failed)?);
        }
        Ok(if tcx { Attached::Tcx } else { Attached::Clsact })
    }
}

impl Programs for Session {
    fn counts(&self) -> Result<Counts, Error> {
        self.sum(CountMaps::read)
    }

    fn quick_counts(&self) -> Result<Counts, Error> {
        self.sum(CountMaps::read_quickly)
    }

    fn take_lists(&mut self, f: &mut dyn FnMut(usize, Taken<'_>)) {
        let mut lists: Vec<&mut ListMaps> =
            self.sets.iter_mut().map(|set| &mut set.lists).collect();
        ListMaps::take(&mut lists, f);
    }

    fn choose_flows(&mut self, one_in: u32) -> Result<(), Error> {
        self.sets.iter_mut().try_for_each(|set| set.samplers.choose_flows(one_in))
    }

    fn follow(&mut self, interface: &Interface) -> Result<Option<Attachment>, Error> {
        let others = !self.sets.iter().any(|set| set.link == interface.link);
        if self.hook.is_xdp() || others {
            return Ok(None);
        }
        self.attach_one(interface, self.direction).map(Some)
    }

    fn forget(&mut self, index: u32) {
        self.attachments.retain(|attachment| attachment.index != index);
        self.links.retain(|link| link.index != index);
        // Those that nothing attached needs off turn on again when they are dropped.
        let attached = || self.attachments.iter().map(|it| it.interface.as_str());
        self.turned_off.retain(|off| off.concerns(attached()));
    }

    fn detach(&mut self) -> Result<(), Error> {
        self.promiscuous = None;
        self.links.clear();
        let mut result = Ok(());
        for filter in std::mem::take(&mut self.filters) {
            result = result.and(filter.take_off());
        }
        wait_for_programs();
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
}

impl Session {
    /// What all program sets counted.
    fn sum(&self, read: impl Fn(&CountMaps) -> Result<Counts, Error>) -> Result<Counts, Error> {
        let mut sets = self.sets.iter();
        let first = sets.next().ok_or(Error::Missing(names::STATE))?;
        sets.try_fold(read(&first.counts)?, |sum, set| Ok(sum.and(&read(&set.counts)?)))
    }
}

/// Puts the programs that the plan needs in any case into the kernel.
pub(super) fn verify(ebpf: &mut Ebpf, plan: &Plan<'_>) -> Result<(), Error> {
    if let Some(&(mode, _)) = xdp_modes(plan.hook).first() {
        return xdp_program(ebpf, mode).map(drop);
    }
    for (name, _, wanted) in classifiers(plan.direction) {
        if wanted {
            let program: &mut SchedClassifier = program(ebpf, name)?;
            program.load().map_err(|source| verify_error(name, source))?;
        }
    }
    Ok(())
}

/// Waits until no CPU runs a program that was taken off before.
///
/// Only tcx waits by itself (`tcx_entry_sync`, include/net/tcx.h). Generic XDP exchanges a pointer
/// (`generic_xdp_install`, net/core/dev.c), drivers and clsact do as they like, and the programs
/// run on under RCU. MEMBARRIER_CMD_GLOBAL is `synchronize_rcu` (kernel/sched/membarrier.c), some
/// 10 ms; with one CPU nothing runs beside us, and it knows that.
pub(super) fn wait_for_programs() {
    /// Longer than a program takes, even where its CPU is taken away for a while (a guest).
    const PAUSE: Duration = Duration::from_millis(50);
    // nix has no membarrier(2), and libc no function for it.
    // SAFETY: the call takes numbers and touches no memory of ours.
    let result = unsafe { libc::syscall(libc::SYS_membarrier, libc::MEMBARRIER_CMD_GLOBAL, 0, 0) };
    if result != 0 {
        // The kernel has it not (CONFIG_MEMBARRIER, nohz_full), or something forbids it.
        thread::sleep(PAUSE);
    }
}

/// The classifiers, their hooks, and whether a direction wants them.
fn classifiers(direction: Direction) -> [(&'static str, TcAttachType, bool); 2] {
    [
        (names::INGRESS, TcAttachType::Ingress, direction.has_ingress()),
        (names::EGRESS, TcAttachType::Egress, direction.has_egress()),
    ]
}

/// The modes of XDP in which a hook is tried, in this order.
const fn xdp_modes(hook: Hook) -> &'static [(XdpMode, Attached)] {
    const NATIVE: (XdpMode, Attached) = (XdpMode::Driver, Attached::XdpNative);
    const GENERIC: (XdpMode, Attached) = (XdpMode::Skb, Attached::XdpGeneric);
    match hook {
        Hook::Xdp => &[NATIVE, GENERIC],
        Hook::XdpNative => &[NATIVE],
        Hook::XdpGeneric => &[GENERIC],
        Hook::Tcx | Hook::Clsact => &[],
    }
}

/// The XDP program for a mode, in the kernel. Drivers get the one for frames with fragments
/// where the kernel knows them, generic XDP never does: there it would take the Ethernet header
/// from whoever comes behind (Linux 6.9 and newer, `skb_cow_data_for_xdp`).
pub(super) fn xdp_program(ebpf: &mut Ebpf, mode: XdpMode) -> Result<&mut Xdp, Error> {
    let name = xdp_name(mode);
    let program: &mut Xdp = program(ebpf, name)?;
    if program.fd().is_err() {
        program.load().map_err(|source| verify_error(name, source))?;
    }
    Ok(program)
}

/// The name of the XDP program for a mode.
fn xdp_name(mode: XdpMode) -> &'static str {
    match mode {
        XdpMode::Driver if Features::of_this_kernel().xdp_fragments => names::XDP,
        _ => names::XDP_LINEAR,
    }
}

pub(super) fn program<'a, P>(ebpf: &'a mut Ebpf, name: &'static str) -> Result<&'a mut P, Error>
where
    &'a mut P: TryFrom<&'a mut aya::programs::Program>,
{
    ebpf.program_mut(name).and_then(|program| program.try_into().ok()).ok_or(Error::Missing(name))
}

pub(super) fn index(name: &str) -> Result<u32, Error> {
    // Not by if_nametoindex(3): it opens a socket of another family, which parts of `probe serve` may
    // not (serve/confine.rs).
    match rtnetlink::link_named(name) {
        Ok(Some(link)) => Ok(link.header.index),
        Ok(None) => Err(Error::UnknownInterface { name: name.into() }),
        Err(source) => Err(Error::Interface { interface: name.into(), source }),
    }
}

fn is_gone(name: &str) -> bool {
    matches!(index(name), Err(Error::UnknownInterface { .. }))
}

fn attach_error(interface: &str, hook: Hook, error: ProgramError) -> Error {
    if is_permission(&error) {
        return Error::Permission { operation: format!("attaching {hook} to {interface}") };
    }
    Error::Attach { interface: interface.into(), hook, source: Box::new(error) }
}

/// Writes what the kernel side logs to the `log` facade, from a task of its own.
pub(super) fn log_diagnostics(ebpf: &mut Ebpf) {
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
