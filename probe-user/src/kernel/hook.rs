//! Where programs attach: what was asked for, and what it became.

use std::{fmt, str::FromStr};

/// The hook asked for with `--hook`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Hook {
    /// XDP: in the driver where it has it, else generic.
    #[default]
    Xdp,
    /// XDP in the driver, or an error.
    XdpNative,
    /// XDP on the skb, whatever the driver.
    XdpGeneric,
    /// tcx; on kernels before 6.6 a clsact filter.
    Tcx,
    /// A clsact filter on any kernel. It outlives a killed process.
    Clsact,
}

impl Hook {
    /// All hooks, in the order of the manual.
    pub const ALL: [Self; 5] =
        [Self::Xdp, Self::XdpNative, Self::XdpGeneric, Self::Tcx, Self::Clsact];

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
            format!("no such hook; one of {names}")
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

impl fmt::Display for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::XdpNative => "xdp-native",
            Self::XdpGeneric => "xdp-generic",
            Self::Tcx => "tcx",
            Self::Clsact => "clsact",
        })
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
