//! The command line. Each flag and its help stand in one place; flags that several
//! commands share are in [`shared`].

mod capture;
mod compat;
mod count;
mod filter;
mod interfaces;
mod lists;
mod rate;
pub mod shared;
pub mod values;

use clap::{Parser, Subcommand};

pub use capture::{CaptureArgs, FileFormat};
pub use compat::Compat;
pub use count::{CountArgs, CountFormat};
pub use filter::FilterArgs;
pub use interfaces::InterfacesArgs;
pub use lists::Lists;
pub use rate::{RateArgs, RateFormat};
pub use shared::{Engine, Expression, Live, Offline};

/// Counts, samples and shows packets in the kernel, in tcpdump's language.
#[derive(Debug, Parser)]
#[command(
    name = "probe",
    version,
    about,
    long_about = "Counts, samples and shows packets in the kernel, in tcpdump's language.\n\n\
        Filters are pcap-filter(7) expressions, and macros such as @syn and @http-request that \
        hold for IPv4 and IPv6.",
    max_term_width = 100,
    propagate_version = true
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Count what matches, many filters at once, without copying a packet
    Count(CountArgs),
    /// Measure the rate of what matches, exactly
    Rate(RateArgs),
    /// Show or save packets, as tcpdump does
    Capture(Box<CaptureArgs>),
    /// Check a filter, and show what it compiles to
    Filter(FilterArgs),
    /// List interfaces: state, driver, counters, hooks that fit
    Interfaces(InterfacesArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_and_words_of_a_filter_mix() {
        let words = ["probe", "count", "-i", "eth0", "tcp", "port", "80", "-c", "5"];
        let Command::Count(args) = Cli::try_parse_from(words).unwrap().command else {
            panic!("count");
        };
        assert_eq!(args.expression.text().unwrap(), "tcp port 80");
        assert_eq!(args.count, Some(5));
    }
}
