//! In which form `probe capture` shows and writes frames: `--format` and `--columns`.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::{
    capture::{Columns, FileForm, Rows, Syntax},
    failure::Usage,
    rules::{self, Rule},
};

/// Form of lines, or of the files of -w.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// Lines: tcpdump's
    Text,
    /// Lines: an object each, for scripts
    Json,
    /// Lines: a row each, below the names of the columns
    Csv,
    /// Files: read by every tool
    Pcap,
    /// Files: also records interfaces, filters, directions, sampling and losses
    Pcapng,
}

impl Form {
    /// Whether it is one of lines, and not of files.
    fn is_of_lines(self) -> bool {
        matches!(self, Self::Text | Self::Json | Self::Csv)
    }

    fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Pcap => "pcap",
            Self::Pcapng => "pcapng",
        }
    }
}

/// Rules choose no frames here: the words that are left over do.
const RULES_WITHOUT_ROWS: &str = "--rule, --rules: they fill the column rules of --format json and csv; \
                                  the filter of a capture is written without a flag";

/// Flags of forms.
#[derive(Debug, Args)]
pub struct Forms {
    /// Form of lines [default: text], or of the file of -w [default: pcapng for the name *.pcapng
    /// and for several interfaces, else pcap]; with --print one of each may be given
    #[arg(long, value_enum, value_name = "FORM", hide_possible_values = false)]
    pub format: Vec<Form>,

    /// With --format json or csv: which columns, in which order; tshark is short for those of its
    /// summary
    #[arg(long, value_name = "NAME,...", value_parser = str::parse::<Columns>)]
    pub columns: Option<Columns>,

    /// With --format json or csv: show in the column rules which of these a frame matches, beside the
    /// filter, which says what frames there are; may be given several times
    #[arg(long = "rule", value_name = "NAME=EXPR")]
    pub row_rules: Vec<Rule>,

    /// The same with the rules of a TOML file, as probe count reads it
    #[arg(long = "rules", value_name = "FILE")]
    pub row_rules_file: Option<PathBuf>,
}

impl Forms {
    /// The form of the file of -w, if one is asked for.
    ///
    /// # Errors
    /// Two of them, or one and no file.
    pub fn of_file(&self, is_written: bool) -> Result<Option<FileForm>, Usage> {
        Ok(match self.only(false)? {
            Some(form) if !is_written => {
                let form = form.word();
                let message =
                    format!("--format {form} applies to the file of -w: give one with -w");
                return Err(Usage::new(message));
            }
            Some(Form::Pcapng) => Some(FileForm::PcapNg),
            Some(_) => Some(FileForm::Pcap),
            None => None,
        })
    }

    /// Rows in place of lines. `unshown`: why no lines are shown, where there are none. `of_text`: flags that only
    /// text has, which of them are given, and the columns that do the same.
    ///
    /// # Errors
    /// What rows do not have, forms of lines that are not shown, and a rules file that cannot be read.
    pub fn rows(
        &self,
        unshown: Option<&str>,
        of_text: &[(bool, &str, &str)],
    ) -> Result<Option<Rows>> {
        let form = self.only(true)?;
        if let (Some(form), Some(why)) = (form, unshown) {
            let form = form.word();
            return Err(Usage::new(format!("--format {form} is the form of lines: {why}")).into());
        }
        let with_rules = !self.row_rules.is_empty() || self.row_rules_file.is_some();
        let (syntax, all) = match form {
            Some(Form::Json) => (Syntax::Json, Columns::of_json(with_rules)),
            Some(Form::Csv) => (Syntax::Csv, Columns::of_csv(with_rules)),
            _ if self.columns.is_some() => {
                return Err(Usage::new("--columns needs --format json or csv").into());
            }
            _ if with_rules => return Err(Usage::new(RULES_WITHOUT_ROWS).into()),
            _ => return Ok(None),
        };
        if let Some((_, flag, columns)) = of_text.iter().find(|(given, ..)| *given) {
            return Err(Usage::new(format!(
                "{flag} is about lines of text; --columns of --format json and csv has {columns}"
            ))
            .into());
        }
        let columns = self.columns.clone().unwrap_or(all);
        match (columns.have_rules(), with_rules) {
            (true, false) => Err(Usage::new(
                "--columns rules: which rules? give them with --rule NAME=EXPR or --rules FILE",
            )
            .into()),
            (false, true) => {
                Err(Usage::new("--rule, --rules: the column rules is not among --columns").into())
            }
            _ => Ok(Some(Rows { syntax, columns, rules: self.named_rules()? })),
        }
    }

    /// The rules of the file, and those of the command line.
    fn named_rules(&self) -> Result<Vec<Rule>> {
        let file = self.row_rules_file.as_deref().map(rules::read_file).transpose()?;
        let mut rules = file.unwrap_or_default().rules;
        rules.extend(self.row_rules.iter().cloned());
        for rule in &mut rules {
            // They only name frames; what a file says of sampling and lists is for others.
            rule.sampler = None;
            rule.lists.clear();
        }
        Ok(rules)
    }

    /// The one form of lines, or of files, that is asked for.
    fn only(&self, of_lines: bool) -> Result<Option<Form>, Usage> {
        let mut forms = self.format.iter().copied().filter(|form| form.is_of_lines() == of_lines);
        match (forms.next(), forms.next()) {
            (Some(one), Some(other)) => Err(Usage::new(format!(
                "--format {} and --format {}: one of them",
                one.word(),
                other.word()
            ))),
            (form, _) => Ok(form),
        }
    }
}
