//! How help is laid out: the commands in groups, the flags under headings, and the short form (`-h`)
//! on one screen. What a flag does stands with the flag; where it stands is said here once for
//! all commands, so that a flag has the same place in each of them.

use clap::{Arg, ArgAction, Command};

/// The commands by what they are for, in the order of the list.
const GROUPS: [(&str, &[&str]); 6] = [
    ("Look", &["interfaces", "top"]),
    ("Count", &["count", "rate"]),
    ("Capture", &["capture", "record"]),
    ("Diagnose", &["diagnose", "health", "connections", "http"]),
    ("Always on", &["serve", "check"]),
    ("Tools", &["filter", "extcap", "completions"]),
];

/// The flags by their names in the code (`-s` is `snaplen`), under the headings that they have in help.
const HEADINGS: [(&str, &str); 10] = [
    (
        "Which frames",
        "interfaces interface file file_list direction vlan promiscuous no_promiscuous filter_file \
         filter raw link_type ports top listen_only send connect",
    ),
    ("Hook and rights", "hook engine user diagnostics no_reload"),
    ("Rules and conditions", "rules rules_file fail_if when during slow"),
    ("Who", "by distinct top_memory names"),
    (
        "How much is copied",
        "snaplen sample sample_flows flow_seed max_rate buffer_size max_connections max_records last \
         after",
    ),
    ("When it ends", "count duration timeout max_files"),
    (
        "Lines",
        "numeric short_names link_header quiet verbose time precision micro nano absolute_sequence \
         as_dot no_checksums number lengths hex hex_and_text text line_buffered only_count clock",
    ),
    (
        "Output",
        "format columns row_rules row_rules_file json color interval watch open percentiles explain dump \
         print_config",
    ),
    (
        "Files",
        "write file_size rotate_seconds files post_rotate packet_buffered print max_size command \
         log_file",
    ),
    ("Instead of frames", "list_interfaces list_links list_clocks code"),
];

/// Headings of the flags that Wireshark gives: those of one command alone.
const EXTCAP: (&str, &str) =
    ("What Wireshark asks", "list wireshark interface dlts config filter capture fifo");

/// Where help and version stand.
const OTHER: &str = "Other";

/// The flags that `-h` shows; `--help` shows all.
const SHORT: &str = "interfaces interface file direction write count duration snaplen sample numeric \
    verbose hex_and_text link_header rules rules_file by format fail_if ports last after when max_files \
    explain open percentiles dump json watch print_config list connect";

/// Whether a list has a name.
fn has(list: &str, name: &str) -> bool {
    list.split_ascii_whitespace().any(|known| known == name)
}

/// How much help is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// One screen of 80 by 24: `-h`.
    Short,
    /// All of it: `--help` and `probe help`.
    Full,
}

/// Lays the help of the program and of all its commands out.
pub fn arrange(root: Command, extent: Extent) -> Command {
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{}\n{END}",
        commands(&root)
    );
    root.help_template(template).mut_subcommands(|command| match extent {
        Extent::Full => full(command),
        Extent::Short => short(command),
    })
}

/// What stands below the list of commands.
const END: &str = "All flags and examples: probe help COMMAND; most used flags: probe COMMAND -h";

/// The commands, a line each: group, name, what it does.
fn commands(root: &Command) -> String {
    let mut list = String::new();
    for (group, names) in GROUPS {
        let known = names.iter().filter_map(|name| root.find_subcommand(name));
        for (at, command) in known.enumerate() {
            let group = if at == 0 { group } else { "" };
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            list += &format!("  {group:<10} {:<12} {about}\n", command.get_name());
        }
    }
    list
}

/// Headings for all flags, `-h` and `--version` under the last one.
fn full(command: Command) -> Command {
    let name = command.get_name().to_owned();
    own_flags(command).mut_args(|arg| match heading(&name, &arg) {
        Some(heading) => arg.help_heading(heading),
        None => arg,
    })
}

