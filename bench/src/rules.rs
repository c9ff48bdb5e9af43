//! Sets of rules of any size, for what grows with their number.

use std::fmt::Write as _;

/// What the rules ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Ports,
    /// Connections to ports.
    Syn,
    /// A bit of everything.
    Mixed,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ports, Self::Syn, Self::Mixed];

    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ports => "port",
            Self::Syn => "SYN",
            Self::Mixed => "mixed",
        }
    }

    /// The first rule matches the rigs' SYNs; the others ask after ports and hosts that
    /// they do not have, so that each is looked at to its end.
    fn filter(self, number: usize) -> String {
        let port = if number == 0 { 80 } else { 10_000 + number };
        let (high, low) = (number / 256, number % 256);
        match self {
            Self::Ports => format!("dst port {port}"),
            Self::Syn => format!("@syn and dst port {port}"),
            Self::Mixed => match number % 6 {
                0 => format!("@syn and dst port {port}"),
                1 => format!("src host 198.51.{high}.{low}"),
                2 => format!("dst port {port}"),
                3 => format!("net 10.{low}.0.0/16"),
                4 => format!("ip6 and tcp port {port}"),
                _ => format!("udp src port {port}"),
            },
        }
    }

    /// What `probe count --rule` takes, one after the other.
    pub fn rules(self, count: usize) -> Vec<String> {
        (0..count).map(|number| format!("r{number}={}", self.filter(number))).collect()
    }

    /// A file for `probe count --rules`.
    pub fn file(self, count: usize) -> String {
        let mut text = String::new();
        for number in 0..count {
            let filter = self.filter(number);
            // Writing to a string does not fail.
            let _ = writeln!(text, "[[rule]]\nname = \"r{number}\"\nfilter = \"{filter}\"\n");
        }
        text
    }
}
