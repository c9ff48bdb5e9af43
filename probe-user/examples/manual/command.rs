//! The page of a command.

use anyhow::Result;
use clap::Command;
use clap_mangen::Man;
use roff::{Roff, bold, roman};

use super::pages::{Page, see_also, title};

/// Exit codes of all commands, and what they mean.
const EXIT_STATUS: [(&str, &str); 3] = [
    ("0", "It did what was asked, and also where SIGINT or SIGTERM ended it."),
    ("1", "Something failed; a message on standard error says what."),
    ("2", "The command line or a file of rules is wrong; a message says where."),
];
/// More of them, by command.
const MORE_EXIT_STATUS: [(&str, &str, &str); 2] = [
    ("count", "3", "A condition of --fail-if held."),
    ("diagnose", "1", "The port is not open; the first word of the result says what it is."),
];
/// Variables, and what must be among a command's flags where they matter.
const ENVIRONMENT: [(&str, &str, &str); 3] = [
    (
        "NO_COLOR",
        "color",
        "Where it is set and not empty, no colours unless --color asks for them.",
    ),
    ("CLICOLOR, CLICOLOR_FORCE, TERM", "color", "Whether --color auto means colours, as usual."),
    ("TZ", "time", "The time zone of the times in lines."),
];
/// Files, and what must be among a command's arguments where they matter.
const FILES: [(&str, &str, &str); 2] = [
    (
        "/etc/services, /etc/protocols, /etc/networks, /etc/ethers",
        "words",
        "The names in filters, as services(5) and so on; hosts are looked up by the C library.",
    ),
    ("/sys/class/net", "interfaces", "What there is to know of interfaces."),
];

/// The commands that people call.
pub fn visible(root: &Command) -> impl Iterator<Item = &Command> {
    root.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help")
}

fn name(command: &Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned()
}

fn about(command: &Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

fn has(command: &Command, id: &str) -> bool {
    command.get_arguments().any(|arg| arg.get_id() == id)
}

/// The page of the program.
pub fn page_of_all(root: &Command, commands: &[&Command]) -> Page {
    let mut page = Roff::new();
    title(&mut page, "probe", 1, &about(root));
    page.control("SH", ["SYNOPSIS"]);
    page.text([bold("probe"), roman(" COMMAND [FLAGS] [FILTER]")]);
    page.control("SH", ["COMMANDS"]);
    for command in commands {
        page.control("TP", []);
        page.text([bold(name(command)), roman("(1)")]);
        page.text([roman(about(command))]);
    }
    let pairs = EXIT_STATUS.iter().map(|&(code, means)| (code, means));
    definitions(&mut page, "EXIT STATUS", pairs);
    let others: Vec<(String, u8)> = commands.iter().map(|command| (name(command), 1)).collect();
    let more = [("probe-filters", 7), ("probe.toml", 5), ("tcpdump", 8)];
    let more = more.into_iter().map(|(name, section)| (name.to_owned(), section));
    see_also(&mut page, &others.into_iter().chain(more).collect::<Vec<_>>());
    Page { name: "probe".into(), section: 1, text: page.render() }
}

/// The page of one command.
///
/// # Errors
/// Those of writing into memory: none.
pub fn page(command: &Command) -> Result<Page> {
    let mut page = Roff::new();
    title(&mut page, &name(command), 1, &about(command));
    page.control("SH", ["SYNOPSIS"]);
    let usage = command.clone().render_usage().to_string();
    page.text([bold(usage.trim().trim_start_matches("Usage: "))]);
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let (examples, prose): (Vec<&str>, Vec<&str>) =
        help.split("\n\n").partition(|paragraph| paragraph.starts_with("Example"));
    page.control("SH", ["DESCRIPTION"]);
    page.text([roman(format!("{}.", about(command)))]);
    for paragraph in prose.into_iter().filter(|paragraph| !paragraph.is_empty()) {
        described(&mut page, paragraph);
    }
    let mut text = page.render();
    let mut options = Vec::new();
    Man::new(command.clone()).render_options_section(&mut options)?;
    text.push_str(&without_preamble(&String::from_utf8_lossy(&options)));

    let mut page = Roff::new();
    page.control("SH", ["EXAMPLES"]);
    page.control("EX", []);
    for line in examples.iter().flat_map(|paragraph| paragraph.lines().skip(1)) {
        page.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
    }
    page.control("EE", []);
    let of = command.get_name();
    let more = MORE_EXIT_STATUS.iter().filter(|(command, ..)| *command == of);
    let codes = EXIT_STATUS.iter().copied().chain(more.map(|&(_, code, means)| (code, means)));
    definitions(&mut page, "EXIT STATUS", codes);
    for (heading, table) in [("ENVIRONMENT", &ENVIRONMENT[..]), ("FILES", &FILES[..])] {
        let known = table.iter().filter(|(_, id, _)| has(command, id));
        definitions(&mut page, heading, known.map(|&(what, _, means)| (what, means)));
    }
    let mut others = vec![("probe", 1)];
    if has(command, "words") {
        others.extend([("probe-filters", 7), ("pcap-filter", 7)]);
    }
    if matches!(of, "serve" | "check") || has(command, "rules_file") {
        others.push(("probe.toml", 5));
    }
    if of == "capture" {
        others.push(("tcpdump", 8));
    }
    see_also(&mut page, &others);
    text.push_str(&without_preamble(&page.render()));
    Ok(Page { name: name(command), section: 1, text })
}

/// What the roff crate begins each text with stands once in a page.
fn without_preamble(text: &str) -> String {
    let preamble = Roff::new().render();
    text.strip_prefix(&preamble).unwrap_or(text).to_owned()
}

/// A paragraph; lines that begin with blanks stay as they are.
fn described(page: &mut Roff, paragraph: &str) {
    page.control("PP", []);
    let mut shown_as_is = false;
    for line in paragraph.lines() {
        let as_is = line.starts_with("  ");
        if shown_as_is != as_is {
            page.control(if as_is { "EX" } else { "EE" }, []);
        }
        shown_as_is = as_is;
        page.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
    }
    if shown_as_is {
        page.control("EE", []);
    }
}

/// A section of things and what they mean; none where there are none.
fn definitions<'a>(page: &mut Roff, heading: &str, of: impl Iterator<Item = (&'a str, &'a str)>) {
    for (at, (what, means)) in of.enumerate() {
        if at == 0 {
            page.control("SH", [heading]);
        }
        page.control("TP", []);
        page.text([bold(what)]);
        page.text([roman(means)]);
    }
}
