//! What is said about wrong filters, word for word, and about surprising ones. With
//! `PROBE_BLESS=1` the file of expected texts is written anew.

use probe_filter::{Options, SystemResolver, compile};

const EXPECTED: &str = include_str!("messages.txt");
const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/messages.txt");

/// A filter is a line that starts with this, escaped as in Rust.
const FILTER: &str = "> ";

fn unescaped(line: &str) -> String {
    line.replace("\\t", "\t").replace("\\n", "\n").replace("\\e", "\u{1b}")
}

fn said(text: &str) -> String {
    match compile(text, &Options::default().resolver(&SystemResolver)) {
        Err(error) => format!("{error}\n"),
        Ok(filter) if filter.notes().is_empty() => "accepted without a word\n".to_owned(),
        Ok(filter) => filter
            .notes()
            .iter()
            .map(|note| format!("note at {:?}: {note}\n", note.span()))
            .collect(),
    }
}

#[test]
fn messages_are_as_written() {
    let mut now = String::new();
    for line in EXPECTED.lines() {
        if let Some(filter) = line.strip_prefix(FILTER) {
            now += &format!("{line}\n{}\n", said(&unescaped(filter)));
        } else if line.starts_with('#') {
            now += &format!("{line}\n\n");
        }
    }
    if std::env::var_os("PROBE_BLESS").is_some() {
        std::fs::write(PATH, &now).unwrap();
        return;
    }
    for (now, expected) in now.split("\n\n").zip(EXPECTED.split("\n\n")) {
        assert_eq!(now, expected);
    }
    assert_eq!(now, EXPECTED);
}

#[test]
fn a_place_in_a_long_text_is_shown_in_a_window() {
    let text = format!("{}tcp prot 80{}", "tcp or ".repeat(4_000), " or udp".repeat(4_000));
    let said = compile(&text, &Options::default()).unwrap_err().to_string();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        lines[1].trim(),
        "… or tcp or tcp or tcp or tcp or tcp prot 80 or udp or udp or udp or udp or u…"
    );
    let column = lines[2].chars().count() - 4;
    let under: String = lines[1].chars().skip(column).take(4).collect();
    assert_eq!(under, "prot");
}