/// No headings, the most used flags, and of their texts the first part.
fn short(command: Command) -> Command {
    let more = format!("All flags and examples: probe help {}", command.get_name());
    let command = own_flags(command).mut_args(|arg| {
        let shown =
            arg.is_positional() || has(SHORT, arg.get_id().as_str()) || arg.get_id() == "help";
        let text = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let arg = arg.help(first_part(&text)).hide(!shown);
        let values = arg.get_action().takes_values();
        if values { arg.hide_possible_values(true).hide_default_value(true) } else { arg }
    });
    command.after_help(more)
}

/// clap's own flags cannot be given a heading.
fn own_flags(command: Command) -> Command {
    let help = Arg::new("help").short('h').long("help").action(ArgAction::Help);
    let help = help.help("Print help (-h: the most used flags, --help: all)");
    let command = command.disable_help_flag(true).arg(help);
    if command.get_arguments().any(|arg| arg.get_id() == "version") {
        return command;
    }
    let version = Arg::new("version").short('V').long("version").action(ArgAction::Version);
    command.disable_version_flag(true).arg(version.help("Print version"))
}

/// The text of a flag up to its details: to the first semicolon, parenthesis or bracket.
fn first_part(text: &str) -> String {
    let end = [";", " (", " ["].iter().filter_map(|mark| text.find(mark)).min();
    text.get(..end.unwrap_or(text.len())).unwrap_or(text).to_owned()
}

