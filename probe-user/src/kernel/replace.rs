//! Programs that take the place of others while these count, without one frame uncounted.
//!
//! The new programs are generated, loaded and verified first, and count in the maps of the old ones.
//! Then each link gets its new program (BPF_LINK_UPDATE), of which the kernel makes one exchange of a
//! pointer: a frame meets the old program or the new one, on every hook, and both raise the same
//! `seen`. What can be refused has been refused before the first link; if the kernel refuses a
//! link all the same, those before it get their old programs back.
//!
//! Lists are each generation's own, since there may be more or fewer of them, and so larger or smaller
//! tables. When programs are gone, what they left in their lists is handed over.

use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};

use aya::{
    Ebpf,
    maps::Map,
    programs::{Program, ProgramError},
    sys::SyscallError,
};
use nix::{errno::Errno, net::if_::if_indextoname};
use probe_common::names;

use super::{
    Error, Memory, Plan, Session, Taken, bpf,
    lists::ListMaps,
    load::{Samplers, load, name_largest_rule, verify_error},
    plan::RulesOf,
    programs::Programs as _,
    runs::Runs,
    session::{Link, ProgramSet, log_diagnostics, verify, wait_for_programs},
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
    memory: Option<Memory>,
    rules: usize,
}

impl Session {
    /// Exchanges the rules of all programs while they count.
    ///
    /// The plan has the link types, the hook and the direction of the session; which interfaces
    /// are attached to does not change here; but one whose link somebody else took off is forgotten,
    /// so that it can be attached to anew. A rule counts on in the counter that has its place:
    /// the first one of the plan in the first counter, and so on. When this returns, no program of
    /// the old rules runs, and `f` was called with what their lists counted since they were last
    /// taken, as by [`take_lists`](super::Programs::take_lists).
    ///
    /// # Errors
    /// See [`Error`]. All programs are the old ones then. Where new ones had run for a moment on links
    /// before the one that was refused, their counters have counted, and `f` was called with what came
    /// in their lists, by the numbers that these have in the plan.
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
            let loaded = prepare(set, of_link, plan, links, &mut timing);
            next.push(match (loaded, plan.setting(of_link)) {
                (Err(error), Ok(setting)) => return Err(name_largest_rule(error, &setting)),
                (loaded, _) => loaded?,
            });
        }
        timing.step("verify");
        let updated = self.update_links(&mut next);
        wait_for_programs();
        timing.step("exchange");
        if updated.is_ok() {
            for (set, next) in self.sets.iter_mut().zip(&mut next) {
                set.counts.set_rules(next.rules);
                std::mem::swap(&mut set.ebpf, &mut next.ebpf);
                std::mem::swap(&mut set.samplers, &mut next.samplers);
                std::mem::swap(&mut set.lists, &mut next.lists);
            }
            self.memory = next.iter().find_map(|next| next.memory);
            self.timing = timing;
        } else {
            // Counters that only the new programs had may be given away again.
            for (set, next) in self.sets.iter_mut().zip(&next) {
                set.counts.set_rules(set.counts.rules().max(next.rules));
            }
        }
        // Those that are gone, whichever they are.
        for gone in &mut next {
            gone.lists.take_at_rest(f);
            self.replaced += Runs::of(&gone.ebpf);
        }
        let taken_off = updated?;
        taken_off.into_iter().for_each(|index| self.forget(index));
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

    /// Gives each link its new program; or none of them, with the reason. Says which interfaces are
    /// there, but have no link any more.
    fn update_links(&mut self, next: &mut [Next]) -> Result<Vec<u32>, Error> {
        let mut taken_off = Vec::new();
        for at in 0..self.links.len() {
            let Link { index, set, program, .. } = self.links[at];
            let new = program_fd(&mut next[set].ebpf, program)?;
            match bpf::update_link(self.links[at].fd.as_fd(), new.as_fd()) {
                Ok(()) => {}
                // Of an interface that is gone, whoever watches interfaces takes note.
                Err(error) if has_no_link(&error) => {
                    taken_off.extend(exists(index).then_some(index));
                }
                Err(error) => {
                    let refused = self.refused_at(index, error);
                    self.put_back(at);
                    return Err(refused);
                }
            }
        }
        Ok(taken_off)
    }

    /// Gives the links before this one the programs back that they had. One that does not take it is
    /// let go: it would count by rules that nobody knows of.
    fn put_back(&mut self, before: usize) {
        let mut lost = Vec::new();
        for at in (0..before).rev() {
            let Link { index, set, program, .. } = self.links[at];
            let back =
                program_fd(&mut self.sets[set].ebpf, program).and_then(
                    |old| match bpf::update_link(self.links[at].fd.as_fd(), old.as_fd()) {
                        Err(error) if !has_no_link(&error) => Err(self.refused_at(index, error)),
                        _ => Ok(()),
                    },
                );
            if let Err(error) = back {
                log::error!("putting {program} back: {error}");
                lost.push(index);
            }
        }
        lost.into_iter().for_each(|index| self.forget(index));
    }

    /// Puts another descriptor in the place of a link's, which is then out of reach.
    #[cfg(test)]
    pub(crate) fn swap_link(&mut self, at: usize, fd: OwnedFd) -> OwnedFd {
        std::mem::replace(&mut self.links[at].fd, fd)
    }

    fn refused_at(&self, index: u32, io_error: std::io::Error) -> Error {
        let interface = self.attachments().iter().find(|it| it.index == index);
        let interface = interface.map(|it| it.interface.clone()).unwrap_or_default();
        let source = SyscallError { call: "bpf_link_update", io_error }.into();
        Error::Attach { interface, hook: self.hook, source: Box::new(source) }
    }
}

/// Whether the program was taken off by somebody else, or with the interface.
fn has_no_link(error: &std::io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENOLINK)
}

fn exists(index: u32) -> bool {
    if_indextoname(index).is_ok_and(|name| !name.is_empty())
}

/// Loads the programs that the plan and the links need, on the maps of a set's.
fn prepare<'l>(
    set: &ProgramSet,
    of_link: &RulesOf<'_>,
    plan: &Plan<'_>,
    links: impl Iterator<Item = &'l Link>,
    timing: &mut Timing,
) -> Result<Next, Error> {
    let setting = plan.setting(of_link)?;
    let (mut ebpf, samplers) = load(&setting, timing)?;
    set.shared.put_into(&ebpf)?;
    if plan.diagnostics {
        log_diagnostics(&mut ebpf);
    }
    let mut lists = ListMaps::of(&mut ebpf, &setting)?;
    if set.lists.are_mapped() {
        lists.map()?;
    }
    verify(&mut ebpf, plan)?;
    for link in links {
        program_fd(&mut ebpf, link.program)?;
    }
    let memory = (!setting.order.is_empty()).then_some(setting.memory);
    Ok(Next { ebpf, lists, samplers, memory, rules: of_link.rules.len() })
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
