//! Keeps programs on the interfaces that patterns name: those that are there at the start, and those
//! that come and go.

use std::collections::HashSet;

use anyhow::{Error, Result, anyhow};
use probe_frame::visible;

use super::present::Present;
use crate::{
    config::Patterns,
    explain,
    failure::Usage,
    kernel::{Attachment, Direction, Interface, Programs as _, Session},
    link_type,
};

/// Attaches the programs of one session.
#[derive(Debug)]
pub struct Follower {
    patterns: Patterns,
    direction: Direction,
    /// Whether the right to attach by XDP is there. By tcx it takes none.
    may_attach_xdp: bool,
    /// Interfaces that could not be attached to, by their indices: not tried again until the patterns
    /// are said again.
    refused: HashSet<u32>,
}

/// What became of an interface.
#[derive(Debug)]
pub enum Followed {
    /// It came, and the programs are attached to it.
    Attached(Attachment),
    /// It is gone, or no pattern has it any more: its index, and its last name.
    Gone(u32, String),
    /// It came, and could not be attached to.
    Refused(String, Error),
}

impl Follower {
    /// Begins with nothing attached.
    pub fn new(patterns: Patterns, direction: Direction, may_attach_xdp: bool) -> Self {
        Self { patterns, direction, may_attach_xdp, refused: HashSet::new() }
    }

    /// Attaches to all interfaces that are there. Says how many that were.
    ///
    /// # Errors
    /// What the kernel refuses, be it of one of them.
    pub fn attach(&self, session: &mut Session, present: &Present) -> Result<u64> {
        let mut attached = 0;
        for (index, interface) in &present.interfaces {
            let is_loopback = present.loopbacks.contains(index);
            match self.attach_one(session, interface, is_loopback) {
                Ok(_) => attached += 1,
                Err(_) if self.is_gone(*index)? => {}
                Err(error) => return Err(error),
            }
        }
        Ok(attached)
    }

    /// Whether an interface that was there a moment ago has gone since: then nothing is wrong with it.
    fn is_gone(&self, index: u32) -> Result<bool> {
        let present = Present::ask(&self.patterns)?;
        Ok(!present.interfaces.iter().any(|(it, _)| *it == index))
    }

    /// Other patterns, or the same ones again: what was refused is tried once more. Takes effect when
    /// it [follows](Self::follow).
    pub fn set_patterns(&mut self, patterns: Patterns) {
        self.patterns = patterns;
        self.refused.clear();
    }

    /// Attaches to the interfaces that came, and lets go of those that went.
    ///
    /// # Errors
    /// Where the kernel does not tell its interfaces.
    pub fn follow(&mut self, session: &mut Session) -> Result<Vec<Followed>> {
        let present = Present::ask(&self.patterns)?;
        let is_present = |index: u32| present.interfaces.iter().any(|(it, _)| *it == index);
        let mut followed = Vec::new();
        let gone: Vec<(u32, String)> = (session.attachments().iter())
            .filter(|it| !is_present(it.index))
            .map(|it| (it.index, it.interface.clone()))
            .collect();
        for (index, name) in gone {
            session.forget(index);
            followed.push(Followed::Gone(index, name));
        }
        self.refused.retain(|index| is_present(*index));
        for (index, interface) in &present.interfaces {
            let known = session.attachments().iter().any(|it| it.index == *index);
            if known || self.refused.contains(index) {
                continue;
            }
            let is_loopback = present.loopbacks.contains(index);
            let attached = if self.may_attach_xdp || !session.hook().is_xdp() {
                self.attach_one(session, interface, is_loopback)
            } else {
                let message =
                    "--no-reload gave up the right to attach XDP; start again to look at it";
                Err(Usage::new(message).into())
            };
            followed.push(match attached {
                Ok(attachment) => Followed::Attached(attachment),
                Err(_) if self.is_gone(*index)? => continue,
                Err(error) => {
                    self.refused.insert(*index);
                    Followed::Refused(interface.name.clone(), error)
                }
            });
        }
        Ok(followed)
    }

    fn attach_one(
        &self,
        session: &mut Session,
        interface: &Interface,
        is_loopback: bool,
    ) -> Result<Attachment> {
        if !session.links().contains(&interface.link) {
            let (name, link) = (visible(&interface.name), link_type::known(interface.link).name);
            return Err(anyhow!("{name} is the first of link type {link}, which takes a restart"));
        }
        let direction = match self.direction {
            // What is sent there is received there.
            Direction::InOut if is_loopback => Direction::In,
            direction => direction,
        };
        session.attach_one(interface, direction).map_err(explain::kernel)
    }
}

#[cfg(test)]
mod tests {
    use probe_filter::LinkType;
    use testbed::{
        Pair, SERVER_LINK,
        requirements::{Requirement, met},
    };

    use super::*;
    use crate::{config::Config, kernel::Hook, serve::generation::Generation};

    /// An interface that was listed and is gone is none that could not be attached to.
    #[test]
    fn an_interface_that_goes_before_it_is_attached_to() {
        if !met(&[Requirement::Root, Requirement::Kernel(6, 6)]) {
            return;
        }
        let text = "interfaces = \"*0\"\n[[rule]]\nname = \"all\"\nfilter = \"ip\"\n";
        let config = Config::parse(text, "probe.toml").unwrap();
        let pair = Pair::new().unwrap();
        let attach = || {
            let mut present = Present::ask(&config.interfaces)?;
            let gone = Interface { name: "gone0".into(), link: LinkType::Ethernet };
            present.interfaces.insert(0, (1 << 20, gone));
            let generation = Generation::first(&config, &present)?;
            let mut session = generation.load(&config, Hook::Tcx)?;
            let mut follower = Follower::new(config.interfaces.clone(), Direction::In, false);
            assert_eq!(follower.attach(&mut session, &present)?, 1);
            assert_eq!(session.attachments()[0].interface, SERVER_LINK);
            assert!(follower.follow(&mut session)?.is_empty());
            Ok(())
        };
        pair.server.enter(attach).unwrap();
    }
}
