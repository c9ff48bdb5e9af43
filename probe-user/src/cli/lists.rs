//! Flags of `probe capture` that list something and exit, and the flags whose values they list.

use clap::{ArgAction, Args};
use probe_filter::LinkType;

use super::values;
use crate::capture::List;

/// Lists, and values chosen from them.
#[derive(Debug, Args)]
pub struct Lists {
    /// List the interfaces, with the numbers that -i takes, and exit
    #[arg(short = 'D', long = "list-interfaces")]
    pub list_interfaces: bool,

    /// List the link types of the interface and exit
    #[arg(short = 'L', long = "list-data-link-types", conflicts_with_all = ["file", "file_list"])]
    pub list_links: bool,

    /// List the time stamp types of the interface and exit
    #[arg(short = 'J', long = "list-time-stamp-types", conflicts_with_all = ["file", "file_list"])]
    pub list_clocks: bool,

    /// Link type: EN10MB (Ethernet) or RAW (IP); must be that of the interface or the file, or
    /// is the one that -d compiles for where there is neither
    #[arg(short = 'y', long = "linktype", value_name = "TYPE", value_parser = values::link_type)]
    pub link_type: Option<LinkType>,

    /// Time stamp type: host, the only one there is
    #[arg(short = 'j', long = "time-stamp-type", value_name = "TYPE",
          value_parser = values::time_stamp_type)]
    pub clock: Option<&'static str>,

    /// Print the filter's eBPF code and exit (-dd: classic BPF in C, -ddd: classic BPF in
    /// decimal)
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
