//! Programs that take the place of others while these count, without one frame uncounted.
//!
//! The new programs are generated, loaded and verified first, and count in the maps of the old ones.
//! Then each link gets its new program (BPF_LINK_UPDATE), of which the kernel makes one exchange of a
//! pointer: a frame meets the old program or the new one, on every hook, and both raise the same
//! `seen`. What can be refused has been refused before the first link; if the kernel refuses a
//! link all the same, those before it get their old programs back.

use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};

use aya::{
    Ebpf,
    maps::Map,
    programs::{Program, ProgramError},
    sys::SyscallError,
};
use nix::errno::Errno;
use probe_common::names;

use super::{
    Error, Plan, Session, Taken, bpf,
    lists::ListMaps,
    load::{Samplers, load, name_largest_rule, verify_error},
    plan::RulesOf,
    runs::Runs,
    session::{Link, log_diagnostics, verify, wait_for_programs},
    timing::Timing,
};

/// The maps that all programs of a set count in, one after the other: the counters, and what says
/// where they stand. Lists are each generation's own.
const SHARED: [&str; 3] = [names::STATE, names::PLACES, names::RACE];

/// Descriptors of those maps.
pub(super) struct Shared([OwnedFd; SHARED.len()]);

impl Shared {
    /// The maps of an object, before they are taken out of it.
    pub fn of(ebpf: &Ebpf) -> Result<Self, Error> {
        let [state, places, race] = SHARED.map(|name| {
            let own = map_fd(ebpf, name)?.try_clone_to_owned();
            own.map_err(|source| Error::Share { map: name, source })
        });
        Ok(Self([state?, places?, race?]))
    }

    /// Puts these maps in the place of the object's own, whose programs are not in the kernel yet.
    ///
    /// aya's loader makes all maps itself, and has written the numbers of their descriptors into the
    /// programs; what a number stands for the kernel looks up when it is given a program.
    fn put_into(&self, ebpf: &Ebpf) -> Result<(), Error> {
        for (name, shared) in SHARED.into_iter().zip(&self.0) {
            let own = map_fd(ebpf, name)?.as_raw_fd();
            // nix wants the descriptor that is replaced owned, and aya owns it.
            // SAFETY: the number is that of an open descriptor of `ebpf`, which goes on owning
            // it, and nobody has asked yet what it stands for.
            let result = unsafe { libc::dup3(shared.as_raw_fd(), own, libc::O_CLOEXEC) };
            Errno::result(result)
                .map_err(|errno| Error::Share { map: name, source: errno.into() })?;
        }
        Ok(())
    }
}

fn map_fd<'a>(ebpf: &'a Ebpf, name: &'static str) -> Result<BorrowedFd<'a>, Error> {
    match ebpf.map(name) {
        Some(Map::Array(map) | Map::HashMap(map) | Map::PerCpuArray(map)) => Ok(map.fd().as_fd()),
        _ => Err(Error::Missing(name)),
    }
}

/// The programs that are to come, for one set.
struct Next {
    ebpf: Ebpf,
    lists: ListMaps,
    samplers: Samplers,
    rules: usize,
}

