//! Offloads of a link that attaching XDP turns off and nothing turns back on: for generic XDP the
//! kernel clears the request for LRO and hardware GRO (`generic_xdp_install` in net/core/dev.c,
//! with `dev_disable_lro` also on all lower interfaces); vmxnet3 and atlantic clear LRO for native
//! XDP. They are read before and after attaching, and restored when the program is detached.
//! A link below several interfaces gets them back with the last of these.

use std::{fs, io};

use nix::net::if_::{if_indextoname, if_nametoindex};

use super::ethtool::{self, Feature};

/// Bonds of VLANs of ... : nothing real is deeper. It ends a circle that would be a bug.
const DEPTH: usize = 8;

/// The features of an interface, and of those below it, before a program is attached.
#[derive(Debug, Default)]
pub(super) struct Offloads(Vec<(u32, Vec<Feature>)>);

/// Features that were turned off on an interface. Dropping it turns them on again.
#[derive(Debug)]
pub struct TurnedOff {
    index: u32,
    features: Vec<Feature>,
}

impl Offloads {
    /// Of an interface as it is now.
    pub(super) fn of(interface: &str) -> Self {
        let links = with_those_below(interface, DEPTH);
        let on = links.into_iter().filter_map(|link| {
            let features = ethtool::merging(&link).ok().filter(|features| !features.is_empty())?;
            Some((if_nametoindex(link.as_str()).ok()?, features))
        });
        Self(on.collect())
    }

    /// What is off now.
    pub(super) fn turned_off(self) -> Vec<TurnedOff> {
        let gone = |(index, before): (u32, Vec<Feature>)| {
            let now = ethtool::merging(&name(index)?).ok()?;
            let features: Vec<_> = before.into_iter().filter(|it| !now.contains(it)).collect();
            (!features.is_empty()).then_some(TurnedOff { index, features })
        };
        self.0.into_iter().filter_map(gone).collect()
    }
}

impl TurnedOff {
    /// The interface, unless it is gone.
    pub fn interface(&self) -> Option<String> {
        name(self.index)
    }

    /// The features, as `ethtool -K` takes them.
    pub fn features(&self) -> impl Iterator<Item = &'static str> {
        self.features.iter().map(|feature| feature.name)
    }

    /// Whether it is one of these interfaces, or below one.
    pub(super) fn concerns<'a>(&self, interfaces: impl IntoIterator<Item = &'a str>) -> bool {
        let own = self.interface();
        let mut all = interfaces.into_iter().flat_map(|it| with_those_below(it, DEPTH));
        own.is_some_and(|own| all.any(|it| it == own))
    }

    /// Turns them on again, for which the program must be off.
    ///
    /// # Errors
    /// What the kernel says; not that the interface is gone.
    pub(super) fn restore(&mut self) -> io::Result<()> {
        let features = std::mem::take(&mut self.features);
        match name(self.index) {
            Some(interface) if !features.is_empty() => ethtool::turn_on(&interface, &features),
            _ => Ok(()),
        }
    }
}

impl Drop for TurnedOff {
    fn drop(&mut self) {
        if let Err(error) = self.restore() {
            log::warn!("restoring features of a link: {error}");
        }
    }
}

/// The interface, and those that it stands on: ports of a bond, parent of a macvlan.
fn with_those_below(interface: &str, depth: usize) -> Vec<String> {
    let mut all = vec![interface.to_owned()];
    let entries = fs::read_dir(format!("/sys/class/net/{interface}"));
    for entry in entries.into_iter().flatten().flatten().filter(|_| depth > 0) {
        if let Some(below) = entry.file_name().to_str().and_then(|it| it.strip_prefix("lower_")) {
            all.extend(with_those_below(below, depth - 1));
        }
    }
    all
}

/// The name that an interface has now; it may have got another one meanwhile.
fn name(index: u32) -> Option<String> {
    // nix 0.31 takes null for success, and then the name is empty.
    if_indextoname(index).ok()?.into_string().ok().filter(|name| !name.is_empty())
}
