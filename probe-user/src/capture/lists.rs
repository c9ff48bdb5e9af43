//! What `probe capture` prints instead of capturing: interfaces, link types, types of time stamps,
//! the code of a filter. Needs no rights.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use probe_filter::LinkType;
use probe_frame::visible;
use probe_pcap::Reader;

use super::{RULE, check_link};
use crate::{
    filter::{self, View},
    interfaces::{self, ANY},
    link_type::{self, Known},
    reporter,
    rules::{self, Rule, RuleSet},
    source::{Live, Place},
    stdout,
};

/// What to show.
#[derive(Debug)]
pub enum List {
    /// The interfaces, with the numbers that -i takes.
    Interfaces,
    /// The link types of an interface.
    LinkTypes(Vec<String>),
    /// The types of time stamps of an interface.
    Clocks(Vec<String>),
    /// What a filter becomes.
    Code(Box<CodeOf>),
}

/// A filter of which code is shown.
#[derive(Debug)]
pub struct CodeOf {
    /// The form.
    pub code: filter::Code,
    /// The filter.
    pub filter: String,
    /// What frames are to begin with (-y).
    pub link: Option<LinkType>,
    /// The file that they would come from.
    pub file: Option<PathBuf>,
    /// Where they would come from else, if interfaces are named.
    pub live: Live,
}

/// Shows it.
///
/// # Errors
/// An interface that is not there, or what is wrong with the filter.
pub fn list(list: &List) -> Result<()> {
    let text = match list {
        List::Interfaces => interfaces::list(&interfaces::devices()),
        List::LinkTypes(interfaces) => links(&device(interfaces)?)?,
        List::Clocks(interfaces) => format!(
            "Time stamp types for {} (use option -j to set):\n  host (Host)\n",
            visible(&device(interfaces)?)
        ),
        List::Code(of) => code(of)?,
    };
    stdout::print(text.as_bytes())
}

/// The interface given, or, as in tcpdump, the first of the list: nothing is attached.
fn device(given: &[String]) -> Result<String> {
    let first = || interfaces::devices().into_iter().next().map(|device| device.name);
    match given.first() {
        Some(_) => {
            let chosen = interfaces::choose(given)?;
            let name = chosen.names().into_iter().next().context("an interface")?;
            Ok(if chosen.any { ANY.into() } else { name })
        }
        None => first().context("there are no interfaces"),
    }
}

fn links(device: &str) -> Result<String> {
    let link = match device {
        ANY => LinkType::Ethernet,
        name => interfaces::known_link_type(name)?,
    };
    let Known { name, description, .. } = link_type::known(link);
    let device = visible(device);
    Ok(format!("Data link types for {device} (use option -y to set):\n  {name} ({description})\n"))
}

/// The code for what the frames would come from: an interface, a file, or neither.
fn code(of: &CodeOf) -> Result<String> {
    let CodeOf { live, link, .. } = of;
    let hook = || live.direction.at(live.hook, false).0;
    let (options, hook) = match (&of.file, live.interfaces.is_empty()) {
        (Some(path), _) => (rules::file_options(Reader::open(path)?.link()), hook()),
        (None, false) => {
            let Place { chosen, hook, .. } = live.place()?;
            (rules::live_options(&chosen.names(), chosen.link(), live.vlan), hook)
        }
        (None, true) => {
            if link.is_none() {
                reporter::plain("Warning: assuming Ethernet");
            }
            (rules::file_options(link.unwrap_or_default()), hook())
        }
    };
    let view = View { hook, vlan: options.vlan, link: options.link };
    check_link(*link, view.link)?;
    let set = RuleSet::compile(vec![Rule::new(RULE, &of.filter)], &options)?;
    let filter = set.filters().first().context("a filter")?;
    filter::code(filter, of.code, view)
}