impl Session {
    /// Exchanges the rules of all programs while they count.
    ///
    /// The plan has the link types, the hook and the direction of the session; which interfaces
    /// are attached to does not change here. A rule counts on in the counter that has its place:
    /// the first one of the plan in the first counter, and so on. When this returns, no program of
    /// the old rules runs, and `f` was called with what their lists counted since they were last
    /// taken, as by [`take_lists`](super::Programs::take_lists).
    ///
    /// # Errors
    /// See [`Error`]. Nothing has changed then: all programs are the old ones.
    pub fn replace(
        &mut self,
        plan: &Plan<'_>,
        f: &mut dyn FnMut(usize, Taken<'_>),
    ) -> Result<(), Error> {
        self.is_replaceable_by(plan)?;
        let mut timing = Timing::start();
        let mut next = Vec::new();
        for (set, of_link) in self.sets.iter().zip(plan.rules) {
            let links = self.links.iter().filter(|link| self.sets[link.set].link == set.link);
            let loaded = prepare(&set.shared, of_link, plan, links, &mut timing);
            next.push(match (loaded, plan.setting(of_link)) {
                (Err(error), Ok(setting)) => return Err(name_largest_rule(error, &setting)),
                (loaded, _) => loaded?,
            });
        }
        timing.step("verify");
        self.update_links(&mut next)?;
        wait_for_programs();
        timing.step("exchange");
        let mut old_lists = Vec::new();
        for (set, next) in self.sets.iter_mut().zip(next) {
            set.counts.set_rules(next.rules);
            self.replaced += Runs::of(&set.ebpf);
            set.ebpf = next.ebpf;
            set.samplers = next.samplers;
            old_lists.push(std::mem::replace(&mut set.lists, next.lists));
        }
        ListMaps::take(&mut old_lists.iter_mut().collect::<Vec<_>>(), f);
        self.timing = timing;
        Ok(())
    }

    /// Checks what the caller sees to.
    fn is_replaceable_by(&self, plan: &Plan<'_>) -> Result<(), Error> {
        let same_links = self.sets.len() == plan.rules.len()
            && self.sets.iter().zip(plan.rules).all(|(set, of)| set.link == of.link);
        let what = if !same_links {
            "the link types"
        } else if self.hook != plan.hook || self.direction != plan.direction {
            "the hook or the direction"
        } else if !self.filters.is_empty() {
            // A filter would be taken off and another one put there, and both would count for a
            // moment, or none.
            "a clsact filter"
        } else if plan.ring_bytes != 0 {
            "the rings"
        } else {
            return Ok(());
        };
        Err(Error::Replace { what })
    }

    /// Gives each link its new program; or none of them, with the reason.
    fn update_links(&mut self, next: &mut [Next]) -> Result<(), Error> {
        for at in 0..self.links.len() {
            let Err(error) = self.update_link(at, next) else { continue };
            // Backwards, with the programs that were there before.
            for done in (0..at).rev() {
                let link = &self.links[done];
                let old = program_fd(&mut self.sets[link.set].ebpf, link.program)?;
                let back = bpf::update_link(link.fd.as_fd(), old.as_fd());
                if let Err(error) = back.or_else(gone) {
                    log::error!("putting {} back: {error}", link.program);
                }
            }
            return Err(error);
        }
        Ok(())
    }

    fn update_link(&self, at: usize, next: &mut [Next]) -> Result<(), Error> {
        let Link { index, set, program, fd } = &self.links[at];
        let new = program_fd(&mut next[*set].ebpf, program)?;
        bpf::update_link(fd.as_fd(), new.as_fd()).or_else(gone).map_err(|io_error| {
            let interface = self.attachments().iter().find(|it| it.index == *index);
            let interface = interface.map(|it| it.interface.clone()).unwrap_or_default();
            let source = SyscallError { call: "bpf_link_update", io_error }.into();
            Error::Attach { interface, hook: self.hook, source: Box::new(source) }
        })
    }
}

/// The link of an interface that is gone needs no program.
fn gone(error: std::io::Error) -> std::io::Result<()> {
    if error.raw_os_error() == Some(libc::ENOLINK) { Ok(()) } else { Err(error) }
}

/// Loads the programs of a set that the plan and the links need, on the maps of those before.
fn prepare<'l>(
    shared: &Shared,
    of_link: &RulesOf<'_>,
    plan: &Plan<'_>,
    links: impl Iterator<Item = &'l Link>,
    timing: &mut Timing,
) -> Result<Next, Error> {
    let setting = plan.setting(of_link)?;
    let (mut ebpf, samplers) = load(&setting, timing)?;
    shared.put_into(&ebpf)?;
    if plan.diagnostics {
        log_diagnostics(&mut ebpf);
    }
    let lists = ListMaps::open(&mut ebpf, &setting)?;
    verify(&mut ebpf, plan)?;
    for link in links {
        program_fd(&mut ebpf, link.program)?;
    }
    Ok(Next { ebpf, lists, samplers, rules: of_link.rules.len() })
}

/// A program of an object by its name, in the kernel.
fn program_fd(ebpf: &mut Ebpf, name: &'static str) -> Result<OwnedFd, Error> {
    let verified = |source: ProgramError| verify_error(name, source);
    let program = ebpf.program_mut(name).ok_or(Error::Missing(name))?;
    let fd = match program {
        Program::Xdp(program) => {
            if program.fd().is_err() {
                program.load().map_err(verified)?;
            }
            program.fd()
        }
        Program::SchedClassifier(program) => {
            if program.fd().is_err() {
                program.load().map_err(verified)?;
            }
            program.fd()
        }
        _ => return Err(Error::Missing(name)),
    };
    let fd = fd.map_err(verified)?.as_fd().try_clone_to_owned();
    fd.map_err(|source| Error::Share { map: name, source })
}
