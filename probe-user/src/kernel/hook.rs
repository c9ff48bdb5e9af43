//! Where programs attach: what was asked for, and what it became.

use std::{fmt, str::FromStr};

/// The hook to attach to. `--hook auto` is none of them: [`Hook::auto`] makes one of it, and
/// what is below knows only that one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hook {
    /// tcx; on kernels before 6.6 a clsact filter.
    Tcx,
    /// XDP: in the driver where it has it, else generic.
    Xdp,
    /// XDP in the driver, or an error.
    XdpNative,
    /// XDP on the skb, whatever the driver.
    XdpGeneric,
    /// A clsact filter on any kernel. It outlives a killed process.
    Clsact,
}

impl Hook {
    /// All hooks, in the order of the manual.
    pub const ALL: [Self; 5] =
        [Self::Tcx, Self::Xdp, Self::XdpNative, Self::XdpGeneric, Self::Clsact];

    /// The release of Linux (major, minor) that tcx came with.
    pub const TCX_SINCE: (u32, u32) = (6, 6);

    /// What `--hook auto` is on a kernel of this release (major, minor): the hook whose
    /// attachment changes nothing on the machine.
    ///
    /// That is tcx. Older kernels have none; there it is generic
    /// XDP, which at least goes with the process, however that ends. XDP sees no frames sent,
    /// and an interface has room for one program only, for which `-i any` is not to fail:
    /// those get a clsact filter.
    pub fn auto(release: (u32, u32), direction: Direction, any: bool) -> Self {
        if release >= Self::TCX_SINCE {
            Self::Tcx
        } else if any || direction.has_egress() {
            Self::Clsact
        } else {
            Self::XdpGeneric
        }
    }

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Xdp => "xdp",
            Self::XdpNative => "xdp-native",
            Self::XdpGeneric => "xdp-generic",
            Self::Tcx => "tcx",
            Self::Clsact => "clsact",
        }
    }

    /// Whether the program is of the XDP type, which sees frames received only.
    pub const fn is_xdp(self) -> bool {
        matches!(self, Self::Xdp | Self::XdpNative | Self::XdpGeneric)
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Hook {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|hook| hook.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("no such hook; one of auto, {names}")
        })
    }
}

/// The hook that a program is attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Attached {
    /// XDP in the driver.
    XdpNative,
    /// XDP on the skb.
    XdpGeneric,
    /// tcx.
    Tcx,
    /// A clsact filter.
    Clsact,
}

impl Attached {
    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::XdpNative => "xdp-native",
            Self::XdpGeneric => "xdp-generic",
            Self::Tcx => "tcx",
            Self::Clsact => "clsact",
        }
    }
}

impl fmt::Display for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which frames of an interface are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Received.
    #[default]
    In,
    /// Sent; only tcx and clsact see them.
    Out,
    /// Both.
    InOut,
}

impl Direction {
    /// Whether frames received are looked at.
    pub const fn has_ingress(self) -> bool {
        matches!(self, Self::In | Self::InOut)
    }

    /// Whether frames sent are looked at.
    pub const fn has_egress(self) -> bool {
        matches!(self, Self::Out | Self::InOut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_changes_nothing_where_the_kernel_can() {
        use Direction::{In, InOut, Out};
        for release in [(6, 6), (6, 18), (7, 0)] {
            for direction in [In, Out, InOut] {
                assert_eq!(Hook::auto(release, direction, false), Hook::Tcx);
                assert_eq!(Hook::auto(release, direction, true), Hook::Tcx);
            }
        }
        for release in [(5, 15), (6, 1), (6, 5)] {
            assert_eq!(Hook::auto(release, In, false), Hook::XdpGeneric);
            assert_eq!(Hook::auto(release, In, true), Hook::Clsact);
            assert_eq!(Hook::auto(release, Out, false), Hook::Clsact);
            assert_eq!(Hook::auto(release, InOut, false), Hook::Clsact);
        }
    }
}
