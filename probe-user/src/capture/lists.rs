//! What `probe capture` prints instead of capturing: interfaces, link types, types of time stamps,
//! the code of a filter. Needs no rights.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use probe_filter::LinkType;
use probe_frame::visible;
use probe_pcap::Reader;

use super::{check_link, rule};
use crate::{
    cli::{CaptureArgs, Live, values::LINK_TYPES},
    filter::{self, View},
    interfaces::{self, ANY},
    reporter,
    rules::{self, RuleSet},
    stdout,
};

/// Shows what was asked for; `false` where nothing was, and frames are wanted.
pub(super) fn show(args: &CaptureArgs) -> Result<bool> {
    let lists = &args.lists;
    let text = if lists.list_interfaces {
        interfaces::list(&interfaces::devices())
    } else if lists.list_links {
        links(&device(&args.live)?)?
    } else if lists.list_clocks {
        format!(
            "Time stamp types for {} (use option -j to set):\n  host (Host)\n",
            visible(&device(&args.live)?)
        )
    } else if lists.code > 0 {
        code(args)?
    } else {
        return Ok(false);
    };
    stdout::print(text.as_bytes()).map(|()| true)
}

/// The interface given, or, as in tcpdump, the first of the list: nothing is attached.
fn device(live: &Live) -> Result<String> {
    let first = || interfaces::devices().into_iter().next().map(|device| device.name);
    match live.interfaces.first() {
        Some(_) => {
            let chosen = interfaces::choose(&live.interfaces)?;
            let name = chosen.names.into_iter().next().context("an interface")?;
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
    let mut out = format!("Data link types for {} (use option -y to set):\n", visible(device));
    for (_, name, description) in LINK_TYPES.iter().filter(|(of, ..)| *of == link) {
        let _ = writeln!(out, "  {name} ({description})");
    }
    Ok(out)
}

/// The code for what the frames would come from: an interface, a file, or neither.
fn code(args: &CaptureArgs) -> Result<String> {
    let (options, hook) = match (&args.offline.file, args.live.interfaces.is_empty()) {
        (Some(path), _) => (rules::file_options(Reader::open(path)?.link()), args.live.hook()),
        (None, false) => {
            let (chosen, hook) = args.live.place()?;
            (rules::live_options(&chosen.names, chosen.link, args.live.vlan), hook)
        }
        (None, true) => {
            if args.lists.link_type.is_none() {
                reporter::plain("Warning: assuming Ethernet");
            }
            (rules::file_options(args.lists.link_type.unwrap_or_default()), args.live.hook())
        }
    };
    let (link, vlan) = (options.link, options.vlan);
    check_link(args, link)?;
    let set = RuleSet::compile(vec![rule(args)?], &options)?;
    let filter = set.filters().first().context("a filter")?;
    filter::code(filter, args.lists.code, View { hook, vlan, link })
}
