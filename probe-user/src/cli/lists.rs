//! Flags of `probe capture` that show something and end, and those that they list values
//! for.

use clap::{ArgAction, Args};
use probe_filter::LinkType;

use super::values;
use crate::capture::List;

/// Lists, and what is chosen from them.
#[derive(Debug, Args)]
pub struct Lists {
    /// List the interfaces, with the numbers that -i takes, and end
    #[arg(short = 'D', long = "list-interfaces")]
    pub list_interfaces: bool,

    /// List the link types of the interface, and end
    #[arg(short = 'L', long = "list-data-link-types", conflicts_with_all = ["file", "file_list"])]
    pub list_links: bool,

    /// List the types of time stamps of the interface, and end
    #[arg(short = 'J', long = "list-time-stamp-types", conflicts_with_all = ["file", "file_list"])]
    pub list_clocks: bool,

    /// What frames begin with: EN10MB (Ethernet) or RAW (IP); must be what the interface or
    /// the file has, and says what -d compiles for where there is neither
    #[arg(short = 'y', long = "linktype", value_name = "TYPE", value_parser = values::link_type)]
    pub link_type: Option<LinkType>,

    /// Type of the time stamps: host, which is what there is
    #[arg(short = 'j', long = "time-stamp-type", value_name = "TYPE",
          value_parser = values::time_stamp_type)]
    pub clock: Option<&'static str>,

    /// List the eBPF that the filter becomes, and end (-dd: classic BPF as C, -ddd: classic
    /// BPF as numbers)
    #[arg(short = 'd', action = ArgAction::Count)]
    pub code: u8,
}

impl Lists {
    /// What is to be shown of interfaces, where that is asked for in place of frames.
    pub fn of_interfaces(&self, interfaces: &[String]) -> Option<List> {
        if self.list_interfaces {
            Some(List::Interfaces)
        } else if self.list_links {
            Some(List::LinkTypes(interfaces.to_vec()))
        } else if self.list_clocks {
            Some(List::Clocks(interfaces.to_vec()))
        } else {
            None
        }
    }
}
