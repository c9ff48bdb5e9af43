//! Markdown, as the documentation uses it, in roff. A table becomes a list of definitions: its first
//! column is what is defined, which needs no more room than a terminal has.

use anyhow::{Result, ensure};
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use roff::{Inline, Roff, bold, italic, roman};

/// The text without the sections of level 2 that have these headings.
///
/// # Errors
/// Where there is no such section.
pub fn without_sections(markdown: &str, headings: &[&str]) -> Result<String> {
    chosen(markdown, headings, false)
}

/// Only these sections.
///
/// # Errors
/// Where there is no such section.
pub fn only_sections(markdown: &str, headings: &[&str]) -> Result<String> {
    chosen(markdown, headings, true)
}

fn chosen(markdown: &str, headings: &[&str], only: bool) -> Result<String> {
    for heading in headings {
        let line = format!("## {heading}");
        ensure!(markdown.lines().any(|have| have == line), "no section is named {heading:?}");
    }
    let mut within = !only;
    let mut text = String::new();
    for line in markdown.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            within = headings.contains(&heading) == only;
        }
        // The title is the page's.
        if within && !line.starts_with("# ") {
            text.push_str(line);
            text.push('\n');
        }
    }
    Ok(text)
}

/// Writes all of it.
pub fn write(page: &mut Roff, markdown: &str) {
    let mut writer = Writer { page, line: Vec::new(), font: roman, row: None, depth: 0 };
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        writer.event(event);
    }
}

struct Writer<'a> {
    page: &'a mut Roff,
    /// What has been read of the current paragraph, item, cell or heading.
    line: Vec<Inline>,
    font: fn(String) -> Inline,
    /// The cells of the current row; none outside of tables, and in their heads.
    row: Option<Vec<Vec<Inline>>>,
    /// How many lists the text stands in.
    depth: usize,
}

impl Writer<'_> {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => self.line.push((self.font)(text.into_string())),
            Event::Code(code) => self.line.push(bold(code.into_string())),
            Event::SoftBreak | Event::HardBreak => self.line.push(roman(" ")),
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph if self.depth == 0 => {
                self.page.control("PP", []);
            }
            Tag::CodeBlock(CodeBlockKind::Fenced(_) | CodeBlockKind::Indented) => {
                self.page.control("PP", []);
                self.page.control("RS", ["4"]);
                self.page.control("EX", []);
            }
            Tag::List(_) => self.depth += 1,
            Tag::Item => {
                self.flush();
                self.page.control("IP", ["\\(bu", "2"]);
            }
            Tag::Emphasis => self.font = italic,
            Tag::Strong => self.font = bold,
            Tag::TableRow => self.row = Some(Vec::new()),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(level) => {
                let heading: String = std::mem::take(&mut self.line).iter().map(text_of).collect();
                if level <= HeadingLevel::H2 {
                    self.page.control("SH", [&*heading.to_uppercase()]);
                } else {
                    self.page.control("SS", [&*heading]);
                }
            }
            TagEnd::Paragraph | TagEnd::Item => self.flush(),
            TagEnd::List(_) => self.depth = self.depth.saturating_sub(1),
            TagEnd::CodeBlock => {
                let code: String = std::mem::take(&mut self.line).iter().map(text_of).collect();
                for line in code.lines() {
                    self.page.text([roman(line)]);
                }
                self.page.control("EE", []);
                self.page.control("RE", []);
            }
            TagEnd::Emphasis | TagEnd::Strong => self.font = roman,
            TagEnd::TableHead => self.line.clear(),
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.line);
                if let Some(row) = &mut self.row {
                    row.push(cell);
                }
            }
            TagEnd::TableRow => {
                let mut cells = self.row.take().unwrap_or_default().into_iter();
                self.page.control("TP", []);
                self.page.text(cells.next().unwrap_or_default());
                for (at, cell) in cells.filter(|cell| !cell.is_empty()).enumerate() {
                    if at > 0 {
                        self.page.control("br", []);
                    }
                    self.page.text(cell);
                }
            }
            _ => {}
        }
    }

    fn flush(&mut self) {
        if !self.line.is_empty() {
            self.page.text(std::mem::take(&mut self.line));
        }
    }
}

fn text_of(inline: &Inline) -> &str {
    match inline {
        Inline::Roman(text) | Inline::Italic(text) | Inline::Bold(text) => text,
        Inline::LineBreak => "\n",
    }
}
