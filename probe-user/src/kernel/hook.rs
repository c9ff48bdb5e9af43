//! Where programs attach: the hook asked for, and the one attached to.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The hook to attach to. `--hook auto` is none of them: [`Hook::auto`] makes one of it, and
/// what is below knows only that one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hook {
    /// tcx; on kernels that have none, those before 6.6, a clsact filter.
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

    /// What `--hook auto` is on a kernel that has tcx, or has not: the hook whose attachment
    /// changes nothing on the machine.
    ///
    /// That is tcx. Kernels before 6.6 have none; there it is generic XDP, which is detached with
    /// the process, however that ends. XDP does not see frames sent, and an interface has room for
    /// one XDP program only, which must not make `-i any` fail: those get a clsact filter.
    pub fn auto(has_tcx: bool, direction: Direction, any: bool) -> Self {
        if has_tcx {
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

    /// What programs are attached by where this is asked for, on a kernel that has tcx, or has not.
    pub const fn kinds(self, has_tcx: bool) -> &'static [Attached] {
        match self {
            Self::Tcx if has_tcx => &[Attached::Tcx],
            Self::Tcx | Self::Clsact => &[Attached::Clsact],
            Self::Xdp => &[Attached::XdpNative, Attached::XdpGeneric],
            Self::XdpNative => &[Attached::XdpNative],
            Self::XdpGeneric => &[Attached::XdpGeneric],
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
        for direction in [In, Out, InOut] {
            assert_eq!(Hook::auto(true, direction, false), Hook::Tcx);
            assert_eq!(Hook::auto(true, direction, true), Hook::Tcx);
        }
        assert_eq!(Hook::auto(false, In, false), Hook::XdpGeneric);
        assert_eq!(Hook::auto(false, In, true), Hook::Clsact);
        assert_eq!(Hook::auto(false, Out, false), Hook::Clsact);
        assert_eq!(Hook::auto(false, InOut, false), Hook::Clsact);
    }
}