/// The heading of a flag; none where the table has none.
fn heading(command: &str, arg: &Arg) -> Option<&'static str> {
    if arg.is_positional() {
        return None;
    }
    let id = arg.get_id().as_str();
    if matches!(id, "help" | "version") {
        return Some(OTHER);
    }
    let own = (command == "extcap").then_some(&EXTCAP);
    let known = own.into_iter().chain(&HEADINGS).find(|(_, ids)| has(ids, id));
    known.map(|&(heading, _)| heading)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, env, ffi::OsString, fs, process};

    use probe_filter::{Options, SystemResolver, compile};

    use super::*;
    use crate::cli::{self, extcap};

    /// The commands that people call.
    fn visible(root: &Command) -> impl Iterator<Item = &Command> {
        root.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help")
    }

    fn visible_flags(command: &Command) -> impl Iterator<Item = &Arg> {
        command.get_arguments().filter(|arg| !arg.is_positional() && !arg.is_hide_set())
    }

    #[test]
    fn every_command_is_in_a_group_and_says_what_it_does() {
        let root = cli::clap(Extent::Full);
        for command in visible(&root) {
            let name = command.get_name();
            let groups = GROUPS.iter().filter(|(_, names)| names.contains(&name)).count();
            assert_eq!(groups, 1, "add `{name}` to one list of GROUPS in cli/help.rs");
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            let length = about.chars().count();
            assert!(
                (1..=54).contains(&length),
                "{name}: its first line of documentation in `Subcommands` (cli/mod.rs) has {length} \
                 characters; the list of commands has room for 1 to 54"
            );
        }
    }

    #[test]
    fn every_flag_has_a_heading_and_a_text() {
        let root = cli::clap(Extent::Full);
        for command in visible(&root) {
            for arg in visible_flags(command) {
                let (name, id) = (command.get_name(), arg.get_id());
                assert!(
                    arg.get_help_heading().is_some(),
                    "probe {name}: add \"{id}\" to the list of one heading of HEADINGS in cli/help.rs"
                );
                assert!(arg.get_help().is_some(), "probe {name}: document the field `{id}`");
            }
        }
    }

    #[test]
    fn the_tables_name_what_there_is() {
        let root = cli::clap(Extent::Full);
        let ids =
            |c: &Command| c.get_arguments().map(|a| a.get_id().to_string()).collect::<Vec<_>>();
        let known: BTreeSet<String> = root.get_subcommands().flat_map(ids).collect();
        let lists = HEADINGS.iter().chain([&EXTCAP]).map(|(_, ids)| *ids).chain([SHORT]);
        let named = lists.flat_map(str::split_ascii_whitespace);
        for id in named {
            assert!(known.contains(id), "no flag is named {id}");
        }
    }

    #[test]
    fn the_short_help_fits_a_screen() {
        let mut root = cli::clap(Extent::Short).term_width(80);
        root.build();
        let screens = visible(&root).map(|command| {
            let mut command = command.clone().term_width(80);
            (command.get_name().to_owned(), command.render_help().to_string())
        });
        let own = [("probe".to_owned(), root.clone().render_help().to_string())];
        for (name, help) in screens.chain(own) {
            let lines = help.lines().count();
            assert!(
                lines <= 24 && help.lines().all(|line| line.chars().count() <= 80),
                "{name} -h has {lines} lines; a screen has 24, of 80 characters. Take flags out of SHORT \
                 in cli/help.rs, or let the first part of a text be shorter:\n{help}"
            );
        }
    }

    /// What the examples in a command's help call `probe` with, each word as the shell makes it.
    fn examples(command: &Command) -> Vec<Vec<OsString>> {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let lines: Vec<&str> = help
            .lines()
            .skip_while(|line| !line.starts_with("Example"))
            .skip(1)
            .take_while(|line| line.starts_with("  "))
            .collect();
        let folder =
            env::temp_dir().join(format!("examples.{}.{}", process::id(), command.get_name()));
        fs::create_dir_all(&folder).unwrap();
        let said = folder.join("said");
        fs::write(&said, "").unwrap();
        // A function in place of the program notes how it is called; others do nothing.
        let script = format!(
            "probe() {{ {{ printf '%s\\0' probe \"$@\"; printf '\\1'; }} >> {said:?}; }}\n\
             ssh() {{ shift; \"$@\"; }}; wireshark() {{ :; }}; iptables() {{ :; }}; tshark() {{ :; }}; less() {{ :; }}\n\
             kill() {{ :; }}; curl() {{ :; }}; jq() {{ :; }}; sudo() {{ \"$@\"; }}; ln() {{ :; }}\n{}",
            lines.join("\n")
        );
        let run = process::Command::new("sh").args(["-ec", &script]).current_dir(&folder).status();
        assert!(run.unwrap().success(), "{script}");
        let text = fs::read_to_string(&said).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        // Wireshark names no command.
        let words = |call: &str| {
            extcap::insert_command(call.split_terminator('\0').map(OsString::from).collect())
        };
        text.split_terminator('\u{1}').map(words).collect()
    }

    #[test]
    fn every_command_has_examples_that_are_right() {
        let rules = env::temp_dir().join(format!("rules.{}.toml", process::id()));
        fs::write(&rules, "[[rule]]\nname = \"syn\"\nfilter = \"@syn\"\n").unwrap();
        let root = cli::clap(Extent::Full);
        for command in visible(&root) {
            let name = command.get_name();
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let mut laid_out = after.lines().filter(|line| line.starts_with("  "));
            let wide = laid_out.find(|line| line.chars().count() > 80);
            assert_eq!(wide, None, "probe {name}: a screen has 80 characters");
            let calls = examples(command);
            assert!(
                calls.iter().any(|words| words.get(1).is_some_and(|word| word == name)),
                "probe {name}: give it an after_help with a line \"Examples:\" and lines such as \
                 \"  probe {name} ...\" behind it"
            );
            for mut words in calls {
                for word in words.iter_mut().filter(|word| *word == "rules.toml") {
                    *word = rules.clone().into();
                }
                let plan = cli::from_words(&words);
                assert!(plan.is_ok(), "{words:?}: {plan:?}");
                let matches = root.clone().try_get_matches_from(&words).unwrap();
                let matches = matches.subcommand().unwrap().1;
                if let Ok(Some(filter)) = matches.try_get_many::<String>("words") {
                    let filter = filter.cloned().collect::<Vec<_>>().join(" ");
                    let options = Options::default().direction(true).resolver(&SystemResolver);
                    assert!(compile(&filter, &options).is_ok(), "{words:?}");
                }
            }
        }
        fs::remove_file(rules).unwrap();
    }

    #[test]
    fn the_first_part_of_a_text() {
        for (text, first) in [
            ("Which frames: in or out; XDP sees [default: in]", "Which frames: in or out"),
            ("Stop after N frames", "Stop after N frames"),
            ("Read a file (- is standard input)", "Read a file"),
        ] {
            assert_eq!(first_part(text), first);
        }
    }
}
