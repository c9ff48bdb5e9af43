//! The pages: one a command from the definition of its flags, and two from the documentation.

use anyhow::Result;
use roff::Roff;

use super::{command, prose};

/// A manual page.
pub struct Page {
    /// As it is called with man(1).
    pub name: String,
    /// 1, 5 or 7.
    pub section: u8,
    /// In roff.
    pub text: String,
}

impl Page {
    /// `probe-capture.1`
    pub fn file_name(&self) -> String {
        format!("{}.{}", self.name, self.section)
    }
}

const FILTERS: &str = include_str!("../../../docs/filters.md");
const SERVE: &str = include_str!("../../../docs/serve.md");

/// All of them.
///
/// # Errors
/// Documentation that lacks what a page is made of.
pub fn all() -> Result<Vec<Page>> {
    let mut root = probe::cli::definition();
    root.build();
    let commands: Vec<&clap::Command> = command::visible(&root).collect();
    let mut pages = vec![command::page_of_all(&root, &commands)];
    for command in commands {
        pages.push(command::page(command)?);
    }
    pages.push(Page {
        name: "probe-filters".into(),
        section: 7,
        text: from_documentation(
            "probe-filters",
            7,
            "the filters of probe: those of pcap-filter(7), and more",
            &prose::without_sections(FILTERS, &["How it is tested"])?,
            &[("probe", 1), ("probe-filter", 1), ("pcap-filter", 7), ("tcpdump", 8)],
        ),
    });
    pages.push(Page {
        name: "probe.toml".into(),
        section: 5,
        text: from_documentation(
            "probe.toml",
            5,
            "the configuration of probe serve",
            &prose::only_sections(SERVE, &["The configuration", "Reloads"])?,
            &[("probe-serve", 1), ("probe-check", 1), ("probe-filters", 7)],
        ),
    });
    for page in &mut pages {
        page.text = tidied(&page.text);
    }
    Ok(pages)
}

/// The same without what formatters warn of: clap_mangen's blank line between two breaks, a paragraph's
/// begin right behind a heading, and a backslash by an escape that only macros may have (groff(7), `\e`).
fn tidied(text: &str) -> String {
    let text = text.replace("\n.br\n\n.br\n", "\n.sp\n").replace(r"\\", r"\e");
    let mut is_heading = false;
    let mut tidied = String::new();
    for line in text.lines() {
        let is_needless = is_heading && line == ".PP";
        is_heading = line.starts_with(".SH") || line.starts_with(".SS");
        if !is_needless {
            tidied.push_str(line);
            tidied.push('\n');
        }
    }
    tidied
}

/// What a page begins with.
pub fn title(page: &mut Roff, name: &str, section: u8, about: &str) {
    let version = format!("probe {}", env!("CARGO_PKG_VERSION"));
    let section = section.to_string();
    // Without a date, for which two quotation marks stand: two builds of one source are the same bytes.
    page.control("TH", [&*name.to_uppercase(), &*section, "\"\"", &*version, "probe"]);
    page.control("SH", ["NAME"]);
    page.text([roff::roman(format!("{name} - {about}"))]);
}

/// What a page ends with.
pub fn see_also(page: &mut Roff, others: &[(impl AsRef<str>, u8)]) {
    page.control("SH", ["SEE ALSO"]);
    let last = others.len().saturating_sub(1);
    for (at, (name, section)) in others.iter().enumerate() {
        let comma = if at == last { "" } else { "," };
        page.text([roff::bold(name.as_ref()), roff::roman(format!("({section}){comma}"))]);
    }
}

fn from_documentation(
    name: &str,
    section: u8,
    about: &str,
    markdown: &str,
    others: &[(&str, u8)],
) -> String {
    let mut page = Roff::new();
    title(&mut page, name, section, about);
    page.control("SH", ["DESCRIPTION"]);
    prose::write(&mut page, markdown);
    see_also(&mut page, others);
    page.render()
}
